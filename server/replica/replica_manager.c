// SPDX-License-Identifier: Apache-2.0
#include "server/replica/replica_manager.h"

#include "base/array.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/thread.h"
#include "log/log_manager.h"
#include "net/request.h"
#include "rules/topic_name.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/config_changes.h"
#include "server/dispatch.h"
#include "server/metadata_cache.h"
#include "server/purgatory.h"
#include "server/replica/fetch_session.h"

#include <stdatomic.h>
#include <stdlib.h>

// The partitions of one topic of which replicas are here, by rising index.
struct hosted_topic {
    ARRAY_OF(struct partition *);
};

struct observation {
    char *topic;
    struct replica_manager_observer observer;
};

// A request of the controller that waits for its turn; in the request's arena.
struct controller_request {
    struct list link;
    struct request *request;
    const void *message;
    void (*run)(struct broker *broker, struct request *request, const void *message);
};

struct replica_manager {
    struct broker *broker;
    struct fetch_session_cache *fetch_sessions;
    struct purgatory *produce_purgatory, *fetch_purgatory, *delete_records_purgatory, *topic_purgatory;
    struct {
        ARRAY_OF(struct observation);
    } observations; // immutable once started

    struct shared_lock lock; // PARTITIONS; only the replica-state thread writes
    struct map topics LOCK_GUARDED;

    int32_t controller_epoch; // the highest seen; the replica-state thread's own

    struct lock queue_lock; // REPLICA_STATE
    struct condition queue_changed;
    struct list queue LOCK_GUARDED;
    bool is_stopping LOCK_GUARDED;
    bool is_started;
    struct thread thread;
};

static void reconfigure_all(void *context);

struct replica_manager *replica_manager_create(struct broker *broker)
{
    struct replica_manager *manager = memory_alloc(sizeof *manager);
    manager->broker = broker;
    manager->fetch_sessions =
        fetch_session_cache_create(config_int(broker->config, OPTION_MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS));
    manager->produce_purgatory = purgatory_create("Produce", broker->timer);
    manager->fetch_purgatory = purgatory_create("Fetch", broker->timer);
    manager->delete_records_purgatory = purgatory_create("DeleteRecords", broker->timer);
    manager->topic_purgatory = purgatory_create("Topic", broker->timer);
    shared_lock_init(&manager->lock, LOCK_PARTITIONS);
    lock_init(&manager->queue_lock, LOCK_REPLICA_STATE);
    condition_init(&manager->queue_changed);
    list_init(&manager->queue);
    config_observe(broker->config, reconfigure_all, manager);
    return manager;
}

void replica_manager_observe(struct replica_manager *manager, const char *topic,
                             const struct replica_manager_observer *observer)
{
    *array_append(&manager->observations) = (struct observation){memory_copy_string(topic), *observer};
}

void replica_manager_destroy(struct replica_manager **manager)
{
    struct replica_manager *gone = *manager;
    if (gone == NULL)
        return;
    replica_manager_stop(gone);
    purgatory_destroy(&gone->produce_purgatory);
    purgatory_destroy(&gone->fetch_purgatory);
    purgatory_destroy(&gone->delete_records_purgatory);
    purgatory_destroy(&gone->topic_purgatory);
    fetch_session_cache_destroy(&gone->fetch_sessions);
    shared_lock_acquire_write(&gone->lock);
    size_t at = 0;
    void *value;
    while (map_next(&gone->topics, &at, NULL, &value)) {
        struct hosted_topic *topic = value;
        for (size_t i = 0; i < topic->count; i++)
            partition_unref(topic->items[i]);
        array_fini(topic);
        free(topic);
    }
    map_fini(&gone->topics);
    shared_lock_release(&gone->lock);
    for (size_t i = 0; i < gone->observations.count; i++)
        free(gone->observations.items[i].topic);
    array_fini(&gone->observations);
    shared_lock_fini(&gone->lock);
    lock_fini(&gone->queue_lock);
    condition_fini(&gone->queue_changed);
    free(gone);
    *manager = NULL;
}

struct fetch_session_cache *replica_manager_fetch_sessions(struct replica_manager *manager)
{
    return manager->fetch_sessions;
}

struct purgatory *replica_manager_fetch_purgatory(struct replica_manager *manager)
{
    return manager->fetch_purgatory;
}

struct purgatory *replica_manager_delete_records_purgatory(struct replica_manager *manager)
{
    return manager->delete_records_purgatory;
}

struct purgatory *replica_manager_produce_purgatory(struct replica_manager *manager)
{
    return manager->produce_purgatory;
}

struct purgatory *replica_manager_topic_purgatory(struct replica_manager *manager)
{
    return manager->topic_purgatory;
}

// ---- The replica-state thread

static void run_queue(void *context)
{
    struct replica_manager *manager = context;
    lock_acquire(&manager->queue_lock);
    while (!manager->is_stopping) {
        struct list *link = list_take_first(&manager->queue);
        if (link == NULL) {
            condition_wait(&manager->queue_changed, &manager->queue_lock);
            continue;
        }
        lock_release(&manager->queue_lock);
        struct controller_request *next = LIST_ELEMENT(link, struct controller_request, link);
        next->run(manager->broker, next->request, next->message);
        lock_acquire(&manager->queue_lock);
    }
    lock_release(&manager->queue_lock);
}

int replica_manager_start(struct replica_manager *manager)
{
    int result = thread_start(&manager->thread, run_queue, manager, "replica-state");
    manager->is_started = result == 0;
    return result;
}

void replica_manager_stop(struct replica_manager *manager)
{
    lock_acquire(&manager->queue_lock);
    manager->is_stopping = true;
    condition_broadcast(&manager->queue_changed);
    lock_release(&manager->queue_lock);
    if (manager->is_started)
        thread_join(&manager->thread);
    manager->is_started = false;
    struct list *link;
    lock_acquire(&manager->queue_lock);
    while ((link = list_take_first(&manager->queue)) != NULL)
        dispatch_close(LIST_ELEMENT(link, struct controller_request, link)->request);
    lock_release(&manager->queue_lock);
    purgatory_close(manager->topic_purgatory);
    purgatory_close(manager->produce_purgatory);
    purgatory_close(manager->delete_records_purgatory);
    purgatory_close(manager->fetch_purgatory);
}

void replica_manager_enqueue(struct replica_manager *manager, struct request *request, const void *message,
                             void (*run)(struct broker *broker, struct request *request, const void *message))
{
    struct controller_request *next = arena_alloc(&request->arena, sizeof *next);
    if (next == NULL) {
        dispatch_close(request);
        return;
    }
    *next = (struct controller_request){.request = request, .message = message, .run = run};
    lock_acquire(&manager->queue_lock);
    bool is_stopping = manager->is_stopping;
    if (!is_stopping)
        list_append(&manager->queue, &next->link);
    condition_signal(&manager->queue_changed);
    lock_release(&manager->queue_lock);
    if (is_stopping)
        dispatch_close(request);
}

// ---- The table of partitions

// Where the index is, or would be.
static size_t find_position(const struct hosted_topic *topic, int32_t index)
{
    size_t low = 0, high = topic->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (partition_index(topic->items[middle]) < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The partition with a reference, or NULL.
static struct partition *find_partition(struct replica_manager *manager, struct view topic, int32_t index)
{
    struct partition *found = NULL;
    shared_lock_acquire_read(&manager->lock);
    const struct hosted_topic *hosted = map_get(&manager->topics, topic);
    size_t at = hosted == NULL ? 0 : find_position(hosted, index);
    if (hosted != NULL && at < hosted->count && partition_index(hosted->items[at]) == index)
        found = partition_ref(hosted->items[at]);
    shared_lock_release(&manager->lock);
    return found;
}

// Puts a partition that is not there into the table, which takes a reference.
static void add_partition(struct replica_manager *manager, struct partition *partition)
{
    shared_lock_acquire_write(&manager->lock);
    struct hosted_topic *hosted = map_get(&manager->topics, partition_topic(partition));
    if (hosted == NULL) {
        hosted = memory_alloc(sizeof *hosted);
        map_put(&manager->topics, partition_topic(partition), hosted);
    }
    size_t at = find_position(hosted, partition_index(partition));
    *array_append(hosted) = NULL;
    for (size_t i = hosted->count - 1; i > at; i--)
        hosted->items[i] = hosted->items[i - 1];
    hosted->items[at] = partition_ref(partition);
    shared_lock_release(&manager->lock);
}

static void remove_partition(struct replica_manager *manager, struct partition *partition)
{
    shared_lock_acquire_write(&manager->lock);
    struct hosted_topic *hosted = map_get(&manager->topics, partition_topic(partition));
    size_t at = find_position(hosted, partition_index(partition));
    partition_unref(hosted->items[at]);
    hosted->count--;
    for (size_t i = at; i < hosted->count; i++)
        hosted->items[i] = hosted->items[i + 1];
    if (hosted->count == 0) {
        map_remove(&manager->topics, partition_topic(partition));
        array_fini(hosted);
        free(hosted);
    }
    shared_lock_release(&manager->lock);
}

struct partition *replica_manager_partition(struct replica_manager *manager, struct view topic, int32_t index,
                                            enum kafka_error *error)
{
    struct partition *partition = find_partition(manager, topic, index);
    if (partition != NULL)
        return partition;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(manager->broker->metadata_cache);
    const struct metadata_topic *known = metadata_snapshot_topic(snapshot, topic);
    *error = known != NULL && metadata_topic_partition(known, index) != NULL ? KAFKA_NOT_LEADER_OR_FOLLOWER
                                                                             : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    metadata_snapshot_unref(snapshot);
    return NULL;
}

void replica_manager_partition_changed(struct replica_manager *manager, struct partition *partition,
                                       bool high_watermark_moved)
{
    struct view key = partition_key(partition);
    if (high_watermark_moved) {
        purgatory_check(manager->produce_purgatory, key);
        purgatory_check(manager->delete_records_purgatory, key);
    }
    purgatory_check(manager->fetch_purgatory, key);
}

// ---- Configuration

struct partition_list {
    ARRAY_OF(struct partition *);
};

static void list_hosted(const struct hosted_topic *hosted, struct partition_list *list)
{
    for (size_t i = 0; i < hosted->count; i++)
        *array_append(list) = partition_ref(hosted->items[i]);
}

// Gives the partitions their topics' configuration. Takes the list over. Not under the table's lock: this waits for
// appends that are under way.
static void configure(struct replica_manager *manager, struct partition_list *list)
{
    const struct config *config = manager->broker->config;
    for (size_t i = 0; i < list->count; i++) {
        struct view topic = partition_topic(list->items[i]);
        partition_set_min_insync_replicas(
            list->items[i], (int32_t)config_topic_integer(config, topic, OPTION_TOPIC_MIN_INSYNC_REPLICAS));
        struct log *log = partition_log(list->items[i]);
        struct log_config log_config;
        config_topic_log(config, topic, &log_config);
        if (log != NULL)
            log_set_config(log, &log_config);
        log_unref(log);
        partition_unref(list->items[i]);
    }
    array_fini(list);
}

void replica_manager_configure_topic(struct replica_manager *manager, struct view topic)
{
    struct partition_list list = {0};
    shared_lock_acquire_read(&manager->lock);
    const struct hosted_topic *hosted = map_get(&manager->topics, topic);
    if (hosted != NULL)
        list_hosted(hosted, &list);
    shared_lock_release(&manager->lock);
    configure(manager, &list);
}

// The broker's defaults have changed.
static void reconfigure_all(void *context)
{
    struct replica_manager *manager = context;
    struct partition_list list = {0};
    shared_lock_acquire_read(&manager->lock);
    size_t at = 0;
    void *hosted;
    while (map_next(&manager->topics, &at, NULL, &hosted))
        list_hosted(hosted, &list);
    shared_lock_release(&manager->lock);
    configure(manager, &list);
}

// ---- What the controller decides

enum kafka_error replica_manager_check_controller(struct replica_manager *manager, int64_t broker_epoch,
                                                  int32_t controller_epoch)
{
    if (broker_epoch != -1 && broker_epoch < atomic_load(&manager->broker->epoch))
        return KAFKA_STALE_BROKER_EPOCH;
    if (controller_epoch < manager->controller_epoch) {
        logger_warn("Refusing a request of a controller of epoch %d, the present one has epoch %d.", controller_epoch,
                    manager->controller_epoch);
        return KAFKA_STALE_CONTROLLER_EPOCH;
    }
    manager->controller_epoch = controller_epoch;
    return KAFKA_NONE;
}

static bool contains(const struct int32_array *array, int32_t item)
{
    for (int32_t i = 0; i < array->count; i++) {
        if (array->items[i] == item)
            return true;
    }
    return false;
}

// A topic's overrides come with its first partition here; later changes of them are followed.
static void read_config(struct replica_manager *manager, struct view topic)
{
    shared_lock_acquire_read(&manager->lock);
    const struct hosted_topic *hosted = map_get(&manager->topics, topic);
    bool is_known = hosted != NULL && hosted->count > 1;
    shared_lock_release(&manager->lock);
    enum kafka_error error = is_known ? KAFKA_NONE : config_changes_read_topic(manager->broker, topic);
    if (error != KAFKA_NONE)
        logger_warn("Cannot read the configuration of topic %.*s (%s), it begins with the broker's defaults.",
                    VIEW_ARGS(topic), kafka_error_name(error));
}

// The partition's log, made if there is none, with a reference.
static enum kafka_error open_log(struct replica_manager *manager, struct view topic, struct uuid topic_id,
                                 const struct leader_and_isr_request_partition_state *state, struct log **log)
{
    struct broker *broker = manager->broker;
    enum kafka_error error = log_manager_get(broker->log_manager, topic, state->partition_index, log);
    if (error == KAFKA_NONE && !uuid_is_zero(topic_id)) {
        error = log_set_topic_id(*log, topic_id);
        if (error != KAFKA_NONE)
            log_unref(*log);
    }
    if (error != KAFKA_UNKNOWN_TOPIC_OR_PARTITION)
        return error;
    // A replica that is not new may lie in the directory that is offline: an empty one must not take its place.
    if (!state->is_new &&
        log_manager_online_directory_count(broker->log_manager) < log_manager_directory_count(broker->log_manager)) {
        logger_error("Not making an empty log for partition %.*s-%d, which is not new: its own may be in a log "
                     "directory that is offline.",
                     VIEW_ARGS(topic), state->partition_index);
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    read_config(manager, topic);
    struct log_config config;
    config_topic_log(broker->config, topic, &config);
    return log_manager_create_log(broker->log_manager, topic, state->partition_index, topic_id, &config, log);
}

static const struct replica_manager_observer *find_observer(const struct replica_manager *manager, struct view topic)
{
    for (size_t i = 0; i < manager->observations.count; i++) {
        if (view_equal_string(topic, manager->observations.items[i].topic))
            return &manager->observations.items[i].observer;
    }
    return NULL;
}

static bool is_alive(struct replica_manager *manager, int32_t broker_id)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(manager->broker->metadata_cache);
    bool found = metadata_snapshot_broker(snapshot, broker_id) != NULL;
    metadata_snapshot_unref(snapshot);
    return found;
}

static void tell_observer(struct replica_manager *manager, struct view topic,
                          const struct leader_and_isr_request_partition_state *state)
{
    const struct replica_manager_observer *observer = find_observer(manager, topic);
    if (observer != NULL && state->leader == manager->broker->id)
        observer->leader(observer->context, topic, state->partition_index, state->leader_epoch);
    else if (observer != NULL)
        observer->not_leader(observer->context, topic, state->partition_index, state->leader_epoch);
}

// A decision of a new leader epoch: the partition leads or follows from now on. A leader that the metadata cache does
// not know to be alive cannot be followed: then only the log is made, so that its high watermark is kept.
static enum kafka_error carry_out(struct replica_manager *manager, struct partition *partition, struct uuid topic_id,
                                  const struct leader_and_isr_request_partition_state *state)
{
    struct view topic = partition_topic(partition);
    struct log *log;
    enum kafka_error error = open_log(manager, topic, topic_id, state, &log);
    if (error != KAFKA_NONE)
        return error;
    bool is_changed = false;
    partition_set_min_insync_replicas(
        partition, (int32_t)config_topic_integer(manager->broker->config, topic, OPTION_TOPIC_MIN_INSYNC_REPLICAS));
    if (state->leader == manager->broker->id || is_alive(manager, state->leader))
        error = partition_change_leader(partition, state, log, &is_changed);
    else
        logger_error("Not following broker %d as leader of partition %.*s in epoch %d: it is not alive.", state->leader,
                     VIEW_ARGS(partition_key(partition)), state->leader_epoch);
    log_unref(log);
    if (error != KAFKA_NONE || !is_changed)
        return error;
    logger_debug("Partition %.*s is led by broker %d in epoch %d.", VIEW_ARGS(partition_key(partition)), state->leader,
                 state->leader_epoch);
    // What waited on the old leader, or for the high watermark, is answered.
    replica_manager_partition_changed(manager, partition, true);
    tell_observer(manager, topic, state);
    return KAFKA_NONE;
}

static enum kafka_error change_leader(struct replica_manager *manager, struct partition *partition,
                                      struct uuid topic_id, const struct leader_and_isr_request_partition_state *state)
{
    struct log *log = partition_log(partition);
    bool is_offline = log != NULL && log_is_offline(log);
    struct uuid known_id = log == NULL ? UUID_ZERO : log_topic_id(log);
    int32_t epoch = partition_leader(partition).epoch;
    enum kafka_error error;
    if (is_offline)
        error = KAFKA_KAFKA_STORAGE_ERROR;
    else if (!uuid_is_zero(topic_id) && !uuid_is_zero(known_id) && !uuid_equal(topic_id, known_id))
        error = KAFKA_INCONSISTENT_TOPIC_ID;
    else if (state->leader_epoch > epoch)
        error = contains(&state->replicas, manager->broker->id) ? carry_out(manager, partition, topic_id, state)
                                                                : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    else if (state->leader_epoch == epoch && log != NULL && uuid_is_zero(known_id) && !uuid_is_zero(topic_id))
        error = log_set_topic_id(log, topic_id);
    else
        error = KAFKA_STALE_CONTROLLER_EPOCH;
    log_unref(log);
    return error;
}

enum kafka_error replica_manager_change_leader(struct replica_manager *manager, struct view topic, struct uuid topic_id,
                                               const struct leader_and_isr_request_partition_state *state)
{
    // It becomes a directory's name, which no sender may choose freely.
    if (!topic_name_is_valid(topic) || state->partition_index < 0) {
        logger_error("Not carrying out LeaderAndIsr of a partition %d whose topic's name is not possible.",
                     state->partition_index);
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    struct partition *partition = find_partition(manager, topic, state->partition_index);
    if (partition == NULL) {
        partition = partition_create(topic, state->partition_index, manager->broker->id);
        if (contains(&state->replicas, manager->broker->id))
            add_partition(manager, partition); // it serves nothing before it has a leader
    }
    enum kafka_error error = change_leader(manager, partition, topic_id, state);
    if (error != KAFKA_NONE && error != KAFKA_STALE_CONTROLLER_EPOCH)
        logger_error("Not carrying out LeaderAndIsr of partition %.*s-%d, leader %d, epoch %d: %s.", VIEW_ARGS(topic),
                     state->partition_index, state->leader, state->leader_epoch, kafka_error_name(error));
    partition_unref(partition);
    return error;
}

static enum kafka_error delete_log(struct replica_manager *manager, struct view topic, int32_t index)
{
    enum kafka_error error = log_manager_delete_log(manager->broker->log_manager, topic, index);
    return error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION ? KAFKA_NONE : error;
}

enum kafka_error replica_manager_stop_replica(struct replica_manager *manager, struct view topic, int32_t index,
                                              int32_t leader_epoch, bool is_deletion)
{
    struct partition *partition = find_partition(manager, topic, index);
    if (partition == NULL)
        return is_deletion ? delete_log(manager, topic, index) : KAFKA_NONE;
    struct log *log = partition_log(partition);
    enum kafka_error error = KAFKA_NONE;
    if (log != NULL && log_is_offline(log))
        error = KAFKA_KAFKA_STORAGE_ERROR;
    else if (leader_epoch >= 0 && leader_epoch < partition_leader(partition).epoch)
        error = KAFKA_FENCED_LEADER_EPOCH;
    log_unref(log);
    if (error == KAFKA_NONE && is_deletion) {
        remove_partition(manager, partition);
        partition_stop(partition);
        error = delete_log(manager, topic, index);
        const struct replica_manager_observer *observer = find_observer(manager, topic);
        if (observer != NULL)
            observer->not_leader(observer->context, topic, index, leader_epoch >= 0 ? leader_epoch : -1);
    }
    if (error == KAFKA_NONE)
        replica_manager_partition_changed(manager, partition, true);
    partition_unref(partition);
    return error;
}

static void tell_deleted(void *context, struct view topic, int32_t partition)
{
    const struct replica_manager *manager = context;
    for (size_t i = 0; i < manager->observations.count; i++) {
        const struct replica_manager_observer *observer = &manager->observations.items[i].observer;
        if (observer->deleted != NULL)
            observer->deleted(observer->context, topic, partition);
    }
    // Overrides go with the topic: another one of that name starts from its own.
    config_set_topic(manager->broker->config, topic, NULL);
}

void replica_manager_update_metadata(struct replica_manager *manager, const struct update_metadata_request *update)
{
    metadata_cache_update(manager->broker->metadata_cache, update, tell_deleted, manager);
    for (int32_t i = 0; i < update->topic_states.count; i++)
        purgatory_check(manager->topic_purgatory, update->topic_states.items[i].topic_name);
    for (int32_t i = 0; i < update->ungrouped_partition_states.count; i++)
        purgatory_check(manager->topic_purgatory, update->ungrouped_partition_states.items[i].topic_name);
}
