// SPDX-License-Identifier: Apache-2.0
// Brokers come and go: what the controller does when registrations or log directories do.
#include "server/controller/controller_state.h"

#include "base/logger.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

// Replicas of all partitions that are assigned to one of these brokers.
static void add_replicas_on(struct controller *controller, const struct broker_ids *brokers,
                            struct partition_replicas *replicas)
{
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(&controller->context, &walk));) {
        for (size_t i = 0; i < brokers->count; i++) {
            if (broker_ids_contain(&partition->assignment.replicas, brokers->items[i]))
                partition_replicas_add(replicas, partition, brokers->items[i]);
        }
    }
}

static void trust_log_directories(const struct partition_replicas *replicas)
{
    for (size_t i = 0; i < replicas->count; i++)
        controlled_partition_set_on_offline_dir(replicas->items[i].partition, replicas->items[i].broker_id, false);
}

static enum kafka_error start_brokers(struct controller *controller, const struct broker_ids *started)
{
    if (started->count == 0)
        return KAFKA_NONE;
    struct control_batch *batch = controller->batch;
    struct partition_replicas replicas = {0};
    add_replicas_on(controller, started, &replicas);
    trust_log_directories(&replicas);
    for (size_t i = 0; i < controller->context.brokers.count; i++) {
        int32_t id = controller->context.brokers.items[i]->id;
        if (!broker_ids_contain(started, id))
            control_batch_add_update_metadata_for(batch, id, NULL);
    }
    control_batch_send(batch);
    for (size_t i = 0; i < started->count; i++) {
        struct partition_walk walk = {0};
        control_batch_add_update_metadata_for(batch, started->items[i], NULL);
        for (struct controlled_partition *partition;
             (partition = controller_context_next(&controller->context, &walk));)
            control_batch_add_update_metadata_for(batch, started->items[i], partition);
    }
    control_batch_send(batch);
    enum kafka_error error = replica_state_machine_move(&controller->machine, &replicas, REPLICA_ONLINE);
    array_fini(&replicas);
    if (error == KAFKA_NONE)
        error = partition_state_machine_elect_all(&controller->machine, NULL, NULL);
    if (error == KAFKA_NONE)
        error = topic_deletion_resume(&controller->deletion, started);
    for (size_t i = 0; error == KAFKA_NONE && i < started->count; i++)
        error = controller_watch_broker(controller, started->items[i]);
    return error;
}

enum kafka_error controller_take_replicas_offline(struct controller *controller,
                                                  const struct partition_replicas *replicas)
{
    struct partition_replicas deleted = {0}, others = {0};
    struct controlled_partitions leaderless = {0};
    size_t changed = 0;
    for (size_t i = 0; i < replicas->count; i++) {
        const struct partition_replica *replica = &replicas->items[i];
        *array_append(replica->partition->topic->is_queued_for_deletion ? &deleted : &others) = *replica;
    }
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(&controller->context, &walk));) {
        if (partition->has_leadership && !partition->topic->is_queued_for_deletion &&
            !controlled_partition_replica_is_online(&controller->context, partition, partition->leadership.leader))
            *array_append(&leaderless) = partition;
    }
    enum kafka_error error = partition_state_machine_move(&controller->machine, &leaderless, PARTITION_OFFLINE,
                                                          ELECTION_OFFLINE, false, NULL);
    if (error == KAFKA_NONE)
        error = partition_state_machine_elect_all(&controller->machine, NULL, &changed);
    if (error == KAFKA_NONE)
        error = replica_state_machine_move(&controller->machine, &others, REPLICA_OFFLINE);
    bool told = others.count > 0 || changed > 0;
    if (error == KAFKA_NONE && deleted.count > 0)
        error = topic_deletion_fail(&controller->deletion, &deleted);
    if (error == KAFKA_NONE && !told)
        controller_send_metadata(controller);
    array_fini(&deleted);
    array_fini(&others);
    array_fini(&leaderless);
    return error;
}

static enum kafka_error end_brokers(struct controller *controller, const struct broker_ids *ended)
{
    if (ended->count == 0)
        return KAFKA_NONE;
    struct partition_replicas replicas = {0};
    for (size_t i = 0; i < ended->count; i++)
        controller_context_remove_broker(&controller->context, ended->items[i]);
    add_replicas_on(controller, ended, &replicas);
    trust_log_directories(&replicas);
    enum kafka_error error = controller_take_replicas_offline(controller, &replicas);
    array_fini(&replicas);
    for (size_t i = 0; i < ended->count; i++)
        controller_unwatch_broker(controller, ended->items[i]);
    return error;
}

static void put_brokers(struct controller *controller, struct live_brokers *brokers, const struct broker_ids *ids)
{
    for (size_t i = 0; i < brokers->count; i++) {
        if (brokers->items[i] != NULL && broker_ids_contain(ids, brokers->items[i]->id)) {
            controller_context_put_broker(&controller->context, brokers->items[i]);
            brokers->items[i] = NULL;
        }
    }
}

// A broker that came back with another epoch has been away: its death comes first, then its start.
enum kafka_error controller_process_brokers(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    struct live_brokers now = {0};
    struct broker_ids added = {0}, bounced = {0}, present = {0}, dead = {0};
    enum kafka_error error = controller_read_brokers(controller, &now);
    for (size_t i = 0; i < now.count; i++) {
        const struct live_broker *known = controller_context_broker(&controller->context, now.items[i]->id);
        broker_ids_append(&present, now.items[i]->id);
        if (known == NULL)
            broker_ids_append(&added, now.items[i]->id);
        else if (now.items[i]->epoch > known->epoch)
            broker_ids_append(&bounced, now.items[i]->id);
    }
    for (size_t i = 0; error == KAFKA_NONE && i < controller->context.brokers.count; i++) {
        int32_t id = controller->context.brokers.items[i]->id;
        if (!broker_ids_contain(&present, id))
            broker_ids_append(&dead, id);
    }
    if (error == KAFKA_NONE && added.count + bounced.count + dead.count > 0)
        logger_info("Brokers changed: %zu new, %zu restarted, %zu gone, %zu live", added.count, bounced.count,
                    dead.count, now.count);
    for (size_t i = 0; error == KAFKA_NONE && i < now.count; i++) {
        if (broker_ids_contain(&bounced, now.items[i]->id))
            controller_remove_sender(controller, now.items[i]->id);
        if (broker_ids_contain(&bounced, now.items[i]->id) || broker_ids_contain(&added, now.items[i]->id))
            controller_add_sender(controller, now.items[i]);
    }
    for (size_t i = 0; error == KAFKA_NONE && i < dead.count; i++)
        controller_remove_sender(controller, dead.items[i]);
    if (error == KAFKA_NONE) {
        put_brokers(controller, &now, &added);
        error = start_brokers(controller, &added);
    }
    if (error == KAFKA_NONE)
        error = end_brokers(controller, &bounced);
    if (error == KAFKA_NONE) {
        put_brokers(controller, &now, &bounced);
        error = start_brokers(controller, &bounced);
    }
    if (error == KAFKA_NONE)
        error = end_brokers(controller, &dead);
    for (size_t i = 0; i < now.count; i++)
        live_broker_destroy(&now.items[i]);
    array_fini(&now);
    broker_ids_fini(&added);
    broker_ids_fini(&bounced);
    broker_ids_fini(&present);
    broker_ids_fini(&dead);
    return error;
}

// A registration was rewritten: all are told of changed endpoints.
enum kafka_error controller_process_registrations(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    struct live_brokers now = {0};
    bool is_changed = false;
    enum kafka_error error = controller_read_brokers(controller, &now);
    for (size_t i = 0; i < now.count; i++) {
        const struct live_broker *known = controller_context_broker(&controller->context, now.items[i]->id);
        if (error == KAFKA_NONE && known != NULL && known->epoch == now.items[i]->epoch &&
            !live_broker_same_endpoints(known, now.items[i])) {
            now.items[i]->is_shutting_down = known->is_shutting_down;
            controller_context_put_broker(&controller->context, now.items[i]);
            now.items[i] = NULL;
            is_changed = true;
        }
        live_broker_destroy(&now.items[i]);
    }
    array_fini(&now);
    if (is_changed)
        controller_send_metadata(controller);
    return error;
}

// Brokers whose log directories failed answer a LeaderAndIsr of all their replicas with what is left.
enum kafka_error controller_process_log_dir_events(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    struct broker_ids failed = {0};
    struct partition_replicas replicas = {0};
    enum zk_result result = zk_children(controller->broker->zk, &arena, ZK_PATH_LOG_DIR_EVENTS, &names);
    for (size_t i = 0; result == ZK_OK && i < names.count; i++) {
        struct view data;
        int32_t broker_id;
        const char *path = zk_path_child(&arena, ZK_PATH_LOG_DIR_EVENTS, names.names[i]);
        if (zk_get(controller->broker->zk, &arena, path, &data, NULL) == ZK_OK &&
            zk_read_log_dir_event(data, &broker_id) == ZK_OK)
            broker_ids_add(&failed, broker_id);
    }
    add_replicas_on(controller, &failed, &replicas);
    enum kafka_error error = controller_error_of_zk(result);
    if (error == KAFKA_NONE && names.count > 0) {
        logger_info("A log directory of %zu brokers has failed: they are asked what is left", failed.count);
        error = replica_state_machine_move(&controller->machine, &replicas, REPLICA_ONLINE);
    }
    if (error == KAFKA_NONE && names.count > 0)
        error = controller_delete_children(controller, ZK_PATH_LOG_DIR_EVENTS);
    array_fini(&replicas);
    broker_ids_fini(&failed);
    arena_fini(&arena);
    return error;
}
