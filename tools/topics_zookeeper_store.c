// SPDX-License-Identifier: Apache-2.0
#include "tools/topics_zookeeper_store.h"

#include "base/logger.h"
#include "zk/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_TIMEOUT_MS = 30000, CONNECTION_TIMEOUT_MS = 30000 };

void topic_store_open(struct topic_store *store, const char *connect, struct arena *arena, struct failure *failure)
{
    *store = (struct topic_store){NULL, arena, failure};
    struct zk_session_config config = {
        .connect = connect,
        .session_timeout_ms = SESSION_TIMEOUT_MS,
        .connection_timeout_ms = CONNECTION_TIMEOUT_MS,
    };
    char reason[ZK_REASON_SIZE];
    logger_set_level(LOGGER_WARN); // it says who does not answer long before it gives up
    enum zk_result result = zk_session_open(&config, &store->session, reason);
    logger_set_level(LOGGER_FATAL);
    if (result == ZK_OK || result == ZK_NO_NODE)
        return;
    if (result == ZK_TIMED_OUT)
        fprintf(stderr,
                "Exception in thread \"main\" kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out waiting "
                "for connection while in state: CONNECTING\n");
    else
        fprintf(stderr, "Exception in thread \"main\" kafka.zookeeper.ZooKeeperClientException: %s\n", reason);
    exit(1);
}

void topic_store_close(struct topic_store *store)
{
    zk_session_destroy(&store->session);
}

static bool fail(struct topic_store *store, const char *path, enum zk_result result)
{
    return failure_set(store->failure, "org.apache.zookeeper.KeeperException", "KeeperErrorCode = %s for %s",
                       zk_result_name(result), path ? path : "(out of memory)");
}

// Names below a path; none when it is not there.
static bool read_names(struct topic_store *store, const char *path, struct zk_names *names)
{
    *names = (struct zk_names){NULL, 0};
    if (!store->session)
        return true;
    enum zk_result result = zk_children(store->session, store->arena, path, names);
    return result == ZK_OK || result == ZK_NO_NODE || fail(store, path, result);
}

bool topic_store_topics(struct topic_store *store, struct zk_names *names)
{
    return read_names(store, ZK_PATH_TOPICS, names);
}

static int compare_brokers(const void *a, const void *b)
{
    int32_t id_a = ((const struct assignment_broker *)a)->id, id_b = ((const struct assignment_broker *)b)->id;
    return (id_a > id_b) - (id_a < id_b);
}

// Registrations of brokers that have gone meanwhile are left out.
static bool read_brokers(struct topic_store *store, const struct zk_names *names, const struct zk_data *answers,
                         bool with_racks, struct topic_brokers *brokers)
{
    int32_t racked = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct zk_broker broker;
        if (answers[i].result == ZK_NO_NODE)
            continue;
        enum zk_result result = answers[i].result;
        if (result == ZK_OK)
            result = zk_read_broker(store->arena, answers[i].data, &broker);
        if (result != ZK_OK)
            return fail(store, ZK_PATH_BROKER_IDS, result);
        const char *rack = with_racks ? broker.rack : NULL;
        brokers->items[brokers->count++] = (struct assignment_broker){(int32_t)strtol(names->names[i], NULL, 10), rack};
        racked += rack != NULL;
    }
    qsort(brokers->items, (size_t)brokers->count, sizeof *brokers->items, compare_brokers);
    if (racked == 0 || racked == brokers->count)
        return true;
    return failure_set(
        store->failure, "kafka.admin.AdminOperationException",
        "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica "
        "assignment without rack information.");
}

bool topic_store_brokers(struct topic_store *store, bool with_racks, struct topic_brokers *brokers)
{
    struct zk_names names;
    *brokers = (struct topic_brokers){NULL, 0};
    if (!read_names(store, ZK_PATH_BROKER_IDS, &names))
        return false;
    if (names.count == 0)
        return true;
    const char **paths = arena_alloc_array(store->arena, names.count, sizeof *paths);
    struct zk_data *answers = arena_alloc_array(store->arena, names.count, sizeof *answers);
    brokers->items = arena_alloc_array(store->arena, names.count, sizeof *brokers->items);
    if (!paths || !answers || !brokers->items)
        return fail(store, NULL, ZK_TOO_LARGE);
    for (size_t i = 0; i < names.count; i++)
        paths[i] = zk_path_child(store->arena, ZK_PATH_BROKER_IDS, names.names[i]);
    enum zk_result result = zk_get_many(store->session, store->arena, paths, names.count, answers);
    return result == ZK_OK ? read_brokers(store, &names, answers, with_racks, brokers)
                           : fail(store, ZK_PATH_BROKER_IDS, result);
}

bool topic_store_read(struct topic_store *store, const char *topic, struct zk_topic *read)
{
    struct view data;
    const char *path = zk_path_topic(store->arena, view_of_string(topic));
    enum zk_result result = zk_get(store->session, store->arena, path, &data, NULL);
    if (result == ZK_OK)
        result = zk_read_topic(store->arena, data, read);
    return result == ZK_OK || fail(store, path, result);
}

bool topic_store_states(struct topic_store *store, const char *name, const struct zk_topic *topic,
                        struct zk_partition_state *states)
{
    const char **paths = arena_alloc_array(store->arena, topic->partition_count, sizeof *paths);
    struct zk_data *answers = arena_alloc_array(store->arena, topic->partition_count, sizeof *answers);
    if (!paths || !answers)
        return fail(store, NULL, ZK_TOO_LARGE);
    for (size_t i = 0; i < topic->partition_count; i++)
        paths[i] = zk_path_partition_state(store->arena, view_of_string(name), topic->partitions[i].id);
    enum zk_result result = zk_get_many(store->session, store->arena, paths, topic->partition_count, answers);
    if (result != ZK_OK)
        return fail(store, name, result);
    for (size_t i = 0; i < topic->partition_count; i++) {
        states[i] = (struct zk_partition_state){.leader = -1};
        result = answers[i].result;
        if (result == ZK_OK)
            result = zk_read_partition_state(store->arena, answers[i].data, &states[i]);
        if (result != ZK_OK && result != ZK_NO_NODE)
            return fail(store, paths[i], result);
    }
    return true;
}

bool topic_store_configs(struct topic_store *store, const char *topic, struct properties *configs)
{
    struct view data;
    struct zk_config config;
    const char *path = zk_path_config_topic(store->arena, view_of_string(topic));
    enum zk_result result = zk_get(store->session, store->arena, path, &data, NULL);
    if (result == ZK_NO_NODE)
        return true;
    if (result == ZK_OK)
        result = zk_read_config_data(store->arena, data, &config);
    if (result != ZK_OK)
        return fail(store, path, result);
    for (size_t i = 0; i < config.count; i++)
        properties_set(configs, config.entries[i].key, config.entries[i].value);
    return true;
}

bool topic_store_is_marked(struct topic_store *store, const char *topic, bool *is_marked)
{
    const char *path = zk_path_delete_topic(store->arena, view_of_string(topic));
    enum zk_result result = zk_exists(store->session, path, NULL);
    *is_marked = result == ZK_OK;
    return result == ZK_OK || result == ZK_NO_NODE || fail(store, path, result);
}

static bool has_cluster(struct topic_store *store)
{
    return store->session || failure_set(store->failure, "org.apache.zookeeper.KeeperException$NoNodeException",
                                         "KeeperErrorCode = NoNode for %s", ZK_PATH_TOPICS);
}

static enum zk_result write_config(struct topic_store *store, const char *topic, const struct properties *configs)
{
    struct zk_config config = {arena_alloc_array(store->arena, configs->count, sizeof *config.entries), configs->count};
    if (!config.entries)
        return ZK_TOO_LARGE;
    for (size_t i = 0; i < configs->count; i++)
        config.entries[i] = (struct zk_config_entry){configs->items[i].key, configs->items[i].value};
    struct view data = zk_write_config_data(store->arena, &config);
    const char *path = zk_path_config_topic(store->arena, view_of_string(topic));
    if (view_is_null(data) || !path)
        return ZK_TOO_LARGE;
    return zk_write_config_unchecked(store->session, path, data);
}

// Behind the partitions that are there, those of the lists.
static bool append_partitions(struct topic_store *store, const struct zk_topic *topic, const struct replica_list *lists,
                              int32_t count, struct zk_topic *grown)
{
    *grown = *topic;
    grown->partitions =
        arena_alloc_array(store->arena, topic->partition_count + (size_t)count, sizeof *grown->partitions);
    if (!grown->partitions)
        return false;
    if (topic->partition_count > 0)
        memcpy(grown->partitions, topic->partitions, topic->partition_count * sizeof *grown->partitions);
    for (int32_t i = 0; i < count; i++) {
        size_t replica_count = (size_t)lists[i].count;
        int32_t *replicas = arena_alloc_array(store->arena, replica_count, sizeof *replicas);
        if (!replicas)
            return false;
        memcpy(replicas, lists[i].broker_ids, replica_count * sizeof *replicas);
        grown->partitions[grown->partition_count] = (struct zk_partition){
            .id = (int32_t)grown->partition_count,
            .replicas = {replicas, replica_count},
        };
        grown->partition_count++;
    }
    return true;
}

bool topic_store_create(struct topic_store *store, const char *topic, const struct replica_list *lists, int32_t count,
                        const struct properties *configs)
{
    if (!has_cluster(store))
        return false;
    struct zk_topic empty = {.id = UUID_ZERO}, created;
    const char *path = zk_path_topic(store->arena, view_of_string(topic));
    if (!append_partitions(store, &empty, lists, count, &created))
        return fail(store, NULL, ZK_TOO_LARGE);
    struct view data = zk_write_topic(store->arena, &created);
    enum zk_result result = view_is_null(data) ? ZK_TOO_LARGE : write_config(store, topic, configs);
    if (result == ZK_OK)
        result = zk_create_recursive(store->session, path, data);
    if (result == ZK_NODE_EXISTS)
        return failure_set(store->failure, "org.apache.kafka.common.errors.TopicExistsException",
                           "Topic '%s' already exists.", topic);
    return result == ZK_OK || fail(store, path, result);
}

bool topic_store_grow(struct topic_store *store, const char *name, const struct zk_topic *topic,
                      const struct replica_list *lists, int32_t count)
{
    struct zk_topic grown;
    const char *path = zk_path_topic(store->arena, view_of_string(name));
    if (!append_partitions(store, topic, lists, count, &grown))
        return fail(store, NULL, ZK_TOO_LARGE);
    struct view data = zk_write_topic(store->arena, &grown);
    enum zk_result result = ZK_TOO_LARGE;
    if (!view_is_null(data))
        result = zk_set(store->session, path, data, ZK_ANY_VERSION, NULL);
    return result == ZK_OK || fail(store, path, result);
}

bool topic_store_set_configs(struct topic_store *store, const char *topic, const struct properties *configs)
{
    enum zk_result result = write_config(store, topic, configs);
    const char *entity = arena_format(store->arena, "topics/%s", topic);
    if (result == ZK_OK)
        result = entity ? zk_notify_config_change(store->session, entity) : ZK_TOO_LARGE;
    return result == ZK_OK || fail(store, topic, result);
}

bool topic_store_mark(struct topic_store *store, const char *topic, bool *was_marked)
{
    const char *path = zk_path_delete_topic(store->arena, view_of_string(topic));
    enum zk_result result = zk_create_recursive(store->session, path, VIEW_NULL);
    *was_marked = result == ZK_NODE_EXISTS;
    return result == ZK_OK || result == ZK_NODE_EXISTS || fail(store, path, result);
}
