// SPDX-License-Identifier: Apache-2.0
// Where things are in a partition: ListOffsets by time (API key 2), OffsetForLeaderEpoch (API key 23).
#include "net/request.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"
#include "server/replica/replica_manager.h"

#include <stdlib.h>

enum { ISOLATION_READ_COMMITTED = 1, CONSUMER_REPLICA_ID = -1, DEBUGGING_REPLICA_ID = -2 };

// The partition with a reference if the cluster has it and a replica is here, or NULL and the error.
static struct partition *find_partition(struct broker *broker, const struct metadata_topic *topic, struct view name,
                                        int32_t index, enum kafka_error *error)
{
    *error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic == NULL || metadata_topic_partition(topic, index) == NULL)
        return NULL;
    return replica_manager_partition(broker->replica_manager, name, index, error);
}

// The version from which on a special timestamp is known; above all versions for those that are none.
static int16_t version_of_timestamp(int64_t timestamp)
{
    switch (timestamp) {
    case TIMESTAMP_LATEST:
    case TIMESTAMP_EARLIEST:
        return 0;
    case TIMESTAMP_MAX:
        return 7;
    case TIMESTAMP_EARLIEST_LOCAL:
        return 8;
    case TIMESTAMP_LATEST_TIERED:
        return 9;
    default:
        return timestamp < 0 ? INT16_MAX : 0;
    }
}

static int compare_indexes(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

// The topic's indexes in order, or NULL when the arena is at its maximum.
static int32_t *sort_indexes(struct arena *arena, const struct list_offsets_request_topic *topic)
{
    int32_t *sorted = arena_alloc_array(arena, (size_t)topic->partitions.count, sizeof *sorted);
    for (int32_t i = 0; sorted != NULL && i < topic->partitions.count; i++)
        sorted[i] = topic->partitions.items[i].partition_index;
    if (sorted != NULL)
        qsort(sorted, (size_t)topic->partitions.count, sizeof *sorted, compare_indexes);
    return sorted;
}

static bool is_asked_twice(const int32_t *sorted, int32_t count, int32_t index)
{
    const int32_t *found = bsearch(&index, sorted, (size_t)count, sizeof *sorted, compare_indexes);
    return (found > sorted && found[-1] == index) || (found + 1 < sorted + count && found[1] == index);
}

static enum kafka_error find_offset(const struct request *request, const struct list_offsets_request *message,
                                    const struct list_offsets_request_partition *asked, struct partition *partition,
                                    struct list_offsets_response_partition *answer)
{
    enum partition_reader reader = PARTITION_READER_REPLICA;
    if (message->replica_id == CONSUMER_REPLICA_ID)
        reader = message->isolation_level == ISOLATION_READ_COMMITTED ? PARTITION_READER_COMMITTED
                                                                      : PARTITION_READER_UNCOMMITTED;
    struct log_timestamp_offset found;
    enum kafka_error error =
        partition_find_offset(partition, asked->current_leader_epoch, message->replica_id != DEBUGGING_REPLICA_ID,
                              asked->timestamp, reader, &found);
    if (error == KAFKA_OFFSET_NOT_AVAILABLE && request->api_version < 5)
        return KAFKA_LEADER_NOT_AVAILABLE;
    if (error != KAFKA_NONE)
        return error;
    answer->offset = found.offset;
    answer->timestamp = found.timestamp;
    if (request->api_version >= 4) // not ignorable
        answer->leader_epoch = found.leader_epoch;
    return KAFKA_NONE;
}

// Version 0: the base offsets of segments that were last written before the time, newest first.
static enum kafka_error list_old_style(struct arena *arena, const struct list_offsets_request *message,
                                       const struct list_offsets_request_partition *asked, struct partition *partition,
                                       struct list_offsets_response_partition *answer)
{
    struct log_offsets offsets;
    enum kafka_error error = partition_offsets(partition, PARTITION_NO_EPOCH, &offsets);
    if (error != KAFKA_NONE)
        return error;
    struct log *log = partition_log(partition);
    if (log == NULL)
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    size_t room = log_segment_count(log) + 1;
    if (asked->max_num_offsets < 0 || (size_t)asked->max_num_offsets < room)
        room = asked->max_num_offsets < 0 ? 0 : (size_t)asked->max_num_offsets;
    int64_t *found = arena_alloc_array(arena, room, sizeof *found);
    size_t count = found == NULL ? 0 : log_list_offsets_before(log, asked->timestamp, room, found);
    log_unref(log);
    if (found == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    // A consumer sees nothing above the high watermark, which takes the place of what lies there.
    size_t hidden = 0;
    while (message->replica_id == CONSUMER_REPLICA_ID && hidden < count && found[hidden] > offsets.high_watermark)
        hidden++;
    if (hidden > 0)
        found[--hidden] = offsets.high_watermark;
    answer->old_style_offsets.items = found + hidden;
    answer->old_style_offsets.count = (int32_t)(count - hidden);
    return KAFKA_NONE;
}

static void answer_partition(struct broker *broker, struct request *request, const struct list_offsets_request *message,
                             const struct metadata_topic *known, const struct list_offsets_request_topic *topic,
                             const int32_t *sorted, const struct list_offsets_request_partition *asked,
                             struct list_offsets_response_partition *answer)
{
    enum kafka_error error = KAFKA_NONE;
    answer->partition_index = asked->partition_index;
    if (request->api_version > 0 && is_asked_twice(sorted, topic->partitions.count, asked->partition_index))
        error = KAFKA_INVALID_REQUEST;
    else if (request->api_version < version_of_timestamp(asked->timestamp))
        error = KAFKA_UNSUPPORTED_VERSION;
    struct partition *partition =
        error == KAFKA_NONE ? find_partition(broker, known, topic->name, asked->partition_index, &error) : NULL;
    if (partition != NULL)
        error = request->api_version > 0 ? find_offset(request, message, asked, partition, answer)
                                         : list_old_style(&request->arena, message, asked, partition, answer);
    partition_unref(partition);
    answer->error_code = (int16_t)error;
}

void list_offsets_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct list_offsets_request *asked = message;
    struct list_offsets_response response = list_offsets_response_default;
    struct arena *arena = &request->arena;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    response.topics.items = message_alloc_array(arena, &list_offsets_response_topic_schema, asked->topics.count);
    bool has_memory = response.topics.items != NULL;
    for (int32_t i = 0; has_memory && i < asked->topics.count; i++) {
        const struct list_offsets_request_topic *topic = &asked->topics.items[i];
        struct list_offsets_response_topic *answer = &response.topics.items[response.topics.count++];
        answer->name = topic->name;
        answer->partitions.items =
            message_alloc_array(arena, &list_offsets_response_partition_schema, topic->partitions.count);
        const int32_t *sorted = sort_indexes(arena, topic);
        has_memory = answer->partitions.items != NULL && sorted != NULL;
        answer->partitions.count = has_memory ? topic->partitions.count : 0;
        const struct metadata_topic *known = metadata_snapshot_topic(snapshot, topic->name);
        for (int32_t j = 0; j < answer->partitions.count; j++)
            answer_partition(broker, request, asked, known, topic, sorted, &topic->partitions.items[j],
                             &answer->partitions.items[j]);
    }
    metadata_snapshot_unref(snapshot);
    if (has_memory)
        dispatch_respond(request, &response);
    else
        dispatch_close(request);
}

static void answer_epoch(struct broker *broker, const struct metadata_topic *known,
                         const struct offset_for_leader_epoch_request_topic *topic,
                         const struct offset_for_leader_epoch_request_partition *asked,
                         struct offset_for_leader_epoch_response_partition *answer)
{
    enum kafka_error error;
    answer->partition = asked->partition;
    struct partition *partition = find_partition(broker, known, topic->topic, asked->partition, &error);
    if (partition != NULL)
        error = partition_end_offset_of_epoch(partition, asked->current_leader_epoch, asked->leader_epoch,
                                              &answer->leader_epoch, &answer->end_offset);
    partition_unref(partition);
    answer->error_code = (int16_t)error;
}

void offset_for_leader_epoch_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct offset_for_leader_epoch_request *asked = message;
    struct offset_for_leader_epoch_response response = offset_for_leader_epoch_response_default;
    struct arena *arena = &request->arena;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    response.topics.items =
        message_alloc_array(arena, &offset_for_leader_epoch_response_topic_schema, asked->topics.count);
    bool has_memory = response.topics.items != NULL;
    for (int32_t i = 0; has_memory && i < asked->topics.count; i++) {
        const struct offset_for_leader_epoch_request_topic *topic = &asked->topics.items[i];
        struct offset_for_leader_epoch_response_topic *answer = &response.topics.items[response.topics.count++];
        answer->topic = topic->topic;
        answer->partitions.items =
            message_alloc_array(arena, &offset_for_leader_epoch_response_partition_schema, topic->partitions.count);
        has_memory = answer->partitions.items != NULL;
        answer->partitions.count = has_memory ? topic->partitions.count : 0;
        const struct metadata_topic *known = metadata_snapshot_topic(snapshot, topic->topic);
        for (int32_t j = 0; j < answer->partitions.count; j++)
            answer_epoch(broker, known, topic, &topic->partitions.items[j], &answer->partitions.items[j]);
    }
    metadata_snapshot_unref(snapshot);
    if (has_memory)
        dispatch_respond(request, &response);
    else
        dispatch_close(request);
}
