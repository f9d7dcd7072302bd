// SPDX-License-Identifier: Apache-2.0
#include "server/api/topic_waiter.h"

#include "base/error.h"
#include "net/request.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/metadata_cache.h"
#include "server/purgatory.h"
#include "server/replica/replica_manager.h"

static bool topic_is_done(const struct metadata_snapshot *snapshot, const struct waited_topic *waited)
{
    const struct metadata_topic *topic = metadata_snapshot_topic(snapshot, waited->name);
    if (waited->partition_count == 0)
        return topic == NULL;
    if (topic == NULL || topic->partition_count < waited->partition_count)
        return false;
    for (int32_t i = 0; i < waited->partition_count; i++) {
        const struct metadata_partition *partition = metadata_topic_partition(topic, i);
        if (partition == NULL || partition->leader < 0)
            return false;
    }
    return true;
}

static bool is_ready(void *operation)
{
    const struct topic_waiter *waiter = operation;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(waiter->broker->metadata_cache);
    bool is_done = true;
    for (int32_t i = 0; is_done && i < waiter->topic_count; i++)
        is_done = *waiter->topics[i].error_code != KAFKA_NONE || topic_is_done(snapshot, &waiter->topics[i]);
    metadata_snapshot_unref(snapshot);
    return is_done;
}

static void time_out(struct topic_waiter *waiter, bool even_if_done)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(waiter->broker->metadata_cache);
    for (int32_t i = 0; i < waiter->topic_count; i++) {
        struct waited_topic *waited = &waiter->topics[i];
        if (*waited->error_code == KAFKA_NONE && (even_if_done || !topic_is_done(snapshot, waited)))
            *waited->error_code = KAFKA_REQUEST_TIMED_OUT;
    }
    metadata_snapshot_unref(snapshot);
}

static void complete(void *operation, enum delayed_end end)
{
    struct topic_waiter *waiter = operation;
    if (end == DELAYED_EXPIRED)
        time_out(waiter, false);
    dispatch_respond(waiter->request, waiter->response);
}

static const struct delayed_calls calls = {is_ready, complete};

void topic_waiter_run(struct topic_waiter *waiter, int32_t timeout_ms)
{
    struct view *keys = arena_alloc_array(&waiter->request->arena, (size_t)waiter->topic_count, sizeof *keys);
    size_t key_count = 0;
    for (int32_t i = 0; keys != NULL && i < waiter->topic_count; i++) {
        if (*waiter->topics[i].error_code == KAFKA_NONE)
            keys[key_count++] = waiter->topics[i].name;
    }
    if (timeout_ms <= 0 || key_count == 0) {
        time_out(waiter, true);
        dispatch_respond(waiter->request, waiter->response);
        return;
    }
    purgatory_watch(replica_manager_topic_purgatory(waiter->broker->replica_manager), &calls, waiter, keys, key_count,
                    timeout_ms);
}
