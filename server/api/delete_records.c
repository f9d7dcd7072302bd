// SPDX-License-Identifier: Apache-2.0
// DeleteRecords (API key 21, KIP-107): raises log start offsets, then waits until all live replicas have done so.
#include "net/request.h"
#include "rules/topic_name.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"
#include "server/purgatory.h"
#include "server/replica/replica_manager.h"

// One partition that waits for its replicas.
struct deletion {
    struct partition *partition; // a reference, or NULL once it is decided
    int64_t requested;
    struct delete_records_response_partition *answer;
};

// A request under way; in its arena.
struct delete_records {
    struct broker *broker;
    struct request *request;
    struct delete_records_response response;
    struct deletion *deletions;
    int32_t deletion_count;
};

static bool is_alive(void *context, int32_t id)
{
    return metadata_snapshot_broker(context, id) != NULL;
}

static void decide(struct deletion *deletion, enum kafka_error error, int64_t low_watermark)
{
    deletion->answer->error_code = (int16_t)error;
    deletion->answer->low_watermark = low_watermark;
    partition_unref(deletion->partition);
    deletion->partition = NULL;
}

static bool is_ready(void *operation)
{
    struct delete_records *under_way = operation;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(under_way->broker->metadata_cache);
    bool is_waiting = false;
    for (int32_t i = 0; i < under_way->deletion_count; i++) {
        struct deletion *deletion = &under_way->deletions[i];
        if (deletion->partition == NULL)
            continue;
        int64_t low_watermark = -1;
        enum kafka_error error =
            partition_low_watermark(deletion->partition, is_alive, (void *)(uintptr_t)snapshot, &low_watermark);
        if (error != KAFKA_NONE || low_watermark >= deletion->requested)
            decide(deletion, error, low_watermark);
        else
            is_waiting = true;
    }
    metadata_snapshot_unref(snapshot);
    return !is_waiting;
}

static void complete(void *operation, enum delayed_end end)
{
    struct delete_records *under_way = operation;
    (void)end;
    for (int32_t i = 0; i < under_way->deletion_count; i++) {
        if (under_way->deletions[i].partition != NULL)
            decide(&under_way->deletions[i], KAFKA_REQUEST_TIMED_OUT, -1);
    }
    dispatch_respond(under_way->request, &under_way->response);
}

static const struct delayed_calls delayed_delete_records_calls = {is_ready, complete};

static void delete_one(struct delete_records *under_way, const struct metadata_topic *known, struct view topic,
                       const struct delete_records_request_partition *asked,
                       struct delete_records_response_partition *answer)
{
    struct replica_manager *manager = under_way->broker->replica_manager;
    struct deletion *deletion = &under_way->deletions[under_way->deletion_count];
    enum kafka_error error = KAFKA_NONE;
    answer->partition_index = asked->partition_index;
    answer->low_watermark = -1;
    struct partition *partition = NULL;
    if (known == NULL || metadata_topic_partition(known, asked->partition_index) == NULL)
        error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    else if (topic_name_is_internal(topic))
        error = KAFKA_INVALID_TOPIC_EXCEPTION;
    else
        partition = replica_manager_partition(manager, topic, asked->partition_index, &error);
    if (partition != NULL)
        error = partition_delete_records(partition, asked->offset, &deletion->requested);
    answer->error_code = (int16_t)error;
    if (error != KAFKA_NONE) {
        partition_unref(partition);
        return;
    }
    deletion->partition = partition;
    deletion->answer = answer;
    under_way->deletion_count++;
}

// Raises what can be raised; false when the arena is at its maximum.
static bool delete_all(struct delete_records *under_way, const struct delete_records_request *asked)
{
    struct arena *arena = &under_way->request->arena;
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += (size_t)asked->topics.items[i].partitions.count;
    under_way->deletions = arena_alloc_array(arena, count + 1, sizeof *under_way->deletions);
    struct delete_records_response_partition *answers =
        message_alloc_array(arena, &delete_records_response_partition_schema, (int32_t)count);
    struct delete_records_response_topic *topics =
        message_alloc_array(arena, &delete_records_response_topic_schema, asked->topics.count);
    if (under_way->deletions == NULL || answers == NULL || topics == NULL)
        return false;
    under_way->response.topics.items = topics;
    under_way->response.topics.count = asked->topics.count;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(under_way->broker->metadata_cache);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct delete_records_request_topic *topic = &asked->topics.items[i];
        topics[i].name = topic->name;
        topics[i].partitions.items = answers;
        topics[i].partitions.count = topic->partitions.count;
        for (int32_t j = 0; j < topic->partitions.count; j++)
            delete_one(under_way, metadata_snapshot_topic(snapshot, topic->name), topic->name,
                       &topic->partitions.items[j], answers++);
    }
    metadata_snapshot_unref(snapshot);
    return true;
}

void delete_records_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct delete_records_request *asked = message;
    struct delete_records *under_way = arena_alloc(&request->arena, sizeof *under_way);
    if (under_way != NULL)
        *under_way =
            (struct delete_records){.broker = broker, .request = request, .response = delete_records_response_default};
    if (under_way == NULL || !delete_all(under_way, asked)) {
        dispatch_close(request);
        return;
    }
    struct view *keys = arena_alloc_array(&request->arena, (size_t)under_way->deletion_count, sizeof *keys);
    for (int32_t i = 0; keys != NULL && i < under_way->deletion_count; i++)
        keys[i] = partition_key(under_way->deletions[i].partition);
    purgatory_watch(replica_manager_delete_records_purgatory(broker->replica_manager), &delayed_delete_records_calls,
                    under_way, keys, keys == NULL ? 0 : (size_t)under_way->deletion_count,
                    keys == NULL ? 0 : asked->timeout_ms);
}
