// SPDX-License-Identifier: Apache-2.0
// Metadata: brokers, and the topics that are asked for, as the metadata cache has them; names that do not exist are
// handed to automatic creation. The answer refers to the cache's snapshot, which the request's arena holds.
#include "base/error.h"
#include "base/map.h"
#include "net/endpoint.h"
#include "net/request.h"
#include "rules/topic_name.h"
#include "server/api/authorized_operations.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/controller.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"

#include <string.h>

struct answer {
    struct broker *broker;
    struct request *request;
    const struct metadata_request *wanted;
    const struct metadata_snapshot *snapshot;
    struct metadata_response response;
    bool may_create;
};

static struct int32_array ids(const int32_t *items, int32_t count)
{
    union {
        const int32_t *constant;
        int32_t *writable;
    } cast = {items};
    return (struct int32_array){cast.writable, count};
}

static const struct metadata_endpoint *endpoint_of(const struct answer *answer, int32_t broker_id)
{
    const struct metadata_broker *broker = metadata_snapshot_broker(answer->snapshot, broker_id);
    return broker ? metadata_broker_endpoint(broker, answer->request->listener->listener_name) : NULL;
}

// The ids of those that clients of this listener can reach. False when memory is gone.
static bool keep_reachable(const struct answer *answer, struct int32_array *list)
{
    int32_t *kept = arena_alloc_array(&answer->request->arena, (size_t)list->count, sizeof *kept);
    if (kept == NULL)
        return false;
    int32_t count = 0;
    for (int32_t i = 0; i < list->count; i++) {
        if (endpoint_of(answer, list->items[i]) != NULL)
            kept[count++] = list->items[i];
    }
    *list = (struct int32_array){kept, count};
    return true;
}

static bool fill_partition(const struct answer *answer, const struct metadata_partition *from,
                           struct metadata_response_partition *to)
{
    int16_t version = answer->request->api_version;
    to->partition_index = from->index;
    to->leader_epoch = from->leader_epoch;
    to->leader_id = from->leader;
    to->replica_nodes = ids(from->replicas, from->replica_count);
    to->isr_nodes = ids(from->isr, from->isr_count);
    to->offline_replicas = ids(from->offline_replicas, from->offline_count);
    // Version 0 clients want only brokers whose address they are given.
    if (version == 0 && (!keep_reachable(answer, &to->replica_nodes) || !keep_reachable(answer, &to->isr_nodes)))
        return false;
    if (endpoint_of(answer, from->leader) == NULL) {
        bool is_live = metadata_snapshot_broker(answer->snapshot, from->leader) != NULL;
        to->leader_id = -1;
        to->error_code = is_live && version >= 6 ? KAFKA_LISTENER_NOT_FOUND : KAFKA_LEADER_NOT_AVAILABLE;
    } else if (to->replica_nodes.count < from->replica_count || to->isr_nodes.count < from->isr_count) {
        to->error_code = KAFKA_REPLICA_NOT_AVAILABLE;
    }
    return true;
}

static bool fill_topic(const struct answer *answer, const struct metadata_topic *from,
                       struct metadata_response_topic *to)
{
    to->name = view_of(from->name, from->name_size);
    to->topic_id = from->id;
    to->is_internal = topic_name_is_internal(to->name);
    to->partitions.items =
        message_alloc_array(&answer->request->arena, &metadata_response_partition_schema, from->partition_count);
    to->partitions.count = from->partition_count;
    if (to->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < from->partition_count; i++) {
        if (!fill_partition(answer, &from->partitions[i], &to->partitions.items[i]))
            return false;
    }
    if (answer->request->api_version >= 8 && answer->wanted->include_topic_authorized_operations)
        to->topic_authorized_operations = OPERATIONS_OF_TOPIC;
    return true;
}

static void fill_unknown(const struct answer *answer, struct view name, struct metadata_response_topic *to)
{
    to->name = name;
    to->is_internal = topic_name_is_internal(name);
    if (!topic_name_is_valid(name))
        to->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
    else if (answer->may_create)
        to->error_code = (int16_t)controller_create_topic_automatically(answer->broker->controller, name);
    else
        to->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (answer->request->api_version >= 8 && answer->wanted->include_topic_authorized_operations)
        to->topic_authorized_operations = OPERATIONS_OF_TOPIC;
}

static bool alloc_topics(struct answer *answer, size_t count)
{
    answer->response.topics.items =
        message_alloc_array(&answer->request->arena, &metadata_response_topic_schema, (int32_t)count);
    return answer->response.topics.items != NULL;
}

static bool list_all_topics(struct answer *answer)
{
    size_t count = metadata_snapshot_topic_count(answer->snapshot);
    if (!alloc_topics(answer, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct metadata_topic *topic = metadata_snapshot_topic_at(answer->snapshot, i);
        if (!fill_topic(answer, topic, &answer->response.topics.items[answer->response.topics.count++]))
            return false;
    }
    return true;
}

static bool uses_topic_ids(const struct answer *answer)
{
    for (int32_t i = 0; i < answer->wanted->topics.count; i++) {
        if (!uuid_is_zero(answer->wanted->topics.items[i].topic_id))
            return true;
    }
    return false;
}

static bool list_topic_of_id(struct answer *answer, struct uuid id, struct metadata_response_topic *to)
{
    const struct metadata_topic *topic = metadata_snapshot_topic_of_id(answer->snapshot, id);
    if (topic != NULL)
        return fill_topic(answer, topic, to);
    to->error_code = KAFKA_UNKNOWN_TOPIC_ID;
    to->topic_id = id;
    to->name = VIEW_NULL;
    return true;
}

static bool list_topic_of_name(struct answer *answer, struct view name, struct metadata_response_topic *to)
{
    const struct metadata_topic *topic = metadata_snapshot_topic(answer->snapshot, name);
    if (topic != NULL)
        return fill_topic(answer, topic, to);
    fill_unknown(answer, name, to);
    return true;
}

// Each topic once, however often it is asked for.
static bool list_wanted_topics(struct answer *answer)
{
    bool by_id = uses_topic_ids(answer), is_complete = alloc_topics(answer, (size_t)answer->wanted->topics.count);
    struct map seen = MAP_EMPTY;
    for (int32_t i = 0; is_complete && i < answer->wanted->topics.count; i++) {
        const struct metadata_request_topic *wanted = &answer->wanted->topics.items[i];
        struct view key = by_id ? MAP_KEY_OF(wanted->topic_id) : wanted->name;
        if ((by_id && uuid_is_zero(wanted->topic_id)) || map_get(&seen, key) != NULL)
            continue;
        struct metadata_response_topic *to = &answer->response.topics.items[answer->response.topics.count++];
        map_put(&seen, key, to);
        is_complete = by_id ? list_topic_of_id(answer, wanted->topic_id, to) : list_topic_of_name(answer, key, to);
    }
    map_fini(&seen);
    return is_complete;
}

static bool list_brokers(struct answer *answer)
{
    size_t count = metadata_snapshot_broker_count(answer->snapshot);
    struct metadata_response *response = &answer->response;
    response->brokers.items =
        message_alloc_array(&answer->request->arena, &metadata_response_broker_schema, (int32_t)count);
    if (response->brokers.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct metadata_broker *broker = metadata_snapshot_broker_at(answer->snapshot, i);
        const struct metadata_endpoint *endpoint =
            metadata_broker_endpoint(broker, answer->request->listener->listener_name);
        if (endpoint == NULL)
            continue;
        struct metadata_response_broker *row = &response->brokers.items[response->brokers.count++];
        row->node_id = broker->id;
        row->host = view_of_string(endpoint->host);
        row->port = endpoint->port;
        row->rack = view_of_string(broker->rack);
    }
    return true;
}

// Versions 10 and 11 have the fields of version 12, which are not to be used yet.
static bool is_valid(const struct answer *answer)
{
    for (int32_t i = 0; answer->request->api_version < 12 && i < answer->wanted->topics.count; i++) {
        const struct metadata_request_topic *topic = &answer->wanted->topics.items[i];
        if (view_is_null(topic->name) || !uuid_is_zero(topic->topic_id))
            return false;
    }
    for (int32_t i = 0; i < answer->wanted->topics.count; i++) {
        const struct metadata_request_topic *topic = &answer->wanted->topics.items[i];
        if (view_is_null(topic->name) && uuid_is_zero(topic->topic_id))
            return false;
    }
    return true;
}

static bool refuse(struct answer *answer)
{
    if (!alloc_topics(answer, (size_t)answer->wanted->topics.count))
        return false;
    answer->response.topics.count = answer->wanted->topics.count;
    for (int32_t i = 0; i < answer->wanted->topics.count; i++) {
        const struct metadata_request_topic *topic = &answer->wanted->topics.items[i];
        struct metadata_response_topic *row = &answer->response.topics.items[i];
        row->error_code = KAFKA_INVALID_REQUEST;
        row->topic_id = topic->topic_id;
        row->name = view_is_null(topic->name) ? view_of_string("") : topic->name;
    }
    return true;
}

static bool fill(struct answer *answer)
{
    if (!is_valid(answer))
        return refuse(answer);
    struct broker *broker = answer->broker;
    int16_t version = answer->request->api_version;
    bool all = answer->wanted->topics.count < 0 || (version == 0 && answer->wanted->topics.count == 0);
    answer->may_create = !all && answer->wanted->allow_auto_topic_creation &&
                         config_boolean(broker->config, OPTION_AUTO_CREATE_TOPICS_ENABLE);
    answer->response.cluster_id = view_of_string(broker->cluster_id);
    answer->response.controller_id = metadata_snapshot_controller_id(answer->snapshot);
    if (version >= 8 && version <= 10 && answer->wanted->include_cluster_authorized_operations)
        answer->response.cluster_authorized_operations = OPERATIONS_OF_CLUSTER;
    return list_brokers(answer) && (all ? list_all_topics(answer) : list_wanted_topics(answer));
}

void metadata_serve(struct broker *broker, struct request *request, const void *message)
{
    struct answer answer = {
        .broker = broker,
        .request = request,
        .wanted = message,
        .snapshot = metadata_cache_snapshot(broker->metadata_cache),
        .response = metadata_response_default,
    };
    union {
        const struct metadata_snapshot *constant;
        void *writable;
    } held = {answer.snapshot};
    arena_defer(&request->arena, metadata_snapshot_release, held.writable);
    if (fill(&answer))
        dispatch_respond(request, &answer.response);
    else
        dispatch_close(request);
}
