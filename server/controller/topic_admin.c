// SPDX-License-Identifier: Apache-2.0
#include "server/controller/topic_admin.h"

#include "base/array.h"
#include "base/logger.h"
#include "base/memory.h"
#include "rules/options.h"
#include "rules/replica_assignment.h"
#include "rules/topic_name.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/config_znodes.h"
#include "server/metadata_cache.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <stdlib.h>
#include <string.h>

static void fail(struct topic_outcome *outcome, enum kafka_error error, const char *message)
{
    outcome->error = error;
    outcome->message = message;
}

// A text that a client can make grow ends when it is longer than this.
enum { MESSAGE_SIZE_MAX = 4096 };

static bool is_long(const char *text)
{
    return text == NULL || strlen(text) > MESSAGE_SIZE_MAX;
}

static void fail_by_zk(struct topic_outcome *outcome, struct arena *arena, enum zk_result result)
{
    fail(outcome, zk_result_to_kafka_error(result),
         arena_format(arena, "ZooKeeper did not do it: %s", zk_result_name(result)));
}

// Moves a heap text into the arena.
static const char *keep(struct arena *arena, char *text)
{
    const char *kept = arena_format(arena, "%s", text);
    free(text);
    return kept;
}

// The live brokers of the metadata cache, by id.
static int32_t live_brokers(struct broker *broker, struct arena *arena, const struct assignment_broker **brokers)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    size_t count = metadata_snapshot_broker_count(snapshot);
    struct assignment_broker *list = arena_alloc_array(arena, count, sizeof *list);
    int32_t listed = 0;
    for (size_t i = 0; list != NULL && i < count; i++) {
        const struct metadata_broker *live = metadata_snapshot_broker_at(snapshot, i);
        list[listed++] = (struct assignment_broker){.id = live->id,
                                                    .rack = live->rack ? arena_format(arena, "%s", live->rack) : NULL};
    }
    metadata_snapshot_unref(snapshot);
    *brokers = list;
    return listed;
}

static bool is_in_metadata_cache(struct broker *broker, struct view name)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    bool is_there = metadata_snapshot_topic(snapshot, name) != NULL;
    metadata_snapshot_unref(snapshot);
    return is_there;
}

// ---- Znodes of topics. A znode's data, with its path, must fit into ZooKeeper's packets of 1 MB: it would close the
// connection on a larger one, and the write be repeated for ever.

enum { ZNODE_SIZE_MAX = 1000 * 1000, PARTITION_COUNT_MAX = ZNODE_SIZE_MAX / (sizeof "\"0\":[0]," - 1) };

static bool is_too_many(struct arena *arena, int32_t count, struct topic_outcome *outcome)
{
    if (count <= PARTITION_COUNT_MAX)
        return false;
    fail(outcome, KAFKA_INVALID_PARTITIONS,
         arena_format(arena, "A topic of %d partitions does not fit into ZooKeeper: %d are the most.", count,
                      PARTITION_COUNT_MAX));
    return true;
}

static enum zk_result topic_exists(struct broker *broker, const char *folder, struct view name)
{
    char *path = memory_format("%s/%.*s", folder, VIEW_ARGS(name));
    enum zk_result result = zk_exists(broker->zk, path, NULL);
    free(path);
    return result;
}

static enum zk_result put_topic(struct broker *broker, struct view name, const struct zk_topic *topic, bool creates)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const char *path = zk_path_topic(&arena, name);
    struct view data = zk_write_topic(&arena, topic);
    enum zk_result result;
    if (view_is_null(data))
        result = ZK_BAD_DATA;
    else if (data.size > ZNODE_SIZE_MAX)
        result = ZK_TOO_LARGE;
    else if (creates)
        result = zk_create_recursive(broker->zk, path, data);
    else
        result = zk_set(broker->zk, path, data, ZK_ANY_VERSION, NULL);
    arena_fini(&arena);
    return result;
}

// ---- Creation

static int compare_partitions(const void *a, const void *b)
{
    const struct zk_partition *one = a, *other = b;
    return one->id < other->id ? -1 : one->id > other->id;
}

static bool copy_replicas(struct arena *arena, const int32_t *ids, int32_t count, struct zk_int_list *copy)
{
    copy->items = arena_alloc_array(arena, (size_t)count, sizeof *ids);
    copy->count = (size_t)count;
    if (copy->items != NULL && count > 0)
        memcpy(copy->items, ids, (size_t)count * sizeof *ids);
    return copy->items != NULL;
}

// Fills topic->partitions with what the client gave, sorted by partition. Returns false when two are for one partition
// or the arena is at its maximum.
static bool take_given(struct arena *arena, const struct topic_creation *creation, struct zk_topic *topic)
{
    topic->partition_count = (size_t)creation->given_count;
    topic->partitions = arena_alloc_array(arena, topic->partition_count, sizeof *topic->partitions);
    for (size_t i = 0; topic->partitions != NULL && i < topic->partition_count; i++) {
        const struct given_replicas *given = &creation->given[i];
        topic->partitions[i].id = given->partition;
        if (!copy_replicas(arena, given->broker_ids, given->count, &topic->partitions[i].replicas))
            return false;
    }
    if (topic->partitions == NULL)
        return false;
    qsort(topic->partitions, topic->partition_count, sizeof *topic->partitions, compare_partitions);
    for (size_t i = 1; i < topic->partition_count; i++) {
        if (topic->partitions[i].id == topic->partitions[i - 1].id)
            return false;
    }
    return true;
}

static bool take_spread(struct arena *arena, const struct replica_list *lists, int32_t count, int32_t first_partition,
                        struct zk_partition *partitions)
{
    for (int32_t i = 0; i < count; i++) {
        partitions[i] = (struct zk_partition){.id = first_partition + i};
        if (!copy_replicas(arena, lists[i].broker_ids, lists[i].count, &partitions[i].replicas))
            return false;
    }
    return true;
}

static void assign(struct broker *broker, struct arena *arena, const struct topic_creation *creation,
                   struct zk_topic *topic, struct topic_outcome *outcome)
{
    if (creation->given_count > 0) {
        if (creation->partition_count != -1 || creation->replication_factor != -1)
            fail(outcome, KAFKA_INVALID_REQUEST,
                 "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the "
                 "same time.");
        else if (!take_given(arena, creation, topic))
            fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                 "partitions should be a consecutive 0-based integer sequence");
        return;
    }
    int32_t count = creation->partition_count;
    int32_t factor = creation->replication_factor;
    if (count == -1)
        count = config_int(broker->config, OPTION_NUM_PARTITIONS);
    if (factor == -1)
        factor = config_int(broker->config, OPTION_DEFAULT_REPLICATION_FACTOR);
    if (is_too_many(arena, count, outcome))
        return;
    const struct assignment_broker *brokers;
    int32_t broker_count = live_brokers(broker, arena, &brokers);
    if (broker_count == 0) {
        // A controller that has just started and has not even told itself who is there: clients ask again.
        fail(outcome, KAFKA_NOT_CONTROLLER, NULL);
        return;
    }
    const struct replica_list *lists;
    const char *message = NULL;
    enum kafka_error error =
        replica_assignment_spread(arena, brokers, broker_count, count, factor, 0, -1, &lists, &message);
    if (error == KAFKA_NONE) {
        topic->partitions = arena_alloc_array(arena, (size_t)count, sizeof *topic->partitions);
        topic->partition_count = (size_t)count;
        if (topic->partitions == NULL || !take_spread(arena, lists, count, 0, topic->partitions))
            error = KAFKA_UNKNOWN_SERVER_ERROR;
    }
    if (error != KAFKA_NONE)
        fail(outcome, error, message);
}

static const char *list_ids(struct arena *arena, struct zk_int_list ids)
{
    const char *text = "";
    for (size_t i = 0; i < ids.count && !is_long(text); i++)
        text = arena_format(arena, "%s%s%d", text, i > 0 ? ", " : "", ids.items[i]);
    return text;
}

static int compare_ids(const void *a, const void *b)
{
    const int32_t *one = a, *other = b;
    return *one < *other ? -1 : *one > *other;
}

static bool has_duplicates(struct zk_int_list ids)
{
    bool has = false;
    int32_t *sorted = memory_alloc_array(ids.count, sizeof *sorted);
    if (ids.count > 0)
        memcpy(sorted, ids.items, ids.count * sizeof *sorted);
    qsort(sorted, ids.count, sizeof *sorted, compare_ids);
    for (size_t i = 1; i < ids.count && !has; i++)
        has = sorted[i] == sorted[i - 1];
    free(sorted);
    return has;
}

// Apache Kafka prints its own table of the assignment here.
static const char *describe_duplicates(struct arena *arena, const struct zk_topic *topic)
{
    const char *text = "Duplicate replica assignment found: HashMap(";
    for (size_t i = 0; i < topic->partition_count && !is_long(text); i++)
        text = arena_format(arena, "%s%s%d -> ArrayBuffer(%s)", text, i > 0 ? ", " : "", topic->partitions[i].id,
                            list_ids(arena, topic->partitions[i].replicas));
    return text != NULL ? arena_format(arena, "%s)", text) : NULL;
}

static void check_assignment(struct arena *arena, const struct zk_topic *topic, struct topic_outcome *outcome)
{
    size_t factor = topic->partitions[0].replicas.count;
    bool is_dense = true;
    for (size_t i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i].replicas.count != factor || factor == 0) {
            fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT, "All partitions should have the same number of replicas");
            return;
        }
        is_dense = is_dense && topic->partitions[i].id == (int32_t)i;
    }
    for (size_t i = 0; i < topic->partition_count; i++) {
        if (has_duplicates(topic->partitions[i].replicas)) {
            fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT, describe_duplicates(arena, topic));
            return;
        }
    }
    if (!is_dense)
        fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT, "partitions should be a consecutive 0-based integer sequence");
}

// '.' and '_' make names collide in metrics.
static void check_collisions(struct broker *broker, struct arena *arena, struct view name,
                             struct topic_outcome *outcome)
{
    struct arena local;
    arena_init(&local, SIZE_MAX);
    struct zk_names topics = {0};
    const char *colliding = NULL;
    enum zk_result result = zk_children(broker->zk, &local, ZK_PATH_TOPICS, &topics);
    for (size_t i = 0; i < topics.count; i++) {
        struct view other = view_of_string(topics.names[i]);
        if (topic_name_collides(name, other) && !is_long(colliding ? colliding : ""))
            colliding =
                arena_format(arena, "%s%s%s", colliding ? colliding : "", colliding ? ", " : "", topics.names[i]);
    }
    arena_fini(&local);
    if (result != ZK_OK)
        fail_by_zk(outcome, arena, result);
    else if (colliding != NULL)
        fail(outcome, KAFKA_INVALID_TOPIC_EXCEPTION,
             arena_format(arena, "Topic '%.*s' collides with existing topics: %s", VIEW_ARGS(name), colliding));
}

static void check_name(struct broker *broker, struct arena *arena, struct view name, struct topic_outcome *outcome)
{
    char *message = topic_name_check(name);
    if (message != NULL) {
        fail(outcome, KAFKA_INVALID_TOPIC_EXCEPTION, keep(arena, message));
        return;
    }
    enum zk_result result = topic_exists(broker, ZK_PATH_DELETE_TOPICS, name);
    if (result == ZK_OK) {
        fail(outcome, KAFKA_TOPIC_ALREADY_EXISTS,
             arena_format(arena, "Topic '%.*s' is marked for deletion.", VIEW_ARGS(name)));
        return;
    }
    if (result == ZK_NO_NODE)
        result = topic_exists(broker, ZK_PATH_TOPICS, name);
    if (result == ZK_OK)
        fail(outcome, KAFKA_TOPIC_ALREADY_EXISTS, arena_format(arena, "Topic '%.*s' already exists.", VIEW_ARGS(name)));
    else if (result != ZK_NO_NODE)
        fail_by_zk(outcome, arena, result);
    else if (topic_name_has_collision_chars(name))
        check_collisions(broker, arena, name, outcome);
}

static void write_topic(struct broker *broker, struct arena *arena, const struct topic_creation *creation,
                        const struct zk_topic *topic, struct topic_outcome *outcome)
{
    char *entity_path = memory_format("topics/%.*s", VIEW_ARGS(creation->name));
    logger_info("Creating topic %.*s with %zu partitions and %zu replicas each", VIEW_ARGS(creation->name),
                topic->partition_count, topic->partitions[0].replicas.count);
    enum zk_result result = config_znode_write(broker->zk, entity_path, creation->overrides);
    if (result == ZK_OK)
        result = put_topic(broker, creation->name, topic, true);
    free(entity_path);
    if (result == ZK_NODE_EXISTS)
        fail(outcome, KAFKA_TOPIC_ALREADY_EXISTS,
             arena_format(arena, "Topic '%.*s' already exists.", VIEW_ARGS(creation->name)));
    else if (result != ZK_OK)
        fail_by_zk(outcome, arena, result);
    else
        outcome->id = topic->id;
}

void topic_admin_create(struct broker *broker, struct arena *arena, const struct topic_creation *creation,
                        bool validate_only, struct topic_outcome *outcome)
{
    struct zk_topic topic = {.id = UUID_ZERO};
    *outcome = (struct topic_outcome){.partition_count = -1, .replication_factor = -1};
    if (is_in_metadata_cache(broker, creation->name)) {
        fail(outcome, KAFKA_TOPIC_ALREADY_EXISTS,
             arena_format(arena, "Topic '%.*s' already exists.", VIEW_ARGS(creation->name)));
        return;
    }
    assign(broker, arena, creation, &topic, outcome);
    if (outcome->error == KAFKA_NONE)
        check_name(broker, arena, creation->name, outcome);
    if (outcome->error == KAFKA_NONE)
        check_assignment(arena, &topic, outcome);
    if (outcome->error == KAFKA_NONE) {
        char *message = options_check_topic(creation->overrides);
        if (message != NULL)
            fail(outcome, KAFKA_INVALID_CONFIG, keep(arena, message));
    }
    if (outcome->error == KAFKA_NONE && !validate_only) {
        topic.id = uuid_random();
        write_topic(broker, arena, creation, &topic, outcome);
    }
    if (outcome->error == KAFKA_NONE) {
        outcome->partition_count = (int32_t)topic.partition_count;
        outcome->replication_factor = (int16_t)topic.partitions[0].replicas.count;
    } else {
        logger_info("Topic %.*s is not created: %s", VIEW_ARGS(creation->name),
                    outcome->message ? outcome->message : kafka_error_name((int16_t)outcome->error));
    }
}

// ---- Growth

static bool is_live(const struct assignment_broker *brokers, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++) {
        if (brokers[i].id == id)
            return true;
    }
    return false;
}

static void take_given_growth(struct arena *arena, const struct assignment_broker *brokers, int32_t broker_count,
                              const struct given_replicas *given, int32_t given_count, struct zk_topic *topic,
                              size_t old_count, struct topic_outcome *outcome)
{
    int32_t added = (int32_t)(topic->partition_count - old_count);
    const char *unknown = NULL;
    for (int32_t i = 0; i < given_count; i++) {
        for (int32_t r = 0; r < given[i].count; r++) {
            if (!is_live(brokers, broker_count, given[i].broker_ids[r]) && !is_long(unknown ? unknown : ""))
                unknown =
                    arena_format(arena, "%s%s%d", unknown ? unknown : "", unknown ? ", " : "", given[i].broker_ids[r]);
        }
    }
    if (unknown != NULL) {
        fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT,
             arena_format(arena, "Unknown broker(s) in replica assignment: %s.", unknown));
        return;
    }
    if (given_count != added) {
        fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT,
             arena_format(arena, "Increasing the number of partitions by %d but %d assignments provided.", added,
                          given_count));
        return;
    }
    size_t factor = topic->partitions[0].replicas.count;
    const char *bad = NULL, *bad_factors = NULL;
    for (int32_t i = 0; i < added && outcome->error == KAFKA_NONE; i++) {
        struct zk_partition *partition = &topic->partitions[old_count + (size_t)i];
        *partition = (struct zk_partition){.id = (int32_t)old_count + i};
        if (!copy_replicas(arena, given[i].broker_ids, given[i].count, &partition->replicas))
            fail(outcome, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
        else if (given[i].count == 0)
            fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                 arena_format(arena, "Cannot have replication factor of 0 for partition id %d.", partition->id));
        else if (has_duplicates(partition->replicas))
            fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                 arena_format(arena, "Duplicate brokers not allowed in replica assignment: %s for partition id %d.",
                              list_ids(arena, partition->replicas), partition->id));
        else if (partition->replicas.count != factor && !is_long(bad ? bad : "")) {
            bad_factors = arena_format(arena, "%s%s%d", bad ? bad_factors : "", bad ? ", " : "", given[i].count);
            bad = arena_format(arena, "%s%s%d", bad ? bad : "", bad ? ", " : "", partition->id);
        }
    }
    if (outcome->error == KAFKA_NONE && bad != NULL)
        fail(outcome, KAFKA_INVALID_REPLICA_ASSIGNMENT,
             arena_format(arena,
                          "Inconsistent replication factor between partitions, partition 0 has %zu while partitions "
                          "[%s] have replication factors [%s], respectively.",
                          factor, bad, bad_factors));
}

static void spread_growth(struct arena *arena, const struct assignment_broker *brokers, int32_t broker_count,
                          struct zk_topic *topic, size_t old_count, struct topic_outcome *outcome)
{
    int32_t added = (int32_t)(topic->partition_count - old_count), start_index = 0;
    struct zk_int_list first = topic->partitions[0].replicas;
    for (int32_t i = broker_count - 1; i >= 0; i--) {
        if (brokers[i].id >= first.items[0])
            start_index = i;
    }
    const struct replica_list *lists;
    const char *message = NULL;
    enum kafka_error error = replica_assignment_spread(arena, brokers, broker_count, added, (int32_t)first.count,
                                                       (int32_t)old_count, start_index, &lists, &message);
    if (error == KAFKA_NONE && !take_spread(arena, lists, added, (int32_t)old_count, &topic->partitions[old_count]))
        error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (error != KAFKA_NONE)
        fail(outcome, error, message);
}

// Reads the topic's assignment as it is, with room for count partitions.
static void read_for_growth(struct broker *broker, struct arena *arena, struct view name, int32_t count,
                            struct zk_topic *topic, size_t *old_partitions, struct topic_outcome *outcome)
{
    struct view data;
    char *path = memory_format(ZK_PATH_TOPICS "/%.*s", VIEW_ARGS(name));
    enum zk_result result = zk_get(broker->zk, arena, path, &data, NULL);
    free(path);
    if (result == ZK_OK)
        result = zk_read_topic(arena, data, topic);
    if (result == ZK_NO_NODE || (result == ZK_OK && topic->partition_count == 0)) {
        fail(outcome, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
             arena_format(arena, "The topic '%.*s' does not exist.", VIEW_ARGS(name)));
        return;
    }
    if (result != ZK_OK) {
        fail_by_zk(outcome, arena, result);
        return;
    }
    *old_partitions = topic->partition_count;
    int32_t old_count = (int32_t)topic->partition_count;
    for (int32_t i = 0; i < old_count; i++) {
        if (topic->partitions[i].adding.count > 0 || topic->partitions[i].removing.count > 0) {
            fail(outcome, KAFKA_REASSIGNMENT_IN_PROGRESS,
                 arena_format(arena, "A partition reassignment is in progress for the topic '%.*s'.", VIEW_ARGS(name)));
            return;
        }
    }
    if (count < old_count) {
        fail(outcome, KAFKA_INVALID_PARTITIONS,
             arena_format(arena, "Topic currently has %d partitions, which is higher than the requested %d.", old_count,
                          count));
    } else if (count == old_count) {
        fail(outcome, KAFKA_INVALID_PARTITIONS, arena_format(arena, "Topic already has %d partitions.", old_count));
    } else if (topic->partitions[0].id != 0 || topic->partitions[0].replicas.count == 0) {
        fail(outcome, KAFKA_UNKNOWN_SERVER_ERROR,
             arena_format(arena, "Unexpected existing replica assignment for topic '%.*s', partition id 0 is missing.",
                          VIEW_ARGS(name)));
    } else {
        if (is_too_many(arena, count, outcome))
            return;
        struct zk_partition *grown = arena_alloc_array(arena, (size_t)count, sizeof *grown);
        if (grown == NULL) {
            fail(outcome, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
            return;
        }
        memcpy(grown, topic->partitions, topic->partition_count * sizeof *grown);
        topic->partitions = grown;
        topic->partition_count = (size_t)count;
    }
}

void topic_admin_grow(struct broker *broker, struct arena *arena, struct view name, int32_t count,
                      const struct given_replicas *given, int32_t given_count, bool validate_only,
                      struct topic_outcome *outcome)
{
    *outcome = (struct topic_outcome){.partition_count = -1, .replication_factor = -1};
    if (!topic_name_is_valid(name)) {
        fail(outcome, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
             arena_format(arena, "The topic '%.*s' does not exist.", VIEW_ARGS(name)));
        return;
    }
    if (topic_exists(broker, ZK_PATH_DELETE_TOPICS, name) == ZK_OK) {
        fail(outcome, KAFKA_INVALID_TOPIC_EXCEPTION, "The topic is queued for deletion.");
        return;
    }
    struct zk_topic topic = {.id = UUID_ZERO};
    size_t old_count = 0;
    read_for_growth(broker, arena, name, count, &topic, &old_count, outcome);
    if (outcome->error != KAFKA_NONE)
        return;
    const struct assignment_broker *brokers;
    int32_t broker_count = live_brokers(broker, arena, &brokers);
    if (given != NULL)
        take_given_growth(arena, brokers, broker_count, given, given_count, &topic, old_count, outcome);
    else
        spread_growth(arena, brokers, broker_count, &topic, old_count, outcome);
    outcome->partition_count = count;
    if (outcome->error != KAFKA_NONE || validate_only)
        return;
    logger_info("Topic %.*s is to have %d partitions", VIEW_ARGS(name), count);
    enum zk_result result = put_topic(broker, name, &topic, false);
    if (result != ZK_OK)
        fail_by_zk(outcome, arena, result);
}

// ---- Deletion

static enum zk_result mark_for_deletion(struct broker *broker, struct view name)
{
    char *path = memory_format(ZK_PATH_DELETE_TOPICS "/%.*s", VIEW_ARGS(name));
    enum zk_result result = zk_create(broker->zk, path, VIEW_NULL, ZK_PERSISTENT);
    free(path);
    return result;
}

void topic_admin_delete(struct broker *broker, struct arena *arena, struct view name, struct topic_outcome *outcome)
{
    *outcome = (struct topic_outcome){.partition_count = -1, .replication_factor = -1};
    enum zk_result result = topic_exists(broker, ZK_PATH_TOPICS, name);
    if (result == ZK_OK)
        result = mark_for_deletion(broker, name);
    if (result == ZK_NO_NODE)
        fail(outcome, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
             arena_format(arena, "Topic `%.*s` to delete does not exist", VIEW_ARGS(name)));
    else if (result != ZK_OK && result != ZK_NODE_EXISTS)
        fail_by_zk(outcome, arena, result);
}
