// SPDX-License-Identifier: Apache-2.0
// A broker without ZooKeeper and without a controller: the real listeners, dispatch, replica manager and logs in one
// process, and a client connection that plays the controller and everybody else.
#ifndef TEST_UNIT_SERVER_MINI_BROKER_H
#define TEST_UNIT_SERVER_MINI_BROKER_H

#include "net/protocol/api.h"
#include "server/broker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The other broker is one that is said to be alive.
enum {
    MINI_BROKER_ID = 1,
    MINI_OTHER_BROKER_ID = 2,
    MINI_BROKER_EPOCH = 100,
    MINI_CONTROLLER_EPOCH = 5,
    MINI_LEADER_EPOCH = 3
};

struct mini_broker {
    struct broker broker;
    char *directory;
    uint16_t port;
    int fd;             // the client's connection
    struct arena arena; // of what mini_broker_call decoded, until the end
};

// settings: "key=value" lines beside the least that a broker needs, or "".
void mini_broker_start(struct mini_broker *mini, const char *settings);
void mini_broker_stop(struct mini_broker *mini);

// Creates a topic of that many partitions, led by this broker in MINI_LEADER_EPOCH, and tells the broker of it by
// UpdateMetadata and LeaderAndIsr. overrides: "key=value" lines. Its id is mini_broker_topic_id(name).
void mini_broker_create_topic(struct mini_broker *mini, const char *name, int32_t partition_count,
                              const char *overrides);
struct uuid mini_broker_topic_id(const char *name);

int mini_broker_connect(const struct mini_broker *mini);

// A request as it goes over the wire, behind its size prefix. free() the bytes.
struct mini_frame {
    uint8_t *bytes;
    size_t size;
};
struct mini_frame mini_broker_encode(int16_t api_key, int16_t version, const void *request);

// Sends a request, and receives and decodes its answer (the structs of the API). Sending alone, receiving alone: for
// requests that wait. Receiving returns false when the connection was closed.
void mini_broker_send(int fd, int16_t api_key, int16_t version, const void *request);
bool mini_broker_receive(struct mini_broker *mini, int fd, int16_t api_key, int16_t version, void *response);
void mini_broker_call(struct mini_broker *mini, int16_t api_key, int16_t version, const void *request, void *response);

// Sends bytes and receives one answer's bytes, which are dropped; allocates nothing. It has at least that size.
void mini_broker_exchange(struct mini_broker *mini, struct mini_frame frame, uint8_t *answer, size_t answer_size_max,
                          size_t answer_size_min);

// Produces a batch (copied) to one partition and returns its part of the answer.
struct produce_response_partition mini_broker_produce(struct mini_broker *mini, const char *topic, int32_t partition,
                                                      struct view batch, int16_t acks);

// A fetch of one partition: change what matters, then call.
struct mini_fetch {
    struct fetch_request request;
    struct fetch_request_topic topic;
    struct fetch_request_partition partition;
};
void mini_fetch_init(struct mini_fetch *fetch, const char *topic, int32_t partition, int64_t offset);

#endif
