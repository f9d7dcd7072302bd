// SPDX-License-Identifier: Apache-2.0
#include "server/controller/config_changes.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/properties.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/config_znodes.h"
#include "server/controller/controller.h"
#include "server/controller/event_queue.h"
#include "server/metadata_cache.h"
#include "server/replica/replica_manager.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/watches.h"
#include "zk/znodes.h"

#include <stdlib.h>
#include <string.h>

enum { NOTIFICATION_AGE_MS_MAX = 15 * 60 * 1000 };

struct config_changes {
    struct broker *broker;
    struct event_queue *queue;
    int64_t sequence_max; // of the notifications done; the queue's thread
};

struct change_event {
    struct event event;
    struct config_changes *changes;
    bool reads_all; // a session went by: what was missed meanwhile is not known
};

enum kafka_error config_changes_read_topic(struct broker *broker, struct view topic)
{
    struct properties overrides = {0};
    char *entity_path = memory_format("topics/%.*s", VIEW_ARGS(topic));
    enum zk_result result = config_znode_read(broker->zk, entity_path, &overrides);
    if (result == ZK_OK)
        config_set_topic(broker->config, topic, &overrides);
    properties_fini(&overrides);
    free(entity_path);
    return result == ZK_OK ? KAFKA_NONE : zk_result_to_kafka_error(result);
}

static void apply_topic(struct broker *broker, struct view topic)
{
    enum kafka_error error = config_changes_read_topic(broker, topic);
    if (error != KAFKA_NONE) {
        logger_error("The new configuration of topic %.*s could not be read, the old one stays in force: %s",
                     VIEW_ARGS(topic), kafka_error_name((int16_t)error));
        return;
    }
    replica_manager_configure_topic(broker->replica_manager, topic);
    if (config_topic_boolean(broker->config, topic, OPTION_TOPIC_UNCLEAN_LEADER_ELECTION_ENABLE))
        controller_retry_elections(broker->controller, topic);
    logger_info("The configuration of topic %.*s has changed", VIEW_ARGS(topic));
}

// The defaults of all topics may have changed with the broker's values.
static void apply_to_all_topics(struct broker *broker)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    for (size_t i = 0; i < metadata_snapshot_topic_count(snapshot); i++) {
        const struct metadata_topic *topic = metadata_snapshot_topic_at(snapshot, i);
        replica_manager_configure_topic(broker->replica_manager, view_of(topic->name, topic->name_size));
    }
    metadata_snapshot_unref(snapshot);
}

static void apply_broker(struct broker *broker, const char *entity_path, bool cluster_wide)
{
    struct properties overrides = {0};
    enum zk_result result = config_znode_read(broker->zk, entity_path, &overrides);
    bool was_unclean = config_boolean(broker->config, OPTION_UNCLEAN_LEADER_ELECTION_ENABLE);
    if (result == ZK_OK) {
        config_decode_passwords(broker->config, &overrides);
        config_set_broker(broker->config, &overrides, cluster_wide);
        apply_to_all_topics(broker);
        if (!was_unclean && config_boolean(broker->config, OPTION_UNCLEAN_LEADER_ELECTION_ENABLE))
            controller_retry_elections(broker->controller, VIEW_NULL);
        logger_info("The configuration of %s has changed", entity_path);
    } else {
        logger_error("The new configuration of %s could not be read, the old one stays in force: %s", entity_path,
                     zk_result_name(result));
    }
    properties_fini(&overrides);
}

static void apply_entity(struct broker *broker, const char *entity_path)
{
    char *own = memory_format("brokers/%d", broker->id);
    if (strncmp(entity_path, "topics/", strlen("topics/")) == 0)
        apply_topic(broker, view_of_string(entity_path + strlen("topics/")));
    else if (strcmp(entity_path, "brokers/" ZK_DEFAULT_ENTITY) == 0)
        apply_broker(broker, entity_path, true);
    else if (strcmp(entity_path, own) == 0)
        apply_broker(broker, entity_path, false);
    else
        logger_debug("The configuration of %s has changed, which does not concern this broker", entity_path);
    free(own);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *one = a, *const *other = b;
    return strcmp(*one, *other);
}

static void delete_old(struct broker *broker, const char *path, const struct zk_data *data)
{
    if (data->result != ZK_OK || clock_now_ms() - data->stat.ctime_ms <= NOTIFICATION_AGE_MS_MAX)
        return;
    enum zk_result result = zk_delete(broker->zk, path, ZK_ANY_VERSION);
    if (result != ZK_OK && result != ZK_NO_NODE)
        logger_warn("The old notification %s could not be deleted: %s", path, zk_result_name(result));
}

static void process_notifications(struct config_changes *changes)
{
    struct broker *broker = changes->broker;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    enum zk_result result = zk_children(broker->zk, &arena, ZK_PATH_CONFIG_CHANGES, &names);
    if (result != ZK_OK || names.count == 0) {
        if (result != ZK_OK)
            logger_warn("%s could not be read: %s", ZK_PATH_CONFIG_CHANGES, zk_result_name(result));
        arena_fini(&arena);
        return;
    }
    qsort(names.names, names.count, sizeof *names.names, compare_names);
    const char **paths = arena_alloc_array(&arena, names.count, sizeof *paths);
    struct zk_data *data = arena_alloc_array(&arena, names.count, sizeof *data);
    for (size_t i = 0; i < names.count; i++)
        paths[i] = zk_path_child(&arena, ZK_PATH_CONFIG_CHANGES, names.names[i]);
    result = zk_get_many(broker->zk, &arena, paths, names.count, data);
    for (size_t i = 0; result == ZK_OK && i < names.count; i++) {
        int64_t sequence = zk_sequence_of_name(names.names[i]);
        const char *entity_path;
        if (sequence <= changes->sequence_max || data[i].result != ZK_OK)
            continue;
        changes->sequence_max = sequence;
        if (zk_read_config_change(&arena, data[i].data, &entity_path) == ZK_OK)
            apply_entity(broker, entity_path);
        else
            logger_error("The notification %s cannot be read and is skipped: %.*s", paths[i], VIEW_ARGS(data[i].data));
    }
    for (size_t i = 0; result == ZK_OK && i < names.count; i++)
        delete_old(broker, paths[i], &data[i]);
    arena_fini(&arena);
}

static void read_everything(struct config_changes *changes)
{
    struct broker *broker = changes->broker;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    char *own = memory_format("brokers/%d", broker->id);
    apply_broker(broker, "brokers/" ZK_DEFAULT_ENTITY, true);
    apply_broker(broker, own, false);
    free(own);
    if (zk_children(broker->zk, &arena, ZK_PATH_CONFIG_TOPICS, &names) != ZK_OK)
        names.count = 0;
    for (size_t i = 0; i < names.count; i++)
        apply_topic(broker, view_of_string(names.names[i]));
    arena_fini(&arena);
}

static void run_changes(struct event *event, bool is_dropped)
{
    struct change_event *change = (struct change_event *)event;
    if (!is_dropped) {
        process_notifications(change->changes);
        if (change->reads_all)
            read_everything(change->changes);
    }
    free(change);
}

static void put_change(struct config_changes *changes, bool reads_all)
{
    struct change_event *change = memory_alloc(sizeof *change);
    change->event.run = run_changes;
    change->changes = changes;
    change->reads_all = reads_all;
    event_queue_put(changes->queue, &change->event);
}

static void notify_children(void *context, const struct zk_event *event)
{
    (void)event;
    put_change(context, false);
}

struct config_changes *config_changes_create(struct broker *broker)
{
    struct config_changes *changes = memory_alloc(sizeof *changes);
    changes->broker = broker;
    changes->queue = event_queue_create();
    changes->sequence_max = -1;
    return changes;
}

int config_changes_start(struct config_changes *changes)
{
    int error = event_queue_start(changes->queue, "config-changes");
    if (error != 0)
        return error;
    zk_watch_add(changes->broker->zk, ZK_WATCH_CHILDREN, ZK_PATH_CONFIG_CHANGES, notify_children, changes);
    put_change(changes, false);
    return 0;
}

void config_changes_stop(struct config_changes *changes)
{
    event_queue_stop(changes->queue);
}

void config_changes_destroy(struct config_changes **changes)
{
    if (*changes == NULL)
        return;
    event_queue_destroy(&(*changes)->queue);
    free(*changes);
    *changes = NULL;
}

void config_changes_session_opened(struct config_changes *changes)
{
    put_change(changes, true);
}
