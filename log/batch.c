// SPDX-License-Identifier: Apache-2.0
#include "log/batch.h"

#include "base/big_endian.h"
#include "log/crc32c.h"

// Where the fields of the header lie (the table in log/batch.h).
enum {
    AT_BASE_OFFSET = 0,
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = BATCH_MAGIC_OFFSET,
    AT_CRC = 17,
    AT_ATTRIBUTES = BATCH_CRC_START,
    AT_LAST_OFFSET_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_RECORD_COUNT = 57
};

void batch_header_decode(const uint8_t *bytes, struct batch_header *header)
{
    *header = (struct batch_header){
        .base_offset = big_endian_load_i64(bytes + AT_BASE_OFFSET),
        .length = big_endian_load_i32(bytes + AT_LENGTH),
        .leader_epoch = big_endian_load_i32(bytes + AT_LEADER_EPOCH),
        .magic = (int8_t)bytes[AT_MAGIC],
        .crc = big_endian_load_u32(bytes + AT_CRC),
        .attributes = big_endian_load_i16(bytes + AT_ATTRIBUTES),
        .last_offset_delta = big_endian_load_i32(bytes + AT_LAST_OFFSET_DELTA),
        .base_timestamp = big_endian_load_i64(bytes + AT_BASE_TIMESTAMP),
        .max_timestamp = big_endian_load_i64(bytes + AT_MAX_TIMESTAMP),
        .producer_id = big_endian_load_i64(bytes + AT_PRODUCER_ID),
        .producer_epoch = big_endian_load_i16(bytes + AT_PRODUCER_EPOCH),
        .base_sequence = big_endian_load_i32(bytes + AT_BASE_SEQUENCE),
        .record_count = big_endian_load_i32(bytes + AT_RECORD_COUNT),
    };
}

int32_t batch_length(const uint8_t *bytes)
{
    return big_endian_load_i32(bytes + AT_LENGTH);
}

enum batch_state batch_header_read(struct view bytes, struct batch_header *header)
{
    if (bytes.size < BATCH_OVERHEAD)
        return BATCH_INCOMPLETE;
    int32_t length = batch_length(bytes.data);
    if (length < BATCH_LENGTH_MIN)
        return BATCH_CORRUPT;
    if (bytes.size <= AT_MAGIC)
        return BATCH_INCOMPLETE;
    int8_t magic = (int8_t)bytes.data[AT_MAGIC];
    if (magic < 0 || magic > 2)
        return BATCH_CORRUPT;
    if (bytes.size - BATCH_OVERHEAD < (size_t)length)
        return BATCH_INCOMPLETE;
    if (magic < 2) {
        *header = (struct batch_header){
            .base_offset = big_endian_load_i64(bytes.data + AT_BASE_OFFSET), .length = length, .magic = magic};
        return BATCH_OLD_MAGIC;
    }
    if (length < BATCH_HEADER_SIZE - BATCH_OVERHEAD)
        return BATCH_CORRUPT;
    batch_header_decode(bytes.data, header);
    return BATCH_COMPLETE;
}

int32_t batch_last_sequence(const struct batch_header *header)
{
    if (header->base_sequence < 0)
        return -1;
    return (int32_t)(((int64_t)header->base_sequence + header->last_offset_delta) & INT32_MAX);
}

static uint32_t compute_crc(const uint8_t *batch, size_t size)
{
    return crc32c_update(0, batch + BATCH_CRC_START, size - BATCH_CRC_START);
}

bool batch_crc_is_valid(struct view batch)
{
    return compute_crc(batch.data, batch.size) == big_endian_load_u32(batch.data + AT_CRC);
}

void batch_set_base_offset(uint8_t *batch, int64_t base_offset)
{
    big_endian_store_64(batch + AT_BASE_OFFSET, (uint64_t)base_offset);
}

void batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch)
{
    big_endian_store_32(batch + AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void batch_set_timestamp(uint8_t *batch, bool log_append_time, int64_t max_timestamp)
{
    int16_t attributes = big_endian_load_i16(batch + AT_ATTRIBUTES);
    int16_t wanted =
        (int16_t)(log_append_time ? attributes | BATCH_LOG_APPEND_TIME : attributes & ~BATCH_LOG_APPEND_TIME);
    if (attributes == wanted && big_endian_load_i64(batch + AT_MAX_TIMESTAMP) == max_timestamp)
        return;
    big_endian_store_16(batch + AT_ATTRIBUTES, (uint16_t)wanted);
    big_endian_store_64(batch + AT_MAX_TIMESTAMP, (uint64_t)max_timestamp);
    size_t size = (size_t)big_endian_load_i32(batch + AT_LENGTH) + BATCH_OVERHEAD;
    big_endian_store_32(batch + AT_CRC, compute_crc(batch, size));
}

void batch_header_write(uint8_t *batch, size_t size, struct batch_header *header)
{
    header->length = (int32_t)(size - BATCH_OVERHEAD);
    header->magic = 2;
    big_endian_store_64(batch + AT_BASE_OFFSET, (uint64_t)header->base_offset);
    big_endian_store_32(batch + AT_LENGTH, (uint32_t)header->length);
    big_endian_store_32(batch + AT_LEADER_EPOCH, (uint32_t)header->leader_epoch);
    batch[AT_MAGIC] = 2;
    big_endian_store_16(batch + AT_ATTRIBUTES, (uint16_t)header->attributes);
    big_endian_store_32(batch + AT_LAST_OFFSET_DELTA, (uint32_t)header->last_offset_delta);
    big_endian_store_64(batch + AT_BASE_TIMESTAMP, (uint64_t)header->base_timestamp);
    big_endian_store_64(batch + AT_MAX_TIMESTAMP, (uint64_t)header->max_timestamp);
    big_endian_store_64(batch + AT_PRODUCER_ID, (uint64_t)header->producer_id);
    big_endian_store_16(batch + AT_PRODUCER_EPOCH, (uint16_t)header->producer_epoch);
    big_endian_store_32(batch + AT_BASE_SEQUENCE, (uint32_t)header->base_sequence);
    big_endian_store_32(batch + AT_RECORD_COUNT, (uint32_t)header->record_count);
    header->crc = compute_crc(batch, size);
    big_endian_store_32(batch + AT_CRC, header->crc);
}
