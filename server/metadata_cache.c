// SPDX-License-Identifier: Apache-2.0
#include "server/metadata_cache.h"

#include "base/array.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/memory.h"
#include "net/protocol/messages.h"

#include <assert.h>
#include <stdatomic.h>
#include <strings.h>

// A topic and all below it is one allocation, immutable once it is in a snapshot, counted by the snapshots that have
// it.
struct topic {
    struct metadata_topic public;
    atomic_int references;
};

// Immutable once published.
struct metadata_snapshot {
    atomic_int references;
    int32_t controller_id;
    struct metadata_broker *brokers; // by id
    size_t broker_count;
    void *broker_memory;   // strings and endpoints of the brokers
    struct topic **topics; // by name
    struct topic **by_id;  // the same ones
    size_t topic_count;
};

struct metadata_cache {
    struct lock lock; // METADATA_CACHE: which snapshot is in force
    struct metadata_snapshot *snapshot;
    void (*changed)(void *context); // immutable once there are updates; may be NULL
    void *changed_context;
};

static void topic_unref(struct topic *topic)
{
    if (atomic_fetch_sub(&topic->references, 1) == 1)
        free(topic);
}

static void snapshot_free(struct metadata_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->topic_count; i++)
        topic_unref(snapshot->topics[i]);
    free(snapshot->topics);
    free(snapshot->by_id);
    free(snapshot->brokers);
    free(snapshot->broker_memory);
    free(snapshot);
}

static struct metadata_snapshot *snapshot_create(void)
{
    struct metadata_snapshot *snapshot = memory_alloc(sizeof *snapshot);
    atomic_init(&snapshot->references, 1);
    snapshot->controller_id = -1;
    return snapshot;
}

struct metadata_cache *metadata_cache_create(void)
{
    struct metadata_cache *cache = memory_alloc(sizeof *cache);
    lock_init(&cache->lock, LOCK_METADATA_CACHE);
    cache->snapshot = snapshot_create();
    return cache;
}

void metadata_cache_destroy(struct metadata_cache **cache)
{
    if (*cache == NULL)
        return;
    metadata_snapshot_unref((*cache)->snapshot);
    lock_fini(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

void metadata_cache_observe(struct metadata_cache *cache, void (*changed)(void *context), void *context)
{
    cache->changed = changed;
    cache->changed_context = context;
}

const struct metadata_snapshot *metadata_cache_snapshot(struct metadata_cache *cache)
{
    lock_acquire(&cache->lock);
    struct metadata_snapshot *snapshot = cache->snapshot;
    atomic_fetch_add(&snapshot->references, 1);
    lock_release(&cache->lock);
    return snapshot;
}

void metadata_snapshot_unref(const struct metadata_snapshot *snapshot)
{
    union {
        const struct metadata_snapshot *constant;
        struct metadata_snapshot *writable;
    } cast = {snapshot};
    if (atomic_fetch_sub(&cast.writable->references, 1) == 1)
        snapshot_free(cast.writable);
}

void metadata_snapshot_release(void *snapshot)
{
    metadata_snapshot_unref(snapshot);
}

// ---- Reading

int32_t metadata_snapshot_controller_id(const struct metadata_snapshot *snapshot)
{
    return snapshot->controller_id;
}

size_t metadata_snapshot_broker_count(const struct metadata_snapshot *snapshot)
{
    return snapshot->broker_count;
}

const struct metadata_broker *metadata_snapshot_broker_at(const struct metadata_snapshot *snapshot, size_t at)
{
    assert(at < snapshot->broker_count);
    return &snapshot->brokers[at];
}

const struct metadata_broker *metadata_snapshot_broker(const struct metadata_snapshot *snapshot, int32_t id)
{
    for (size_t i = 0; i < snapshot->broker_count; i++) {
        if (snapshot->brokers[i].id == id)
            return &snapshot->brokers[i];
    }
    return NULL;
}

size_t metadata_snapshot_topic_count(const struct metadata_snapshot *snapshot)
{
    return snapshot->topic_count;
}

const struct metadata_topic *metadata_snapshot_topic_at(const struct metadata_snapshot *snapshot, size_t at)
{
    assert(at < snapshot->topic_count);
    return &snapshot->topics[at]->public;
}

static struct view name_of(const struct topic *topic)
{
    return view_of(topic->public.name, topic->public.name_size);
}

// Where the topic is, or where it belongs.
static size_t find_topic(struct topic *const *topics, size_t count, struct view name, bool *is_there)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = view_compare(name_of(topics[middle]), name);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *is_there = false;
    return low;
}

const struct metadata_topic *metadata_snapshot_topic(const struct metadata_snapshot *snapshot, struct view name)
{
    bool is_there;
    size_t at = find_topic(snapshot->topics, snapshot->topic_count, name, &is_there);
    return is_there ? &snapshot->topics[at]->public : NULL;
}

static int compare_ids(const void *a, const void *b)
{
    const struct topic *x = *(struct topic *const *)a, *y = *(struct topic *const *)b;
    return memcmp(x->public.id.bytes, y->public.id.bytes, sizeof x->public.id.bytes);
}

const struct metadata_topic *metadata_snapshot_topic_of_id(const struct metadata_snapshot *snapshot, struct uuid id)
{
    struct topic wanted = {.public.id = id}, *key = &wanted;
    if (uuid_is_zero(id) || snapshot->topic_count == 0)
        return NULL;
    struct topic *const *found = bsearch(&key, snapshot->by_id, snapshot->topic_count, sizeof key, compare_ids);
    return found ? &(*found)->public : NULL;
}

const struct metadata_partition *metadata_topic_partition(const struct metadata_topic *topic, int32_t index)
{
    int32_t low = 0, high = topic->partition_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (topic->partitions[middle].index == index)
            return &topic->partitions[middle];
        if (topic->partitions[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct metadata_endpoint *metadata_broker_endpoint(const struct metadata_broker *broker,
                                                         const char *listener_name)
{
    for (size_t i = 0; i < broker->endpoint_count; i++) {
        if (strcasecmp(broker->endpoints[i].listener_name, listener_name) == 0)
            return &broker->endpoints[i];
    }
    return NULL;
}

// ---- Updating: a new snapshot is built beside the old one

static char *put_string(char **at, struct view string)
{
    char *start = *at;
    memcpy(start, string.data ? (const char *)string.data : "", string.size);
    start[string.size] = 0;
    *at += string.size + 1;
    return start;
}

// Version 0 of the request names one host and port, always of PLAINTEXT; versions 1 and 2 name no listener, which is
// then called as its protocol.
static struct update_metadata_request_endpoint endpoint_at(const struct update_metadata_request_live_broker *broker,
                                                           int32_t at)
{
    static const char *const protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    struct update_metadata_request_endpoint endpoint = {.host = broker->v0_host, .port = broker->v0_port};
    if (broker->endpoints.count > 0)
        endpoint = broker->endpoints.items[at];
    if (endpoint.listener.size == 0)
        endpoint.listener = view_of_string(protocols[endpoint.security_protocol & 3]);
    return endpoint;
}

static int32_t endpoint_count_of(const struct update_metadata_request_live_broker *broker)
{
    return broker->endpoints.count > 0 ? broker->endpoints.count : 1;
}

static int compare_brokers(const void *a, const void *b)
{
    const struct metadata_broker *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void build_brokers(struct metadata_snapshot *snapshot, const struct update_metadata_request *request)
{
    size_t string_size = 0, endpoint_count = 0;
    int32_t count = request->live_brokers.count > 0 ? request->live_brokers.count : 0;
    for (int32_t i = 0; i < count; i++) {
        const struct update_metadata_request_live_broker *from = &request->live_brokers.items[i];
        string_size += from->rack.size + 1;
        for (int32_t j = 0; j < endpoint_count_of(from); j++, endpoint_count++) {
            struct update_metadata_request_endpoint endpoint = endpoint_at(from, j);
            string_size += endpoint.host.size + 1 + endpoint.listener.size + 1;
        }
    }
    snapshot->brokers = memory_alloc_array((size_t)count + 1, sizeof *snapshot->brokers);
    snapshot->broker_count = (size_t)count;
    struct metadata_endpoint *endpoints = memory_alloc(endpoint_count * sizeof *endpoints + string_size + 1);
    char *strings = (char *)(endpoints + endpoint_count);
    snapshot->broker_memory = endpoints;
    for (int32_t i = 0; i < count; i++) {
        const struct update_metadata_request_live_broker *from = &request->live_brokers.items[i];
        struct metadata_broker *to = &snapshot->brokers[i];
        *to = (struct metadata_broker){.id = from->id, .endpoints = endpoints};
        to->rack = view_is_null(from->rack) ? NULL : put_string(&strings, from->rack);
        for (int32_t j = 0; j < endpoint_count_of(from); j++, endpoints++, to->endpoint_count++) {
            struct update_metadata_request_endpoint endpoint = endpoint_at(from, j);
            endpoints->listener_name = put_string(&strings, endpoint.listener);
            endpoints->host = put_string(&strings, endpoint.host);
            endpoints->port = endpoint.port;
            endpoints->security_protocol = endpoint.security_protocol;
        }
    }
    qsort(snapshot->brokers, snapshot->broker_count, sizeof *snapshot->brokers, compare_brokers);
}

static size_t id_count(const struct metadata_partition *partition)
{
    return (size_t)partition->isr_count + (size_t)partition->replica_count + (size_t)partition->offline_count;
}

static int32_t *put_ids(int32_t **at, const int32_t *ids, int32_t count)
{
    int32_t *start = *at;
    if (count > 0)
        memcpy(start, ids, (size_t)count * sizeof *ids);
    *at += count;
    return start;
}

// One allocation with the topic, its partitions, their broker ids, its name.
static struct topic *topic_create(struct view name, struct uuid id, const struct metadata_partition *partitions,
                                  int32_t count)
{
    size_t ids = 0;
    for (int32_t i = 0; i < count; i++)
        ids += id_count(&partitions[i]);
    struct topic *topic =
        memory_alloc(sizeof *topic + (size_t)count * sizeof *partitions + ids * sizeof(int32_t) + name.size + 1);
    struct metadata_partition *copies = (struct metadata_partition *)(void *)(topic + 1);
    int32_t *at = (int32_t *)(void *)(copies + count);
    for (int32_t i = 0; i < count; i++) {
        copies[i] = partitions[i];
        copies[i].isr = put_ids(&at, partitions[i].isr, partitions[i].isr_count);
        copies[i].replicas = put_ids(&at, partitions[i].replicas, partitions[i].replica_count);
        copies[i].offline_replicas = put_ids(&at, partitions[i].offline_replicas, partitions[i].offline_count);
    }
    char *name_copy = (char *)at;
    topic->public = (struct metadata_topic){put_string(&name_copy, name), name.size, id, copies, count};
    atomic_init(&topic->references, 1);
    return topic;
}

struct changes {
    ARRAY_OF(struct metadata_partition); // of one topic, by index
};

struct deletion {
    struct topic *topic; // a reference: its name
    int32_t partition;
};

struct deletions {
    ARRAY_OF(struct deletion);
};

static int32_t length(int32_t count)
{
    return count > 0 ? count : 0;
}

// Where the partition is, or belongs. Most come in rising order.
static size_t find_place(const struct changes *partitions, int32_t index)
{
    size_t low = 0, high = partitions->count;
    if (high > 0 && partitions->items[high - 1].index < index)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (partitions->items[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void put_partition(struct changes *partitions, const struct update_metadata_request_partition_state *state,
                          bool *was_there)
{
    enum { LEADER_DURING_DELETE = -2 };
    size_t at = find_place(partitions, state->partition_index);
    *was_there = at < partitions->count && partitions->items[at].index == state->partition_index;
    if (state->leader == LEADER_DURING_DELETE) {
        if (*was_there) {
            partitions->count--;
            memmove(&partitions->items[at], &partitions->items[at + 1],
                    (partitions->count - at) * sizeof *partitions->items);
        }
        return;
    }
    if (!*was_there) {
        (void)array_append(partitions);
        memmove(&partitions->items[at + 1], &partitions->items[at],
                (partitions->count - 1 - at) * sizeof *partitions->items);
    }
    partitions->items[at] = (struct metadata_partition){
        .index = state->partition_index,
        .controller_epoch = state->controller_epoch,
        .leader = state->leader,
        .leader_epoch = state->leader_epoch,
        .partition_epoch = state->zk_version,
        .isr = state->isr.items,
        .isr_count = length(state->isr.count),
        .replicas = state->replicas.items,
        .replica_count = length(state->replicas.count),
        .offline_replicas = state->offline_replicas.items,
        .offline_count = length(state->offline_replicas.count),
    };
}

// Merges states of one topic into the snapshot under construction.
static void merge_topic(struct metadata_snapshot *snapshot, struct view name, struct uuid id,
                        const struct update_metadata_request_partition_state *states, int32_t count,
                        struct deletions *deletions)
{
    bool is_there;
    size_t at = find_topic(snapshot->topics, snapshot->topic_count, name, &is_there);
    struct topic *before = is_there ? snapshot->topics[at] : NULL;
    struct changes partitions = {0};
    for (int32_t i = 0; before != NULL && i < before->public.partition_count; i++)
        *array_append(&partitions) = before->public.partitions[i];
    for (int32_t i = 0; i < count; i++) {
        bool was_there;
        put_partition(&partitions, &states[i], &was_there);
        if (states[i].leader == -2 && was_there) {
            atomic_fetch_add(&before->references, 1);
            *array_append(deletions) = (struct deletion){before, states[i].partition_index};
        }
    }
    if (uuid_is_zero(id) && before != NULL)
        id = before->public.id;
    if (partitions.count > 0) {
        struct topic *topic = topic_create(name, id, partitions.items, (int32_t)partitions.count);
        if (before == NULL) {
            memmove(&snapshot->topics[at + 1], &snapshot->topics[at],
                    (snapshot->topic_count++ - at) * sizeof(struct topic *));
        }
        snapshot->topics[at] = topic;
    } else if (before != NULL) {
        memmove(&snapshot->topics[at], &snapshot->topics[at + 1],
                (--snapshot->topic_count - at) * sizeof(struct topic *));
    }
    if (before != NULL)
        topic_unref(before);
    array_fini(&partitions);
}

static struct metadata_snapshot *snapshot_next(const struct metadata_snapshot *before,
                                               const struct update_metadata_request *request,
                                               struct deletions *deletions)
{
    struct metadata_snapshot *next = snapshot_create();
    next->controller_id = request->controller_id;
    build_brokers(next, request);
    size_t topic_max = before->topic_count + (size_t)length(request->topic_states.count) +
                       (size_t)length(request->ungrouped_partition_states.count);
    next->topics = memory_alloc_array(topic_max + 1, sizeof(struct topic *));
    next->topic_count = before->topic_count;
    for (size_t i = 0; i < before->topic_count; i++) {
        next->topics[i] = before->topics[i];
        atomic_fetch_add(&next->topics[i]->references, 1);
    }
    for (int32_t i = 0; i < request->topic_states.count; i++) {
        const struct update_metadata_request_topic_state *state = &request->topic_states.items[i];
        merge_topic(next, state->topic_name, state->topic_id, state->partition_states.items,
                    state->partition_states.count, deletions);
    }
    for (int32_t i = 0; i < request->ungrouped_partition_states.count; i++) {
        const struct update_metadata_request_partition_state *state = &request->ungrouped_partition_states.items[i];
        merge_topic(next, state->topic_name, UUID_ZERO, state, 1, deletions);
    }
    next->by_id = memory_alloc_array(next->topic_count + 1, sizeof(struct topic *));
    memcpy(next->by_id, next->topics, next->topic_count * sizeof(struct topic *));
    qsort(next->by_id, next->topic_count, sizeof(struct topic *), compare_ids);
    return next;
}

void metadata_cache_update(struct metadata_cache *cache, const struct update_metadata_request *request,
                           void (*deleted)(void *context, struct view topic, int32_t partition), void *context)
{
    const struct metadata_snapshot *before = metadata_cache_snapshot(cache);
    struct deletions deletions = {0};
    struct metadata_snapshot *next = snapshot_next(before, request, &deletions);
    lock_acquire(&cache->lock);
    assert(cache->snapshot == before); // one thread updates
    cache->snapshot = next;
    lock_release(&cache->lock);
    metadata_snapshot_unref(before); // the cache's reference
    metadata_snapshot_unref(before); // ours
    for (size_t i = 0; i < deletions.count; i++) {
        if (deleted != NULL)
            deleted(context, name_of(deletions.items[i].topic), deletions.items[i].partition);
        topic_unref(deletions.items[i].topic);
    }
    array_fini(&deletions);
    if (cache->changed != NULL)
        cache->changed(cache->changed_context);
}
