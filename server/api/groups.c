// SPDX-License-Identifier: Apache-2.0
// JoinGroup, SyncGroup, Heartbeat, LeaveGroup, ListGroups, DescribeGroups, DeleteGroups: from the request to the group
// coordinator and back.
#include "net/request.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/group/group_coordinator.h"
#include "server/handlers.h"

#include <stdio.h>

// KIP-430: READ (3), DELETE (6) and DESCRIBE (8) are what there is to do with a group; without an authorizer, all.
#define ALL_GROUP_OPERATIONS (1 << 3 | 1 << 6 | 1 << 8)

static void respond(void *context, void *response)
{
    dispatch_respond(context, response);
}

static struct group_waiter waiter_of(struct request *request)
{
    return (struct group_waiter){.arena = &request->arena, .answer = respond, .context = request};
}

void join_group_serve(struct broker *broker, struct request *request, const void *message)
{
    char host[REQUEST_HOST_SIZE], shown[REQUEST_HOST_SIZE + 1];
    struct group_waiter waiter = waiter_of(request);
    snprintf(shown, sizeof shown, "/%s", request_peer_host(request, host)); // as Java shows an address
    struct group_client client = {.client_id = request->client_id, .host = shown};
    group_coordinator_join(broker->group_coordinator, message, request->api_version, &client, &waiter);
}

void sync_group_serve(struct broker *broker, struct request *request, const void *message)
{
    struct group_waiter waiter = waiter_of(request);
    group_coordinator_sync(broker->group_coordinator, message, &waiter);
}

void heartbeat_serve(struct broker *broker, struct request *request, const void *message)
{
    struct heartbeat_response response = heartbeat_response_default;
    response.error_code = (int16_t)group_coordinator_heartbeat(broker->group_coordinator, message);
    dispatch_respond(request, &response);
}

void leave_group_serve(struct broker *broker, struct request *request, const void *message)
{
    struct group_waiter waiter = waiter_of(request);
    group_coordinator_leave(broker->group_coordinator, message, request->api_version, &waiter);
}

void list_groups_serve(struct broker *broker, struct request *request, const void *message)
{
    struct list_groups_response response = list_groups_response_default;
    group_coordinator_list(broker->group_coordinator, message, &request->arena, &response);
    dispatch_respond(request, &response);
}

void describe_groups_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct describe_groups_request *asked = message;
    struct describe_groups_response response = describe_groups_response_default;
    response.groups.items =
        message_alloc_array(&request->arena, &describe_groups_response_group_schema, asked->groups.count);
    for (int32_t i = 0; response.groups.items != NULL && i < asked->groups.count; i++) {
        struct describe_groups_response_group *group = &response.groups.items[response.groups.count++];
        group_coordinator_describe(broker->group_coordinator, asked->groups.items[i], &request->arena, group);
        if (asked->include_authorized_operations && group->error_code == KAFKA_NONE)
            group->authorized_operations = ALL_GROUP_OPERATIONS;
    }
    dispatch_respond(request, &response);
}

void delete_groups_serve(struct broker *broker, struct request *request, const void *message)
{
    struct group_waiter waiter = waiter_of(request);
    group_coordinator_delete(broker->group_coordinator, message, &waiter);
}
