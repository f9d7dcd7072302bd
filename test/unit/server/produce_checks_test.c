// SPDX-License-Identifier: Apache-2.0
// Plays the odd Produce requests of the golden data against a broker: what Apache Kafka 3.9.1 answered and stored.
#include "log/batch.h"
#include "log/log_manager.h"
#include "test/unit/golden.h"
#include "test/unit/server/mini_broker.h"
#include "test/unit/suite.h"

#include <unistd.h>

// These need a transaction that a coordinator has begun.
static bool needs_transaction(const char *name)
{
    return strncmp(name, "transactional-in-transaction", strlen("transactional-in-transaction")) == 0 ||
           strcmp(name, "transactional-fenced-epoch") == 0;
}

static void create_topics(struct mini_broker *mini)
{
    mini_broker_create_topic(mini, "plain", 1, "");
    mini_broker_create_topic(mini, "idempotent", 1, "");
    mini_broker_create_topic(mini, "transactional", 1, "");
    mini_broker_create_topic(mini, "__consumer_offsets", 1, "");
    mini_broker_create_topic(mini, "small", 1, "max.message.bytes=200");
    mini_broker_create_topic(mini, "log-append-time", 1, "message.timestamp.type=LogAppendTime");
    mini_broker_create_topic(mini, "after-limit", 1, "message.timestamp.after.max.ms=3600000");
    mini_broker_create_topic(mini, "before-limit", 1, "message.timestamp.before.max.ms=3600000");
    mini_broker_create_topic(mini, "compacted", 1, "cleanup.policy=compact");
    mini_broker_create_topic(mini, "compacted-after-limit", 1,
                             "cleanup.policy=compact\nmessage.timestamp.after.max.ms=3600000");
    mini_broker_create_topic(mini, "zstd", 1, "compression.type=zstd");
}

static void send_line(struct mini_broker *mini, const json_t *line)
{
    size_t size;
    uint8_t *bytes = golden_bytes(golden_string(line, "hex"), &size);
    struct produce_request_partition data = {.index = 0, .records = {.bytes = view_of(bytes, size)}};
    struct produce_request_topic topic = {.name = view_of_string(golden_string(line, "topic")),
                                          .partition_data = {.items = &data, .count = 1}};
    struct produce_request request = {
        .transactional_id = view_of_string(golden_string(line, "transactionalId")),
        .acks = (int16_t)golden_integer(line, "acks"),
        .timeout_ms = 10000,
        .topic_data = {.items = &topic, .count = 1},
    };
    mini_broker_send(mini->fd, API_PRODUCE, (int16_t)golden_integer(line, "produceVersion"), &request);
    free(bytes);
}

// The batch as it lies in the log, but for what differs by the order of appends and the leader's epoch.
static void assert_stored(struct mini_broker *mini, const json_t *line, int64_t base_offset, const char *hex)
{
    size_t size;
    uint8_t *expected = golden_bytes(hex, &size);
    struct log *log;
    struct log_slice slice;
    struct log_read_info info;
    CU_ASSERT_EQUAL_FATAL(
        log_manager_get(mini->broker.log_manager, view_of_string(golden_string(line, "topic")), 0, &log), KAFKA_NONE);
    CU_ASSERT_EQUAL_FATAL(log_read(log, base_offset, 1, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
    uint8_t *stored = memory_alloc(slice.size);
    CU_ASSERT_EQUAL(log_slice_read(&slice, 0, stored, slice.size), (ssize_t)slice.size);
    struct batch_header header;
    batch_header_decode(stored, &header);
    bool is_recoded = (header.attributes & BATCH_CODEC_MASK) != 0; // compressors differ
    if (!is_recoded && !batch_has_log_append_time(&header)) {
        batch_set_base_offset(stored, 0);
        batch_set_base_offset(expected, 0);
        batch_set_leader_epoch(expected, header.leader_epoch);
        if (slice.size != size || memcmp(stored, expected, size) != 0) {
            printf("%s: stored otherwise\n", golden_string(line, "name"));
            CU_FAIL();
        }
    }
    free(stored);
    free(expected);
    log_slice_release(&slice);
    log_unref(log);
}

static void assert_answer(struct mini_broker *mini, const json_t *line, const json_t *expected,
                          const struct produce_response_partition *answer)
{
    int16_t version = (int16_t)golden_integer(line, "produceVersion");
    const json_t *record_errors = json_object_get(expected, "recordErrors");
    bool is_same = answer->error_code == golden_integer(expected, "errorCode");
    bool knows_offset = golden_integer(expected, "baseOffset") >= 0;
    is_same = is_same && (answer->base_offset >= 0) == knows_offset;
    if (strcmp(golden_string(line, "topic"), "idempotent") == 0)
        is_same = is_same && answer->base_offset == golden_integer(expected, "baseOffset");
    if (version >= 8) {
        is_same = is_same &&
                  !view_is_null(answer->error_message) == json_is_true(json_object_get(expected, "hasErrorMessage")) &&
                  answer->record_errors.count == (int32_t)json_array_size(record_errors);
        for (int32_t i = 0; is_same && i < answer->record_errors.count; i++)
            is_same = answer->record_errors.items[i].batch_index ==
                      json_integer_value(json_array_get(record_errors, (size_t)i));
    }
    if (!is_same) {
        printf("%s: error %d, offset %ld, %d record errors, message \"%.*s\"\n", golden_string(line, "name"),
               answer->error_code, (long)answer->base_offset, answer->record_errors.count,
               VIEW_ARGS(answer->error_message));
        CU_FAIL();
    }
    const char *stored = golden_string(expected, "storedHex");
    if (is_same && stored != NULL)
        assert_stored(mini, line, answer->base_offset, stored);
}

static void play(struct mini_broker *mini, const json_t *line)
{
    const json_t *expected = json_object_get(line, "broker");
    struct produce_response response;
    send_line(mini, line);
    if (json_is_true(json_object_get(expected, "connectionClosed"))) {
        CU_ASSERT_FALSE(mini_broker_receive(mini, mini->fd, API_PRODUCE, 9, &response));
        close(mini->fd);
        mini->fd = mini_broker_connect(mini);
        return;
    }
    if (golden_integer(line, "acks") == 0)
        return; // the next answer on this connection is the next request's
    int16_t version = (int16_t)golden_integer(line, "produceVersion");
    CU_ASSERT_TRUE_FATAL(mini_broker_receive(mini, mini->fd, API_PRODUCE, version, &response));
    const struct produce_response_partition *answer = &response.responses.items[0].partition_responses.items[0];
    if (json_is_true(json_object_get(expected, "noResponse"))) // null records: a defect that is not copied
        CU_ASSERT_EQUAL(answer->error_code, KAFKA_INVALID_RECORD)
    else
        assert_answer(mini, line, expected, answer);
}

static void answers_and_stores_as_kafka(void)
{
    struct mini_broker mini;
    mini_broker_start(&mini, "");
    create_topics(&mini);
    FILE *file = golden_open("records/produce-checks.jsonl");
    json_t *line;
    int played = 0;
    while ((line = golden_next(file)) != NULL) {
        if (golden_integer(line, "produceVersion") >= 3 && !needs_transaction(golden_string(line, "name"))) {
            play(&mini, line);
            played++;
        }
        json_decref(line);
    }
    fclose(file);
    CU_ASSERT_TRUE(played > 100);
    mini_broker_stop(&mini);
}

SUITE_MAIN("server/produce_checks", {"answers and stores as Kafka", answers_and_stores_as_kafka})
