// SPDX-License-Identifier: Apache-2.0
// Record batches as a producer or a leader sends them. Four bytes say how (see run_rules), the rest is the records
// field: as it is, or with its checksums mended, or with its records compressed first. Whatever the validator accepts
// is a whole batch with a right checksum whose records can be read, as many as its header says, and it is accepted
// again.
#include "base/arena.h"
#include "base/memory.h"
#include "log/batch_validator.h"
#include "log/record.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <stdlib.h>

enum { ARENA_MAX = 16 << 20, RECORD_SIZE_MAX = 1 << 20, RECORDS_MAX = 1 << 16, CODECS = 5 };

#define NOW_MS INT64_C(1700000060000)

static void walk_headers(const struct record *record)
{
    struct view rest = record->headers;
    struct record_header header;
    int32_t count = 0;
    while (record_header_next(&rest, &header))
        count++;
    assert(count == record->header_count);
    assert(rest.size == 0);
    (void)count;
}

// Reads all records; returns what came last, and how many there were.
static enum record_result read_records(struct view batch, const struct batch_header *header, bool skip, int32_t *count)
{
    struct record_reader *reader = record_reader_create(batch, header, RECORD_SIZE_MAX);
    struct record record;
    enum record_result result = RECORD_UNREADABLE;
    *count = 0;
    while (reader != NULL && *count <= RECORDS_MAX) {
        result = skip ? record_reader_skip(reader, &record) : record_reader_next(reader, &record);
        if (result != RECORD_FOUND)
            break;
        ++*count;
        if (!skip)
            walk_headers(&record);
    }
    record_reader_destroy(reader);
    return result;
}

static void read_any(struct view records)
{
    struct batch_header header;
    int32_t count, skipped;
    while (batch_header_read(records, &header) == BATCH_COMPLETE) {
        size_t size = (size_t)batch_size(&header);
        struct view batch = view_of(records.data, size);
        enum record_result result = read_records(batch, &header, false, &count);
        if (result == RECORD_END) // what can be read can be walked over
            assert(read_records(batch, &header, true, &skipped) == RECORD_END && skipped == count);
        records = view_of(records.data + size, records.size - size);
    }
}

static void check_accepted(const struct batch_verdict *verdict, const struct batch_rules *rules)
{
    struct view batch = view_of(verdict->bytes, verdict->size);
    struct batch_header header;
    int32_t count;
    assert(batch_header_read(batch, &header) == BATCH_COMPLETE && (size_t)batch_size(&header) == batch.size);
    assert(batch_crc_is_valid(batch));
    if (rules->origin != APPEND_CLIENT)
        return; // whose records are looked at
    enum record_result result = read_records(batch, &header, true, &count);
    assert(result == RECORD_END && count == header.record_count);
    (void)result;
    if (rules->log_append_time)
        return; // which only a broker may set
    struct arena arena;
    struct batch_verdict again;
    arena_init(&arena, ARENA_MAX);
    enum kafka_error error = batch_validate(verdict->bytes, verdict->size, rules, NOW_MS, &arena, &again);
    assert(error == KAFKA_NONE);
    (void)error;
    arena_fini(&arena);
}

// Bits of `how`: 0 LogAppendTime, 1 compacted, 2 a small max.message.bytes, 3-4 origin, 5 narrow times. `codec`: the
// topic's, above the last one none.
static void run_rules(struct view records, uint8_t how, uint8_t codec, int16_t version)
{
    struct batch_rules rules = {.origin = (enum append_origin)(how >> 3 & 3),
                                .message_size_max = how & 4 ? 100 : 1 << 20,
                                .compression_is_set = codec % 8 < CODECS,
                                .compression = codec % 8 < CODECS ? (enum compression_codec)(codec % 8) : 0,
                                .compression_level = COMPRESSION_LEVEL_DEFAULT,
                                .log_append_time = how & 1,
                                .timestamp_before_max_ms = how & 32 ? 1000 : INT64_MAX,
                                .timestamp_after_max_ms = how & 32 ? 1000 : INT64_MAX,
                                .compacted = how & 2};
    struct view batch;
    const char *message = NULL;
    struct arena arena;
    struct batch_verdict verdict;
    if (rules.origin > APPEND_REPLICATION)
        rules.origin = APPEND_CLIENT;
    if (batch_find_produced(records, version, &batch, &message) != KAFKA_NONE)
        return;
    uint8_t *bytes = memory_alloc(batch.size);
    memcpy(bytes, batch.data, batch.size);
    arena_init(&arena, ARENA_MAX);
    if (batch_validate(bytes, batch.size, &rules, NOW_MS, &arena, &verdict) == KAFKA_NONE)
        check_accepted(&verdict, &rules);
    arena_fini(&arena);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_of(data, size);
    uint8_t form = input_byte(&input), how = input_byte(&input), codec = input_byte(&input);
    int16_t version = input_byte(&input) % 12;
    size_t records_size = input.size;
    uint8_t *records = NULL;
    if (form % 8 >= 1 && form % 8 < CODECS)
        records = fuzz_compress_batch(input, form % 8, &records_size);
    if (records == NULL) {
        records_size = input.size;
        records = memory_alloc(records_size);
        memcpy(records, input.data, records_size);
        if (form % 8 == 0)
            fuzz_mend_batches(records, records_size);
    }
    read_any(view_of(records, records_size));
    run_rules(view_of(records, records_size), how, codec, version);
    free(records);
    return 0;
}
