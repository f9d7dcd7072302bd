// SPDX-License-Identifier: Apache-2.0
// Produce: batches to the leaders of their partitions (API key 0).
#include "base/logger.h"
#include "log/batch.h"
#include "log/batch_validator.h"
#include "net/request.h"
#include "rules/topic_name.h"
#include "server/api/leader_hint.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"
#include "server/replica/replica_manager.h"

// A request under way; in its arena.
struct produce {
    struct broker *broker;
    struct request *request;
    const struct produce_request *message;
    struct replica_append *appends; // in the order of the request
    int32_t count;
};

static bool is_transactional(struct view records)
{
    struct batch_header header;
    return batch_header_read(records, &header) == BATCH_COMPLETE && batch_is_transactional(&header);
}

static bool has_transactional_batch(const struct produce_request *message)
{
    for (int32_t i = 0; i < message->topic_data.count; i++) {
        const struct produce_request_topic *topic = &message->topic_data.items[i];
        for (int32_t j = 0; j < topic->partition_data.count; j++) {
            if (is_transactional(topic->partition_data.items[j].records.bytes))
                return true;
        }
    }
    return false;
}

// An error that concerns all partitions alike, or NONE.
static enum kafka_error check_request(const struct produce_request *message)
{
    if (view_is_null(message->transactional_id) && has_transactional_batch(message))
        return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    if (message->acks < ACKS_ALL || message->acks > ACKS_LEADER)
        return KAFKA_INVALID_REQUIRED_ACKS;
    return KAFKA_NONE;
}

// Finds the batch to append, or why there is none.
static enum kafka_error find_batch(const struct request *request, const struct metadata_topic *topic, struct view name,
                                   const struct produce_request_partition *partition, struct replica_append *append)
{
    if (topic == NULL || metadata_topic_partition(topic, partition->index) == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    enum kafka_error error =
        batch_find_produced(partition->records.bytes, request->api_version, &append->batch, &append->error_message);
    if (error != KAFKA_NONE)
        return error;
    if (topic_name_is_internal(name) && !view_equal_string(request->client_id, "__admin_client"))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    if (!is_transactional(append->batch))
        return KAFKA_NONE;
    // No transaction coordinator is served, so no partition is ever part of a transaction.
    if (request->api_version >= 11)
        return KAFKA_TRANSACTION_ABORTABLE;
    append->error_message = "The partition was not added to the transaction.";
    return KAFKA_INVALID_TXN_STATE;
}

static void list_appends(struct produce *produce, enum kafka_error error)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(produce->broker->metadata_cache);
    struct replica_append *append = produce->appends;
    for (int32_t i = 0; i < produce->message->topic_data.count; i++) {
        const struct produce_request_topic *topic = &produce->message->topic_data.items[i];
        const struct metadata_topic *known = metadata_snapshot_topic(snapshot, topic->name);
        for (int32_t j = 0; j < topic->partition_data.count; j++, append++) {
            append->topic = topic->name;
            append->partition = topic->partition_data.items[j].index;
            append->error = error != KAFKA_NONE ? error
                                                : find_batch(produce->request, known, topic->name,
                                                             &topic->partition_data.items[j], append);
        }
    }
    metadata_snapshot_unref(snapshot);
}

// Record errors as the answer has them; false when the arena is at its maximum.
static bool set_record_errors(struct arena *arena, const struct replica_append *append,
                              struct produce_response_partition *partition)
{
    if (append->record_error_count == 0)
        return true;
    partition->record_errors.items =
        message_alloc_array(arena, &produce_response_record_error_schema, append->record_error_count);
    if (partition->record_errors.items == NULL)
        return false;
    partition->record_errors.count = append->record_error_count;
    for (int32_t i = 0; i < append->record_error_count; i++) {
        partition->record_errors.items[i].batch_index = append->record_errors[i].batch_index;
        partition->record_errors.items[i].batch_index_error_message = view_of_string(append->record_errors[i].message);
    }
    return true;
}

static bool set_partition(struct arena *arena, const struct replica_append *append,
                          struct produce_response_partition *partition)
{
    partition->index = append->partition;
    partition->error_code = (int16_t)append->error;
    partition->base_offset = append->base_offset;
    partition->log_append_time_ms = append->log_append_time;
    partition->log_start_offset = append->log_start_offset;
    partition->error_message = view_of_string(append->error_message);
    return set_record_errors(arena, append, partition);
}

// Tells who leads the partition instead of us, and where.
static bool set_leader(const struct produce *produce, const struct metadata_snapshot *snapshot,
                       const struct replica_append *append, struct produce_response_partition *partition,
                       struct produce_response *response)
{
    struct partition_leader leader = leader_hint(snapshot, append->topic, append->partition, append->leader);
    partition->current_leader.leader_id = leader.id;
    partition->current_leader.leader_epoch = leader.epoch;
    for (int32_t i = 0; i < response->node_endpoints.count; i++) {
        if (response->node_endpoints.items[i].node_id == leader.id)
            return true;
    }
    const struct metadata_endpoint *endpoint;
    const struct metadata_broker *broker = leader_hint_broker(snapshot, leader.id, produce->request, &endpoint);
    if (broker == NULL)
        return true;
    if (response->node_endpoints.items == NULL) // as many as there may be leaders
        response->node_endpoints.items =
            message_alloc_array(&produce->request->arena, &produce_response_node_endpoint_schema, produce->count);
    if (response->node_endpoints.items == NULL)
        return false;
    response->node_endpoints.items[response->node_endpoints.count++] = (struct produce_response_node_endpoint){
        .node_id = broker->id,
        .host = view_of_string(endpoint->host),
        .port = endpoint->port,
        .rack = view_of_string(broker->rack),
    };
    return true;
}

// Fills the answer; false when the arena is at its maximum.
static bool fill_response(const struct produce *produce, const struct metadata_snapshot *snapshot,
                          struct produce_response *response)
{
    struct arena *arena = &produce->request->arena;
    int32_t topic_count = produce->message->topic_data.count;
    struct produce_response_partition *partitions =
        message_alloc_array(arena, &produce_response_partition_schema, produce->count);
    response->responses.items = message_alloc_array(arena, &produce_response_topic_schema, topic_count);
    if (partitions == NULL || response->responses.items == NULL)
        return false;
    response->responses.count = topic_count;
    const struct replica_append *append = produce->appends;
    for (int32_t i = 0; i < topic_count; i++) {
        struct produce_response_topic *topic = &response->responses.items[i];
        topic->name = produce->message->topic_data.items[i].name;
        topic->partition_responses.items = partitions;
        topic->partition_responses.count = produce->message->topic_data.items[i].partition_data.count;
        for (int32_t j = 0; j < topic->partition_responses.count; j++, append++, partitions++) {
            if (!set_partition(arena, append, partitions))
                return false;
            if (append->error == KAFKA_NOT_LEADER_OR_FOLLOWER && produce->request->api_version >= 10 &&
                !set_leader(produce, snapshot, append, partitions, response))
                return false;
        }
    }
    return true;
}

// With acks=0 there is no answer: an error closes the connection, so that the client looks for the leaders anew.
static void end_without_answer(const struct produce *produce)
{
    for (int32_t i = 0; i < produce->count; i++) {
        if (produce->appends[i].error == KAFKA_NONE)
            continue;
        char host[REQUEST_HOST_SIZE];
        if (request_logs_refusal(produce->request))
            logger_info("Closing the connection from %s port %u because of %s in a Produce request with acks=0 to "
                        "partition %.*s-%d.",
                        request_peer_host(produce->request, host), produce->request->peer_port,
                        kafka_error_name((int16_t)produce->appends[i].error), VIEW_ARGS(produce->appends[i].topic),
                        produce->appends[i].partition);
        dispatch_close(produce->request);
        return;
    }
    dispatch_respond_none(produce->request);
}

static void answer(void *context)
{
    struct produce *produce = context;
    if (produce->message->acks == ACKS_NONE) {
        end_without_answer(produce);
        return;
    }
    struct produce_response response = produce_response_default;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(produce->broker->metadata_cache);
    if (fill_response(produce, snapshot, &response))
        dispatch_respond(produce->request, &response);
    else
        dispatch_close(produce->request);
    metadata_snapshot_unref(snapshot);
}

void produce_serve(struct broker *broker, struct request *request, const void *message)
{
    struct produce *produce = arena_alloc(&request->arena, sizeof *produce);
    if (produce == NULL) {
        dispatch_close(request);
        return;
    }
    *produce = (struct produce){.broker = broker, .request = request, .message = message};
    for (int32_t i = 0; i < produce->message->topic_data.count; i++)
        produce->count += produce->message->topic_data.items[i].partition_data.count;
    produce->appends = arena_alloc_array(&request->arena, (size_t)produce->count, sizeof *produce->appends);
    if (produce->appends == NULL) {
        dispatch_close(request);
        return;
    }
    list_appends(produce, check_request(produce->message));
    replica_manager_append(broker->replica_manager, produce->appends, produce->count, produce->message->acks,
                           produce->message->timeout_ms, APPEND_CLIENT, &request->arena, answer, produce);
}
