// SPDX-License-Identifier: Apache-2.0
// Topics as ZooKeeper's znodes: what CreateTopics, CreatePartitions, DeleteTopics and automatic creation check and
// write. The controller acts on what is written, whoever wrote it. All functions wait for ZooKeeper: the admin thread.
#ifndef SERVER_CONTROLLER_TOPIC_ADMIN_H
#define SERVER_CONTROLLER_TOPIC_ADMIN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/properties.h"
#include "base/uuid.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;

// What a client says about one partition's replicas.
struct given_replicas {
    int32_t partition;
    const int32_t *broker_ids;
    int32_t count;
};

struct topic_creation {
    struct view name;
    int32_t partition_count;    // -1: num.partitions
    int32_t replication_factor; // -1: default.replication.factor
    const struct given_replicas *given;
    int32_t given_count; // 0: replicas are spread over the live brokers
    const struct properties *overrides;
};

// How it ended. message is for people, in the arena, NULL for none.
struct topic_outcome {
    enum kafka_error error;
    const char *message;
    struct uuid id; // zero unless the topic was written
    int32_t partition_count;
    int16_t replication_factor;
};

// Checks in Apache Kafka's order, with its errors and words; then, unless validate_only, writes the configuration and
// the assignment.
void topic_admin_create(struct broker *broker, struct arena *arena, const struct topic_creation *creation,
                        bool validate_only, struct topic_outcome *outcome);

// count: how many partitions the topic is to have. given: one element per new partition (their partition is ignored),
// or NULL to spread.
void topic_admin_grow(struct broker *broker, struct arena *arena, struct view name, int32_t count,
                      const struct given_replicas *given, int32_t given_count, bool validate_only,
                      struct topic_outcome *outcome);

// Asks the controller to delete it; NONE also when that was asked before.
void topic_admin_delete(struct broker *broker, struct arena *arena, struct view name, struct topic_outcome *outcome);

#endif
