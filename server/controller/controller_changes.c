// SPDX-License-Identifier: Apache-2.0
// What the controller does when something changes in ZooKeeper: the watches, topics, assignments, deletions, requests
// by znode (brokers are in controller_brokers.c). Each reaction reads what it reacts to anew, which sets the watch
// again.
#include "server/controller/controller_state.h"

#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/watches.h"
#include "zk/znodes.h"

#include <stdlib.h>
#include <string.h>

// ---- Notifications

enum kafka_error controller_delete_children(struct controller *controller, const char *path)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    enum zk_result result = zk_children(controller->broker->zk, &arena, path, &names);
    struct zk_op *ops = arena_alloc_array(&arena, names.count, sizeof *ops);
    for (size_t i = 0; i < names.count; i++)
        ops[i] = (struct zk_op){
            .kind = ZK_OP_DELETE, .path = zk_path_child(&arena, path, names.names[i]), .version = ZK_ANY_VERSION};
    if (result == ZK_OK && names.count > 0)
        result = zk_write_fenced(controller->broker->zk, controller->epoch.version, ops, names.count);
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

// Only brokers below inter.broker.protocol.version 2.7 leave these; the states that they wrote are read again.
static enum kafka_error process_isr_changes(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    struct leadership_items items = {0};
    enum zk_result result = zk_children(controller->broker->zk, &arena, ZK_PATH_ISR_CHANGES, &names);
    for (size_t i = 0; result == ZK_OK && i < names.count; i++) {
        struct view data;
        struct zk_partition_list list = {0};
        const char *path = zk_path_child(&arena, ZK_PATH_ISR_CHANGES, names.names[i]);
        if (zk_get(controller->broker->zk, &arena, path, &data, NULL) == ZK_OK &&
            zk_read_isr_change(&arena, data, &list) != ZK_OK)
            list.count = 0;
        for (size_t p = 0; p < list.count; p++) {
            struct controlled_topic *topic =
                controller_context_topic(&controller->context, view_of_string(list.items[p].topic));
            struct controlled_partition *partition =
                topic ? controlled_topic_partition(topic, list.items[p].partition) : NULL;
            if (partition != NULL)
                leadership_items_add(&items, partition);
        }
    }
    enum kafka_error error = controller_error_of_zk(result);
    if (error == KAFKA_NONE && items.count > 0)
        error = controller->store.read(controller->store.context, &items);
    for (size_t i = 0; error == KAFKA_NONE && i < items.count; i++) {
        if (items.items[i].error == KAFKA_NONE) {
            controlled_partition_put_leadership(items.items[i].partition, &items.items[i].leadership);
            control_batch_add_update_metadata(controller->batch, items.items[i].partition);
        }
    }
    control_batch_send(controller->batch);
    if (error == KAFKA_NONE && names.count > 0)
        error = controller_delete_children(controller, ZK_PATH_ISR_CHANGES);
    leadership_items_fini(&items);
    arena_fini(&arena);
    return error;
}

// ---- Topics

static enum kafka_error create_partitions(struct controller *controller, const struct controlled_partitions *added)
{
    struct partition_replicas replicas = {0};
    for (size_t i = 0; i < added->count; i++)
        partition_replicas_add_all(&replicas, added->items[i]);
    enum kafka_error error =
        partition_state_machine_move(&controller->machine, added, PARTITION_NEW, ELECTION_OFFLINE, false, NULL);
    if (error == KAFKA_NONE)
        error = replica_state_machine_move(&controller->machine, &replicas, REPLICA_NEW);
    if (error == KAFKA_NONE)
        error =
            partition_state_machine_move(&controller->machine, added, PARTITION_ONLINE, ELECTION_OFFLINE, false, NULL);
    if (error == KAFKA_NONE)
        error = replica_state_machine_move(&controller->machine, &replicas, REPLICA_ONLINE);
    array_fini(&replicas);
    return error;
}

// Topics whose znodes somebody removed by hand.
static void forget_topics_but(struct controller *controller, const struct zk_names *names)
{
    struct map present = MAP_EMPTY;
    for (size_t i = 0; i < names->count; i++)
        map_put(&present, view_of_string(names->names[i]), controller);
    for (size_t i = controller->context.topics.count; i-- > 0;) {
        struct controlled_topic *topic = controller->context.topics.items[i];
        if (map_get(&present, view_of_string(topic->name)) == NULL) {
            logger_warn("Topic %s has vanished from ZooKeeper: the controller forgets it", topic->name);
            controller_unwatch_topic(controller, topic->name);
            controller_context_remove_topic(&controller->context, topic);
        }
    }
    map_fini(&present);
}

static enum kafka_error process_topic_change(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    struct controlled_partitions added = {0};
    enum kafka_error error =
        controller_error_of_zk(zk_children(controller->broker->zk, &arena, ZK_PATH_TOPICS, &names));
    const char **fresh = arena_alloc_array(&arena, names.count, sizeof *fresh);
    size_t fresh_count = 0;
    for (size_t i = 0; i < names.count; i++) {
        if (controller_context_topic(&controller->context, view_of_string(names.names[i])) == NULL)
            fresh[fresh_count++] = names.names[i];
    }
    if (error == KAFKA_NONE) {
        forget_topics_but(controller, &names);
        error = controller_read_topics(controller, fresh, fresh_count, &added);
    }
    if (error == KAFKA_NONE && added.count > 0)
        error = create_partitions(controller, &added);
    array_fini(&added);
    arena_fini(&arena);
    return error;
}

// Partitions that were added to a topic that is being deleted are taken out of its znode again.
static enum kafka_error restore_assignment(struct controller *controller, const struct controlled_topic *topic)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_topic znode = {.id = topic->id, .partition_count = topic->partitions.count};
    znode.partitions = arena_alloc_array(&arena, znode.partition_count, sizeof *znode.partitions);
    for (size_t i = 0; i < znode.partition_count; i++) {
        const struct controlled_partition *partition = topic->partitions.items[i];
        const struct partition_assignment *assignment = &partition->assignment;
        znode.partitions[i] = (struct zk_partition){
            .id = partition->index,
            .replicas = {assignment->replicas.items, assignment->replicas.count},
            .adding = {assignment->adding.items, assignment->adding.count},
            .removing = {assignment->removing.items, assignment->removing.count},
        };
    }
    struct zk_op op = {.kind = ZK_OP_SET_DATA,
                       .path = zk_path_topic(&arena, view_of_string(topic->name)),
                       .data = zk_write_topic(&arena, &znode),
                       .version = ZK_ANY_VERSION};
    enum zk_result result = zk_write_fenced(controller->broker->zk, controller->epoch.version, &op, 1);
    arena_fini(&arena);
    return controller_error_of_zk(result == ZK_OK ? op.result : result);
}

static bool has_other_partitions(const struct controlled_topic *topic, const struct zk_topic *znode)
{
    for (size_t i = 0; i < znode->partition_count; i++) {
        if (controlled_topic_partition(topic, znode->partitions[i].id) == NULL)
            return true;
    }
    return false;
}

static enum kafka_error process_partition_modification(struct controller *controller, const char *name)
{
    struct controlled_topic *topic = controller_context_topic(&controller->context, view_of_string(name));
    if (!atomic_load(&controller->is_active) || topic == NULL)
        return KAFKA_NONE;
    enum kafka_error error = KAFKA_NONE;
    if (topic->is_queued_for_deletion) {
        struct arena arena;
        arena_init(&arena, SIZE_MAX);
        struct view data;
        struct zk_topic znode;
        enum zk_result result =
            zk_get(controller->broker->zk, &arena, zk_path_topic(&arena, view_of_string(name)), &data, NULL);
        if (result == ZK_OK)
            result = zk_read_topic(&arena, data, &znode);
        if (result == ZK_OK && has_other_partitions(topic, &znode)) {
            logger_warn("Topic %s is being deleted: the partitions that were just added to it are not created", name);
            error = restore_assignment(controller, topic);
        } else if (result != ZK_NO_NODE) {
            error = controller_error_of_zk(result);
        }
        arena_fini(&arena);
        return error;
    }
    struct controlled_partitions added = {0};
    error = controller_read_topics(controller, &name, 1, &added);
    if (error == KAFKA_NONE && added.count > 0) {
        logger_info("Topic %s grows by %zu partitions", name, added.count);
        error = create_partitions(controller, &added);
    }
    array_fini(&added);
    return error;
}

enum kafka_error controller_delete_topic_deletions(struct controller *controller, const char *const *names,
                                                   size_t count)
{
    if (count == 0)
        return KAFKA_NONE;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_op *ops = arena_alloc_array(&arena, count, sizeof *ops);
    for (size_t i = 0; i < count; i++)
        ops[i] = (struct zk_op){.kind = ZK_OP_DELETE,
                                .path = zk_path_delete_topic(&arena, view_of_string(names[i])),
                                .version = ZK_ANY_VERSION};
    enum zk_result result = zk_write_fenced(controller->broker->zk, controller->epoch.version, ops, count);
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

enum kafka_error controller_queue_deletions(struct controller *controller, const char *const *names, size_t count)
{
    bool is_enabled = config_boolean(controller->broker->config, OPTION_DELETE_TOPIC_ENABLE);
    const char **dropped = memory_alloc_array(count, sizeof *dropped);
    struct controlled_topic **topics = memory_alloc_array(count, sizeof *topics);
    size_t dropped_count = 0, topic_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct controlled_topic *topic = controller_context_topic(&controller->context, view_of_string(names[i]));
        if (topic == NULL || !is_enabled) {
            logger_warn("The deletion of topic %s is dropped: %s", names[i],
                        topic == NULL ? "there is no such topic" : "delete.topic.enable is false");
            dropped[dropped_count++] = names[i];
            continue;
        }
        if (controlled_topic_is_being_reassigned(topic))
            topic_deletion_mark_ineligible(topic, "a reassignment is running");
        topics[topic_count++] = topic;
    }
    enum kafka_error error = controller_delete_topic_deletions(controller, dropped, dropped_count);
    if (error == KAFKA_NONE && topic_count > 0)
        error = topic_deletion_enqueue(&controller->deletion, topics, topic_count);
    free(dropped);
    free(topics);
    return error;
}

static enum kafka_error process_topic_deletion(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    enum kafka_error error =
        controller_error_of_zk(zk_children(controller->broker->zk, &arena, ZK_PATH_DELETE_TOPICS, &names));
    if (error == KAFKA_NONE && names.count > 0)
        error = controller_queue_deletions(controller, names.names, names.count);
    arena_fini(&arena);
    return error;
}

// ---- What an operator asks for by a znode

static void add_imbalanced(struct controller *controller, const struct zk_partition_list *list,
                           struct controlled_partitions *partitions)
{
    for (size_t i = 0; i < list->count; i++) {
        struct controlled_topic *topic =
            controller_context_topic(&controller->context, view_of_string(list->items[i].topic));
        struct controlled_partition *partition =
            topic ? controlled_topic_partition(topic, list->items[i].partition) : NULL;
        if (partition != NULL && !topic->is_queued_for_deletion && partition->has_leadership &&
            partition->assignment.replicas.count > 0 &&
            partition->leadership.leader != partition->assignment.replicas.items[0])
            *array_append(partitions) = partition;
    }
}

enum kafka_error controller_elect_preferred(struct controller *controller)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct view data;
    struct zk_partition_list list = {0};
    struct controlled_partitions partitions = {0};
    enum zk_result result = zk_get(controller->broker->zk, &arena, ZK_PATH_PREFERRED_ELECTION, &data, NULL);
    if (result == ZK_OK && zk_read_preferred_election(&arena, data, &list) == ZK_OK)
        add_imbalanced(controller, &list, &partitions);
    enum kafka_error error = result == ZK_NO_NODE ? KAFKA_NONE : controller_error_of_zk(result);
    if (error == KAFKA_NONE)
        error = partition_state_machine_move(&controller->machine, &partitions, PARTITION_ONLINE, ELECTION_PREFERRED,
                                             false, NULL);
    struct zk_op op = {.kind = ZK_OP_DELETE, .path = ZK_PATH_PREFERRED_ELECTION, .version = ZK_ANY_VERSION};
    if (error == KAFKA_NONE)
        error = controller_error_of_zk(zk_write_fenced(controller->broker->zk, controller->epoch.version, &op, 1));
    // Wait for the next one.
    if (error == KAFKA_NONE) {
        result = zk_exists(controller->broker->zk, ZK_PATH_PREFERRED_ELECTION, NULL);
        error = result == ZK_NO_NODE ? KAFKA_NONE : controller_error_of_zk(result);
    }
    array_fini(&partitions);
    arena_fini(&arena);
    return error;
}

static enum kafka_error process_preferred_election(struct controller *controller, const char *argument)
{
    (void)argument;
    return atomic_load(&controller->is_active) ? controller_elect_preferred(controller) : KAFKA_NONE;
}

static enum kafka_error process_reassignment(struct controller *controller, const char *argument)
{
    (void)argument;
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    enum zk_result result = zk_exists(controller->broker->zk, ZK_PATH_REASSIGN_PARTITIONS, NULL);
    if (result == ZK_OK)
        logger_warn("/admin/reassign_partitions asks for reassignments, which are not carried out with one broker");
    return result == ZK_NO_NODE ? KAFKA_NONE : controller_error_of_zk(result);
}

// ---- Watches

static const struct {
    enum zk_watch_kind kind;
    const char *path;
    controller_process *process;
} watches[] = {
    {ZK_WATCH_CHILDREN, ZK_PATH_BROKER_IDS, controller_process_brokers},
    {ZK_WATCH_CHILDREN, ZK_PATH_TOPICS, process_topic_change},
    {ZK_WATCH_CHILDREN, ZK_PATH_DELETE_TOPICS, process_topic_deletion},
    {ZK_WATCH_CHILDREN, ZK_PATH_LOG_DIR_EVENTS, controller_process_log_dir_events},
    {ZK_WATCH_CHILDREN, ZK_PATH_ISR_CHANGES, process_isr_changes},
    {ZK_WATCH_NODE, ZK_PATH_PREFERRED_ELECTION, process_preferred_election},
    {ZK_WATCH_NODE, ZK_PATH_REASSIGN_PARTITIONS, process_reassignment},
};

enum { WATCH_COUNT = sizeof watches / sizeof watches[0] };

static void notify_change(void *context, const struct zk_event *event)
{
    for (size_t i = 0; i < WATCH_COUNT; i++) {
        // Requests by znode are acted on when they appear; their end is our own doing.
        bool is_ended = watches[i].kind == ZK_WATCH_NODE && event->kind == ZK_EVENT_NODE_DELETED &&
                        watches[i].process == process_preferred_election;
        if (strcmp(watches[i].path, event->path) == 0 && !is_ended)
            controller_put(context, watches[i].process, NULL);
    }
}

static void notify_topic(void *context, const struct zk_event *event)
{
    const char *name = strrchr(event->path, '/') + 1;
    if (event->kind != ZK_EVENT_NODE_DELETED)
        controller_put(context, process_partition_modification, memory_copy_string(name));
}

static void notify_broker(void *context, const struct zk_event *event)
{
    if (event->kind == ZK_EVENT_DATA_CHANGED)
        controller_put(context, controller_process_registrations, NULL);
}

void controller_watch_all(struct controller *controller)
{
    for (size_t i = 0; i < WATCH_COUNT; i++)
        zk_watch_add(controller->broker->zk, watches[i].kind, watches[i].path, notify_change, controller);
}

void controller_watch_topic(struct controller *controller, const char *topic)
{
    char *path = memory_format(ZK_PATH_TOPICS "/%s", topic);
    zk_watch_add(controller->broker->zk, ZK_WATCH_NODE, path, notify_topic, controller);
    free(path);
}

void controller_unwatch_topic(struct controller *controller, const char *topic)
{
    char *path = memory_format(ZK_PATH_TOPICS "/%s", topic);
    zk_watch_remove(controller->broker->zk, ZK_WATCH_NODE, path);
    free(path);
}

enum kafka_error controller_watch_broker(struct controller *controller, int32_t broker_id)
{
    char *path = memory_format(ZK_PATH_BROKER_IDS "/%d", broker_id);
    zk_watch_add(controller->broker->zk, ZK_WATCH_NODE, path, notify_broker, controller);
    enum zk_result result = zk_exists(controller->broker->zk, path, NULL);
    free(path);
    return result == ZK_NO_NODE ? KAFKA_NONE : controller_error_of_zk(result);
}

void controller_unwatch_broker(struct controller *controller, int32_t broker_id)
{
    char *path = memory_format(ZK_PATH_BROKER_IDS "/%d", broker_id);
    zk_watch_remove(controller->broker->zk, ZK_WATCH_NODE, path);
    free(path);
}

void controller_unwatch_all(struct controller *controller)
{
    for (size_t i = 0; i < WATCH_COUNT; i++)
        zk_watch_remove(controller->broker->zk, watches[i].kind, watches[i].path);
    for (size_t i = 0; i < controller->context.topics.count; i++)
        controller_unwatch_topic(controller, controller->context.topics.items[i]->name);
    for (size_t i = 0; i < controller->context.brokers.count; i++)
        controller_unwatch_broker(controller, controller->context.brokers.items[i]->id);
}
