// SPDX-License-Identifier: Apache-2.0
// OffsetCommit and OffsetFetch: from the request to the group coordinator and back.
#include "net/request.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/group/group_coordinator.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"

// From this version on one OffsetFetch asks for several groups (KIP-709).
#define FIRST_FETCH_VERSION_WITH_GROUPS 8

static void respond(void *context, void *response)
{
    dispatch_respond(context, response);
}

static bool is_known(void *context, struct view topic, int32_t partition)
{
    const struct metadata_snapshot *const *snapshot = context;
    const struct metadata_topic *known = metadata_snapshot_topic(*snapshot, topic);
    return known != NULL && metadata_topic_partition(known, partition) != NULL;
}

void offset_commit_serve(struct broker *broker, struct request *request, const void *message)
{
    struct group_waiter waiter = {.arena = &request->arena, .answer = respond, .context = request};
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    // The coordinator looks at the partitions before it returns.
    group_coordinator_commit(broker->group_coordinator, message, is_known, &snapshot, &waiter);
    metadata_snapshot_unref(snapshot);
}

static bool fetch_groups(struct broker *broker, struct request *request, const struct offset_fetch_request *asked,
                         struct offset_fetch_response *response)
{
    response->groups.items =
        message_alloc_array(&request->arena, &offset_fetch_response_group_schema, asked->groups.count);
    for (int32_t i = 0; response->groups.items != NULL && i < asked->groups.count; i++)
        group_coordinator_fetch(broker->group_coordinator, &asked->groups.items[i], &request->arena,
                                &response->groups.items[response->groups.count++]);
    return response->groups.items != NULL;
}

// The older form, one group, asked and answered by way of the newer one.
static bool fetch_one_group(struct broker *broker, struct request *request, const struct offset_fetch_request *asked,
                            struct offset_fetch_response *response)
{
    struct arena *arena = &request->arena;
    struct offset_fetch_request_group group = offset_fetch_request_group_default;
    struct offset_fetch_response_group found = offset_fetch_response_group_default;
    group.group_id = asked->group_id;
    group.topics.count = asked->topics.count;
    if (asked->topics.count > 0)
        group.topics.items = message_alloc_array(arena, &offset_fetch_request_group_topic_schema, asked->topics.count);
    if (asked->topics.count > 0 && group.topics.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        group.topics.items[i].name = asked->topics.items[i].name;
        group.topics.items[i].partition_indexes = asked->topics.items[i].partition_indexes;
    }
    group_coordinator_fetch(broker->group_coordinator, &group, arena, &found);
    response->error_code = found.error_code;
    response->topics.items = message_alloc_array(arena, &offset_fetch_response_topic_schema, found.topics.count);
    for (int32_t i = 0; response->topics.items != NULL && i < found.topics.count; i++) {
        const struct offset_fetch_response_group_topic *from = &found.topics.items[i];
        struct offset_fetch_response_topic *to = &response->topics.items[response->topics.count++];
        to->name = from->name;
        to->partitions.items =
            message_alloc_array(arena, &offset_fetch_response_partition_schema, from->partitions.count);
        for (int32_t k = 0; to->partitions.items != NULL && k < from->partitions.count; k++)
            to->partitions.items[to->partitions.count++] = (struct offset_fetch_response_partition){
                .partition_index = from->partitions.items[k].partition_index,
                .committed_offset = from->partitions.items[k].committed_offset,
                .committed_leader_epoch = from->partitions.items[k].committed_leader_epoch,
                .metadata = from->partitions.items[k].metadata,
                .error_code = from->partitions.items[k].error_code,
            };
    }
    return response->topics.items != NULL;
}

// Before version 2 there is no error of the whole answer: each partition carries it.
static void spread_error(struct request *request, const struct offset_fetch_request *asked,
                         struct offset_fetch_response *response)
{
    struct arena *arena = &request->arena;
    response->topics.items = message_alloc_array(arena, &offset_fetch_response_topic_schema, asked->topics.count);
    response->topics.count = 0;
    for (int32_t i = 0; response->topics.items != NULL && i < asked->topics.count; i++) {
        const struct offset_fetch_request_topic *from = &asked->topics.items[i];
        struct offset_fetch_response_topic *to = &response->topics.items[response->topics.count++];
        to->name = from->name;
        to->partitions.items =
            message_alloc_array(arena, &offset_fetch_response_partition_schema, from->partition_indexes.count);
        for (int32_t k = 0; to->partitions.items != NULL && k < from->partition_indexes.count; k++) {
            struct offset_fetch_response_partition *partition = &to->partitions.items[to->partitions.count++];
            partition->partition_index = from->partition_indexes.items[k];
            partition->committed_offset = -1;
            partition->metadata = view_of("", 0);
            partition->error_code = response->error_code;
        }
    }
}

void offset_fetch_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct offset_fetch_request *asked = message;
    struct offset_fetch_response response = offset_fetch_response_default;
    bool fits;
    if (request->api_version >= FIRST_FETCH_VERSION_WITH_GROUPS)
        fits = fetch_groups(broker, request, asked, &response);
    else
        fits = fetch_one_group(broker, request, asked, &response);
    if (request->api_version < 2 && response.error_code != KAFKA_NONE)
        spread_error(request, asked, &response);
    if (fits)
        dispatch_respond(request, &response);
    else
        dispatch_close(request);
}
