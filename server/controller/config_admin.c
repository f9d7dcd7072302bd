// SPDX-License-Identifier: Apache-2.0
#include "server/controller/config_admin.h"

#include "base/logger.h"
#include "base/map.h"
#include "base/memory.h"
#include "rules/topic_name.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/config_znodes.h"
#include "server/metadata_cache.h"
#include "server/security/tls_listeners.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A text that a client can make grow ends when it is longer than this.
enum { MESSAGE_SIZE_MAX = 4096 };

static void fail(struct config_resource *resource, enum kafka_error error, const char *message)
{
    resource->error = error;
    resource->message = message;
}

// ---- One change

static bool list_has(const char *list, const char *word, size_t size)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        if (length == size && memcmp(list, word, size) == 0)
            return true;
        list += length + (list[length] == ',');
    }
    return false;
}

// The words of `from` that `other` has (or has not), behind what `start` says.
static char *join_words(const char *start, const char *from, const char *other, bool wanted)
{
    char *joined = memory_copy_string(start);
    while (*from != '\0') {
        size_t length = strcspn(from, ",");
        if (list_has(other, from, length) == wanted) {
            char *longer = memory_format("%s%s%.*s", joined, *joined ? "," : "", (int)length, from);
            free(joined);
            joined = longer;
        }
        from += length + (from[length] == ',');
    }
    return joined;
}

static char *change_list(const char *name, const char *words, enum option_scope scope, bool appends,
                         struct properties *overrides)
{
    enum option option;
    if (!option_find(scope, view_of_string(name), &option))
        return memory_format("Unknown config name: %s", name);
    if (option_row(option)->type != OPTION_TYPE_LIST)
        return memory_format("Config value %s is not allowed for config key: %s", appends ? "append" : "subtract",
                             name);
    const char *now = properties_get(overrides, name);
    if (now == NULL)
        now = option_row(option)->default_value ? option_row(option)->default_value : "";
    char *changed = appends ? join_words(now, words, now, false) : join_words("", now, words, false);
    properties_set(overrides, name, changed);
    free(changed);
    return NULL;
}

char *config_change_apply(const struct config_change *change, enum option_scope scope, struct properties *overrides)
{
    char *name = view_dup(change->name), *value = view_dup(change->value), *message = NULL;
    switch (change->operation) {
    case CONFIG_SET:
        properties_set(overrides, name, value);
        break;
    case CONFIG_DELETE:
        properties_remove(overrides, name);
        break;
    default:
        message = change_list(name, value, scope, change->operation == CONFIG_APPEND, overrides);
    }
    free(name);
    free(value);
    return message;
}

// ---- Checks that need no ZooKeeper

static void check_changes(struct arena *arena, struct config_resource *resource)
{
    struct map names = MAP_EMPTY;
    const char *nulls = NULL;
    for (int32_t i = 0; i < resource->change_count && resource->error == KAFKA_NONE; i++) {
        const struct config_change *change = &resource->changes[i];
        if (map_put(&names, change->name, resource) != NULL)
            fail(resource, KAFKA_INVALID_REQUEST, "Error due to duplicate config keys");
        else if (change->operation < CONFIG_SET || change->operation > CONFIG_SUBTRACT)
            fail(resource, KAFKA_INVALID_REQUEST, arena_format(arena, "Unknown operations type %d", change->operation));
        else if (memchr(change->name.data, 0, change->name.size) != NULL ||
                 (!view_is_null(change->value) && memchr(change->value.data, 0, change->value.size) != NULL))
            fail(resource, KAFKA_INVALID_CONFIG, "A configuration's name or value holds a zero byte");
        else if (change->operation != CONFIG_DELETE && view_is_null(change->value) &&
                 strlen(nulls ? nulls : "") < MESSAGE_SIZE_MAX)
            nulls = arena_format(arena, "%s%s%.*s", nulls ? nulls : "", nulls ? ", " : "", VIEW_ARGS(change->name));
    }
    if (resource->error == KAFKA_NONE && nulls != NULL)
        fail(resource, KAFKA_INVALID_REQUEST, arena_format(arena, "Null value not supported for : %s", nulls));
    map_fini(&names);
}

// The name of a broker resource must be empty or this broker's id.
static void check_broker_name(struct broker *broker, struct arena *arena, struct config_resource *resource)
{
    char *name = view_dup(resource->name), *end;
    errno = 0;
    long id = strtol(name, &end, 10);
    if (*name == '\0' || *end != '\0' || errno != 0 || id < INT32_MIN || id > INT32_MAX)
        fail(resource, KAFKA_INVALID_REQUEST, arena_format(arena, "Node id must be an integer, but it is: %s", name));
    else if (id != broker->id)
        fail(resource, KAFKA_INVALID_REQUEST,
             arena_format(arena, "Unexpected broker id, expected %d, but received %s", broker->id, name));
    free(name);
}

static void check_resource(struct broker *broker, struct arena *arena, struct config_resource *resource)
{
    check_changes(arena, resource);
    if (resource->error != KAFKA_NONE)
        return;
    if (resource->type == CONFIG_RESOURCE_BROKER) {
        if (resource->name.size > 0)
            check_broker_name(broker, arena, resource);
    } else if (resource->type != CONFIG_RESOURCE_TOPIC) {
        fail(resource, KAFKA_INVALID_REQUEST, arena_format(arena, "Unknown resource type %d", resource->type));
    } else if (resource->name.size == 0) {
        fail(resource, KAFKA_INVALID_REQUEST, "Default topic resources are not allowed.");
    }
}

static void check_uniqueness(struct arena *arena, struct config_resource *resources, int32_t count)
{
    struct map seen = MAP_EMPTY;
    for (int32_t i = 0; i < count; i++) {
        const char *key = arena_format(arena, "%d/%.*s", resources[i].type, VIEW_ARGS(resources[i].name));
        struct config_resource *before = map_get(&seen, view_of_string(key));
        if (before != NULL) {
            fail(before, KAFKA_INVALID_REQUEST, "Each resource must appear at most once.");
            fail(&resources[i], KAFKA_INVALID_REQUEST, "Each resource must appear at most once.");
        } else {
            map_put(&seen, view_of_string(key), &resources[i]);
        }
    }
    map_fini(&seen);
}

// ---- Topics and brokers

static bool topic_is_known(struct broker *broker, struct view name)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    bool is_known = metadata_snapshot_topic(snapshot, name) != NULL;
    metadata_snapshot_unref(snapshot);
    return is_known;
}

// Kafka wraps what its parser of values says, and nothing else.
static void fail_by_values(struct arena *arena, struct config_resource *resource, char *message)
{
    bool is_value = strncmp(message, "Invalid value", strlen("Invalid value")) == 0;
    if (resource->type == CONFIG_RESOURCE_BROKER)
        fail(resource, KAFKA_INVALID_REQUEST, arena_format(arena, "%s", message));
    else if (is_value)
        fail(resource, KAFKA_INVALID_CONFIG,
             arena_format(arena, "Invalid config value for resource ConfigResource(type=TOPIC, name='%.*s'): %s",
                          VIEW_ARGS(resource->name), message));
    else
        fail(resource, KAFKA_INVALID_CONFIG, arena_format(arena, "%s", message));
    free(message);
}

// What the entity's overrides will be.
static void collect_overrides(struct broker *broker, struct arena *arena, const char *entity_path,
                              struct config_resource *resource, struct properties *overrides)
{
    enum option_scope scope = resource->type == CONFIG_RESOURCE_TOPIC ? OPTION_SCOPE_TOPIC : OPTION_SCOPE_BROKER;
    if (resource->is_incremental) {
        enum zk_result result = config_znode_read(broker->zk, entity_path, overrides);
        if (result != ZK_OK)
            fail(resource, zk_result_to_kafka_error(result),
                 arena_format(arena, "ZooKeeper could not be read: %s", zk_result_name(result)));
        if (resource->type == CONFIG_RESOURCE_BROKER)
            config_decode_passwords(broker->config, overrides);
    }
    for (int32_t i = 0; i < resource->change_count && resource->error == KAFKA_NONE; i++) {
        char *message = config_change_apply(&resource->changes[i], scope, overrides);
        if (message != NULL)
            fail(resource, KAFKA_INVALID_CONFIG, arena_format(arena, "%s", message));
        free(message);
    }
}

static void check_values(struct broker *broker, struct arena *arena, struct config_resource *resource,
                         const struct properties *overrides)
{
    char *message = NULL;
    if (resource->type == CONFIG_RESOURCE_BROKER) {
        message = config_check_broker(broker->config, overrides, resource->name.size == 0);
        if (message == NULL && resource->name.size > 0)
            message = tls_listeners_check_change(broker->tls_listeners, overrides);
    } else if (!topic_is_known(broker, resource->name)) {
        fail(resource, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
             arena_format(arena, "The topic '%.*s' does not exist.", VIEW_ARGS(resource->name)));
        return;
    } else {
        message = options_check_topic(overrides);
    }
    if (message != NULL)
        fail_by_values(arena, resource, message);
}

// A broker's files are loaded again when they have changed, though the keys have not; passwords become what is written.
static void prepare_broker(struct broker *broker, struct arena *arena, struct config_resource *resource,
                           struct properties *overrides)
{
    char *message = NULL;
    if (resource->name.size > 0)
        message = tls_listeners_reload(broker->tls_listeners, overrides);
    if (message == NULL)
        message = config_encode_passwords(broker->config, overrides);
    if (message != NULL)
        fail(resource, KAFKA_INVALID_CONFIG,
             arena_format(arena, "Invalid config value for resource ConfigResource(type=BROKER, name='%.*s'): %s",
                          VIEW_ARGS(resource->name), message));
    free(message);
}

static void write_overrides(struct broker *broker, struct arena *arena, const char *entity_path,
                            struct config_resource *resource, const struct properties *overrides)
{
    logger_info("Configuration of %s changes to %zu overrides", entity_path, overrides->count);
    enum zk_result result = config_znode_write(broker->zk, entity_path, overrides);
    if (result == ZK_OK)
        result = zk_notify_config_change(broker->zk, entity_path);
    if (result != ZK_OK)
        fail(resource, zk_result_to_kafka_error(result),
             arena_format(arena, "ZooKeeper did not do it: %s", zk_result_name(result)));
}

static void alter(struct broker *broker, struct arena *arena, struct config_resource *resource, bool validate_only)
{
    struct properties overrides = {0};
    const char *entity_path = NULL;
    if (resource->type == CONFIG_RESOURCE_TOPIC)
        entity_path = arena_format(arena, "topics/%.*s", VIEW_ARGS(resource->name));
    else if (resource->name.size > 0)
        entity_path = arena_format(arena, "brokers/%d", broker->id);
    else
        entity_path = "brokers/" ZK_DEFAULT_ENTITY;
    // The name becomes a path.
    if (resource->type == CONFIG_RESOURCE_TOPIC && !topic_name_is_valid(resource->name))
        fail(resource, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
             arena_format(arena, "The topic '%.*s' does not exist.", VIEW_ARGS(resource->name)));
    else if (entity_path == NULL)
        fail(resource, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
    else
        collect_overrides(broker, arena, entity_path, resource, &overrides);
    if (resource->error == KAFKA_NONE)
        check_values(broker, arena, resource, &overrides);
    if (resource->error == KAFKA_NONE && !validate_only && resource->type == CONFIG_RESOURCE_BROKER)
        prepare_broker(broker, arena, resource, &overrides);
    if (resource->error == KAFKA_NONE && !validate_only)
        write_overrides(broker, arena, entity_path, resource, &overrides);
    if (resource->error != KAFKA_NONE)
        logger_info("The configuration of %s %.*s stays as it is: %s",
                    resource->type == CONFIG_RESOURCE_TOPIC ? "topic" : "broker", VIEW_ARGS(resource->name),
                    resource->message ? resource->message : kafka_error_name((int16_t)resource->error));
    properties_fini(&overrides);
}

void config_admin_alter(struct broker *broker, struct arena *arena, struct config_resource *resources, int32_t count,
                        bool validate_only)
{
    check_uniqueness(arena, resources, count);
    for (int32_t i = 0; i < count; i++) {
        if (resources[i].error == KAFKA_NONE)
            check_resource(broker, arena, &resources[i]);
        if (resources[i].error == KAFKA_NONE)
            alter(broker, arena, &resources[i], validate_only);
    }
}
