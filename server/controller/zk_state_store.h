// SPDX-License-Identifier: Apache-2.0
// The state store of the broker: /brokers/topics/T/partitions/P/state in ZooKeeper, every write behind the check of the
// controller's epoch. Confined to the controller's thread; calls wait for ZooKeeper.
#ifndef SERVER_CONTROLLER_ZK_STATE_STORE_H
#define SERVER_CONTROLLER_ZK_STATE_STORE_H

#include "server/controller/state_store.h"
#include "zk/result.h"

struct config;
struct zk_session;

struct zk_state_store {
    struct zk_session *session;
    const struct controller_context *context; // whose epoch_version fences the writes
    const struct config *config;              // for the default of unclean.leader.election.enable
};

// The table of calls on it; it outlives the table.
struct state_store zk_state_store_calls(struct zk_state_store *store);

// STALE_CONTROLLER_EPOCH for a failed fence or a session that is over, which ends a controller as well; otherwise as
// zk_result_to_kafka_error.
enum kafka_error controller_error_of_zk(enum zk_result result);

#endif
