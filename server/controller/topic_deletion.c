// SPDX-License-Identifier: Apache-2.0
#include "server/controller/topic_deletion.h"

#include "base/logger.h"

struct controlled_topics {
    ARRAY_OF(struct controlled_topic *);
};

static void add_replicas_in(struct partition_replicas *replicas, const struct controlled_topic *topic,
                            enum replica_state state)
{
    for (size_t i = 0; i < topic->partitions.count; i++) {
        struct controlled_partition *partition = topic->partitions.items[i];
        for (size_t r = 0; r < partition->replicas.count; r++) {
            if (partition->replicas.items[r].state == state)
                partition_replicas_add(replicas, partition, partition->replicas.items[r].broker_id);
        }
    }
}

void topic_deletion_mark_ineligible(struct controlled_topic *topic, const char *reason)
{
    if (!topic->is_deletion_ineligible)
        logger_info("The deletion of topic %s waits: %s", topic->name, reason);
    topic->is_deletion_ineligible = true;
}

static enum kafka_error complete_topic(const struct topic_deletion *deletion, struct controlled_topic *topic)
{
    struct partition_replicas replicas = {0};
    add_replicas_in(&replicas, topic, REPLICA_DELETION_SUCCESSFUL);
    enum kafka_error error = replica_state_machine_move(deletion->machine, &replicas, REPLICA_NONEXISTENT);
    array_fini(&replicas);
    if (error == KAFKA_NONE)
        error = deletion->delete_znodes(deletion->context, topic);
    if (error != KAFKA_NONE)
        return error;
    logger_info("The deletion of topic %s is complete", topic->name);
    controller_context_remove_topic(deletion->machine->context, topic);
    return KAFKA_NONE;
}

static enum kafka_error take_partitions_down(const struct topic_deletion *deletion,
                                             const struct controlled_topics *topics)
{
    const struct state_machine *machine = deletion->machine;
    struct controlled_partitions partitions = {0};
    for (size_t i = 0; i < topics->count; i++) {
        struct controlled_topic *topic = topics->items[i];
        for (size_t p = 0; !topic->is_deletion_started && p < topic->partitions.count; p++)
            *array_append(&partitions) = topic->partitions.items[p];
        topic->is_deletion_started = true;
    }
    enum kafka_error error =
        partition_state_machine_move(machine, &partitions, PARTITION_OFFLINE, ELECTION_OFFLINE, false, NULL);
    if (error == KAFKA_NONE)
        error =
            partition_state_machine_move(machine, &partitions, PARTITION_NONEXISTENT, ELECTION_OFFLINE, false, NULL);
    array_fini(&partitions);
    return error;
}

static void tell_brokers(const struct topic_deletion *deletion, const struct controlled_topics *topics)
{
    struct control_batch *batch = deletion->machine->batch;
    for (size_t i = 0; i < topics->count; i++) {
        for (size_t p = 0; p < topics->items[i]->partitions.count; p++)
            control_batch_add_update_metadata(batch, topics->items[i]->partitions.items[p]);
    }
    control_batch_add_update_metadata(batch, NULL);
    control_batch_send(batch);
}

static enum kafka_error delete_replicas(const struct topic_deletion *deletion, const struct controlled_topics *topics)
{
    const struct state_machine *machine = deletion->machine;
    struct partition_replicas dead = {0}, alive = {0};
    for (size_t i = 0; i < topics->count; i++) {
        struct controlled_topic *topic = topics->items[i];
        size_t dead_before = dead.count;
        for (size_t p = 0; p < topic->partitions.count; p++) {
            struct controlled_partition *partition = topic->partitions.items[p];
            for (size_t r = 0; r < partition->assignment.replicas.count; r++) {
                int32_t id = partition->assignment.replicas.items[r];
                if (!controlled_partition_replica_is_online(machine->context, partition, id))
                    partition_replicas_add(&dead, partition, id);
                else if (controlled_partition_replica_state(partition, id) != REPLICA_DELETION_SUCCESSFUL)
                    partition_replicas_add(&alive, partition, id);
            }
        }
        if (dead.count > dead_before)
            topic_deletion_mark_ineligible(topic, "it has replicas that are offline");
    }
    enum kafka_error error = replica_state_machine_move(machine, &dead, REPLICA_DELETION_INELIGIBLE);
    if (error == KAFKA_NONE)
        error = replica_state_machine_move(machine, &alive, REPLICA_OFFLINE);
    if (error == KAFKA_NONE)
        error = replica_state_machine_move(machine, &alive, REPLICA_DELETION_STARTED);
    array_fini(&dead);
    array_fini(&alive);
    return error;
}

enum kafka_error topic_deletion_advance(const struct topic_deletion *deletion)
{
    struct controlled_topics queued = {0}, started = {0};
    struct partition_replicas retried = {0};
    const struct controller_context *context = deletion->machine->context;
    for (size_t i = 0; i < context->topics.count; i++) {
        if (context->topics.items[i]->is_queued_for_deletion)
            *array_append(&queued) = context->topics.items[i];
    }
    enum kafka_error error = KAFKA_NONE;
    for (size_t i = 0; error == KAFKA_NONE && i < queued.count; i++) {
        struct controlled_topic *topic = queued.items[i];
        if (controlled_topic_all_replicas_in(topic, REPLICA_DELETION_SUCCESSFUL)) {
            error = complete_topic(deletion, topic);
            continue;
        }
        bool is_in_progress = controlled_topic_any_replica_in(topic, REPLICA_DELETION_STARTED);
        if (!is_in_progress)
            add_replicas_in(&retried, topic, REPLICA_DELETION_INELIGIBLE);
        if (!is_in_progress && !topic->is_deletion_ineligible) {
            logger_info("The deletion of topic %s starts", topic->name);
            *array_append(&started) = topic;
        }
    }
    if (error == KAFKA_NONE && retried.count > 0)
        error = replica_state_machine_move(deletion->machine, &retried, REPLICA_OFFLINE);
    if (error == KAFKA_NONE && started.count > 0)
        error = take_partitions_down(deletion, &started);
    if (error == KAFKA_NONE && started.count > 0) {
        tell_brokers(deletion, &started);
        error = delete_replicas(deletion, &started);
    }
    array_fini(&queued);
    array_fini(&started);
    array_fini(&retried);
    return error;
}

enum kafka_error topic_deletion_enqueue(const struct topic_deletion *deletion, struct controlled_topic *const *topics,
                                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        topics[i]->is_queued_for_deletion = true;
    return topic_deletion_advance(deletion);
}

enum kafka_error topic_deletion_resume(const struct topic_deletion *deletion, const struct broker_ids *brokers)
{
    struct controller_context *context = deletion->machine->context;
    bool is_any = false;
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(context, &walk));) {
        for (size_t i = 0; partition->topic->is_queued_for_deletion && i < brokers->count; i++) {
            if (broker_ids_contain(&partition->assignment.replicas, brokers->items[i])) {
                partition->topic->is_deletion_ineligible = false;
                is_any = true;
            }
        }
    }
    return is_any ? topic_deletion_advance(deletion) : KAFKA_NONE;
}

enum kafka_error topic_deletion_fail(const struct topic_deletion *deletion, const struct partition_replicas *replicas)
{
    enum kafka_error error = replica_state_machine_move(deletion->machine, replicas, REPLICA_DELETION_INELIGIBLE);
    for (size_t i = 0; i < replicas->count; i++)
        topic_deletion_mark_ineligible(replicas->items[i].partition->topic, "a replica could not be deleted");
    return error == KAFKA_NONE && replicas->count > 0 ? topic_deletion_advance(deletion) : error;
}

enum kafka_error topic_deletion_complete(const struct topic_deletion *deletion,
                                         const struct partition_replicas *replicas)
{
    enum kafka_error error = replica_state_machine_move(deletion->machine, replicas, REPLICA_DELETION_SUCCESSFUL);
    return error == KAFKA_NONE ? topic_deletion_advance(deletion) : error;
}
