// SPDX-License-Identifier: Apache-2.0
#include "log/batch_builder.h"

#include "base/memory.h"
#include "log/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_OVERHEAD_MAX (5 + 1 + 10 + 5 + 5 + 5 + 5) // all varints at their longest

struct batch_builder {
    struct batch_header header;
    enum compression_codec codec;
    int32_t level;
    uint8_t *bytes; // room for the batch's header, then the records
    size_t size, capacity;
};

struct batch_builder *batch_builder_create(const struct batch_header *header, enum compression_codec codec,
                                           int32_t level)
{
    struct batch_builder *builder = memory_alloc(sizeof *builder);
    builder->header = *header;
    builder->header.attributes = (int16_t)((header->attributes & ~BATCH_CODEC_MASK) | (int16_t)codec);
    builder->header.record_count = 0;
    builder->header.last_offset_delta = -1;
    builder->header.max_timestamp = -1;
    builder->codec = codec;
    builder->level = level;
    builder->size = builder->capacity = BATCH_HEADER_SIZE;
    builder->bytes = memory_alloc(builder->capacity);
    return builder;
}

void batch_builder_destroy(struct batch_builder *builder)
{
    if (builder == NULL)
        return;
    free(builder->bytes);
    free(builder);
}

static uint8_t *put_bytes(uint8_t *at, struct view bytes)
{
    at += varint_encode(at, view_is_null(bytes) ? -1 : (int32_t)bytes.size);
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

void batch_builder_append(struct batch_builder *builder, int64_t timestamp, struct view key, struct view value,
                          struct view headers, int32_t header_count)
{
    struct batch_header *header = &builder->header;
    if (header->record_count == 0)
        header->base_timestamp = timestamp;
    if (timestamp > header->max_timestamp)
        header->max_timestamp = timestamp;

    size_t needed = builder->size + RECORD_OVERHEAD_MAX + key.size + value.size + headers.size;
    if (needed > builder->capacity) {
        builder->capacity = needed > builder->capacity * 2 ? needed : builder->capacity * 2;
        builder->bytes = memory_resize(builder->bytes, builder->capacity, 1);
    }
    // The length in front is a varint of unknown size: the body is written behind the longest and moved up.
    uint8_t *start = builder->bytes + builder->size, *body = start + 5, *at = body;
    *at++ = 0; // attributes
    at += varlong_encode(at, (int64_t)((uint64_t)timestamp - (uint64_t)header->base_timestamp));
    at += varint_encode(at, header->record_count);
    at = put_bytes(at, key);
    at = put_bytes(at, value);
    at += varint_encode(at, header_count);
    if (headers.size > 0)
        memcpy(at, headers.data, headers.size);
    at += headers.size;
    size_t body_size = (size_t)(at - body);
    size_t length_size = varint_encode(start, (int32_t)body_size);
    memmove(start + length_size, body, body_size);
    builder->size += length_size + body_size;
    header->last_offset_delta = header->record_count++;
}

size_t batch_builder_size(const struct batch_builder *builder)
{
    return builder->size;
}

int32_t batch_builder_record_count(const struct batch_builder *builder)
{
    return builder->header.record_count;
}

uint8_t *batch_builder_finish(struct batch_builder *builder, size_t *size)
{
    assert(builder->header.record_count > 0);
    uint8_t *batch = builder->bytes;
    size_t batch_size = builder->size;
    if (builder->codec != COMPRESSION_NONE) {
        struct view records = view_of(builder->bytes + BATCH_HEADER_SIZE, builder->size - BATCH_HEADER_SIZE);
        size_t capacity = BATCH_HEADER_SIZE;
        batch = memory_alloc(capacity);
        batch_size = BATCH_HEADER_SIZE;
        if (compression_append(builder->codec, builder->level, records, &batch, &batch_size, &capacity) != 0)
            batch_size = SIZE_MAX;
    } else {
        builder->bytes = NULL;
    }
    if (batch_size > INT32_MAX) {
        free(batch);
        return NULL;
    }
    batch_header_write(batch, batch_size, &builder->header);
    *size = batch_size;
    return batch;
}
