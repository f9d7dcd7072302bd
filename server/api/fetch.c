// SPDX-License-Identifier: Apache-2.0
// Fetch: records of many partitions, with sessions (KIP-227) and long polling (API key 1). Records go from the log's
// files to the socket without passing through memory.
#include "server/api/fetch.h"

#include "log/log_config.h"
#include "net/endpoint.h"
#include "net/request.h"
#include "rules/options.h"
#include "server/api/leader_hint.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"
#include "server/purgatory.h"
#include "server/replica/replica_manager.h"

#include <string.h>

enum { ISOLATION_READ_COMMITTED = 1, CONSUMER_REPLICA_ID = -1 };

// ---- What is asked

static struct view topic_name_of_id(void *context, struct uuid topic_id)
{
    const struct fetch *fetch = context;
    const struct metadata_topic *topic = metadata_snapshot_topic_of_id(fetch->snapshot, topic_id);
    return topic == NULL ? VIEW_NULL : view_of(topic->name, topic->name_size);
}

static bool uses_topic_ids(const struct fetch *fetch)
{
    return fetch->request->api_version >= 13;
}

static int32_t epoch_or_none(int32_t epoch)
{
    return epoch < 0 ? PARTITION_NO_EPOCH : epoch;
}

// The request's partitions as the sessions take them, or NULL when the arena is at its maximum.
static struct fetch_partition *list_partitions(struct fetch *fetch, int32_t *count)
{
    *count = 0;
    for (int32_t i = 0; i < fetch->message->topics.count; i++)
        *count += fetch->message->topics.items[i].partitions.count;
    struct fetch_partition *list =
        arena_alloc_array(&fetch->request->arena, (size_t)*count, sizeof(struct fetch_partition));
    struct fetch_partition *next = list;
    for (int32_t i = 0; list != NULL && i < fetch->message->topics.count; i++) {
        const struct fetch_request_topic *topic = &fetch->message->topics.items[i];
        struct view name = uses_topic_ids(fetch) ? topic_name_of_id(fetch, topic->topic_id) : topic->topic;
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct fetch_request_partition *partition = &topic->partitions.items[j];
            *next++ = (struct fetch_partition){
                .topic = name,
                .topic_id = topic->topic_id,
                .index = partition->partition,
                .current_leader_epoch = epoch_or_none(partition->current_leader_epoch),
                .last_fetched_epoch = epoch_or_none(partition->last_fetched_epoch),
                .size_max = partition->partition_max_bytes,
                .offset = partition->fetch_offset,
                .log_start_offset = partition->log_start_offset,
            };
        }
    }
    return list;
}

static struct fetch_partition *list_forgotten(struct fetch *fetch, int32_t *count)
{
    *count = 0;
    for (int32_t i = 0; i < fetch->message->forgotten_topics_data.count; i++)
        *count += fetch->message->forgotten_topics_data.items[i].partitions.count;
    struct fetch_partition *list =
        arena_alloc_array(&fetch->request->arena, (size_t)*count, sizeof(struct fetch_partition));
    struct fetch_partition *next = list;
    for (int32_t i = 0; list != NULL && i < fetch->message->forgotten_topics_data.count; i++) {
        const struct fetch_request_forgotten_topic *topic = &fetch->message->forgotten_topics_data.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++)
            *next++ = (struct fetch_partition){
                .topic = topic->topic, .topic_id = topic->topic_id, .index = topic->partitions.items[j]};
    }
    return list;
}

static enum kafka_error begin_session(struct fetch *fetch)
{
    struct fetch_session_request asked = {
        .session_id = fetch->message->session_id,
        .epoch = fetch->message->session_epoch,
        .uses_topic_ids = uses_topic_ids(fetch),
        .is_follower = fetch->replica_id >= 0,
        .topic_name = topic_name_of_id,
        .context = fetch,
    };
    asked.partitions = list_partitions(fetch, &asked.partition_count);
    asked.forgotten = list_forgotten(fetch, &asked.forgotten_count);
    if (asked.partitions == NULL || asked.forgotten == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    return fetch_session_begin(replica_manager_fetch_sessions(fetch->broker->replica_manager), &asked,
                               &fetch->request->arena, &fetch->context);
}

static void set_limits(struct fetch *fetch)
{
    const struct fetch_request *message = fetch->message;
    fetch->replica_id = fetch->request->api_version >= 15 ? message->replica_state.replica_id : message->replica_id;
    // Replicas come over the brokers' own listener. Elsewhere nobody reads beyond the high watermark, nor moves it.
    bool is_foreign =
        strcmp(fetch->request->listener->listener_name, config_inter_broker_listener(fetch->broker->config)) != 0;
    fetch->poses_as_replica = fetch->replica_id >= 0 && is_foreign;
    if (fetch->replica_id != CONSUMER_REPLICA_ID && !is_foreign)
        fetch->bound = LOG_READ_TO_LOG_END;
    else
        fetch->bound = message->isolation_level == ISOLATION_READ_COMMITTED ? LOG_READ_TO_LAST_STABLE_OFFSET
                                                                            : LOG_READ_TO_HIGH_WATERMARK;
    int32_t size_max = config_int(fetch->broker->config, OPTION_FETCH_MAX_BYTES);
    if (message->max_bytes < size_max)
        size_max = message->max_bytes > 0 ? message->max_bytes : 0;
    fetch->size_max = (size_t)size_max;
    int32_t size_min = message->min_bytes < size_max ? message->min_bytes : size_max;
    fetch->size_min = size_min > 0 ? (size_t)size_min : 0;
}

// ---- What is answered

// The error as this version knows it.
static enum kafka_error error_of_version(const struct fetch *fetch, const struct fetch_read *read)
{
    if (read->error == KAFKA_KAFKA_STORAGE_ERROR && fetch->request->api_version < 6)
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (read->error != KAFKA_NONE || fetch->request->api_version >= 10 || read->partition == NULL)
        return read->error;
    struct log *log = partition_log(read->partition);
    struct log_config config = {.compression_is_set = false};
    if (log != NULL)
        log_get_config(log, &config);
    log_unref(log);
    bool is_zstd = config.compression_is_set && config.compression == COMPRESSION_ZSTD;
    return is_zstd ? KAFKA_UNSUPPORTED_COMPRESSION_TYPE : KAFKA_NONE;
}

static void set_records(struct fetch_read *read, struct fetch_response_partition *partition)
{
    partition->records.bytes = view_of("", 0);
    if (read->records.slice.size == 0)
        return;
    partition->records.bytes = VIEW_NULL;
    partition->records.source = &read->records.source;
    partition->records.source_size = read->records.slice.size;
}

static void set_partition(const struct fetch *fetch, const struct fetch_partition *wanted, struct fetch_read *read,
                          struct fetch_response_partition *partition)
{
    partition->partition_index = wanted->index;
    partition->error_code = (int16_t)error_of_version(fetch, read);
    partition->high_watermark = -1;
    if (partition->error_code == KAFKA_UNSUPPORTED_COMPRESSION_TYPE)
        return;
    partition->high_watermark = read->offsets.high_watermark;
    partition->last_stable_offset = read->offsets.last_stable_offset;
    partition->log_start_offset = read->offsets.log_start_offset;
    // There are no aborted transactions: a log that has some is refused when it is loaded. An empty list tells so to
    // who asks for committed records; where nothing was looked up Apache Kafka has an empty one as well.
    bool was_looked_up = read->error != KAFKA_UNKNOWN_TOPIC_ID && read->error != KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    bool is_committed = read->error == KAFKA_NONE && fetch->bound == LOG_READ_TO_LAST_STABLE_OFFSET;
    partition->aborted_transactions.count = was_looked_up && !is_committed ? -1 : 0;
    if (read->divergence.is_diverging) {
        partition->diverging_epoch.epoch = read->divergence.epoch;
        partition->diverging_epoch.end_offset = read->divergence.end_offset;
    }
    set_records(read, partition);
}

// Tells who leads the partition instead of us, and where. False when the arena is at its maximum.
static bool set_leader(const struct fetch *fetch, const struct fetch_partition *wanted, const struct fetch_read *read,
                       struct fetch_response_partition *partition, struct fetch_response *response)
{
    if (fetch->request->api_version < 16 ||
        (read->error != KAFKA_NOT_LEADER_OR_FOLLOWER && read->error != KAFKA_FENCED_LEADER_EPOCH))
        return true;
    struct partition_leader leader = {PARTITION_NO_LEADER, PARTITION_NO_EPOCH};
    if (read->partition != NULL)
        leader = partition_leader(read->partition);
    leader = leader_hint(fetch->snapshot, wanted->topic, wanted->index, leader);
    partition->current_leader.leader_id = leader.id;
    partition->current_leader.leader_epoch = leader.epoch;
    for (int32_t i = 0; i < response->node_endpoints.count; i++) {
        if (response->node_endpoints.items[i].node_id == leader.id)
            return true;
    }
    const struct metadata_endpoint *endpoint;
    const struct metadata_broker *broker = leader_hint_broker(fetch->snapshot, leader.id, fetch->request, &endpoint);
    if (broker == NULL)
        return true;
    if (response->node_endpoints.items == NULL) // as many as there may be leaders
        response->node_endpoints.items =
            message_alloc_array(&fetch->request->arena, &fetch_response_node_endpoint_schema, fetch->context.count);
    if (response->node_endpoints.items == NULL)
        return false;
    response->node_endpoints.items[response->node_endpoints.count++] = (struct fetch_response_node_endpoint){
        .node_id = broker->id,
        .host = view_of_string(endpoint->host),
        .port = endpoint->port,
        .rack = view_of_string(broker->rack),
    };
    return true;
}

static bool is_same_topic(const struct fetch *fetch, const struct fetch_response_topic *topic,
                          const struct fetch_partition *wanted)
{
    return uses_topic_ids(fetch) ? uuid_equal(topic->topic_id, wanted->topic_id)
                                 : view_equal(topic->topic, wanted->topic);
}

// Lists the partitions that are told, neighbours of one topic together. False when the arena is at its maximum.
static bool fill_response(struct fetch *fetch, const bool *is_told, struct fetch_response *response)
{
    struct arena *arena = &fetch->request->arena;
    int32_t count = 0;
    for (int32_t i = 0; i < fetch->context.count; i++)
        count += is_told[i];
    struct fetch_response_partition *partitions = message_alloc_array(arena, &fetch_response_partition_schema, count);
    response->responses.items = message_alloc_array(arena, &fetch_response_topic_schema, count);
    if (partitions == NULL || response->responses.items == NULL)
        return false;
    struct fetch_response_topic *topic = NULL;
    for (int32_t i = 0; i < fetch->context.count; i++) {
        const struct fetch_partition *wanted = &fetch->context.partitions[i];
        if (!is_told[i])
            continue;
        if (topic == NULL || !is_same_topic(fetch, topic, wanted)) {
            topic = &response->responses.items[response->responses.count++];
            topic->topic = view_is_null(wanted->topic) ? view_of("", 0) : wanted->topic;
            topic->topic_id = wanted->topic_id;
            topic->partitions.items = partitions;
        }
        topic->partitions.count++;
        set_partition(fetch, wanted, &fetch->reads[i], partitions);
        if (!set_leader(fetch, wanted, &fetch->reads[i], partitions++, response))
            return false;
    }
    return true;
}

// Ends the session's part and fills the answer. False when the arena is at its maximum.
static bool end_session(struct fetch *fetch, struct fetch_response *response)
{
    size_t count = (size_t)fetch->context.count;
    struct fetch_outcome *outcomes = arena_alloc_array(&fetch->request->arena, count, sizeof *outcomes);
    bool *is_told = arena_alloc_array(&fetch->request->arena, count, sizeof *is_told);
    if (outcomes == NULL || is_told == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        outcomes[i] = (struct fetch_outcome){
            .error = fetch->reads[i].error,
            .high_watermark = fetch->reads[i].offsets.high_watermark,
            .log_start_offset = fetch->reads[i].offsets.log_start_offset,
            .records_size = fetch->reads[i].records.slice.size,
            .must_be_told = fetch->reads[i].divergence.is_diverging,
        };
    response->error_code = (int16_t)fetch_session_end(&fetch->context, outcomes, is_told, &response->session_id);
    return response->error_code != KAFKA_NONE || fill_response(fetch, is_told, response);
}

static void answer(struct fetch *fetch)
{
    struct fetch_response response = fetch_response_default;
    bool is_filled = end_session(fetch, &response);
    fetch_release_partitions(fetch);
    struct fetch_context context = fetch->context; // its session outlives the request's arena
    if (!is_filled) {
        dispatch_close(fetch->request);
        fetch_session_release(&context);
        return;
    }
    dispatch_respond(fetch->request, &response);
    fetch_session_release(&context);
}

static bool is_ready(void *operation)
{
    return fetch_is_ready(operation);
}

static void complete(void *operation, enum delayed_end end)
{
    struct fetch *fetch = operation;
    (void)end; // ready or not, what is there by now is told
    fetch_read_all(fetch);
    answer(fetch);
}

static const struct delayed_calls delayed_fetch_calls = {is_ready, complete};

// Parks the fetch until there is enough, under the key of each partition.
static void wait_for_records(struct fetch *fetch)
{
    struct view *keys = arena_alloc_array(&fetch->request->arena, (size_t)fetch->context.count, sizeof *keys);
    size_t key_count = 0;
    for (int32_t i = 0; keys != NULL && i < fetch->context.count; i++) {
        if (fetch->reads[i].partition != NULL)
            keys[key_count++] = partition_key(fetch->reads[i].partition);
    }
    if (key_count == 0) {
        answer(fetch);
        return;
    }
    purgatory_watch(replica_manager_fetch_purgatory(fetch->broker->replica_manager), &delayed_fetch_calls, fetch, keys,
                    key_count, fetch->message->max_wait_ms);
}

void fetch_serve(struct broker *broker, struct request *request, const void *message)
{
    struct fetch *fetch = arena_alloc(&request->arena, sizeof *fetch);
    if (fetch == NULL) {
        dispatch_close(request);
        return;
    }
    *fetch = (struct fetch){.broker = broker, .request = request, .message = message};
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    fetch->snapshot = snapshot;
    arena_defer(&request->arena, metadata_snapshot_release, (void *)(uintptr_t)snapshot);
    set_limits(fetch);
    enum kafka_error error = begin_session(fetch);
    if (error == KAFKA_UNKNOWN_SERVER_ERROR) {
        dispatch_close(request);
        return;
    }
    if (error != KAFKA_NONE) {
        struct fetch_response response = fetch_response_default;
        response.error_code = (int16_t)error;
        dispatch_respond(request, &response);
        return;
    }
    if (!fetch_find_partitions(fetch)) {
        fetch_session_release(&fetch->context);
        dispatch_close(request);
        return;
    }
    if (fetch_read_all(fetch) || fetch->message->max_wait_ms <= 0)
        answer(fetch);
    else
        wait_for_records(fetch);
}
