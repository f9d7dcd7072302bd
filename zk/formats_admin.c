// SPDX-License-Identifier: Apache-2.0
// Formats of what tools and brokers ask of the controller, and of producer ids.
#include "zk/formats.h"
#include "zk/json.h"

enum { ADMIN_VERSION = 1, LOG_DIR_FAILED = 1 };

struct view zk_write_producer_id_block(struct arena *arena, const struct zk_producer_id_block *block)
{
    struct json_writer writer = {false};
    json_t *root = json_object();

    json_put(&writer, root, "version", json_integer(ADMIN_VERSION));
    json_put(&writer, root, "broker", json_integer(block->broker_id));
    json_put(&writer, root, "block_start", json_sprintf("%lld", (long long)block->first));
    json_put(&writer, root, "block_end", json_sprintf("%lld", (long long)block->last));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_producer_id_block(struct view json, struct zk_producer_id_block *block)
{
    struct json_reader reader = {NULL, ZK_OK};

    if (json.size == 0)
        return ZK_NO_NODE;
    json_t *root = json_parse(&reader, json);
    struct zk_producer_id_block read = {
        .broker_id = (int32_t)json_get_int(&reader, root, "broker", INT32_MIN, INT32_MAX),
        .first = json_get_int(&reader, root, "block_start", 0, INT64_MAX),
        .last = json_get_int(&reader, root, "block_end", 0, INT64_MAX),
    };
    json_decref(root);
    if (!reader.result && read.last < read.first)
        json_fail(&reader);
    if (!reader.result)
        *block = read;
    return reader.result;
}

static struct view write_partitions(struct arena *arena, const struct zk_partition_list *list, bool replicas)
{
    struct json_writer writer = {false};
    json_t *root = json_object(), *partitions = json_array();

    for (size_t i = 0; i < list->count; i++) {
        json_t *partition = json_object();

        json_put(&writer, partition, "topic", json_string(list->items[i].topic));
        json_put(&writer, partition, "partition", json_integer(list->items[i].partition));
        if (replicas)
            json_put(&writer, partition, "replicas", json_int_list(&writer, list->items[i].replicas));
        json_add(&writer, partitions, partition);
    }
    json_put(&writer, root, "version", json_integer(ADMIN_VERSION));
    json_put(&writer, root, "partitions", partitions);
    return json_print(&writer, arena, root);
}

static enum zk_result read_partitions(struct arena *arena, struct view json, bool replicas,
                                      struct zk_partition_list *list)
{
    struct json_reader reader = {arena, ZK_OK};
    struct zk_partition_list read = {NULL, 0};
    json_t *root = json_parse(&reader, json);

    if (!root)
        return reader.result;
    const json_t *partitions = json_get_array(&reader, root, "partitions");

    read.items = json_alloc(&reader, json_array_size(partitions), sizeof *read.items);
    for (; read.count < json_array_size(partitions) && !reader.result; read.count++) {
        const json_t *item = json_array_get(partitions, read.count);
        struct zk_topic_partition *partition = &read.items[read.count];

        partition->topic = json_get_string(&reader, item, "topic");
        partition->partition = (int32_t)json_get_int(&reader, item, "partition", 0, INT32_MAX);
        if (replicas)
            partition->replicas = json_copy_ints(&reader, json_object_get(item, "replicas"));
    }
    json_decref(root);
    if (!reader.result)
        *list = read;
    return reader.result;
}

struct view zk_write_reassignment(struct arena *arena, const struct zk_partition_list *list)
{
    return write_partitions(arena, list, true);
}

enum zk_result zk_read_reassignment(struct arena *arena, struct view json, struct zk_partition_list *list)
{
    return read_partitions(arena, json, true, list);
}

struct view zk_write_preferred_election(struct arena *arena, const struct zk_partition_list *list)
{
    return write_partitions(arena, list, false);
}

enum zk_result zk_read_preferred_election(struct arena *arena, struct view json, struct zk_partition_list *list)
{
    return read_partitions(arena, json, false, list);
}

enum zk_result zk_read_isr_change(struct arena *arena, struct view json, struct zk_partition_list *list)
{
    return read_partitions(arena, json, false, list);
}

struct view zk_write_log_dir_event(struct arena *arena, int32_t broker_id)
{
    struct json_writer writer = {false};
    json_t *root = json_object();

    json_put(&writer, root, "version", json_integer(ADMIN_VERSION));
    json_put(&writer, root, "broker", json_integer(broker_id));
    json_put(&writer, root, "event", json_integer(LOG_DIR_FAILED));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_log_dir_event(struct view json, int32_t *broker_id)
{
    struct json_reader reader = {NULL, ZK_OK};
    json_t *root = json_parse(&reader, json);
    int64_t id = json_get_int(&reader, root, "broker", 0, INT32_MAX);

    json_decref(root);
    if (!reader.result)
        *broker_id = (int32_t)id;
    return reader.result;
}
