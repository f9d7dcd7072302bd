// SPDX-License-Identifier: Apache-2.0
// A cluster in memory for the tests of the controller's parts: a context, a table in ZooKeeper's place, and the
// requests that brokers would get, as text.
#ifndef TEST_UNIT_SERVER_CONTROLLER_CLUSTER_H
#define TEST_UNIT_SERVER_CONTROLLER_CLUSTER_H

#include "server/controller/topic_deletion.h"

struct cluster {
    struct controller_context context;
    struct state_store store;
    struct control_batch *batch;
    struct state_machine machine;
    struct topic_deletion deletion;

    struct leadership_items written; // what the table in ZooKeeper's place holds
    char sent[4096];                 // "LeaderAndIsr>1 t-0:leader=1,epoch=0,isr=[1],new;" per request
    char deleted[256];               // topics whose znodes were removed
    bool is_fenced;                  // writes fail as another controller has taken over
    int conflicts;                   // so many updates find another version first
    bool is_unclean_allowed;
};

// Brokers 1 … broker_count are live, with endpoint PLAINTEXT://host:9091, :9092 …
void cluster_init(struct cluster *cluster, int broker_count);
void cluster_fini(struct cluster *cluster);

void cluster_add_broker(struct cluster *cluster, int32_t id);

// Adds a partition with these replicas (ended by 0), in no state.
struct controlled_partition *cluster_add_partition(struct cluster *cluster, const char *topic, int32_t index,
                                                   const int32_t *replicas);

// Takes the partition all the way to online, then forgets what was sent.
void cluster_create(struct cluster *cluster, struct controlled_partition *partition);

// Moves one partition, or all its replicas, or one of them; returns the error.
enum kafka_error cluster_move(struct cluster *cluster, struct controlled_partition *partition,
                              enum partition_state target);
enum kafka_error cluster_move_replicas(struct cluster *cluster, struct controlled_partition *partition,
                                       enum replica_state target);
enum kafka_error cluster_move_replica(struct cluster *cluster, struct controlled_partition *partition,
                                      int32_t broker_id, enum replica_state target);

// What the table holds for the partition, or NULL.
const struct leadership *cluster_written(const struct cluster *cluster, const struct controlled_partition *partition);

#endif
