// SPDX-License-Identifier: Apache-2.0
#include "server/replica/fetch_session.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/memory.h"
#include "rules/topic_name.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    EPOCH_FINAL = -1,
    EPOCH_INITIAL = 0,
    SESSION_NONE = 0,
    // A session younger than this is not given up for another one of its kind, one not used for longer always.
    EVICTION_MS = 120 * 1000,
    // All sessions together remember so many partitions per slot at most, and no names that no topic can have.
    PARTITIONS_PER_SLOT_MAX = 1000,
};

// One partition that a session remembers. The name, if known, is its own copy; the entry lives until no context of the
// session is left that may point to it.
struct fetch_session_entry {
    struct list link; // of the session, in the order in which partitions are served; or of its removed ones
    struct fetch_partition wanted;
    int64_t high_watermark; // as last told, -1 when it must be told again
    int64_t log_start_offset;
    char *name;
};

struct fetch_session {
    struct lock lock; // guards the fields down to the empty line
    int32_t epoch;    // that the next request must have
    struct map entries;
    struct list order;
    struct list removed; // entries that a context under way may still point to
    int32_t context_count;

    int32_t id; // immutable, like the next three
    bool uses_topic_ids;
    bool is_follower;
    int64_t created_ms;

    int references; // guarded by the cache's lock, like the rest
    int64_t used_ms;
    size_t size;       // partitions when it was last used
    bool is_evictable; // was old enough when it was last used
};

struct fetch_session_cache {
    struct lock lock;
    struct map sessions LOCK_GUARDED;
    size_t partition_count LOCK_GUARDED; // of all sessions, as when each was last used
    size_t slots;                        // immutable
};

static int32_t next_epoch(int32_t epoch)
{
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

static void destroy_entry(struct fetch_session_entry *entry)
{
    list_remove(&entry->link);
    free(entry->name);
    free(entry);
}

static void destroy_entries(struct list *entries)
{
    struct list *link;
    while ((link = list_take_first(entries)) != NULL)
        destroy_entry(LIST_ELEMENT(link, struct fetch_session_entry, link));
}

static void unref_locked(struct fetch_session_cache *cache, struct fetch_session *session) LOCK_REQUIRES(cache->lock)
{
    (void)cache; // its lock is what matters
    if (--session->references > 0)
        return;
    destroy_entries(&session->order);
    destroy_entries(&session->removed);
    map_fini(&session->entries);
    lock_fini(&session->lock);
    free(session);
}

static void remove_locked(struct fetch_session_cache *cache, struct fetch_session *session) LOCK_REQUIRES(cache->lock)
{
    if (map_get(&cache->sessions, MAP_KEY_OF(session->id)) != session)
        return;
    map_remove(&cache->sessions, MAP_KEY_OF(session->id));
    cache->partition_count -= session->size;
    unref_locked(cache, session);
}

struct fetch_session_cache *fetch_session_cache_create(int32_t slots)
{
    struct fetch_session_cache *cache = memory_alloc(sizeof *cache);
    lock_init(&cache->lock, LOCK_FETCH_SESSION_CACHE);
    cache->slots = slots > 0 ? (size_t)slots : 0;
    return cache;
}

void fetch_session_cache_destroy(struct fetch_session_cache **cache)
{
    struct fetch_session_cache *gone = *cache;
    if (gone == NULL)
        return;
    lock_acquire(&gone->lock);
    size_t at = 0;
    void *session;
    while (map_next(&gone->sessions, &at, NULL, &session))
        unref_locked(gone, session);
    map_fini(&gone->sessions);
    lock_release(&gone->lock);
    lock_fini(&gone->lock);
    free(gone);
    *cache = NULL;
}

size_t fetch_session_count(struct fetch_session_cache *cache)
{
    lock_acquire(&cache->lock);
    size_t count = cache->sessions.count;
    lock_release(&cache->lock);
    return count;
}

// The key of a partition in its session: the topic's id, or its name where there are no ids, and the index. Null when
// the arena is at its maximum.
static struct view entry_key(struct arena *arena, const struct fetch_partition *partition)
{
    bool has_id = !uuid_is_zero(partition->topic_id);
    struct view topic =
        has_id ? view_of(partition->topic_id.bytes, sizeof partition->topic_id.bytes) : partition->topic;
    uint8_t *key = arena_alloc(arena, topic.size + sizeof partition->index);
    if (key == NULL)
        return VIEW_NULL;
    memcpy(key, &partition->index, sizeof partition->index);
    if (topic.size > 0)
        memcpy(key + sizeof partition->index, topic.data, topic.size);
    return view_of(key, topic.size + sizeof partition->index);
}

static void set_name(struct fetch_session_entry *entry, struct view name)
{
    entry->name = view_dup(name);
    entry->wanted.topic = view_of(entry->name, name.size);
}

static struct fetch_session_entry *add_entry(struct fetch_session *session, const struct fetch_partition *wanted,
                                             struct view key)
{
    struct fetch_session_entry *entry = memory_alloc(sizeof *entry);
    entry->wanted = *wanted;
    set_name(entry, wanted->topic);
    entry->high_watermark = entry->log_start_offset = -1;
    list_append(&session->order, &entry->link);
    map_put(&session->entries, key, entry);
    return entry;
}

// Brings the session up to what the request adds, changes and forgets. Returns false when the arena is at its maximum.
static bool update_entries(struct fetch_session *session, const struct fetch_session_request *request,
                           struct arena *arena) LOCK_REQUIRES(session->lock)
{
    for (int32_t i = 0; i < request->partition_count; i++) {
        const struct fetch_partition *wanted = &request->partitions[i];
        struct view key = entry_key(arena, wanted);
        if (view_is_null(key))
            return false;
        struct fetch_session_entry *entry = map_get(&session->entries, key);
        if (entry == NULL) {
            add_entry(session, wanted, key);
            continue;
        }
        struct view name = entry->wanted.topic;
        entry->wanted = *wanted;
        entry->wanted.topic = name;
    }
    for (int32_t i = 0; i < request->forgotten_count; i++) {
        struct view key = entry_key(arena, &request->forgotten[i]);
        if (view_is_null(key))
            return false;
        struct fetch_session_entry *entry = map_remove(&session->entries, key);
        if (entry != NULL) {
            list_remove(&entry->link);
            list_append(&session->removed, &entry->link);
        }
    }
    return true;
}

// Lists all partitions of the session in the context. Returns false when the arena is at its maximum.
static bool list_entries(struct fetch_session *session, const struct fetch_session_request *request,
                         struct arena *arena, struct fetch_context *context) LOCK_REQUIRES(session->lock)
{
    size_t count = session->entries.count;
    context->partitions = arena_alloc_array(arena, count, sizeof *context->partitions);
    context->entries = arena_alloc_array(arena, count, sizeof *context->entries);
    if (context->partitions == NULL || context->entries == NULL)
        return false;
    for (LIST_EACH(link, &session->order)) {
        struct fetch_session_entry *entry = LIST_ELEMENT(link, struct fetch_session_entry, link);
        if (view_is_null(entry->wanted.topic) && request->topic_name != NULL) {
            struct view name = request->topic_name(request->context, entry->wanted.topic_id);
            if (!view_is_null(name))
                set_name(entry, name);
        }
        context->partitions[context->count] = entry->wanted;
        context->entries[context->count++] = entry;
    }
    return true;
}

// Called when one context of the session less points to its entries.
static void release_context_locked(struct fetch_session *session) LOCK_REQUIRES(session->lock)
{
    if (--session->context_count == 0)
        destroy_entries(&session->removed);
}

static bool has_memory_locked(const struct fetch_session_cache *cache) LOCK_REQUIRES(cache->lock)
{
    return cache->partition_count <= cache->slots * PARTITIONS_PER_SLOT_MAX;
}

// Notes that the session was used and how large it is now. One that has outgrown the cache is served this time still.
static void touch(struct fetch_session_cache *cache, struct fetch_session *session, size_t size)
{
    lock_acquire(&cache->lock);
    session->used_ms = clock_monotonic_ms();
    session->is_evictable = session->used_ms - session->created_ms > EVICTION_MS;
    if (map_get(&cache->sessions, MAP_KEY_OF(session->id)) == session) {
        cache->partition_count += size - session->size;
        session->size = size;
        if (!has_memory_locked(cache))
            remove_locked(cache, session);
    }
    lock_release(&cache->lock);
}

static struct fetch_session *find(struct fetch_session_cache *cache, int32_t id)
{
    lock_acquire(&cache->lock);
    struct fetch_session *session = map_get(&cache->sessions, MAP_KEY_OF(id));
    if (session != NULL)
        session->references++;
    lock_release(&cache->lock);
    return session;
}

static void unref(struct fetch_session_cache *cache, struct fetch_session *session)
{
    lock_acquire(&cache->lock);
    unref_locked(cache, session);
    lock_release(&cache->lock);
}

static void remove_session(struct fetch_session_cache *cache, struct fetch_session *session)
{
    lock_acquire(&cache->lock);
    remove_locked(cache, session);
    lock_release(&cache->lock);
}

static bool has_impossible_name(const struct fetch_session_request *request)
{
    for (int32_t i = 0; i < request->partition_count; i++) {
        if (request->partitions[i].topic.size > TOPIC_NAME_SIZE_MAX)
            return true;
    }
    return false;
}

static void use_request_alone(const struct fetch_session_request *request, struct arena *arena,
                              struct fetch_context *context)
{
    context->count = request->partition_count;
    context->partitions = arena_alloc_array(arena, (size_t)context->count, sizeof *context->partitions);
    if (context->partitions != NULL && context->count > 0)
        memcpy(context->partitions, request->partitions, (size_t)context->count * sizeof *context->partitions);
}

// The session goes on with this request. Takes over nothing of `session` but on success a reference.
static enum kafka_error continue_session(struct fetch_session *session, const struct fetch_session_request *request,
                                         struct arena *arena, struct fetch_context *context)
    LOCK_REQUIRES(session->lock)
{
    if (session->epoch != request->epoch)
        return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    if (session->uses_topic_ids != request->uses_topic_ids)
        return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    session->context_count++;
    if (!update_entries(session, request, arena)) {
        release_context_locked(session);
        return KAFKA_UNKNOWN_SERVER_ERROR;
    }
    if (session->entries.count == 0) {
        release_context_locked(session);
        use_request_alone(request, arena, context);
        return context->partitions == NULL ? KAFKA_UNKNOWN_SERVER_ERROR : KAFKA_NONE;
    }
    if (!list_entries(session, request, arena, context)) {
        release_context_locked(session);
        return KAFKA_UNKNOWN_SERVER_ERROR;
    }
    session->epoch = next_epoch(session->epoch);
    context->session = session;
    context->epoch = session->epoch;
    return KAFKA_NONE;
}

enum kafka_error fetch_session_begin(struct fetch_session_cache *cache, const struct fetch_session_request *request,
                                     struct arena *arena, struct fetch_context *context)
{
    *context = (struct fetch_context){
        .cache = cache, .uses_topic_ids = request->uses_topic_ids, .is_follower = request->is_follower};
    struct fetch_session *session = request->session_id == SESSION_NONE ? NULL : find(cache, request->session_id);
    if (request->epoch == EPOCH_INITIAL || request->epoch == EPOCH_FINAL) {
        if (session != NULL) {
            remove_session(cache, session);
            unref(cache, session);
        }
        context->begins_session = request->epoch == EPOCH_INITIAL && !has_impossible_name(request);
        use_request_alone(request, arena, context);
        return context->partitions == NULL ? KAFKA_UNKNOWN_SERVER_ERROR : KAFKA_NONE;
    }
    if (session != NULL && has_impossible_name(request)) {
        unref(cache, session);
        session = NULL;
    }
    if (session == NULL)
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    lock_acquire(&session->lock);
    enum kafka_error error = continue_session(session, request, arena, context);
    bool is_empty = error == KAFKA_NONE && context->session == NULL;
    size_t size = session->entries.count;
    lock_release(&session->lock);
    if (is_empty)
        remove_session(cache, session);
    if (context->session == NULL)
        unref(cache, session);
    else
        touch(cache, session, size);
    return error;
}

// Whether a new session of that size may take the place of `old` now, though that one is still in use: a follower's is
// worth more than a consumer's, a larger one more than a smaller one.
static bool outweighs(bool is_follower, size_t size, const struct fetch_session *old)
{
    if (!old->is_evictable && (old->is_follower || !is_follower))
        return false;
    if (is_follower != old->is_follower)
        return is_follower;
    return size > old->size;
}

static bool is_worth_less(const struct fetch_session *a, const struct fetch_session *b)
{
    if (a->is_follower != b->is_follower)
        return b->is_follower;
    if (a->size != b->size)
        return a->size < b->size;
    return a->id < b->id;
}

// Makes room for one more session, at the cost of the one that was idle for too long, or of the least worthy that the
// new one outweighs. Returns whether there is room.
static bool make_room_locked(struct fetch_session_cache *cache, bool is_follower, size_t size, int64_t now_ms)
    LOCK_REQUIRES(cache->lock)
{
    if (cache->sessions.count < cache->slots)
        return true;
    struct fetch_session *oldest = NULL, *least = NULL;
    size_t at = 0;
    void *value;
    while (map_next(&cache->sessions, &at, NULL, &value)) {
        struct fetch_session *session = value;
        if (oldest == NULL || session->used_ms < oldest->used_ms)
            oldest = session;
        if (outweighs(is_follower, size, session) && (least == NULL || is_worth_less(session, least)))
            least = session;
    }
    struct fetch_session *victim = oldest != NULL && now_ms - oldest->used_ms > EVICTION_MS ? oldest : least;
    if (victim == NULL)
        return false;
    remove_locked(cache, victim);
    return true;
}

static int32_t new_id_locked(struct fetch_session_cache *cache) LOCK_REQUIRES(cache->lock)
{
    for (;;) {
        uint32_t random;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            continue;
        int32_t id = (int32_t)(random & INT32_MAX);
        if (id != SESSION_NONE && map_get(&cache->sessions, MAP_KEY_OF(id)) == NULL)
            return id;
    }
}

// What an answer tells of a partition, noted so that the next one tells only what differs. Returns whether this answer
// must name it.
static bool note_outcome(struct fetch_session_entry *entry, const struct fetch_outcome *outcome)
{
    bool is_told = outcome->records_size > 0 || outcome->error != KAFKA_NONE || outcome->must_be_told ||
                   entry->high_watermark != outcome->high_watermark ||
                   entry->log_start_offset != outcome->log_start_offset;
    entry->high_watermark = outcome->error != KAFKA_NONE || outcome->must_be_told ? -1 : outcome->high_watermark;
    entry->log_start_offset = outcome->log_start_offset;
    return is_told;
}

static struct fetch_session *create_session(const struct fetch_context *context, const struct fetch_outcome *outcomes,
                                            int64_t now_ms)
{
    struct fetch_session *session = memory_alloc(sizeof *session);
    lock_init(&session->lock, LOCK_FETCH_SESSION);
    list_init(&session->order);
    list_init(&session->removed);
    session->epoch = next_epoch(EPOCH_INITIAL);
    session->uses_topic_ids = context->uses_topic_ids;
    session->is_follower = context->is_follower;
    session->created_ms = session->used_ms = now_ms;
    session->references = 1;
    struct arena keys;
    arena_init(&keys, SIZE_MAX);
    for (int32_t i = 0; i < context->count; i++) {
        struct view key = entry_key(&keys, &context->partitions[i]);
        struct fetch_session_entry *entry = map_get(&session->entries, key);
        if (entry == NULL)
            entry = add_entry(session, &context->partitions[i], key);
        note_outcome(entry, &outcomes[i]);
    }
    arena_fini(&keys);
    session->size = session->entries.count;
    return session;
}

// Returns the new session's id, or SESSION_NONE when there is no room.
static int32_t begin_session(const struct fetch_context *context, const struct fetch_outcome *outcomes)
{
    struct fetch_session_cache *cache = context->cache;
    int64_t now_ms = clock_monotonic_ms();
    lock_acquire(&cache->lock);
    bool has_room = make_room_locked(cache, context->is_follower, (size_t)context->count, now_ms);
    lock_release(&cache->lock);
    if (!has_room)
        return SESSION_NONE;
    struct fetch_session *session = create_session(context, outcomes, now_ms);
    lock_acquire(&cache->lock);
    int32_t id = SESSION_NONE;
    if (make_room_locked(cache, context->is_follower, (size_t)context->count, now_ms)) {
        id = session->id = new_id_locked(cache);
        map_put(&cache->sessions, MAP_KEY_OF(id), session);
        cache->partition_count += session->size;
        if (!has_memory_locked(cache)) {
            remove_locked(cache, session);
            id = SESSION_NONE;
        }
    } else {
        unref_locked(cache, session);
    }
    lock_release(&cache->lock);
    return id;
}

enum kafka_error fetch_session_end(struct fetch_context *context, const struct fetch_outcome *outcomes, bool *is_told,
                                   int32_t *session_id)
{
    struct fetch_session *session = context->session;
    if (session == NULL) {
        for (int32_t i = 0; i < context->count; i++)
            is_told[i] = true;
        *session_id = context->begins_session ? begin_session(context, outcomes) : SESSION_NONE;
        return KAFKA_NONE;
    }
    *session_id = session->id;
    enum kafka_error error = KAFKA_NONE;
    lock_acquire(&session->lock);
    if (session->epoch != context->epoch) {
        error = KAFKA_INVALID_FETCH_SESSION_EPOCH;
    } else {
        for (int32_t i = 0; i < context->count; i++) {
            struct fetch_session_entry *entry = context->entries[i];
            is_told[i] = note_outcome(entry, &outcomes[i]);
            if (outcomes[i].records_size > 0) { // to the end: the others are served first next time
                list_remove(&entry->link);
                list_append(&session->order, &entry->link);
            }
        }
    }
    lock_release(&session->lock);
    return error;
}

void fetch_session_release(struct fetch_context *context)
{
    struct fetch_session *session = context->session;
    if (session == NULL)
        return;
    context->session = NULL;
    lock_acquire(&session->lock);
    release_context_locked(session);
    lock_release(&session->lock);
    unref(context->cache, session);
}
