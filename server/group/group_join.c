// SPDX-License-Identifier: Apache-2.0
// JoinGroup and SyncGroup of the classic group protocol: who joins, and whose assignment counts (KIP-62, 345, 394, 559,
// 814). Everything here runs with the group's lock held.
#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "net/protocol/messages.h"
#include "server/group/group_internal.h"

#include <assert.h>
#include <stdlib.h>

// A member that was let in but whose rebalance has not ended keeps its place this long at least.
#define NEW_MEMBER_TIMEOUT_MS (5 * 60 * 1000)
// A string of the protocol has 32767 bytes at most, and the id is longer than the name that it begins with.
#define MEMBER_ID_PREFIX_MAX 32000
#define FIRST_VERSION_WITH_KNOWN_MEMBER_ID 4
#define FIRST_VERSION_WITH_SKIP_ASSIGNMENT 9

// ---- JoinGroup

static void refuse_join(struct group *group, const struct group_waiter *waiter, struct view member_id,
                        enum kafka_error error)
{
    group_answer(group, waiter, group_join_error(waiter->arena, member_id, error));
}

static void wait_for_join(struct group *group, struct group_member *member, const struct group_waiter *waiter)
{
    // A second join of the same member replaces the first, whose connection has gone.
    if (member->waits_for_join)
        group_answer_join(group, member,
                          group_join_error(member->join.arena, view_of_string(member->id), KAFKA_UNKNOWN_MEMBER_ID));
    member->join = *waiter;
    member->waits_for_join = true;
}

static void add_member(struct group *group, struct view id, const struct join_group_request *request,
                       const struct group_client *client, const struct group_waiter *waiter)
{
    struct group_member *member = group_add_member(group, id, request->group_instance_id, client, request);
    member->is_new = true;
    member->session_deadline_ms = clock_monotonic_ms() + NEW_MEMBER_TIMEOUT_MS;
    if (group->state == GROUP_PREPARING_REBALANCE && group->is_initial)
        group->member_was_added = true;
    wait_for_join(group, member, waiter);
    group_maybe_rebalance(group, "a member joins");
    group_finish_join_if_complete(group);
}

static void rejoin(struct group *group, struct group_member *member, const struct join_group_request *request,
                   const struct group_waiter *waiter, const char *reason)
{
    group_member_set_protocols(member, request);
    wait_for_join(group, member, waiter);
    group_maybe_rebalance(group, reason);
    group_finish_join_if_complete(group);
}

// "CLIENT-UUID", as Apache Kafka forms the ids of members.
static struct view make_member_id(const struct join_group_request *request, const struct group_client *client,
                                  struct arena *arena)
{
    struct uuid uuid = uuid_random();
    const uint8_t *b = uuid.bytes;
    struct view prefix = view_is_null(request->group_instance_id) ? client->client_id : request->group_instance_id;
    if (prefix.size > MEMBER_ID_PREFIX_MAX)
        prefix.size = MEMBER_ID_PREFIX_MAX;
    return view_of_string(arena_format(
        arena, "%.*s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", VIEW_ARGS(prefix), b[0],
        b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]));
}

// A static member came back without its old id: it takes its own place under a new one (KIP-345), and in a stable group
// whose protocol stays the same without a rebalance (KIP-814 tells its leader to skip the assignment).
static void replace_static_member(struct group *group, struct group_member *member, struct view id,
                                  const struct join_group_request *request, int16_t version,
                                  const struct group_waiter *waiter)
{
    bool was_leader = group->leader == member;
    struct view old_id = view_copy(waiter->arena, view_of_string(member->id));
    if (member->waits_for_join)
        group_answer_join(group, member, group_join_error(member->join.arena, old_id, KAFKA_FENCED_INSTANCE_ID));
    group_answer_sync(group, member, KAFKA_FENCED_INSTANCE_ID);
    group_rename_member(group, member, id);
    group_member_set_protocols(member, request);
    group_member_touch(member, clock_monotonic_ms());
    logger_info("Static member %s of group %s replaces %.*s by %.*s", member->instance_id, group->id, VIEW_ARGS(old_id),
                VIEW_ARGS(id));
    if (group->state == GROUP_STABLE && strcmp(group_select_protocol(group), group->protocol_name) == 0) {
        group_store(group, NULL, NULL);
        bool can_skip = version >= FIRST_VERSION_WITH_SKIP_ASSIGNMENT;
        struct join_group_response *response =
            group_describe_generation(group, member, waiter->arena, was_leader && can_skip);
        if (was_leader && !can_skip)
            response->leader = old_id; // an old client that saw itself as leader would assign anew
        response->skip_assignment = was_leader && can_skip;
        group_answer(group, waiter, response);
        return;
    }
    wait_for_join(group, member, waiter);
    group_maybe_rebalance(group, "a static member came back");
    group_finish_join_if_complete(group);
}

static void join_unknown(struct group *group, const struct join_group_request *request, int16_t version,
                         const struct group_client *client, const struct group_waiter *waiter)
{
    struct view id = make_member_id(request, client, waiter->arena);
    if (view_is_null(id)) {
        refuse_join(group, waiter, request->member_id, KAFKA_UNKNOWN_SERVER_ERROR);
        return;
    }
    struct group_member *same = group_find_instance(group, request->group_instance_id);
    if (same != NULL) {
        replace_static_member(group, same, id, request, version, waiter);
    } else if (view_is_null(request->group_instance_id) && version >= FIRST_VERSION_WITH_KNOWN_MEMBER_ID) {
        group_add_pending(group, id, clock_monotonic_ms() + request->session_timeout_ms);
        refuse_join(group, waiter, id, KAFKA_MEMBER_ID_REQUIRED);
    } else {
        add_member(group, id, request, client, waiter);
    }
}

// Whether the id and the instance id name the same member; *member is it.
enum kafka_error group_find_current(const struct group *group, struct view member_id, struct view instance_id,
                                    struct group_member **member)
{
    if (!view_is_null(instance_id)) {
        *member = group_find_instance(group, instance_id);
        if (*member == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
        return view_equal_string(member_id, (*member)->id) ? KAFKA_NONE : KAFKA_FENCED_INSTANCE_ID;
    }
    *member = group_find_member(group, member_id);
    return *member != NULL ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

static void join_current(struct group *group, struct group_member *member, const struct join_group_request *request,
                         const struct group_waiter *waiter)
{
    bool is_same = group_member_has_protocols(member, request);
    switch (group->state) {
    case GROUP_PREPARING_REBALANCE:
        rejoin(group, member, request, waiter, "a member joins again");
        return;
    case GROUP_COMPLETING_REBALANCE:
        // It has lost our answer, perhaps: it gets it again.
        if (is_same)
            group_answer(group, waiter,
                         group_describe_generation(group, member, waiter->arena, member == group->leader));
        else
            rejoin(group, member, request, waiter, "a member's metadata changed");
        return;
    case GROUP_STABLE:
        if (member == group->leader || !is_same)
            rejoin(group, member, request, waiter, is_same ? "the leader joins again" : "a member's metadata changed");
        else
            group_answer(group, waiter, group_describe_generation(group, member, waiter->arena, false));
        return;
    case GROUP_EMPTY:
    case GROUP_DEAD:
        refuse_join(group, waiter, request->member_id, KAFKA_UNKNOWN_MEMBER_ID);
        return;
    }
}

static bool has_room(const struct group *group, const struct join_group_request *request)
{
    size_t size_max = (size_t)group_coordinator_settings(group->coordinator)->group_size_max;
    return group->member_count < size_max || group_find_member(group, request->member_id) != NULL ||
           group_find_instance(group, request->group_instance_id) != NULL;
}

void group_join(struct group *group, const struct join_group_request *request, int16_t version,
                const struct group_client *client, const struct group_waiter *waiter)
{
    struct group_member *member = NULL;
    enum kafka_error error = KAFKA_NONE;
    if (group->state == GROUP_DEAD)
        error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else if (!has_room(group, request))
        error = KAFKA_GROUP_MAX_SIZE_REACHED;
    else if (!group_accepts_protocols(group, request))
        error = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (error != KAFKA_NONE) {
        refuse_join(group, waiter, request->member_id, error);
        return;
    }
    if (request->member_id.size == 0) {
        join_unknown(group, request, version, client, waiter);
        return;
    }
    struct group_pending_member *pending = group_find_pending(group, request->member_id);
    if (pending != NULL && view_is_null(request->group_instance_id)) {
        group_remove_pending(group, pending);
        add_member(group, request->member_id, request, client, waiter);
        return;
    }
    error = group_find_current(group, request->member_id, request->group_instance_id, &member);
    if (error != KAFKA_NONE)
        refuse_join(group, waiter, request->member_id, error);
    else
        join_current(group, member, request, waiter);
}

// ---- SyncGroup

static void take_assignments(struct group *group, const struct sync_group_request *request)
{
    for (LIST_EACH(link, &group->members))
        group_member_set_assignment(LIST_ELEMENT(link, struct group_member, link), VIEW_NULL);
    for (int32_t i = 0; i < request->assignments.count; i++) {
        struct group_member *member = group_find_member(group, request->assignments.items[i].member_id);
        if (member != NULL)
            group_member_set_assignment(member, request->assignments.items[i].assignment);
    }
}

// The append's error as the members of a group are told it.
static enum kafka_error sync_error_of(enum kafka_error error)
{
    switch (error) {
    case KAFKA_REQUEST_TIMED_OUT:
        return KAFKA_REBALANCE_IN_PROGRESS;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
    case KAFKA_INVALID_FETCH_SIZE:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    default:
        return error;
    }
}

static void finish_sync(struct group *group, void *context, enum kafka_error error)
{
    int32_t generation = *(const int32_t *)context;
    if (group->state != GROUP_COMPLETING_REBALANCE || group->generation != generation)
        return; // another rebalance has begun meanwhile
    if (error != KAFKA_NONE) {
        logger_warn("Storing generation %d of group %s failed with %s, rebalancing", generation, group->id,
                    kafka_error_name((int16_t)error));
        group_answer_all_syncs(group, sync_error_of(error));
        group_rebalance(group, "the assignment could not be stored");
        return;
    }
    group_set_state(group, GROUP_STABLE);
    int64_t now_ms = clock_monotonic_ms();
    for (LIST_EACH(link, &group->members)) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        if (member->waits_for_sync)
            group_member_touch(member, now_ms);
    }
    group_answer_all_syncs(group, KAFKA_NONE);
}

static bool contradicts(struct view asked, const char *ours)
{
    return !view_is_null(asked) && !view_equal_string(asked, ours);
}

static enum kafka_error check_sync(struct group *group, const struct sync_group_request *request,
                                   struct group_member **member)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    enum kafka_error error = group_find_current(group, request->member_id, request->group_instance_id, member);
    if (error != KAFKA_NONE)
        return error;
    if (request->generation_id != group->generation)
        return KAFKA_ILLEGAL_GENERATION;
    if (contradicts(request->protocol_type, group->protocol_type) ||
        contradicts(request->protocol_name, group->protocol_name))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (group->state == GROUP_EMPTY)
        return KAFKA_UNKNOWN_MEMBER_ID;
    return group->state == GROUP_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

void group_sync(struct group *group, const struct sync_group_request *request, const struct group_waiter *waiter)
{
    struct group_member *member = NULL;
    enum kafka_error error = check_sync(group, request, &member);
    if (error != KAFKA_NONE) {
        group_answer(group, waiter, group_sync_error(waiter->arena, error));
        return;
    }
    // A second sync of the same member replaces the first, whose connection has gone.
    group_answer_sync(group, member, KAFKA_UNKNOWN_MEMBER_ID);
    member->sync = *waiter;
    member->waits_for_sync = true;
    member->has_synced = true;
    group_member_touch(member, clock_monotonic_ms());
    if (group->state == GROUP_STABLE) {
        group_answer_sync(group, member, KAFKA_NONE);
    } else if (member == group->leader) {
        logger_info("Assignment received from leader %s for group %s generation %d; it has %zu members", member->id,
                    group->id, group->generation, group->member_count);
        take_assignments(group, request);
        int32_t *generation = memory_alloc(sizeof *generation);
        *generation = group->generation;
        group_store(group, finish_sync, generation);
    }
}
