// SPDX-License-Identifier: Apache-2.0
// The states of replicas: nonexistent → new → online ⇄ offline → deletion started → deletion successful (or ineligible,
// then offline again) → nonexistent. Moving to online tells the broker what it hosts, moving offline stops the replica
// and takes it out of the ISR. Illegal moves are logged and skipped. Confined to the controller's thread.
#ifndef SERVER_CONTROLLER_REPLICA_STATE_MACHINE_H
#define SERVER_CONTROLLER_REPLICA_STATE_MACHINE_H

#include "server/controller/partition_state_machine.h"

struct partition_replica {
    struct controlled_partition *partition;
    int32_t broker_id;
};

struct partition_replicas {
    ARRAY_OF(struct partition_replica);
};

void partition_replicas_add(struct partition_replicas *replicas, struct controlled_partition *partition,
                            int32_t broker_id);

// Adds all assigned replicas of the partition.
void partition_replicas_add_all(struct partition_replicas *replicas, struct controlled_partition *partition);

// Moves them, broker by broker, then sends the batch. Returns STALE_CONTROLLER_EPOCH when another controller took over;
// single failures are logged, the others go on.
enum kafka_error replica_state_machine_move(const struct state_machine *machine,
                                            const struct partition_replicas *replicas, enum replica_state target)
    __attribute__((warn_unused_result));

// At the start of a controller: replicas on live brokers are online, the others ineligible for deletion; then all are
// moved to online or offline, which tells every broker what it hosts.
enum kafka_error replica_state_machine_start(const struct state_machine *machine) __attribute__((warn_unused_result));

#endif
