// SPDX-License-Identifier: Apache-2.0
// FindCoordinator: the leader of the partition of __consumer_offsets that a group's name belongs to. The first question
// of a cluster creates the topic. Transactional ids have no coordinator yet: UNSUPPORTED_VERSION, which ends a
// transactional producer at once instead of leaving it to ask for ever.
#include "net/endpoint.h"
#include "net/request.h"
#include "server/broker.h"
#include "server/controller/controller.h"
#include "server/dispatch.h"
#include "server/group/group_coordinator.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"

#define OFFSETS_TOPIC "__consumer_offsets"
#define FIRST_VERSION_WITH_KEYS 4
enum { KEY_TYPE_GROUP = 0, KEY_TYPE_TRANSACTION = 1 };

static void find_leader(struct broker *broker, const struct metadata_snapshot *snapshot, struct request *request,
                        struct find_coordinator_response_coordinator *found)
{
    struct view name = view_of_string(OFFSETS_TOPIC);
    found->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    const struct metadata_topic *topic = metadata_snapshot_topic(snapshot, name);
    if (topic == NULL) {
        // Whatever comes of it, the client asks again.
        enum kafka_error created = controller_create_topic_automatically(broker->controller, name);
        if (created != KAFKA_LEADER_NOT_AVAILABLE)
            found->error_message = view_of_string(kafka_error_name((int16_t)created));
        return;
    }
    int32_t index = group_coordinator_partition(broker->group_coordinator, found->key);
    const struct metadata_partition *partition = metadata_topic_partition(topic, index);
    const struct metadata_broker *leader =
        partition != NULL ? metadata_snapshot_broker(snapshot, partition->leader) : NULL;
    const struct metadata_endpoint *endpoint =
        leader != NULL ? metadata_broker_endpoint(leader, request->listener->listener_name) : NULL;
    if (endpoint == NULL)
        return;
    found->error_code = KAFKA_NONE;
    found->node_id = leader->id;
    found->host = view_copy(&request->arena, view_of_string(endpoint->host));
    found->port = endpoint->port;
}

static void find_coordinator(struct broker *broker, const struct metadata_snapshot *snapshot, struct request *request,
                             int8_t key_type, struct find_coordinator_response_coordinator *found)
{
    found->node_id = -1;
    found->port = -1;
    found->host = view_of_string("");
    if (key_type == KEY_TYPE_GROUP) {
        find_leader(broker, snapshot, request, found);
    } else if (key_type == KEY_TYPE_TRANSACTION) {
        found->error_code = KAFKA_UNSUPPORTED_VERSION;
        found->error_message = view_of_string("This broker does not coordinate transactions");
    } else {
        found->error_code = KAFKA_INVALID_REQUEST;
    }
}

void find_coordinator_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct find_coordinator_request *asked = message;
    struct find_coordinator_response response = find_coordinator_response_default;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    if (request->api_version >= FIRST_VERSION_WITH_KEYS) {
        response.coordinators.items = message_alloc_array(
            &request->arena, &find_coordinator_response_coordinator_schema, asked->coordinator_keys.count);
        for (int32_t i = 0; response.coordinators.items != NULL && i < asked->coordinator_keys.count; i++) {
            struct find_coordinator_response_coordinator *found =
                &response.coordinators.items[response.coordinators.count++];
            found->key = asked->coordinator_keys.items[i];
            find_coordinator(broker, snapshot, request, asked->key_type, found);
        }
    } else {
        struct find_coordinator_response_coordinator found = find_coordinator_response_coordinator_default;
        found.key = asked->key;
        find_coordinator(broker, snapshot, request, asked->key_type, &found);
        response.error_code = found.error_code;
        response.error_message = found.error_message;
        response.node_id = found.node_id;
        response.host = found.host;
        response.port = found.port;
    }
    metadata_snapshot_unref(snapshot);
    dispatch_respond(request, &response);
}
