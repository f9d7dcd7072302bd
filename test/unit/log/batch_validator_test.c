// SPDX-License-Identifier: Apache-2.0
// What Apache Kafka 3.9.1 answered to odd batches, and what it stored of good ones.
#include "log/batch_validator.h"

#include "base/arena.h"
#include "log/record.h"
#include "test/unit/golden.h"
#include "test/unit/suite.h"

static const struct batch_rules rules_default = {
    .origin = APPEND_CLIENT,
    .message_size_max = 1048588,
    .compression_level = COMPRESSION_LEVEL_DEFAULT,
    .timestamp_before_max_ms = INT64_MAX,
    .timestamp_after_max_ms = INT64_MAX,
};

#define HOUR_MS 3600000

// The topics of the golden data differ from the default in these.
static bool rules_of_topic(const char *topic, struct batch_rules *rules)
{
    *rules = rules_default;
    if (strcmp(topic, "small") == 0)
        rules->message_size_max = 200;
    else if (strcmp(topic, "log-append-time") == 0)
        rules->log_append_time = true;
    else if (strcmp(topic, "after-limit") == 0)
        rules->timestamp_after_max_ms = HOUR_MS;
    else if (strcmp(topic, "before-limit") == 0)
        rules->timestamp_before_max_ms = HOUR_MS;
    else if (strcmp(topic, "compacted") == 0)
        rules->compacted = true;
    else if (strcmp(topic, "compacted-after-limit") == 0)
        rules->compacted = true, rules->timestamp_after_max_ms = HOUR_MS;
    else if (strcmp(topic, "zstd") == 0)
        rules->compression_is_set = true, rules->compression = COMPRESSION_ZSTD;
    else
        return strcmp(topic, "plain") == 0;
    return true;
}

// What the request, the producer's state or the old formats decide is not the validator's.
static bool is_of_the_validator(const json_t *line, const json_t *broker)
{
    const char *error = golden_string(broker, "error");
    return golden_integer(line, "produceVersion") >= 3 && error != NULL && strstr(error, "ACKS") == NULL &&
           strstr(error, "TRANSACTION") == NULL;
}

static void assert_record_errors(const struct batch_verdict *verdict, const json_t *expected)
{
    if (!json_is_array(expected))
        return;
    CU_ASSERT_EQUAL_FATAL(verdict->record_error_count, (int32_t)json_array_size(expected));
    for (int32_t i = 0; i < verdict->record_error_count; i++)
        CU_ASSERT_EQUAL(verdict->record_errors[i].batch_index, json_integer_value(json_array_get(expected, (size_t)i)));
}

static void assert_stored(struct batch_verdict *verdict, const char *hex, const char *name)
{
    size_t size;
    uint8_t *stored = golden_bytes(hex, &size);
    if (stored == NULL)
        return;
    struct batch_header header;
    batch_header_decode(stored, &header);
    batch_set_base_offset(verdict->bytes, header.base_offset);
    batch_set_leader_epoch(verdict->bytes, header.leader_epoch);
    bool agrees = verdict->is_rebuilt || (verdict->size == size && memcmp(verdict->bytes, stored, size) == 0);
    if (verdict->header.attributes & BATCH_LOG_APPEND_TIME)
        agrees = verdict->size == size; // the time of appending differs
    if (!agrees)
        printf("%s: stored otherwise\n", name);
    CU_ASSERT_TRUE(agrees);
    free(stored);
}

static void produced_batches_are_judged_as_by_kafka(void)
{
    FILE *file = golden_open("records/produce-checks.jsonl");
    json_t *line;
    int judged = 0;
    while ((line = golden_next(file)) != NULL) {
        const json_t *broker = json_object_get(line, "broker");
        const char *name = golden_string(line, "name");
        struct batch_rules rules;
        if (rules_of_topic(golden_string(line, "topic"), &rules) && is_of_the_validator(line, broker)) {
            struct arena arena;
            arena_init(&arena, 1 << 20);
            size_t size;
            uint8_t *bytes = golden_bytes(golden_string(line, "hex"), &size);
            struct view batch;
            struct batch_verdict verdict = {0};
            const char *message;
            enum kafka_error error = batch_find_produced(
                view_of(bytes, size), (int16_t)golden_integer(line, "produceVersion"), &batch, &message);
            if (error == KAFKA_NONE)
                error = batch_validate(bytes, batch.size, &rules, 1784000000000, &arena, &verdict);
            int64_t expected = golden_integer(broker, "errorCode");
            if (error != expected)
                printf("%s: %s instead of %s\n", name, kafka_error_name((int16_t)error),
                       golden_string(broker, "error"));
            CU_ASSERT_EQUAL(error, expected);
            assert_record_errors(&verdict, json_object_get(broker, "recordErrors"));
            if (json_is_true(json_object_get(broker, "hasErrorMessage")))
                CU_ASSERT_TRUE(message != NULL || verdict.error_message != NULL);
            if (error == KAFKA_NONE)
                assert_stored(&verdict, golden_string(broker, "storedHex"), name);
            judged++;
            free(bytes);
            arena_fini(&arena);
        }
        json_decref(line);
    }
    fclose(file);
    CU_ASSERT_TRUE(judged > 70);
}

// Until old message formats are served: a message of magic 0 or 1 is refused by what it is, a batch of magic 2 is taken
// in any version, as by Apache Kafka.
static void old_versions_take_new_batches_only(void)
{
    FILE *file = golden_open("records/produce-checks.jsonl");
    json_t *line;
    int old_count = 0, new_count = 0;
    while ((line = golden_next(file)) != NULL) {
        const char *name = golden_string(line, "name"), *message;
        size_t size;
        uint8_t *bytes = golden_bytes(golden_string(line, "hex"), &size);
        struct view batch;
        enum kafka_error error = batch_find_produced(view_of(bytes, size), 2, &batch, &message);
        if (strcmp(name, "v0-accepted") == 0 || strcmp(name, "v1-gzip-accepted") == 0) {
            CU_ASSERT_EQUAL(error, KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT);
            old_count++;
        } else if (strncmp(name, "magic-2-in-v", 12) == 0) {
            CU_ASSERT_EQUAL(error, KAFKA_NONE);
            new_count++;
        }
        free(bytes);
        json_decref(line);
    }
    fclose(file);
    CU_ASSERT_EQUAL(old_count, 2);
    CU_ASSERT_EQUAL(new_count, 2);
}

static bool records_agree(const uint8_t *ours, size_t ours_size, const uint8_t *theirs, size_t theirs_size)
{
    struct batch_header a, b;
    if (batch_header_read(view_of(ours, ours_size), &a) != BATCH_COMPLETE ||
        batch_header_read(view_of(theirs, theirs_size), &b) != BATCH_COMPLETE || a.attributes != b.attributes ||
        a.record_count != b.record_count || a.max_timestamp != b.max_timestamp || a.base_offset != b.base_offset ||
        a.producer_id != b.producer_id || a.base_sequence != b.base_sequence)
        return false;
    struct record_reader *x = record_reader_create(view_of(ours, ours_size), &a, 1 << 20);
    struct record_reader *y = record_reader_create(view_of(theirs, theirs_size), &b, 1 << 20);
    bool agree = true;
    enum record_result result = RECORD_FOUND;
    while (agree && result == RECORD_FOUND) {
        struct record p, q;
        result = record_reader_next(x, &p);
        agree = record_reader_next(y, &q) == result;
        if (agree && result == RECORD_FOUND)
            agree = p.timestamp == q.timestamp && p.offset == q.offset && view_equal(p.key, q.key) &&
                    view_equal(p.value, q.value) && view_equal(p.headers, q.headers);
    }
    record_reader_destroy(x);
    record_reader_destroy(y);
    return agree && result == RECORD_END;
}

static void accepted_batches_are_stored_as_by_kafka(void)
{
    FILE *file = golden_open("records/append.jsonl");
    json_t *line;
    while ((line = golden_next(file)) != NULL) {
        const char *name = golden_string(line, "name");
        const char *type = golden_string(line, "compressionType");
        if (strncmp(name, "v2-", 3) == 0 && golden_integer(line, "messageFormat") == 2) {
            struct batch_rules rules = rules_default;
            rules.log_append_time = strcmp(golden_string(line, "messageTimestampType"), "LogAppendTime") == 0;
            for (int codec = 1; codec < COMPRESSION_CODEC_COUNT; codec++) {
                if (strcmp(type, compression_codec_name((enum compression_codec)codec)) == 0)
                    rules.compression_is_set = true, rules.compression = (enum compression_codec)codec;
            }
            rules.compression_is_set |= strcmp(type, "uncompressed") == 0;
            struct arena arena;
            arena_init(&arena, 1 << 20);
            size_t size, stored_size;
            uint8_t *bytes = golden_bytes(golden_string(line, "inputHex"), &size);
            uint8_t *stored = golden_bytes(golden_string(line, "outputHex"), &stored_size);
            struct batch_verdict verdict;
            CU_ASSERT_EQUAL_FATAL(batch_validate(bytes, size, &rules, golden_integer(line, "now"), &arena, &verdict),
                                  KAFKA_NONE);
            batch_set_base_offset(verdict.bytes, golden_integer(line, "firstOffset"));
            batch_set_leader_epoch(verdict.bytes, (int32_t)golden_integer(line, "partitionLeaderEpoch"));
            bool agrees = json_is_true(json_object_get(line, "byteExact"))
                              ? verdict.size == stored_size && memcmp(verdict.bytes, stored, stored_size) == 0
                              : records_agree(verdict.bytes, verdict.size, stored, stored_size);
            if (!agrees)
                printf("%s: stored otherwise\n", name);
            CU_ASSERT_TRUE(agrees);
            CU_ASSERT_EQUAL(verdict.max_timestamp, golden_integer(line, "maxTimestamp"));
            CU_ASSERT_EQUAL(verdict.is_rebuilt, json_is_true(json_object_get(line, "rebuilt")));
            free(bytes);
            free(stored);
            arena_fini(&arena);
        }
        json_decref(line);
    }
    fclose(file);
}

SUITE_MAIN("log/batch_validator", {"produced batches are judged as by Kafka", produced_batches_are_judged_as_by_kafka},
           {"old versions take new batches only", old_versions_take_new_batches_only},
           {"accepted batches are stored as by Kafka", accepted_batches_are_stored_as_by_kafka})
