// SPDX-License-Identifier: Apache-2.0
#include "server/controller/replica_state_machine.h"

#include "base/logger.h"

static bool is_valid_move(enum replica_state from, enum replica_state to)
{
    switch (to) {
    case REPLICA_NEW:
        return from == REPLICA_NONEXISTENT;
    case REPLICA_ONLINE:
        return from == REPLICA_NEW || from == REPLICA_ONLINE || from == REPLICA_OFFLINE ||
               from == REPLICA_DELETION_INELIGIBLE;
    case REPLICA_OFFLINE:
        return from == REPLICA_NEW || from == REPLICA_ONLINE || from == REPLICA_OFFLINE ||
               from == REPLICA_DELETION_INELIGIBLE;
    case REPLICA_DELETION_STARTED:
        return from == REPLICA_OFFLINE;
    case REPLICA_DELETION_SUCCESSFUL:
        return from == REPLICA_DELETION_STARTED;
    case REPLICA_DELETION_INELIGIBLE:
        return from == REPLICA_OFFLINE || from == REPLICA_DELETION_STARTED;
    case REPLICA_NONEXISTENT:
        return from == REPLICA_DELETION_SUCCESSFUL;
    }
    return false;
}

void partition_replicas_add(struct partition_replicas *replicas, struct controlled_partition *partition,
                            int32_t broker_id)
{
    *array_append(replicas) = (struct partition_replica){partition, broker_id};
}

void partition_replicas_add_all(struct partition_replicas *replicas, struct controlled_partition *partition)
{
    for (size_t i = 0; i < partition->assignment.replicas.count; i++)
        partition_replicas_add(replicas, partition, partition->assignment.replicas.items[i]);
}

static void log_failure(const struct partition_replica *replica, enum replica_state target, const char *reason)
{
    enum replica_state now = controlled_partition_replica_state(replica->partition, replica->broker_id);
    logger_error("Replica %d of %s-%d stays in state %s instead of moving to %s: %s", replica->broker_id,
                 replica->partition->topic->name, replica->partition->index, replica_state_name(now),
                 replica_state_name(target), reason);
}

static void put_state(const struct partition_replica *replica, enum replica_state state)
{
    controlled_partition_put_replica_state(replica->partition, replica->broker_id, state);
}

static void move_to_new(const struct state_machine *machine, const struct partition_replica *replica)
{
    struct controlled_partition *partition = replica->partition;
    if (partition->has_leadership) {
        if (partition->leadership.leader == replica->broker_id) {
            log_failure(replica, REPLICA_NEW, "it is being asked to lead");
            return;
        }
        const struct broker_ids one = {.items = &(int32_t){replica->broker_id}, .count = 1};
        control_batch_add_leader_and_isr(machine->batch, &one, partition, true);
    }
    put_state(replica, REPLICA_NEW);
}

static void move_to_online(const struct state_machine *machine, const struct partition_replica *replica)
{
    struct controlled_partition *partition = replica->partition;
    if (controlled_partition_replica_state(partition, replica->broker_id) == REPLICA_NEW) {
        broker_ids_add(&partition->assignment.replicas, replica->broker_id);
    } else if (partition->has_leadership) {
        const struct broker_ids one = {.items = &(int32_t){replica->broker_id}, .count = 1};
        control_batch_add_leader_and_isr(machine->batch, &one, partition, false);
    }
    put_state(replica, REPLICA_ONLINE);
}

// The partition has this leadership now that the replica is out of its ISR: tells the others.
static void take_offline(const struct state_machine *machine, const struct partition_replica *replica,
                         const struct leadership *leadership)
{
    struct controlled_partition *partition = replica->partition;
    controlled_partition_put_leadership(partition, leadership);
    partition->leadership.controller_epoch = machine->context->epoch;
    if (!partition->topic->is_queued_for_deletion) {
        struct broker_ids others = {0};
        broker_ids_copy(&others, &partition->assignment.replicas);
        broker_ids_remove(&others, replica->broker_id);
        control_batch_add_leader_and_isr(machine->batch, &others, partition, false);
        broker_ids_fini(&others);
    }
    put_state(replica, REPLICA_OFFLINE);
}

// One round of removing the broker from ISRs; partitions whose znode changed in between are left in `retry`.
static enum kafka_error remove_from_isr_once(const struct state_machine *machine, int32_t broker_id,
                                             const struct partition_replicas *replicas,
                                             struct partition_replicas *retry)
{
    struct leadership_items read = {0}, written = {0};
    for (size_t i = 0; i < replicas->count; i++)
        leadership_items_add(&read, replicas->items[i].partition);
    enum kafka_error error = machine->store->read(machine->store->context, &read);
    for (size_t i = 0; error == KAFKA_NONE && i < read.count; i++) {
        struct leadership_item *item = &read.items[i];
        const struct partition_replica replica = {item->partition, broker_id};
        if (item->error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION && item->partition->topic->is_queued_for_deletion)
            continue;
        if (item->error != KAFKA_NONE) {
            log_failure(&replica, REPLICA_OFFLINE, kafka_error_name((int16_t)item->error));
        } else if (item->leadership.controller_epoch > machine->context->epoch) {
            log_failure(&replica, REPLICA_OFFLINE, "the partition's state was written by a later controller");
        } else if (!broker_ids_contain(&item->leadership.isr, broker_id)) {
            take_offline(machine, &replica, &item->leadership);
        } else {
            struct leadership_item *next = leadership_items_add(&written, item->partition);
            leader_election_remove_replica(&item->leadership, broker_id, &next->leadership);
            next->leadership.controller_epoch = machine->context->epoch;
        }
    }
    if (error == KAFKA_NONE && written.count > 0)
        error = machine->store->update(machine->store->context, &written);
    for (size_t i = 0; error == KAFKA_NONE && i < written.count; i++) {
        struct leadership_item *item = &written.items[i];
        const struct partition_replica replica = {item->partition, broker_id};
        if (item->error == KAFKA_NONE)
            take_offline(machine, &replica, &item->leadership);
        else if (item->error == KAFKA_INVALID_UPDATE_VERSION)
            partition_replicas_add(retry, item->partition, broker_id);
        else
            log_failure(&replica, REPLICA_OFFLINE, kafka_error_name((int16_t)item->error));
    }
    leadership_items_fini(&read);
    leadership_items_fini(&written);
    return error;
}

static enum kafka_error move_to_offline(const struct state_machine *machine, int32_t broker_id,
                                        const struct partition_replicas *replicas)
{
    struct partition_replicas round = {0}, retry = {0};
    for (size_t i = 0; i < replicas->count; i++) {
        struct partition_replica replica = replicas->items[i];
        control_batch_add_stop_replica(machine->batch, broker_id, replica.partition, false);
        if (replica.partition->has_leadership)
            *array_append(&round) = replica;
    }
    enum kafka_error error = KAFKA_NONE;
    while (error == KAFKA_NONE && round.count > 0) {
        error = remove_from_isr_once(machine, broker_id, &round, &retry);
        struct partition_replicas done = round;
        round = retry;
        retry = done;
        retry.count = 0;
    }
    array_fini(&round);
    array_fini(&retry);
    for (size_t i = 0; error == KAFKA_NONE && i < replicas->count; i++) {
        if (!replicas->items[i].partition->has_leadership) {
            control_batch_add_update_metadata(machine->batch, replicas->items[i].partition);
            put_state(&replicas->items[i], REPLICA_OFFLINE);
        }
    }
    return error;
}

static void move_one(const struct state_machine *machine, const struct partition_replica *replica,
                     enum replica_state target)
{
    switch (target) {
    case REPLICA_NEW:
        move_to_new(machine, replica);
        break;
    case REPLICA_ONLINE:
        move_to_online(machine, replica);
        break;
    case REPLICA_DELETION_STARTED:
        put_state(replica, target);
        control_batch_add_stop_replica(machine->batch, replica->broker_id, replica->partition, true);
        break;
    case REPLICA_NONEXISTENT:
        broker_ids_remove(&replica->partition->assignment.replicas, replica->broker_id);
        broker_ids_remove(&replica->partition->assignment.adding, replica->broker_id);
        broker_ids_remove(&replica->partition->assignment.removing, replica->broker_id);
        put_state(replica, target);
        break;
    default:
        put_state(replica, target);
    }
}

// The replicas of one broker.
static enum kafka_error move_broker(const struct state_machine *machine, int32_t broker_id,
                                    const struct partition_replicas *replicas, enum replica_state target)
{
    struct partition_replicas valid = {0};
    for (size_t i = 0; i < replicas->count; i++) {
        const struct partition_replica *replica = &replicas->items[i];
        if (replica->broker_id != broker_id)
            continue;
        if (is_valid_move(controlled_partition_replica_state(replica->partition, broker_id), target))
            *array_append(&valid) = *replica;
        else
            log_failure(replica, target, "such a move is not allowed");
    }
    enum kafka_error error = KAFKA_NONE;
    if (target == REPLICA_OFFLINE) {
        error = move_to_offline(machine, broker_id, &valid);
    } else {
        for (size_t i = 0; i < valid.count; i++)
            move_one(machine, &valid.items[i], target);
    }
    array_fini(&valid);
    return error;
}

enum kafka_error replica_state_machine_move(const struct state_machine *machine,
                                            const struct partition_replicas *replicas, enum replica_state target)
{
    struct broker_ids brokers = {0};
    for (size_t i = 0; i < replicas->count; i++)
        broker_ids_add(&brokers, replicas->items[i].broker_id);
    enum kafka_error error = KAFKA_NONE;
    for (size_t i = 0; error == KAFKA_NONE && i < brokers.count; i++)
        error = move_broker(machine, brokers.items[i], replicas, target);
    broker_ids_fini(&brokers);
    if (error == KAFKA_NONE)
        control_batch_send(machine->batch);
    else
        control_batch_clear(machine->batch);
    if (error != KAFKA_NONE && error != KAFKA_STALE_CONTROLLER_EPOCH)
        logger_error("Replicas stay as they are instead of moving to %s: %s", replica_state_name(target),
                     kafka_error_name((int16_t)error));
    return error == KAFKA_STALE_CONTROLLER_EPOCH ? error : KAFKA_NONE;
}

enum kafka_error replica_state_machine_start(const struct state_machine *machine)
{
    struct partition_replicas online = {0}, offline = {0};
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(machine->context, &walk));) {
        for (size_t i = 0; i < partition->assignment.replicas.count; i++) {
            int32_t id = partition->assignment.replicas.items[i];
            bool is_online = controlled_partition_replica_is_online(machine->context, partition, id);
            controlled_partition_put_replica_state(partition, id,
                                                   is_online ? REPLICA_ONLINE : REPLICA_DELETION_INELIGIBLE);
            partition_replicas_add(is_online ? &online : &offline, partition, id);
        }
    }
    enum kafka_error error = replica_state_machine_move(machine, &online, REPLICA_ONLINE);
    if (error == KAFKA_NONE)
        error = replica_state_machine_move(machine, &offline, REPLICA_OFFLINE);
    array_fini(&online);
    array_fini(&offline);
    return error;
}
