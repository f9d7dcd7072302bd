// SPDX-License-Identifier: Apache-2.0
// Formats of topics, partitions and configurations.
#include "base/memory.h"
#include "zk/formats.h"
#include "zk/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOPIC_VERSION = 3, STATE_VERSION = 1, CONFIG_VERSION = 1, CONFIG_CHANGE_VERSION = 2 };

// Entries of a map in the order of Java's and Scala's hash tables.
struct ordered {
    size_t slot;
    size_t index; // in the caller's list
};

static int compare_ordered(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;

    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void put_list(struct json_writer *writer, json_t *map, const struct zk_partition *partition,
                     struct zk_int_list list)
{
    char key[12];

    snprintf(key, sizeof key, "%d", partition->id);
    json_put(writer, map, key, json_int_list(writer, list));
}

struct view zk_write_topic(struct arena *arena, const struct zk_topic *topic)
{
    struct json_writer writer = {false};
    json_t *root = json_object(), *partitions = json_object(), *adding = json_object(), *removing = json_object();
    struct ordered *order = memory_alloc_array(topic->partition_count + 1, sizeof *order);
    char id[UUID_STRING_SIZE], key[12];

    for (size_t i = 0; i < topic->partition_count; i++) {
        snprintf(key, sizeof key, "%d", topic->partitions[i].id);
        order[i] = (struct ordered){json_java_slot(key, topic->partition_count), i};
    }
    qsort(order, topic->partition_count, sizeof *order, compare_ordered);
    for (size_t i = 0; i < topic->partition_count; i++) {
        const struct zk_partition *partition = &topic->partitions[order[i].index];

        put_list(&writer, partitions, partition, partition->replicas);
        if (partition->adding.count > 0)
            put_list(&writer, adding, partition, partition->adding);
        if (partition->removing.count > 0)
            put_list(&writer, removing, partition, partition->removing);
    }
    free(order);
    json_put(&writer, root, "partitions", partitions);
    if (!uuid_is_zero(topic->id)) {
        uuid_to_string(topic->id, id);
        json_put(&writer, root, "topic_id", json_string(id));
    }
    json_put(&writer, root, "adding_replicas", adding);
    json_put(&writer, root, "removing_replicas", removing);
    json_put(&writer, root, "version", json_integer(TOPIC_VERSION));
    return json_print(&writer, arena, root);
}

static int compare_partitions(const void *a, const void *b)
{
    const struct zk_partition *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static struct zk_int_list read_optional_list(struct json_reader *reader, const json_t *map, const char *key)
{
    const json_t *list = json_object_get(map, key);

    return list ? json_copy_ints(reader, list) : (struct zk_int_list){NULL, 0};
}

static void read_partitions(struct json_reader *reader, json_t *root, struct zk_topic *topic)
{
    json_t *partitions = json_object_get(root, "partitions"), *replicas;
    const json_t *adding = json_get_object_or_null(reader, root, "adding_replicas");
    const json_t *removing = json_get_object_or_null(reader, root, "removing_replicas");
    const char *key;
    int64_t id;

    if (!json_is_object(partitions)) {
        json_fail(reader);
        return;
    }
    topic->partitions = json_alloc(reader, json_object_size(partitions), sizeof *topic->partitions);
    json_object_foreach(partitions, key, replicas)
    {
        if (!json_parse_decimal(key, 0, INT32_MAX, &id))
            json_fail(reader);
        if (reader->result)
            return;
        topic->partitions[topic->partition_count++] = (struct zk_partition){
            .id = (int32_t)id,
            .replicas = json_copy_ints(reader, replicas),
            .adding = read_optional_list(reader, adding, key),
            .removing = read_optional_list(reader, removing, key),
        };
    }
    if (topic->partition_count > 0)
        qsort(topic->partitions, topic->partition_count, sizeof *topic->partitions, compare_partitions);
    for (size_t i = 1; i < topic->partition_count; i++)
        if (topic->partitions[i].id == topic->partitions[i - 1].id)
            json_fail(reader);
}

enum zk_result zk_read_topic(struct arena *arena, struct view json, struct zk_topic *topic)
{
    struct json_reader reader = {arena, ZK_OK};
    struct zk_topic read = {.id = UUID_ZERO};
    json_t *root = json_parse(&reader, json);

    if (!root)
        return reader.result;
    const char *id = json_get_string_or_null(&reader, root, "topic_id");

    if (id && !uuid_of_string(view_of_string(id), &read.id))
        json_fail(&reader);
    read_partitions(&reader, root, &read);
    json_decref(root);
    if (!reader.result)
        *topic = read;
    return reader.result;
}

struct view zk_write_partition_state(struct arena *arena, const struct zk_partition_state *state)
{
    struct json_writer writer = {false};
    json_t *root = json_object();

    json_put(&writer, root, "controller_epoch", json_integer(state->controller_epoch));
    json_put(&writer, root, "leader", json_integer(state->leader));
    json_put(&writer, root, "version", json_integer(STATE_VERSION));
    if (state->leader_recovery_state)
        json_put(&writer, root, "leader_recovery_state", json_integer(state->leader_recovery_state));
    json_put(&writer, root, "leader_epoch", json_integer(state->leader_epoch));
    json_put(&writer, root, "isr", json_int_list(&writer, state->isr));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_partition_state(struct arena *arena, struct view json, struct zk_partition_state *state)
{
    struct json_reader reader = {arena, ZK_OK};
    json_t *root = json_parse(&reader, json);

    if (!root)
        return reader.result;
    struct zk_partition_state read = {
        .controller_epoch = (int32_t)json_get_int(&reader, root, "controller_epoch", 0, INT32_MAX),
        .leader = (int32_t)json_get_int(&reader, root, "leader", -1, INT32_MAX),
        .leader_epoch = (int32_t)json_get_int(&reader, root, "leader_epoch", 0, INT32_MAX),
        .isr = json_copy_ints(&reader, json_object_get(root, "isr")),
        .leader_recovery_state = (int8_t)json_get_int_or(&reader, root, "leader_recovery_state", 0, 1, 0),
    };
    json_decref(root);
    if (!reader.result)
        *state = read;
    return reader.result;
}

struct view zk_write_config_data(struct arena *arena, const struct zk_config *config)
{
    struct json_writer writer = {false};
    json_t *root = json_object(), *entries = json_object();
    struct ordered *order = memory_alloc_array(config->count + 1, sizeof *order);

    for (size_t i = 0; i < config->count; i++)
        order[i] = (struct ordered){json_java_slot(config->entries[i].key, config->count), i};
    qsort(order, config->count, sizeof *order, compare_ordered);
    for (size_t i = 0; i < config->count; i++) {
        const struct zk_config_entry *entry = &config->entries[order[i].index];

        json_put(&writer, entries, entry->key, json_string(entry->value));
    }
    free(order);
    json_put(&writer, root, "version", json_integer(CONFIG_VERSION));
    json_put(&writer, root, "config", entries);
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_config_data(struct arena *arena, struct view json, struct zk_config *config)
{
    struct json_reader reader = {arena, ZK_OK};
    struct zk_config read = {NULL, 0};
    const char *key;
    json_t *value;

    if (json.size == 0) {
        *config = read;
        return ZK_OK;
    }
    json_t *root = json_parse(&reader, json);
    json_t *entries = json_object_get(root, "config");

    if (root && entries && !json_is_object(entries))
        json_fail(&reader);
    read.entries = json_alloc(&reader, json_object_size(entries), sizeof *read.entries);
    json_object_foreach(entries, key, value)
    {
        if (reader.result)
            break;
        read.entries[read.count++] =
            (struct zk_config_entry){json_copy_text(&reader, key), json_copy_string(&reader, value)};
    }
    json_decref(root);
    if (!reader.result)
        *config = read;
    return reader.result;
}

struct view zk_write_config_change(struct arena *arena, const char *entity_path)
{
    struct json_writer writer = {false};
    json_t *root = json_object();

    json_put(&writer, root, "version", json_integer(CONFIG_CHANGE_VERSION));
    json_put(&writer, root, "entity_path", json_string(entity_path));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_config_change(struct arena *arena, struct view json, const char **entity_path)
{
    struct json_reader reader = {arena, ZK_OK};
    const char *path = NULL;
    json_t *root = json_parse(&reader, json);

    if (!root)
        return reader.result;
    if (json_get_int(&reader, root, "version", 1, CONFIG_CHANGE_VERSION) == 1) {
        const char *type = json_get_string(&reader, root, "entity_type");
        const char *name = json_get_string(&reader, root, "entity_name");

        if (!reader.result)
            path = arena_format(arena, "%s/%s", type, name);
    } else {
        path = json_get_string(&reader, root, "entity_path");
    }
    json_decref(root);
    if (!reader.result && !path)
        reader.result = ZK_TOO_LARGE;
    if (!reader.result)
        *entity_path = path;
    return reader.result;
}
