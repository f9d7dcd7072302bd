// SPDX-License-Identifier: Apache-2.0
// Who leads a partition next: pure decisions on the controller's context. Each function takes the partition's
// leadership as just read from ZooKeeper and gives the one to write (leader epoch raised by one) and the brokers to
// tell; it returns false, and leaves both alone, when nobody can lead. The outputs are zeroed or used before; the
// caller frees them.
#ifndef SERVER_CONTROLLER_LEADER_ELECTION_H
#define SERVER_CONTROLLER_LEADER_ELECTION_H

#include "server/controller/controller_context.h"

enum election_strategy {
    ELECTION_OFFLINE,             // the leader is gone, or the partition is offline
    ELECTION_REASSIGNMENT,        // the leader is not among the target replicas
    ELECTION_PREFERRED,           // back to the first assigned replica
    ELECTION_CONTROLLED_SHUTDOWN, // away from brokers that are shutting down
};

const char *election_strategy_name(enum election_strategy strategy);

// is_unclean_allowed matters to ELECTION_OFFLINE only: a replica out of the ISR may lead; the ISR becomes that replica
// and the partition is marked as recovering (KIP-704).
bool leader_election_run(enum election_strategy strategy, const struct controller_context *context,
                         const struct controlled_partition *partition, const struct leadership *now,
                         bool is_unclean_allowed, struct leadership *next, struct broker_ids *recipients)
    __attribute__((warn_unused_result));

// Whether any ISR member could lead now: if not, whether unclean elections are allowed has to be found out.
bool leader_election_has_live_in_sync_replica(const struct controller_context *context,
                                              const struct controlled_partition *partition,
                                              const struct leadership *now);

// The leadership without that broker: leader -1 if it led; the last member stays in the ISR. Leader epoch + 1.
void leader_election_remove_replica(const struct leadership *now, int32_t broker_id, struct leadership *next);

#endif
