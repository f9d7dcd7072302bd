// SPDX-License-Identifier: Apache-2.0
#include "server/controller/leader_election.h"

const char *election_strategy_name(enum election_strategy strategy)
{
    static const char *const names[] = {"offline partition", "reassignment", "preferred replica",
                                        "controlled shutdown"};
    return names[strategy];
}

static bool is_online(const struct controller_context *context, const struct controlled_partition *partition,
                      int32_t broker_id)
{
    return controlled_partition_replica_is_online(context, partition, broker_id);
}

static bool is_shutting_down(const struct controller_context *context, int32_t broker_id)
{
    const struct live_broker *broker = controller_context_broker(context, broker_id);
    return broker != NULL && broker->is_shutting_down;
}

// The first of the candidates that is online and in sync, or LEADER_NONE.
static int32_t first_in_sync(const struct controller_context *context, const struct controlled_partition *partition,
                             const struct broker_ids *candidates, const struct leadership *now)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (is_online(context, partition, candidates->items[i]) && broker_ids_contain(&now->isr, candidates->items[i]))
            return candidates->items[i];
    }
    return LEADER_NONE;
}

static void move_leader(const struct leadership *now, int32_t leader, struct leadership *next)
{
    leadership_copy(next, now);
    next->leader = leader;
    next->leader_epoch = now->leader_epoch + 1;
}

static bool elect_offline(const struct controller_context *context, const struct controlled_partition *partition,
                          const struct leadership *now, bool is_unclean_allowed, struct leadership *next,
                          struct broker_ids *recipients)
{
    const struct broker_ids *assigned = &partition->assignment.replicas;
    int32_t leader = first_in_sync(context, partition, assigned, now);
    bool is_unclean = leader == LEADER_NONE;
    for (size_t i = 0; is_unclean_allowed && leader == LEADER_NONE && i < assigned->count; i++) {
        if (is_online(context, partition, assigned->items[i]))
            leader = assigned->items[i];
    }
    if (leader == LEADER_NONE)
        return false;
    move_leader(now, leader, next);
    next->isr.count = 0;
    for (size_t i = 0; !is_unclean && i < now->isr.count; i++) {
        if (is_online(context, partition, now->isr.items[i]))
            broker_ids_append(&next->isr, now->isr.items[i]);
    }
    if (is_unclean) {
        broker_ids_append(&next->isr, leader);
        next->recovery_state = 1;
    }
    recipients->count = 0;
    for (size_t i = 0; i < assigned->count; i++) {
        if (is_online(context, partition, assigned->items[i]))
            broker_ids_append(recipients, assigned->items[i]);
    }
    return true;
}

static bool elect_for_reassignment(const struct controller_context *context,
                                   const struct controlled_partition *partition, const struct leadership *now,
                                   struct leadership *next, struct broker_ids *recipients)
{
    struct broker_ids target = {0};
    broker_ids_copy(&target, &partition->assignment.replicas);
    for (size_t i = 0; i < partition->assignment.removing.count; i++)
        broker_ids_remove(&target, partition->assignment.removing.items[i]);
    int32_t leader = first_in_sync(context, partition, &target, now);
    if (leader != LEADER_NONE) {
        move_leader(now, leader, next);
        broker_ids_copy(recipients, &target);
    }
    broker_ids_fini(&target);
    return leader != LEADER_NONE;
}

static bool elect_preferred(const struct controller_context *context, const struct controlled_partition *partition,
                            const struct leadership *now, struct leadership *next, struct broker_ids *recipients)
{
    const struct broker_ids *assigned = &partition->assignment.replicas;
    struct broker_ids first = {.items = assigned->items, .count = assigned->count > 0 ? 1 : 0};
    int32_t leader = first_in_sync(context, partition, &first, now);
    if (leader == LEADER_NONE)
        return false;
    move_leader(now, leader, next);
    broker_ids_copy(recipients, assigned);
    return true;
}

static bool elect_for_controlled_shutdown(const struct controller_context *context,
                                          const struct controlled_partition *partition, const struct leadership *now,
                                          struct leadership *next, struct broker_ids *recipients)
{
    int32_t leader = first_in_sync(context, partition, &partition->assignment.replicas, now);
    if (leader == LEADER_NONE)
        return false;
    move_leader(now, leader, next);
    for (size_t i = 0; i < now->isr.count; i++) {
        if (is_shutting_down(context, now->isr.items[i]))
            broker_ids_remove(&next->isr, now->isr.items[i]);
    }
    recipients->count = 0;
    for (size_t i = 0; i < partition->assignment.replicas.count; i++) {
        int32_t id = partition->assignment.replicas.items[i];
        if (is_online(context, partition, id) || is_shutting_down(context, id))
            broker_ids_append(recipients, id);
    }
    return true;
}

bool leader_election_run(enum election_strategy strategy, const struct controller_context *context,
                         const struct controlled_partition *partition, const struct leadership *now,
                         bool is_unclean_allowed, struct leadership *next, struct broker_ids *recipients)
{
    switch (strategy) {
    case ELECTION_OFFLINE:
        return elect_offline(context, partition, now, is_unclean_allowed, next, recipients);
    case ELECTION_REASSIGNMENT:
        return elect_for_reassignment(context, partition, now, next, recipients);
    case ELECTION_PREFERRED:
        return elect_preferred(context, partition, now, next, recipients);
    case ELECTION_CONTROLLED_SHUTDOWN:
        return elect_for_controlled_shutdown(context, partition, now, next, recipients);
    }
    return false;
}

bool leader_election_has_live_in_sync_replica(const struct controller_context *context,
                                              const struct controlled_partition *partition,
                                              const struct leadership *now)
{
    return first_in_sync(context, partition, &now->isr, now) != LEADER_NONE;
}

void leader_election_remove_replica(const struct leadership *now, int32_t broker_id, struct leadership *next)
{
    move_leader(now, now->leader == broker_id ? LEADER_NONE : now->leader, next);
    if (next->isr.count > 1)
        broker_ids_remove(&next->isr, broker_id);
}
