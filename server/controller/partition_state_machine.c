// SPDX-License-Identifier: Apache-2.0
#include "server/controller/partition_state_machine.h"

#include "base/logger.h"

#include <stdio.h>

static bool is_valid_move(enum partition_state from, enum partition_state to)
{
    switch (to) {
    case PARTITION_NEW:
        return from == PARTITION_NONEXISTENT;
    case PARTITION_ONLINE:
    case PARTITION_OFFLINE:
        return from != PARTITION_NONEXISTENT;
    case PARTITION_NONEXISTENT:
        return from == PARTITION_OFFLINE;
    }
    return false;
}

static void log_failure(const struct controlled_partition *partition, enum partition_state target, const char *reason)
{
    logger_error("Partition %s-%d stays in state %s instead of moving to %s: %s", partition->topic->name,
                 partition->index, partition_state_name(partition->state), partition_state_name(target), reason);
}

// First leader: the first live assigned replica, ISR: all live ones in the order of the assignment. A partition whose
// znode is there already is left offline, in `known`: the answer to our own first try may have been lost with the
// connection (zk 2), and the election of an offline partition goes by what the znode says.
static enum kafka_error initialize_leaderships(const struct state_machine *machine,
                                               const struct controlled_partitions *partitions, size_t *changed,
                                               struct controlled_partitions *known)
{
    struct controller_context *context = machine->context;
    struct leadership_items items = {0};
    for (size_t i = 0; i < partitions->count; i++) {
        struct controlled_partition *partition = partitions->items[i];
        struct leadership first = {.leader = LEADER_NONE, .controller_epoch = context->epoch};
        for (size_t r = 0; r < partition->assignment.replicas.count; r++) {
            int32_t id = partition->assignment.replicas.items[r];
            if (controlled_partition_replica_is_online(context, partition, id))
                broker_ids_append(&first.isr, id);
        }
        if (first.isr.count == 0) {
            log_failure(partition, PARTITION_ONLINE, "no assigned replica is alive; it is tried again when one is");
            continue;
        }
        first.leader = first.isr.items[0];
        leadership_items_add(&items, partition)->leadership = first;
    }
    enum kafka_error error = items.count > 0 ? machine->store->create(machine->store->context, &items) : KAFKA_NONE;
    for (size_t i = 0; error == KAFKA_NONE && i < items.count; i++) {
        struct leadership_item *item = &items.items[i];
        if (item->error == KAFKA_TOPIC_ALREADY_EXISTS) {
            item->partition->state = PARTITION_OFFLINE;
            *array_append(known) = item->partition;
            continue;
        }
        if (item->error != KAFKA_NONE) {
            log_failure(item->partition, PARTITION_ONLINE, kafka_error_name((int16_t)item->error));
            continue;
        }
        controlled_partition_put_leadership(item->partition, &item->leadership);
        control_batch_add_leader_and_isr(machine->batch, &item->leadership.isr, item->partition, true);
        item->partition->state = PARTITION_ONLINE;
        logger_info("Partition %s-%d is online with leader %d", item->partition->topic->name, item->partition->index,
                    item->leadership.leader);
        (*changed)++;
    }
    leadership_items_fini(&items);
    return error;
}

// What has to be written for the leaderships just read, in `elected`; recipients runs beside it.
static void decide(const struct state_machine *machine, const struct leadership_items *read,
                   enum election_strategy strategy, bool is_unclean_allowed, struct leadership_items *elected,
                   struct broker_ids *recipients)
{
    const struct controller_context *context = machine->context;
    for (size_t i = 0; i < read->count; i++) {
        const struct leadership_item *item = &read->items[i];
        if (item->error != KAFKA_NONE) {
            log_failure(item->partition, PARTITION_ONLINE, kafka_error_name((int16_t)item->error));
            continue;
        }
        if (item->leadership.controller_epoch > context->epoch) {
            log_failure(item->partition, PARTITION_ONLINE, "its state was written by a later controller");
            continue;
        }
        bool unclean = is_unclean_allowed;
        if (!unclean && strategy == ELECTION_OFFLINE &&
            !leader_election_has_live_in_sync_replica(context, item->partition, &item->leadership))
            unclean =
                machine->store->is_unclean_election_allowed(machine->store->context, item->partition->topic->name);
        struct leadership next = {0};
        if (!leader_election_run(strategy, context, item->partition, &item->leadership, unclean, &next,
                                 &recipients[elected->count])) {
            log_failure(item->partition, PARTITION_ONLINE, "no replica is eligible as leader");
            continue;
        }
        next.controller_epoch = context->epoch;
        leadership_items_add(elected, item->partition)->leadership = next;
    }
}

// One round: reads, decides, writes. Partitions whose znode changed in between are left in `retry`.
static enum kafka_error elect_once(const struct state_machine *machine, const struct controlled_partitions *partitions,
                                   enum election_strategy strategy, bool is_unclean_allowed, size_t *changed,
                                   struct controlled_partitions *retry)
{
    struct leadership_items read = {0}, elected = {0};
    struct broker_ids *recipients = memory_alloc_array(partitions->count, sizeof *recipients);
    for (size_t i = 0; i < partitions->count; i++)
        leadership_items_add(&read, partitions->items[i]);
    enum kafka_error error = machine->store->read(machine->store->context, &read);
    if (error == KAFKA_NONE)
        decide(machine, &read, strategy, is_unclean_allowed, &elected, recipients);
    if (error == KAFKA_NONE && elected.count > 0)
        error = machine->store->update(machine->store->context, &elected);
    for (size_t i = 0; error == KAFKA_NONE && i < elected.count; i++) {
        struct leadership_item *item = &elected.items[i];
        if (item->error == KAFKA_INVALID_UPDATE_VERSION) {
            *array_append(retry) = item->partition;
        } else if (item->error != KAFKA_NONE) {
            log_failure(item->partition, PARTITION_ONLINE, kafka_error_name((int16_t)item->error));
        } else {
            controlled_partition_put_leadership(item->partition, &item->leadership);
            control_batch_add_leader_and_isr(machine->batch, &recipients[i], item->partition, false);
            item->partition->state = PARTITION_ONLINE;
            logger_info("Partition %s-%d has leader %d with epoch %d now (%s election)", item->partition->topic->name,
                        item->partition->index, item->leadership.leader, item->leadership.leader_epoch,
                        election_strategy_name(strategy));
            (*changed)++;
        }
    }
    for (size_t i = 0; i < partitions->count; i++)
        broker_ids_fini(&recipients[i]);
    free(recipients);
    leadership_items_fini(&read);
    leadership_items_fini(&elected);
    return error;
}

static enum kafka_error elect(const struct state_machine *machine, const struct controlled_partitions *partitions,
                              enum election_strategy strategy, bool is_unclean_allowed, size_t *changed)
{
    struct controlled_partitions round = {0}, retry = {0};
    for (size_t i = 0; i < partitions->count; i++)
        *array_append(&round) = partitions->items[i];
    enum kafka_error error = KAFKA_NONE;
    while (error == KAFKA_NONE && round.count > 0) {
        error = elect_once(machine, &round, strategy, is_unclean_allowed, changed, &retry);
        struct controlled_partitions done = round;
        round = retry;
        retry = done;
        retry.count = 0;
    }
    array_fini(&round);
    array_fini(&retry);
    return error;
}

static enum kafka_error move_online(const struct state_machine *machine, const struct controlled_partitions *valid,
                                    enum election_strategy strategy, bool is_unclean_allowed, size_t *changed)
{
    struct controlled_partitions fresh = {0}, others = {0};
    for (size_t i = 0; i < valid->count; i++)
        *array_append(valid->items[i]->state == PARTITION_NEW ? &fresh : &others) = valid->items[i];
    enum kafka_error error = KAFKA_NONE;
    if (fresh.count > 0)
        error = initialize_leaderships(machine, &fresh, changed, &others);
    if (error == KAFKA_NONE && others.count > 0)
        error = elect(machine, &others, strategy, is_unclean_allowed, changed);
    array_fini(&fresh);
    array_fini(&others);
    return error;
}

enum kafka_error partition_state_machine_move(const struct state_machine *machine,
                                              const struct controlled_partitions *partitions,
                                              enum partition_state target, enum election_strategy strategy,
                                              bool is_unclean_allowed, size_t *changed)
{
    struct controlled_partitions valid = {0};
    size_t changed_here = 0;
    for (size_t i = 0; i < partitions->count; i++) {
        if (is_valid_move(partitions->items[i]->state, target))
            *array_append(&valid) = partitions->items[i];
        else
            log_failure(partitions->items[i], target, "such a move is not allowed");
    }
    enum kafka_error error = KAFKA_NONE;
    if (target == PARTITION_ONLINE) {
        error = move_online(machine, &valid, strategy, is_unclean_allowed, &changed_here);
    } else {
        for (size_t i = 0; i < valid.count; i++)
            valid.items[i]->state = target;
    }
    array_fini(&valid);
    if (error == KAFKA_NONE)
        control_batch_send(machine->batch);
    else
        control_batch_clear(machine->batch);
    if (changed != NULL)
        *changed = changed_here;
    if (error != KAFKA_NONE && error != KAFKA_STALE_CONTROLLER_EPOCH)
        logger_error("Partitions stay as they are instead of moving to %s: %s", partition_state_name(target),
                     kafka_error_name((int16_t)error));
    return error == KAFKA_STALE_CONTROLLER_EPOCH ? error : KAFKA_NONE;
}

void partition_state_machine_initialize(const struct state_machine *machine)
{
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(machine->context, &walk));) {
        if (!partition->has_leadership)
            partition->state = PARTITION_NEW;
        else if (controlled_partition_replica_is_online(machine->context, partition, partition->leadership.leader))
            partition->state = PARTITION_ONLINE;
        else
            partition->state = PARTITION_OFFLINE;
    }
}

enum kafka_error partition_state_machine_elect_all(const struct state_machine *machine,
                                                   const struct controlled_topic *topic, size_t *changed)
{
    struct controlled_partitions partitions = {0};
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(machine->context, &walk));) {
        if ((partition->state == PARTITION_NEW || partition->state == PARTITION_OFFLINE) &&
            !partition->topic->is_queued_for_deletion && (topic == NULL || partition->topic == topic))
            *array_append(&partitions) = partition;
    }
    enum kafka_error error = KAFKA_NONE;
    if (changed != NULL)
        *changed = 0;
    if (partitions.count > 0)
        error = partition_state_machine_move(machine, &partitions, PARTITION_ONLINE, ELECTION_OFFLINE, false, changed);
    array_fini(&partitions);
    return error;
}
