// SPDX-License-Identifier: Apache-2.0
#include "log/batch_validator.h"

#include "base/arena.h"
#include "base/memory.h"
#include "log/batch_builder.h"
#include "log/record.h"

#include <stdlib.h>

#define FIRST_PRODUCE_VERSION_WITH_MAGIC_2 3
#define FIRST_PRODUCE_VERSION_WITH_ZSTD 7

// What a batch may expand to: this many times the largest batch, but not less than the floor. Producers' batches are
// bounded by their own memory (32 MB by default); a bomb of the largest size would expand to gigabytes, and keep a
// thread busy for seconds.
#define CONTENT_EXPANSION_MAX 64
#define CONTENT_SIZE_FLOOR ((size_t)64 * 1024 * 1024)

struct validation {
    const struct batch_rules *rules;
    int64_t now_ms;
    struct arena *arena;
    struct batch_verdict *verdict;
    int32_t record_error_capacity;
    bool arena_is_full;
};

enum kafka_error batch_find_produced(struct view records, int16_t produce_version, struct view *batch,
                                     const char **message)
{
    *message = NULL;
    if (view_is_null(records))
        return KAFKA_INVALID_RECORD;
    struct batch_header header, next;
    switch (batch_header_read(records, &header)) {
    case BATCH_COMPLETE:
        break;
    case BATCH_OLD_MAGIC:
        return produce_version < FIRST_PRODUCE_VERSION_WITH_MAGIC_2 ? KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT
                                                                    : KAFKA_INVALID_RECORD;
    case BATCH_INCOMPLETE:
        // A size beyond 2^31-1 fails in Apache Kafka before it is compared with the bytes at hand.
        return records.size >= BATCH_OVERHEAD && batch_length(records.data) > INT32_MAX - BATCH_OVERHEAD
                   ? KAFKA_UNKNOWN_SERVER_ERROR
                   : KAFKA_INVALID_RECORD;
    case BATCH_CORRUPT:
        // A batch of magic 2 that is too short for its header is found later, and told without a message.
        if (batch_length(records.data) < BATCH_LENGTH_MIN || records.data[BATCH_MAGIC_OFFSET] != 2)
            *message = "The length or the magic of a record batch is not one that exists";
        return KAFKA_CORRUPT_MESSAGE;
    }
    size_t size = (size_t)batch_size(&header);
    switch (batch_header_read(view_of(records.data + size, records.size - size), &next)) {
    case BATCH_INCOMPLETE:
        break;
    case BATCH_COMPLETE:
    case BATCH_OLD_MAGIC:
        return KAFKA_INVALID_RECORD;
    case BATCH_CORRUPT:
        return KAFKA_CORRUPT_MESSAGE;
    }
    if (produce_version < FIRST_PRODUCE_VERSION_WITH_ZSTD && (header.attributes & BATCH_CODEC_MASK) == COMPRESSION_ZSTD)
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    *batch = view_of(records.data, size);
    return KAFKA_NONE;
}

// What the header alone can tell, in the order in which Apache Kafka looks.
static enum kafka_error check_header(struct view batch, const struct batch_header *header,
                                     const struct batch_rules *rules)
{
    bool is_client = rules->origin == APPEND_CLIENT;
    if (is_client && header->base_offset != 0)
        return KAFKA_INVALID_RECORD;
    if (rules->origin != APPEND_REPLICATION && batch_size(header) > rules->message_size_max)
        return KAFKA_MESSAGE_TOO_LARGE;
    if (!batch_crc_is_valid(batch))
        return KAFKA_CORRUPT_MESSAGE;
    if (!is_client)
        return KAFKA_NONE;
    if ((header->attributes & BATCH_CODEC_MASK) >= COMPRESSION_CODEC_COUNT)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    if (header->last_offset_delta < 0 || header->record_count <= 0 ||
        header->record_count - 1 != header->last_offset_delta)
        return KAFKA_INVALID_RECORD;
    if (batch_is_control(header))
        return KAFKA_INVALID_RECORD;
    if (batch_has_producer_id(header) && header->base_sequence < 0)
        return KAFKA_INVALID_RECORD;
    return KAFKA_NONE;
}

static void note_record_error(struct validation *validation, int32_t index, const char *message)
{
    struct batch_verdict *verdict = validation->verdict;
    if (verdict->record_error_count == validation->record_error_capacity) {
        int32_t capacity = validation->record_error_capacity ? validation->record_error_capacity * 2 : 4;
        struct batch_record_error *errors = arena_alloc_array(validation->arena, (size_t)capacity, sizeof *errors);
        if (errors == NULL || message == NULL) {
            validation->arena_is_full = true;
            return;
        }
        if (verdict->record_error_count > 0)
            memcpy(errors, verdict->record_errors, (size_t)verdict->record_error_count * sizeof *errors);
        verdict->record_errors = errors;
        validation->record_error_capacity = capacity;
    }
    verdict->record_errors[verdict->record_error_count++] = (struct batch_record_error){index, message};
}

// KIP-937: how far a record's time may lie from the broker's. The difference wraps as Java's does.
static bool timestamp_is_out_of_range(const struct validation *validation, int64_t timestamp)
{
    int64_t age = (int64_t)((uint64_t)validation->now_ms - (uint64_t)timestamp);
    return age > validation->rules->timestamp_before_max_ms ||
           (int64_t)(0 - (uint64_t)age) > validation->rules->timestamp_after_max_ms;
}

// Key and timestamp of one record, which are reported record by record.
static void check_record(struct validation *validation, const struct batch_header *header, const struct record *record,
                         int32_t index)
{
    const struct batch_rules *rules = validation->rules;
    if (rules->compacted && view_is_null(record->key)) {
        note_record_error(validation, index, "A record of a compacted topic needs a key");
    } else if (!rules->log_append_time && record->timestamp != -1) {
        if (timestamp_is_out_of_range(validation, record->timestamp)) {
            validation->verdict->has_invalid_timestamp = true;
            note_record_error(validation, index,
                              arena_format(validation->arena,
                                           "Timestamp %lld of the record is further from the broker's time %lld than "
                                           "message.timestamp.before.max.ms or message.timestamp.after.max.ms allows",
                                           (long long)record->timestamp, (long long)validation->now_ms));
        }
    } else if (batch_has_log_append_time(header)) {
        validation->verdict->has_invalid_timestamp = true;
        note_record_error(validation, index, "A producer may not set the timestamp type to LogAppendTime");
    }
}

static enum kafka_error error_of_result(enum record_result result)
{
    switch (result) {
    case RECORD_UNREADABLE:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    case RECORD_TOO_LARGE:
        return KAFKA_MESSAGE_TOO_LARGE;
    default:
        return KAFKA_INVALID_RECORD;
    }
}

static size_t content_size_max(const struct batch_rules *rules)
{
    size_t size = (size_t)rules->message_size_max * CONTENT_EXPANSION_MAX;
    return size > CONTENT_SIZE_FLOOR ? size : CONTENT_SIZE_FLOOR;
}

// Walks all records. With a builder, each is appended to it, up to size_max bytes.
static enum kafka_error check_records(struct validation *validation, struct view batch,
                                      const struct batch_header *header, struct batch_builder *builder, size_t size_max)
{
    struct record_reader *reader = record_reader_create(batch, header, size_max);
    if (reader == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    record_reader_limit(reader, content_size_max(validation->rules));
    bool is_compressed = (header->attributes & BATCH_CODEC_MASK) != COMPRESSION_NONE;
    enum kafka_error error = KAFKA_NONE;
    struct record record;
    enum record_result result;
    int64_t max_timestamp = -1;
    int32_t index = 0;
    while ((result = builder ? record_reader_next(reader, &record) : record_reader_skip(reader, &record)) ==
           RECORD_FOUND) {
        // Without a codec wrong inner offsets stay as they are; in a compressed batch Apache Kafka fails on them.
        if (is_compressed && record.offset_delta != index) {
            error = KAFKA_UNKNOWN_SERVER_ERROR;
            break;
        }
        check_record(validation, header, &record, index++);
        if (record.timestamp > max_timestamp)
            max_timestamp = record.timestamp;
        if (builder != NULL) {
            batch_builder_append(builder, record.timestamp, record.key, record.value, record.headers,
                                 record.header_count);
            if (batch_builder_size(builder) > size_max) {
                error = KAFKA_MESSAGE_TOO_LARGE;
                break;
            }
        }
    }
    if (error == KAFKA_NONE && result != RECORD_END)
        error = error_of_result(result);
    record_reader_destroy(reader);
    validation->verdict->max_timestamp = max_timestamp;
    return error;
}

static enum kafka_error report_record_errors(struct validation *validation)
{
    struct batch_verdict *verdict = validation->verdict;
    if (validation->arena_is_full)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    if (verdict->record_error_count == 0)
        return KAFKA_NONE;
    verdict->error_message =
        arena_format(validation->arena, "%d of the batch's records are not acceptable", verdict->record_error_count);
    return verdict->has_invalid_timestamp ? KAFKA_INVALID_TIMESTAMP : KAFKA_INVALID_RECORD;
}

// The topic wants another codec: all records are read and written anew.
static enum kafka_error rebuild(struct validation *validation, struct view batch, const struct batch_header *header)
{
    const struct batch_rules *rules = validation->rules;
    struct batch_verdict *verdict = validation->verdict;
    size_t size_max =
        rules->compression == COMPRESSION_NONE ? (size_t)rules->message_size_max : content_size_max(rules);
    struct batch_builder *builder = batch_builder_create(header, rules->compression, rules->compression_level);
    enum kafka_error error = check_records(validation, batch, header, builder, size_max);
    if (error == KAFKA_NONE)
        error = report_record_errors(validation);
    if (error == KAFKA_NONE) {
        size_t size;
        uint8_t *rebuilt = batch_builder_finish(builder, &size);
        if (rebuilt == NULL) {
            error = KAFKA_UNKNOWN_SERVER_ERROR;
        } else {
            arena_defer(validation->arena, free, rebuilt);
            verdict->bytes = rebuilt;
            verdict->size = size;
            verdict->is_rebuilt = true;
            if (size > (size_t)rules->message_size_max)
                error = KAFKA_MESSAGE_TOO_LARGE;
        }
    }
    batch_builder_destroy(builder);
    return error;
}

static bool wants_other_codec(const struct batch_rules *rules, const struct batch_header *header)
{
    return rules->compression_is_set && (header->attributes & BATCH_CODEC_MASK) != (int)rules->compression;
}

enum kafka_error batch_validate(uint8_t *batch, size_t size, const struct batch_rules *rules, int64_t now_ms,
                                struct arena *arena, struct batch_verdict *verdict)
{
    struct validation validation = {.rules = rules, .now_ms = now_ms, .arena = arena, .verdict = verdict};
    struct view bytes = view_of(batch, size);
    struct batch_header header;
    *verdict = (struct batch_verdict){.bytes = batch, .size = size};
    if (batch_header_read(bytes, &header) != BATCH_COMPLETE || (size_t)batch_size(&header) != size)
        return KAFKA_CORRUPT_MESSAGE;
    enum kafka_error error = check_header(bytes, &header, rules);
    if (error != KAFKA_NONE)
        return error;

    verdict->max_timestamp = header.max_timestamp;
    if (rules->origin == APPEND_CLIENT) {
        if (wants_other_codec(rules, &header)) {
            error = rebuild(&validation, bytes, &header);
        } else {
            error = check_records(&validation, bytes, &header, NULL, SIZE_MAX);
            if (error == KAFKA_NONE)
                error = report_record_errors(&validation);
        }
        if (error != KAFKA_NONE)
            return error;
    }
    if (rules->origin != APPEND_REPLICATION) {
        if (rules->log_append_time)
            verdict->max_timestamp = now_ms;
        batch_set_timestamp(verdict->bytes, rules->log_append_time, verdict->max_timestamp);
    }
    batch_header_decode(verdict->bytes, &verdict->header);
    verdict->max_timestamp_offset_delta = verdict->header.last_offset_delta;
    return KAFKA_NONE;
}
