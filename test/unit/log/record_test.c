// SPDX-License-Identifier: Apache-2.0
// Record batches as Apache Kafka 3.9.1 made them: their headers and records read as it reads them.
#include "log/record.h"

#include "log/batch.h"
#include "log/batch_builder.h"
#include "log/compression.h"
#include "test/unit/golden.h"
#include "test/unit/suite.h"

#include <openssl/sha.h>

// The expected bytes stand under `key` as hex or null; long ones as their length and SHA-256.
static void assert_bytes(struct view found, const json_t *record, const char *key, const char *name)
{
    char name_of_length[32], name_of_digest[32];
    snprintf(name_of_length, sizeof name_of_length, "%sLength", key);
    snprintf(name_of_digest, sizeof name_of_digest, "%sSha256", key);
    bool agrees;
    if (json_object_get(record, name_of_length) != NULL) {
        unsigned char digest[SHA256_DIGEST_LENGTH];
        char hex[2 * SHA256_DIGEST_LENGTH + 1];
        SHA256(found.data, found.size, digest);
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        agrees = (int64_t)found.size == golden_integer(record, name_of_length) &&
                 strcmp(hex, golden_string(record, name_of_digest)) == 0;
    } else {
        size_t size;
        uint8_t *bytes = golden_bytes(golden_string(record, key), &size);
        agrees = view_equal(found, view_of(bytes, size));
        free(bytes);
    }
    if (!agrees)
        printf("%s: other bytes\n", name);
    CU_ASSERT_TRUE(agrees);
}

static void assert_headers(const struct record *record, const json_t *expected, const char *name)
{
    struct view headers = record->headers;
    struct record_header header;
    CU_ASSERT_EQUAL(record->header_count, (int32_t)json_array_size(expected));
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *pair = json_array_get(expected, i);
        CU_ASSERT_TRUE_FATAL(record_header_next(&headers, &header));
        CU_ASSERT_TRUE(view_equal_string(header.key, golden_string(pair, "key")));
        assert_bytes(header.value, pair, "value", name);
    }
    CU_ASSERT_FALSE(record_header_next(&headers, &header));
}

static void assert_records(struct view batch, const struct batch_header *header, const json_t *expected,
                           const char *name)
{
    struct record_reader *reader = record_reader_create(batch, header, 1 << 26);
    struct record_reader *skipper = record_reader_create(batch, header, 0);
    CU_ASSERT_TRUE_FATAL(reader != NULL && skipper != NULL);
    struct record record, skipped;
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *wanted = json_array_get(expected, i);
        CU_ASSERT_EQUAL_FATAL(record_reader_next(reader, &record), RECORD_FOUND);
        CU_ASSERT_EQUAL(record.offset, golden_integer(wanted, "offset"));
        CU_ASSERT_EQUAL(record.timestamp, golden_integer(wanted, "timestamp"));
        assert_bytes(record.key, wanted, "key", name);
        assert_bytes(record.value, wanted, "value", name);
        assert_headers(&record, json_object_get(wanted, "headers"), name);
        CU_ASSERT_EQUAL_FATAL(record_reader_skip(skipper, &skipped), RECORD_FOUND);
        CU_ASSERT_EQUAL(skipped.timestamp, record.timestamp);
        CU_ASSERT_EQUAL(view_is_null(skipped.key), view_is_null(record.key));
    }
    CU_ASSERT_EQUAL(record_reader_next(reader, &record), RECORD_END);
    CU_ASSERT_EQUAL(record_reader_skip(skipper, &skipped), RECORD_END);
    record_reader_destroy(reader);
    record_reader_destroy(skipper);
}

static void assert_batch(struct view batch, const struct batch_header *header, const json_t *expected, const char *name)
{
    CU_ASSERT_EQUAL(header->base_offset, golden_integer(expected, "baseOffset"));
    CU_ASSERT_EQUAL(header->leader_epoch, golden_integer(expected, "partitionLeaderEpoch"));
    CU_ASSERT_EQUAL(header->crc, golden_integer(expected, "crc"));
    CU_ASSERT_EQUAL(header->attributes, golden_integer(expected, "attributes"));
    CU_ASSERT_EQUAL(batch_last_offset(header), golden_integer(expected, "lastOffset"));
    CU_ASSERT_EQUAL(header->max_timestamp, golden_integer(expected, "maxTimestamp"));
    CU_ASSERT_EQUAL(header->producer_id, golden_integer(expected, "producerId"));
    CU_ASSERT_EQUAL(header->producer_epoch, golden_integer(expected, "producerEpoch"));
    CU_ASSERT_EQUAL(header->base_sequence, golden_integer(expected, "baseSequence"));
    CU_ASSERT_EQUAL(header->record_count, golden_integer(expected, "recordCount"));
    CU_ASSERT_TRUE(batch_crc_is_valid(batch));
    const json_t *records = json_object_get(expected, "records");
    if (json_is_array(records))
        assert_records(batch, header, records, name);
}

static void golden_batches_read_as_in_kafka(void)
{
    FILE *file = golden_open("records/batches-v2.jsonl");
    json_t *line;
    while ((line = golden_next(file)) != NULL) {
        size_t size;
        uint8_t *bytes = golden_bytes(golden_string(line, "hex"), &size);
        struct view rest = view_of(bytes, size);
        json_t *batches = json_object_get(line, "batches");
        for (size_t i = 0; i < json_array_size(batches); i++) {
            struct batch_header header;
            enum batch_state state = batch_header_read(rest, &header);
            if (state == BATCH_INCOMPLETE) // a fetch's answer may end inside a batch
                break;
            CU_ASSERT_EQUAL_FATAL(state, BATCH_COMPLETE);
            size_t batch_bytes = (size_t)batch_size(&header);
            assert_batch(view_of(rest.data, batch_bytes), &header, json_array_get(batches, i),
                         golden_string(line, "name"));
            rest = view_of(rest.data + batch_bytes, rest.size - batch_bytes);
        }
        free(bytes);
        json_decref(line);
    }
    fclose(file);
}

// What the builder makes in each codec reads back as it was put in.
static void built_batches_read_back(void)
{
    static uint8_t large[200000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * i >> 7);
    for (int codec = COMPRESSION_NONE; codec < COMPRESSION_CODEC_COUNT; codec++) {
        struct batch_header header = {.base_offset = 40, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
        struct batch_builder *builder =
            batch_builder_create(&header, (enum compression_codec)codec, COMPRESSION_LEVEL_DEFAULT);
        batch_builder_append(builder, 1000, VIEW_NULL, view_of_string("first"), VIEW_NULL, 0);
        batch_builder_append(builder, 900, view_of_string(""), VIEW_NULL, VIEW_NULL, 0);
        batch_builder_append(builder, 1100, view_of_string("k"), view_of(large, sizeof large), VIEW_NULL, 0);
        size_t size;
        uint8_t *batch = batch_builder_finish(builder, &size);
        batch_builder_destroy(builder);
        CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
        CU_ASSERT_EQUAL_FATAL(batch_header_read(view_of(batch, size), &header), BATCH_COMPLETE);
        CU_ASSERT_TRUE(batch_crc_is_valid(view_of(batch, size)));
        CU_ASSERT_EQUAL(header.max_timestamp, 1100);
        CU_ASSERT_EQUAL(batch_last_offset(&header), 42);
        struct record_reader *reader = record_reader_create(view_of(batch, size), &header, sizeof large + 100);
        struct record record;
        CU_ASSERT_EQUAL(record_reader_next(reader, &record), RECORD_FOUND);
        CU_ASSERT_TRUE(view_equal_string(record.value, "first") && view_is_null(record.key));
        CU_ASSERT_EQUAL(record_reader_next(reader, &record), RECORD_FOUND);
        CU_ASSERT_TRUE(record.timestamp == 900 && view_is_null(record.value) && record.key.size == 0);
        CU_ASSERT_EQUAL(record_reader_next(reader, &record), RECORD_FOUND);
        CU_ASSERT_TRUE(view_equal(record.value, view_of(large, sizeof large)) && record.offset == 42);
        CU_ASSERT_EQUAL(record_reader_next(reader, &record), RECORD_END);
        record_reader_destroy(reader);
        free(batch);
    }
}

// Records of all sizes around the reader's window, every third with a header, every fifth with a key.
static uint8_t *build_mixed_batch(enum compression_codec codec, int32_t record_count, size_t *size)
{
    static uint8_t value[150000];
    const struct batch_header header = {.attributes = (int16_t)codec, .base_timestamp = 1000, .producer_id = -1};
    static const uint8_t headers[] = {2, 'h', 1};
    struct batch_builder *builder = batch_builder_create(&header, codec, COMPRESSION_LEVEL_DEFAULT);
    for (int32_t i = 0; i < record_count; i++) {
        size_t value_size = i % 50 == 49 ? sizeof value - (size_t)i : (size_t)i * 37 % 3000;
        for (size_t j = 0; j < value_size; j++)
            value[j] = (uint8_t)(j * (size_t)(i + 1) >> 3);
        batch_builder_append(builder, 1000 + i, i % 5 ? VIEW_NULL : view_of("key", 3), view_of(value, value_size),
                             i % 3 ? view_of("", 0) : view_of(headers, sizeof headers), i % 3 ? 0 : 1);
    }
    uint8_t *batch = batch_builder_finish(builder, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
    batch_builder_destroy(builder);
    return batch;
}

// How many records are read, all of them being right.
static int32_t count_records(struct view batch, enum record_result (*read)(struct record_reader *, struct record *),
                             enum record_result *result)
{
    struct batch_header header;
    batch_header_decode(batch.data, &header);
    struct record_reader *reader = record_reader_create(batch, &header, SIZE_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    int32_t count = 0;
    struct record record;
    while ((*result = read(reader, &record)) == RECORD_FOUND) {
        CU_ASSERT_EQUAL(record.offset_delta, count);
        CU_ASSERT_EQUAL(record.timestamp, 1000 + count);
        CU_ASSERT_EQUAL(view_is_null(record.key), count % 5 != 0);
        CU_ASSERT_EQUAL(record.header_count, count % 3 == 0);
        count++;
    }
    record_reader_destroy(reader);
    return count;
}

// A thread's readers follow each other in the same memory: nothing of a stream that broke off is left for the next one.
static void readers_follow_each_other(void)
{
    enum { RECORD_COUNT = 400 };
    for (int codec = COMPRESSION_NONE; codec < COMPRESSION_CODEC_COUNT; codec++) {
        size_t size;
        uint8_t *bytes = build_mixed_batch((enum compression_codec)codec, RECORD_COUNT, &size);
        struct view whole = view_of(bytes, size);
        enum record_result result;
        for (size_t part = 0; part < 8; part++) {
            size_t cut = BATCH_HEADER_SIZE + (size - BATCH_HEADER_SIZE) * part / 8;
            CU_ASSERT_TRUE(count_records(view_of(bytes, cut), part % 2 ? record_reader_next : record_reader_skip,
                                         &result) < RECORD_COUNT);
            CU_ASSERT_NOT_EQUAL(result, RECORD_END);
            CU_ASSERT_EQUAL(count_records(whole, record_reader_skip, &result), RECORD_COUNT);
            CU_ASSERT_EQUAL(result, RECORD_END);
            CU_ASSERT_EQUAL(count_records(whole, record_reader_next, &result), RECORD_COUNT);
            CU_ASSERT_EQUAL(result, RECORD_END);
        }
        free(bytes);
    }
}

// Every truncation and every flipped bit of a payload ends in an error or in records, never outside the bytes.
static void damaged_batches_end_in_an_error(void)
{
    FILE *file = golden_open("records/batches-v2.jsonl");
    json_t *line;
    while ((line = golden_next(file)) != NULL) {
        size_t size;
        uint8_t *bytes = golden_bytes(golden_string(line, "hex"), &size);
        struct batch_header header;
        if (size > BATCH_HEADER_SIZE && size < 2000) {
            batch_header_decode(bytes, &header);
            for (size_t bit = 8 * (size_t)BATCH_HEADER_SIZE; bit < 8 * size; bit += 3) {
                // Exactly as many bytes as the reader is given, so that the sanitizer sees a byte too far.
                uint8_t *copy = memory_alloc(size);
                memcpy(copy, bytes, size);
                copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
                struct record_reader *reader =
                    record_reader_create(view_of(copy, bit % 2 ? size : bit / 8), &header, 1 << 20);
                struct record record;
                while (reader != NULL && record_reader_next(reader, &record) == RECORD_FOUND)
                    continue;
                record_reader_destroy(reader);
                free(copy);
            }
        }
        free(bytes);
        json_decref(line);
    }
    fclose(file);
}

// A record with its length; returns its size.
static size_t write_record(uint8_t *bytes, struct view key, struct view value, int64_t timestamp_delta)
{
    uint8_t body[20000];
    size_t size = 0;
    body[size++] = 0;
    size += varlong_encode(body + size, timestamp_delta);
    size += varint_encode(body + size, 7);
    const struct view parts[] = {key, value};
    for (int i = 0; i < 2; i++) {
        size += varint_encode(body + size, view_is_null(parts[i]) ? -1 : (int32_t)parts[i].size);
        if (parts[i].size > 0)
            memcpy(body + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    body[size++] = 0;
    size_t prefix = varint_encode(bytes, (int32_t)size);
    memcpy(bytes + prefix, body, size);
    return prefix + size;
}

// What the reader makes of the first record of these bytes.
static enum record_result read_first(const uint8_t *records, size_t size, struct record *record, uint8_t **memory)
{
    const struct batch_header header = {.base_offset = 5, .base_timestamp = 1000, .record_count = 2};
    *memory = memory_alloc(BATCH_HEADER_SIZE + size);
    memcpy(*memory + BATCH_HEADER_SIZE, records, size);
    struct record_reader *reader =
        record_reader_create(view_of(*memory, BATCH_HEADER_SIZE + size), &header, sizeof header);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    enum record_result result = record_reader_next(reader, record);
    record_reader_destroy(reader);
    return result;
}

// The last record of a batch is read by the general reader, one with more behind it by the short way where that can:
// whatever its bytes are, both come to the same result.
static void assert_both_ways_agree(const uint8_t *records, size_t size, size_t size_with_next)
{
    struct record alone = {0}, followed = {0};
    uint8_t *memory[2];
    enum record_result result = read_first(records, size, &alone, &memory[0]);
    CU_ASSERT_EQUAL_FATAL(read_first(records, size_with_next, &followed, &memory[1]), result);
    if (result == RECORD_FOUND) {
        CU_ASSERT_EQUAL(followed.offset, alone.offset);
        CU_ASSERT_EQUAL(followed.offset_delta, alone.offset_delta);
        CU_ASSERT_EQUAL(followed.timestamp, alone.timestamp);
        CU_ASSERT_EQUAL(view_is_null(followed.key), view_is_null(alone.key));
        CU_ASSERT_EQUAL(view_is_null(followed.value), view_is_null(alone.value));
        CU_ASSERT_TRUE(view_equal(followed.key, alone.key));
        CU_ASSERT_TRUE(view_equal(followed.value, alone.value));
        CU_ASSERT_EQUAL(followed.header_count, alone.header_count);
        CU_ASSERT_EQUAL(followed.headers.size, alone.headers.size);
    }
    free(memory[0]);
    free(memory[1]);
}

static void both_ways_of_reading_agree(void)
{
    static uint8_t bytes[20100], filler[17000];
    static const int64_t deltas[] = {0, -1, 100, 10000, 1 << 20, INT64_MAX};
    const struct view parts[] = {VIEW_NULL,           view_of(filler, 0),    view_of(filler, 1),   view_of(filler, 63),
                                 view_of(filler, 64), view_of(filler, 8191), view_of(filler, 8192)};
    enum { PART_COUNT = sizeof parts / sizeof parts[0], DELTA_COUNT = sizeof deltas / sizeof deltas[0] };
    for (size_t i = 0; i < PART_COUNT * PART_COUNT * DELTA_COUNT; i++) {
        struct view key = parts[i % PART_COUNT], value = parts[i / PART_COUNT % PART_COUNT];
        size_t size = write_record(bytes, key, value, deltas[i / PART_COUNT / PART_COUNT]);
        size_t with_next = size + write_record(bytes + size, parts[3], VIEW_NULL, 0);
        assert_both_ways_agree(bytes, size, with_next);
        size_t prefix = 1 + (bytes[0] >> 7) + (bytes[0] >> 7 & bytes[1] >> 7);
        for (size_t at = prefix; at < size; at = at == prefix + 24 && size > prefix + 30 ? size - 5 : at + 1) {
            for (int bit = 0; bit < 8; bit++) {
                bytes[at] ^= (uint8_t)(1 << bit);
                assert_both_ways_agree(bytes, size, with_next);
                bytes[at] ^= (uint8_t)(1 << bit);
            }
        }
    }
}

static void varints_are_zigzag(void)
{
    static const int64_t numbers[] = {0, -1, 1, 63, -64, 64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint8_t bytes[10];
        int64_t decoded;
        size_t size = varlong_encode(bytes, numbers[i]);
        CU_ASSERT_EQUAL(varlong_decode(bytes, size, &decoded), (int)size);
        CU_ASSERT_EQUAL(decoded, numbers[i]);
        CU_ASSERT_EQUAL(varlong_decode(bytes, size - 1, &decoded), 0);
    }
    static const uint8_t too_long[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    int32_t value;
    CU_ASSERT_EQUAL(varint_decode(too_long, sizeof too_long, &value), -1);
}

SUITE_MAIN("log/record", {"golden batches read as in Kafka", golden_batches_read_as_in_kafka},
           {"built batches read back", built_batches_read_back},
           {"readers follow each other", readers_follow_each_other},
           {"damaged batches end in an error", damaged_batches_end_in_an_error},
           {"both ways of reading agree", both_ways_of_reading_agree}, {"varints are zigzag", varints_are_zigzag})
