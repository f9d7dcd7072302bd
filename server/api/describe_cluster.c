// SPDX-License-Identifier: Apache-2.0
// DescribeCluster (KIP-700): the brokers and the controller, for admin clients.
#include "base/error.h"
#include "net/endpoint.h"
#include "net/request.h"
#include "server/api/authorized_operations.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"

enum { ENDPOINT_TYPE_BROKER = 1, ENDPOINT_TYPE_CONTROLLER = 2 };

// KIP-919: there are no controllers beside the brokers.
static bool refuse_endpoint_type(struct request *request, int8_t type, struct describe_cluster_response *response)
{
    const char *text;
    if (type == ENDPOINT_TYPE_BROKER)
        return false;
    if (type == ENDPOINT_TYPE_CONTROLLER) {
        response->error_code = request->api_version == 0 ? KAFKA_INVALID_REQUEST : KAFKA_MISMATCHED_ENDPOINT_TYPE;
        text = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
    } else {
        response->error_code = request->api_version == 0 ? KAFKA_INVALID_REQUEST : KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        text = arena_format(&request->arena, "Unsupported endpoint type %d", type);
    }
    response->error_message = view_of_string(text);
    return true;
}

static bool list_brokers(struct request *request, const struct metadata_snapshot *snapshot,
                         struct describe_cluster_response *response)
{
    size_t count = metadata_snapshot_broker_count(snapshot);
    response->brokers.items =
        message_alloc_array(&request->arena, &describe_cluster_response_broker_schema, (int32_t)count);
    if (response->brokers.items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct metadata_broker *broker = metadata_snapshot_broker_at(snapshot, i);
        const struct metadata_endpoint *endpoint = metadata_broker_endpoint(broker, request->listener->listener_name);
        if (endpoint == NULL)
            continue;
        struct describe_cluster_response_broker *row = &response->brokers.items[response->brokers.count++];
        row->broker_id = broker->id;
        row->host = view_of_string(endpoint->host);
        row->port = endpoint->port;
        row->rack = view_of_string(broker->rack);
    }
    return true;
}

void describe_cluster_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct describe_cluster_request *wanted = message;
    struct describe_cluster_response response = describe_cluster_response_default;
    if (refuse_endpoint_type(request, wanted->endpoint_type, &response)) {
        dispatch_respond(request, &response);
        return;
    }
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    response.cluster_id = view_of_string(broker->cluster_id);
    response.controller_id = metadata_snapshot_controller_id(snapshot);
    if (wanted->include_cluster_authorized_operations)
        response.cluster_authorized_operations = OPERATIONS_OF_CLUSTER;
    if (list_brokers(request, snapshot, &response))
        dispatch_respond(request, &response); // copies what it encodes
    else
        dispatch_close(request);
    metadata_snapshot_unref(snapshot);
}
