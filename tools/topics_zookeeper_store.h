// SPDX-License-Identifier: Apache-2.0
// Topics as they are in ZooKeeper, read and written in the way of Kafka 2.8's tools: without the checks that only a
// controller can make. Confined to one thread. What is read lies in the arena; false comes with the failure.
#ifndef TOOLS_TOPICS_ZOOKEEPER_STORE_H
#define TOOLS_TOPICS_ZOOKEEPER_STORE_H

#include "base/properties.h"
#include "rules/replica_assignment.h"
#include "tools/failure.h"
#include "zk/formats.h"
#include "zk/znodes.h"

struct topic_store {
    struct zk_session *session; // NULL: the chroot is not there, and so nothing is
    struct arena *arena;
    struct failure *failure;
};

struct topic_brokers {
    struct assignment_broker *items; // ids rising
    int32_t count;
};

// Waits for ZooKeeper for 30 seconds and ends the process with code 1 when none answers.
void topic_store_open(struct topic_store *store, const char *connect, struct arena *arena, struct failure *failure);
void topic_store_close(struct topic_store *store);

// All topics, in no order; none when the cluster has not been there yet.
bool topic_store_topics(struct topic_store *store, struct zk_names *names) __attribute__((warn_unused_result));

// The live brokers, with their racks if these are to be heeded; then it is a failure that only some have one.
bool topic_store_brokers(struct topic_store *store, bool with_racks, struct topic_brokers *brokers)
    __attribute__((warn_unused_result));

bool topic_store_read(struct topic_store *store, const char *topic, struct zk_topic *read)
    __attribute__((warn_unused_result));

// The states of all partitions; one without a state has no leader and nobody in sync.
bool topic_store_states(struct topic_store *store, const char *name, const struct zk_topic *topic,
                        struct zk_partition_state *states) __attribute__((warn_unused_result));

// Fills zeroed properties, which the caller frees.
bool topic_store_configs(struct topic_store *store, const char *topic, struct properties *configs)
    __attribute__((warn_unused_result));
bool topic_store_is_marked(struct topic_store *store, const char *topic, bool *is_marked)
    __attribute__((warn_unused_result));

// Writes the configuration, then the topic (without an id: the controller gives it one).
bool topic_store_create(struct topic_store *store, const char *topic, const struct replica_list *lists, int32_t count,
                        const struct properties *configs) __attribute__((warn_unused_result));

// Appends partitions to what was read.
bool topic_store_grow(struct topic_store *store, const char *name, const struct zk_topic *topic,
                      const struct replica_list *lists, int32_t count) __attribute__((warn_unused_result));

// Writes the configuration and tells the brokers.
bool topic_store_set_configs(struct topic_store *store, const char *topic, const struct properties *configs)
    __attribute__((warn_unused_result));

// Asks the controller to delete the topic.
bool topic_store_mark(struct topic_store *store, const char *topic, bool *was_marked)
    __attribute__((warn_unused_result));

#endif
