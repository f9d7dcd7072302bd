// SPDX-License-Identifier: Apache-2.0
#include "server/readiness.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/memory.h"
#include "net/protocol/messages.h"
#include "net/request.h"
#include "server/broker.h"
#include "server/metadata_cache.h"
#include "server/purgatory.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { HOLD_MS_MAX = 5000 };

static struct view key_of_all(void)
{
    return view_of_string("cluster");
}

struct readiness {
    struct broker *broker;
    struct purgatory *purgatory; // what is held, all under one key
    bool expects_topics;         // immutable once the broker serves
    atomic_bool is_ready;        // once true for ever
    bool is_announced;           // to those who wait; confined to the thread that updates the cache
    struct lock lock;            // READINESS: nothing but readiness_wait's sleep
    struct condition changed;
};

// In the request's arena.
struct held_request {
    struct readiness *readiness;
    struct request *request;
    const void *message;
    void (*resume)(struct broker *broker, struct request *request, const void *message);
};

static bool look(struct readiness *readiness)
{
    if (atomic_load(&readiness->is_ready))
        return true;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(readiness->broker->metadata_cache);
    bool is_ready = metadata_snapshot_broker(snapshot, readiness->broker->id) != NULL &&
                    (!readiness->expects_topics || metadata_snapshot_topic_count(snapshot) > 0);
    metadata_snapshot_unref(snapshot);
    if (is_ready)
        atomic_store(&readiness->is_ready, true);
    return is_ready;
}

static void cache_changed(void *context)
{
    struct readiness *readiness = context;
    if (readiness->is_announced || !look(readiness))
        return;
    readiness->is_announced = true;
    lock_acquire(&readiness->lock);
    condition_broadcast(&readiness->changed);
    lock_release(&readiness->lock);
    purgatory_check(readiness->purgatory, key_of_all());
}

struct readiness *readiness_create(struct broker *broker)
{
    struct readiness *readiness = memory_alloc(sizeof *readiness);
    readiness->broker = broker;
    lock_init(&readiness->lock, LOCK_READINESS);
    condition_init(&readiness->changed);
    readiness->purgatory = purgatory_create("Readiness", broker->timer);
    metadata_cache_observe(broker->metadata_cache, cache_changed, readiness);
    return readiness;
}

void readiness_destroy(struct readiness **readiness)
{
    if (*readiness == NULL)
        return;
    purgatory_destroy(&(*readiness)->purgatory);
    condition_fini(&(*readiness)->changed);
    lock_fini(&(*readiness)->lock);
    free(*readiness);
    *readiness = NULL;
}

void readiness_expect_topics(struct readiness *readiness)
{
    readiness->expects_topics = true;
}

static bool is_ready(void *operation)
{
    return look(((struct held_request *)operation)->readiness);
}

static void complete(void *operation, enum delayed_end end)
{
    struct held_request *held = operation;
    (void)end; // late or not, it is answered with what is known
    held->resume(held->readiness->broker, held->request, held->message);
}

static bool is_answered_from_cache(int16_t api_key)
{
    switch (api_key) {
    case API_METADATA:
    case API_DESCRIBE_CLUSTER:
    case API_DESCRIBE_CONFIGS:
    case API_FIND_COORDINATOR:
        return true;
    default:
        return false;
    }
}

bool readiness_hold(struct readiness *readiness, struct request *request, const void *message,
                    void (*resume)(struct broker *broker, struct request *request, const void *message))
{
    static const struct delayed_calls calls = {is_ready, complete};
    if (look(readiness) || !is_answered_from_cache(request->api_key))
        return false;
    struct held_request *held = arena_alloc(&request->arena, sizeof *held);
    if (held == NULL)
        return false;
    *held = (struct held_request){readiness, request, message, resume};
    struct view key = key_of_all();
    purgatory_watch(readiness->purgatory, &calls, held, &key, 1, HOLD_MS_MAX);
    return true;
}

bool readiness_wait(struct readiness *readiness)
{
    int64_t deadline_ms = clock_monotonic_ms() + HOLD_MS_MAX;
    bool in_time = true;
    lock_acquire(&readiness->lock);
    while (in_time && !atomic_load(&readiness->is_ready))
        in_time = condition_wait_until(&readiness->changed, &readiness->lock, deadline_ms);
    lock_release(&readiness->lock);
    // Nobody is held longer than this: topics that are only waiting to be deleted are never told of.
    if (!in_time) {
        atomic_store(&readiness->is_ready, true);
        purgatory_check(readiness->purgatory, key_of_all());
    }
    return in_time;
}

void readiness_close(struct readiness *readiness)
{
    atomic_store(&readiness->is_ready, true);
    purgatory_close(readiness->purgatory);
}
