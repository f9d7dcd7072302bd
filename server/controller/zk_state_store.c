// SPDX-License-Identifier: Apache-2.0
#include "server/controller/zk_state_store.h"

#include "base/logger.h"
#include "base/memory.h"
#include "server/controller/config_znodes.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum kafka_error controller_error_of_zk(enum zk_result result)
{
    switch (result) {
    case ZK_FENCED:
    case ZK_SESSION_EXPIRED:
    case ZK_CLOSED:
        return KAFKA_STALE_CONTROLLER_EPOCH;
    case ZK_BAD_VERSION:
        return KAFKA_INVALID_UPDATE_VERSION;
    default:
        return zk_result_to_kafka_error(result);
    }
}

static struct view topic_name(const struct leadership_item *item)
{
    return view_of_string(item->partition->topic->name);
}

static const char *state_path(struct arena *arena, const struct leadership_item *item)
{
    return zk_path_partition_state(arena, topic_name(item), item->partition->index);
}

static struct view state_bytes(struct arena *arena, const struct leadership *leadership)
{
    const struct zk_partition_state state = {
        .controller_epoch = leadership->controller_epoch,
        .leader = leadership->leader,
        .leader_epoch = leadership->leader_epoch,
        .isr = {.items = leadership->isr.items, .count = leadership->isr.count},
        .leader_recovery_state = (int8_t)leadership->recovery_state,
    };
    return zk_write_partition_state(arena, &state);
}

static void take_state(struct arena *arena, const struct zk_data *data, struct leadership_item *item)
{
    struct zk_partition_state state;
    item->error = controller_error_of_zk(data->result);
    if (data->result != ZK_OK)
        return;
    enum zk_result result = zk_read_partition_state(arena, data->data, &state);
    if (result != ZK_OK) {
        logger_error("The state of partition %s-%d in ZooKeeper cannot be read: %.*s", item->partition->topic->name,
                     item->partition->index, VIEW_ARGS(data->data));
        item->error = controller_error_of_zk(result);
        return;
    }
    item->leadership.controller_epoch = state.controller_epoch;
    item->leadership.leader = state.leader;
    item->leadership.leader_epoch = state.leader_epoch;
    item->leadership.recovery_state = state.leader_recovery_state;
    item->leadership.partition_epoch = data->stat.version;
    broker_ids_assign(&item->leadership.isr, state.isr.items, state.isr.count);
}

static enum kafka_error read_states(void *context, struct leadership_items *items)
{
    const struct zk_state_store *store = context;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const char **paths = memory_alloc_array(items->count, sizeof *paths);
    struct zk_data *results = memory_alloc_array(items->count, sizeof *results);
    for (size_t i = 0; i < items->count; i++)
        paths[i] = state_path(&arena, &items->items[i]);
    enum zk_result result = zk_get_many(store->session, &arena, paths, items->count, results);
    for (size_t i = 0; result == ZK_OK && i < items->count; i++)
        take_state(&arena, &results[i], &items->items[i]);
    free(paths);
    free(results);
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

static enum zk_result create_all(const struct zk_state_store *store, struct zk_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ops[i].kind = ZK_OP_CREATE;
        ops[i].mode = ZK_PERSISTENT;
    }
    return zk_write_fenced(store->session, store->context->epoch_version, ops, count);
}

// Apache Kafka's three rounds: …/partitions of every topic, …/P of every partition, then the states.
static enum kafka_error create_states(void *context, struct leadership_items *items)
{
    const struct zk_state_store *store = context;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_op *ops = memory_alloc_array(items->count, sizeof *ops);
    size_t topic_count = 0;
    for (size_t i = 0; i < items->count; i++) {
        if (i == 0 || items->items[i].partition->topic != items->items[i - 1].partition->topic)
            ops[topic_count++].path = zk_path_topic_partitions(&arena, topic_name(&items->items[i]));
    }
    enum zk_result result = create_all(store, ops, topic_count);
    memset(ops, 0, items->count * sizeof *ops);
    for (size_t i = 0; i < items->count; i++)
        ops[i].path = zk_path_partition(&arena, topic_name(&items->items[i]), items->items[i].partition->index);
    if (result == ZK_OK)
        result = create_all(store, ops, items->count);
    memset(ops, 0, items->count * sizeof *ops);
    for (size_t i = 0; i < items->count; i++) {
        ops[i].path = state_path(&arena, &items->items[i]);
        ops[i].data = state_bytes(&arena, &items->items[i].leadership);
    }
    if (result == ZK_OK)
        result = create_all(store, ops, items->count);
    for (size_t i = 0; result == ZK_OK && i < items->count; i++) {
        items->items[i].error = controller_error_of_zk(ops[i].result);
        items->items[i].leadership.partition_epoch = 0;
    }
    free(ops);
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

static enum kafka_error update_states(void *context, struct leadership_items *items)
{
    const struct zk_state_store *store = context;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_op *ops = memory_alloc_array(items->count, sizeof *ops);
    for (size_t i = 0; i < items->count; i++) {
        ops[i].kind = ZK_OP_SET_DATA;
        ops[i].path = state_path(&arena, &items->items[i]);
        ops[i].data = state_bytes(&arena, &items->items[i].leadership);
        ops[i].version = items->items[i].leadership.partition_epoch;
    }
    enum zk_result result = zk_write_fenced(store->session, store->context->epoch_version, ops, items->count);
    for (size_t i = 0; result == ZK_OK && i < items->count; i++) {
        items->items[i].error = controller_error_of_zk(ops[i].result);
        items->items[i].leadership.partition_epoch = ops[i].stat.version;
    }
    free(ops);
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

static bool unclean_election_is_allowed(void *context, const char *topic)
{
    const struct zk_state_store *store = context;
    return config_znode_allows_unclean_election(store->session, store->config, topic);
}

struct state_store zk_state_store_calls(struct zk_state_store *store)
{
    return (struct state_store){.context = store,
                                .read = read_states,
                                .create = create_states,
                                .update = update_states,
                                .is_unclean_election_allowed = unclean_election_is_allowed};
}
