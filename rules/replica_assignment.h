// SPDX-License-Identifier: Apache-2.0
// Which brokers get the replicas of a topic's partitions, as Kafka spreads them (KIP-36 for racks), and the text form
// of an assignment that a person gives. Pure functions; arrays belong to the caller's arena.
#ifndef RULES_REPLICA_ASSIGNMENT_H
#define RULES_REPLICA_ASSIGNMENT_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

struct assignment_broker {
    int32_t id;
    const char *rack; // NULL: none
};

struct replica_list {
    const int32_t *broker_ids; // the preferred leader first
    int32_t count;
};

// Spreads partitions first_partition … first_partition + partition_count - 1 over the brokers (ids rising). With racks
// replicas of a partition come to stand in as many different ones as there are. start_index: where the first replica of
// partition 0 goes and by how much the others are shifted; -1 for random, as for a new topic. Results: *lists has
// partition_count elements. Errors, with Kafka's text for people in *message (in the arena): INVALID_PARTITIONS,
// INVALID_REPLICATION_FACTOR ("Replication factor: 3 larger than available brokers: 1."), INVALID_REQUEST when some
// brokers have a rack and others have none; UNKNOWN_SERVER_ERROR when the arena is at its maximum.
enum kafka_error replica_assignment_spread(struct arena *arena, const struct assignment_broker *brokers,
                                           int32_t broker_count, int32_t partition_count, int32_t replication_factor,
                                           int32_t first_partition, int32_t start_index,
                                           const struct replica_list **lists, const char **message)
    __attribute__((warn_unused_result));

// Reads "0:1,1:2,…": replicas of a partition separated by colons, partitions by commas. Errors, with a text for people
// in *message: a word that is no number, the same broker twice in a partition, partitions with different replica
// counts.
enum kafka_error replica_assignment_parse(struct arena *arena, const char *text, const struct replica_list **lists,
                                          int32_t *partition_count, const char **message)
    __attribute__((warn_unused_result));

#endif
