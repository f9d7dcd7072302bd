// SPDX-License-Identifier: Apache-2.0
// The states of partitions: nonexistent → new → online ⇄ offline → nonexistent. Moving to online gives a new partition
// its first leader (the first live assigned replica, ISR: all live ones) or elects one for an offline or online
// partition. Each decision is written to ZooKeeper first, then told to brokers through the batch. Illegal moves are
// logged and skipped. Confined to the controller's thread.
#ifndef SERVER_CONTROLLER_PARTITION_STATE_MACHINE_H
#define SERVER_CONTROLLER_PARTITION_STATE_MACHINE_H

#include "server/controller/control_batch.h"
#include "server/controller/leader_election.h"
#include "server/controller/state_store.h"

struct controlled_partitions {
    ARRAY_OF(struct controlled_partition *);
};

// What both state machines work on; the pointers outlive it.
struct state_machine {
    struct controller_context *context;
    const struct state_store *store;
    struct control_batch *batch;
};

// Moves the partitions, then sends the batch. strategy and is_unclean_allowed (whatever the topic's configuration says)
// matter for PARTITION_ONLINE. changed counts partitions that got a new leadership; may be NULL. Returns
// STALE_CONTROLLER_EPOCH when another controller took over; single failures are logged, the others go on.
enum kafka_error partition_state_machine_move(const struct state_machine *machine,
                                              const struct controlled_partitions *partitions,
                                              enum partition_state target, enum election_strategy strategy,
                                              bool is_unclean_allowed, size_t *changed)
    __attribute__((warn_unused_result));

// At the start of a controller: online if the leader is live, offline if not, new without a leadership.
void partition_state_machine_initialize(const struct state_machine *machine);

// Elects for all new and offline partitions but those of topics being deleted; of one topic only unless it is NULL.
enum kafka_error partition_state_machine_elect_all(const struct state_machine *machine,
                                                   const struct controlled_topic *topic, size_t *changed)
    __attribute__((warn_unused_result));

#endif
