// SPDX-License-Identifier: Apache-2.0
// Requests with odd contents: the golden ones of every version (extreme numbers, long names, nulls, unknown tags), as
// they are and with bits flipped. The broker answers, waits or closes, and serves others as before.
#include "base/big_endian.h"
#include "log/batch_builder.h"
#include "server/purgatory.h"
#include "server/replica/replica_manager.h"
#include "test/unit/golden.h"
#include "test/unit/server/mini_broker.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t parked_count(struct replica_manager *manager)
{
    return purgatory_count(replica_manager_fetch_purgatory(manager)) +
           purgatory_count(replica_manager_produce_purgatory(manager)) +
           purgatory_count(replica_manager_delete_records_purgatory(manager));
}

// Sends a frame on a connection of its own and waits until the broker has answered it, closed the connection or parked
// the request. A Produce without acks is none of these: the request behind it is.
static void provoke(struct mini_broker *mini, const uint8_t *frame, size_t size)
{
    static const uint8_t api_versions[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0, 0};
    struct replica_manager *manager = mini->broker.replica_manager;
    size_t parked_before = parked_count(manager);
    int fd = mini_broker_connect(mini);
    CU_ASSERT_EQUAL_FATAL(send(fd, frame, size, MSG_NOSIGNAL), (ssize_t)size);
    send(fd, api_versions, sizeof api_versions, MSG_NOSIGNAL); // may find the connection closed
    uint8_t byte;
    for (;;) {
        ssize_t count = recv(fd, &byte, sizeof byte, MSG_DONTWAIT);
        if (count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK) || parked_count(manager) != parked_before)
            break;
        sched_yield();
    }
    close(fd);
}

static struct mini_frame frame_of_line(const json_t *line)
{
    size_t header_size, body_size;
    uint8_t *header = golden_bytes(golden_string(line, "headerHex"), &header_size);
    uint8_t *body = golden_bytes(golden_string(line, "hex"), &body_size);
    struct mini_frame frame = {memory_alloc(4 + header_size + body_size), 4 + header_size + body_size};
    size_t size = header_size + body_size;
    big_endian_store_32(frame.bytes, (uint32_t)size);
    memcpy(frame.bytes + 4, header, header_size);
    memcpy(frame.bytes + 4 + header_size, body, body_size);
    free(header);
    free(body);
    return frame;
}

// Behind size, API key and version, so that it stays a request of that version.
static void flip_a_bit(struct mini_frame frame, unsigned *random)
{
    *random = *random * 1103515245 + 12345;
    size_t at = 8 + (*random >> 8) % (frame.size - 8);
    frame.bytes[at] ^= (uint8_t)(1u << (*random >> 4 & 7));
}

static void provoke_with_file(struct mini_broker *mini, const char *name)
{
    enum { FLIPPED_COUNT = 3 };
    unsigned random = 1;
    FILE *file = golden_open(name);
    json_t *line;
    while ((line = golden_next(file)) != NULL) {
        if (strcmp(golden_string(line, "type"), "request") == 0) {
            struct mini_frame frame = frame_of_line(line);
            provoke(mini, frame.bytes, frame.size);
            for (int i = 0; i < FLIPPED_COUNT; i++) {
                flip_a_bit(frame, &random); // one more each time
                provoke(mini, frame.bytes, frame.size);
            }
            free(frame.bytes);
        }
        json_decref(line);
    }
    fclose(file);
}

static void assert_serves(struct mini_broker *mini)
{
    struct batch_header header = {.producer_id = -1, .producer_epoch = -1, .base_sequence = -1, .leader_epoch = -1};
    struct batch_builder *builder = batch_builder_create(&header, COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT);
    batch_builder_append(builder, 1700000000000, VIEW_NULL, view_of_string("value"), view_of("", 0), 0);
    size_t size;
    uint8_t *batch = batch_builder_finish(builder, &size);
    batch_builder_destroy(builder);
    CU_ASSERT_EQUAL(mini_broker_produce(mini, "foo", 0, view_of(batch, size), -1).error_code, KAFKA_NONE);
    free(batch);
}

static void odd_requests_do_no_harm(void)
{
    static const char *const files[] = {
        "protocol/Produce.jsonl",       "protocol/Fetch.jsonl",       "protocol/ListOffsets.jsonl",
        "protocol/DeleteRecords.jsonl", "protocol/StopReplica.jsonl", "protocol/OffsetForLeaderEpoch.jsonl",
    };
    struct mini_broker mini;
    mini_broker_start(&mini, "");
    mini_broker_create_topic(&mini, "foo", 1, "");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        provoke_with_file(&mini, files[i]);
        assert_serves(&mini);
    }
    provoke_with_file(&mini, "protocol/UpdateMetadata.jsonl"); // the topics that it knows are others from then on
    mini_broker_stop(&mini);
}

SUITE_MAIN("server/hostile_requests", {"odd requests do no harm", odd_requests_do_no_harm})
