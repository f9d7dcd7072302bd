// SPDX-License-Identifier: Apache-2.0
// The classic group protocol: who joins, when a rebalance ends, whose assignment counts (KIP-62, 134, 345, 394, 559).
// Everything here runs with the group's lock held.
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

// ---- Answers

static void *new_answer(struct arena *arena, const struct message_schema *schema)
{
    void *answer = message_alloc_array(arena, schema, 1);
    assert(answer != NULL); // the request's arena always has room for its own answer
    return answer;
}

void *group_join_error(struct arena *arena, struct view member_id, enum kafka_error error)
{
    struct join_group_response *response = new_answer(arena, &join_group_response_schema);
    response->error_code = (int16_t)error;
    response->member_id = view_copy(arena, member_id);
    response->protocol_name = view_of("", 0);
    return response;
}

void *group_sync_error(struct arena *arena, enum kafka_error error)
{
    struct sync_group_response *response = new_answer(arena, &sync_group_response_schema);
    response->error_code = (int16_t)error;
    return response;
}

static void refuse_join(struct group *group, const struct group_waiter *waiter, struct view member_id,
                        enum kafka_error error)
{
    group_answer(group, waiter, group_join_error(waiter->arena, member_id, error));
}

static struct view copy_string(struct arena *arena, const char *string)
{
    return view_copy(arena, view_of_string(string));
}

// The current generation, as the member learns it; the leader also learns who the others are.
static struct join_group_response *describe_generation(struct group *group, struct group_member *member,
                                                       struct arena *arena, bool with_members)
{
    struct join_group_response *response = new_answer(arena, &join_group_response_schema);
    response->generation_id = group->generation;
    response->protocol_type = copy_string(arena, group->protocol_type);
    response->protocol_name = copy_string(arena, group->protocol_name ? group->protocol_name : "");
    response->leader = copy_string(arena, group->leader->id);
    response->member_id = copy_string(arena, member->id);
    if (!with_members)
        return response;
    response->members.items =
        message_alloc_array(arena, &join_group_response_member_schema, (int32_t)group->member_count);
    if (response->members.items == NULL)
        return group_join_error(arena, view_of_string(member->id), KAFKA_UNKNOWN_SERVER_ERROR);
    for (LIST_EACH(link, &group->members)) {
        struct group_member *other = LIST_ELEMENT(link, struct group_member, link);
        struct join_group_response_member *described = &response->members.items[response->members.count++];
        described->member_id = copy_string(arena, other->id);
        described->group_instance_id = copy_string(arena, other->instance_id);
        described->metadata = view_copy(arena, group_member_metadata(other, group->protocol_name));
    }
    return response;
}

static void answer_join(struct group *group, struct group_member *member, void *response)
{
    assert(member->waits_for_join);
    member->waits_for_join = false;
    group_answer(group, &member->join, response);
}

static void answer_sync(struct group *group, struct group_member *member, enum kafka_error error)
{
    if (!member->waits_for_sync)
        return;
    member->waits_for_sync = false;
    struct arena *arena = member->sync.arena;
    struct sync_group_response *response = group_sync_error(arena, error);
    if (error == KAFKA_NONE) {
        response->protocol_type = copy_string(arena, group->protocol_type);
        response->protocol_name = copy_string(arena, group->protocol_name);
        response->assignment = view_copy(
            arena, view_of(member->assignment ? member->assignment : (const uint8_t *)"", member->assignment_size));
    }
    group_answer(group, &member->sync, response);
}

static void answer_all_syncs(struct group *group, enum kafka_error error)
{
    for (LIST_EACH(link, &group->members))
        answer_sync(group, LIST_ELEMENT(link, struct group_member, link), error);
}

// ---- Rebalances

static bool everybody_has_joined(const struct group *group)
{
    if (!list_is_empty(&group->pending_members))
        return false;
    for (LIST_EACH(link, &group->members)) {
        if (!LIST_ELEMENT(link, struct group_member, link)->waits_for_join)
            return false;
    }
    return true;
}

static void finish_join(struct group *group);

static void finish_join_if_complete(struct group *group)
{
    if (group->state == GROUP_PREPARING_REBALANCE && !group->is_initial && everybody_has_joined(group))
        finish_join(group);
}

static void prepare_rebalance(struct group *group, const char *reason)
{
    if (group->state == GROUP_COMPLETING_REBALANCE) {
        for (LIST_EACH(link, &group->members))
            group_member_set_assignment(LIST_ELEMENT(link, struct group_member, link), VIEW_NULL);
        answer_all_syncs(group, KAFKA_REBALANCE_IN_PROGRESS);
    }
    group->sync_deadline_ms = GROUP_NO_DEADLINE;
    logger_info("Preparing to rebalance group %s in state %s with old generation %d (%s)", group->id,
                group_state_name(group->state), group->generation, reason);
    int64_t delay_ms = group_rebalance_timeout_ms(group);
    group->is_initial = group->state == GROUP_EMPTY;
    if (group->is_initial) {
        // Members that start together are let in together (KIP-134).
        int64_t initial_ms = group_coordinator_settings(group->coordinator)->initial_rebalance_delay_ms;
        int64_t longest_ms = delay_ms;
        delay_ms = initial_ms < longest_ms ? initial_ms : longest_ms;
        group->initial_delay_left_ms = longest_ms - delay_ms;
        group->member_was_added = false;
    }
    group_set_state(group, GROUP_PREPARING_REBALANCE);
    group->join_deadline_ms = clock_monotonic_ms() + delay_ms;
    if (group->is_initial && delay_ms == 0)
        group->is_initial = false;
    finish_join_if_complete(group);
}

static void maybe_prepare_rebalance(struct group *group, const char *reason)
{
    if (group->state == GROUP_STABLE || group->state == GROUP_COMPLETING_REBALANCE || group->state == GROUP_EMPTY)
        prepare_rebalance(group, reason);
}

static void note_unstored_group(struct group *group, void *context, enum kafka_error error)
{
    (void)context;
    if (error != KAFKA_NONE)
        logger_warn("Storing the empty group %s failed with %s; it comes back with its members when this broker loads "
                    "it again",
                    group->id, kafka_error_name((int16_t)error));
}

static void store_group(struct group *group, group_write_done *done, void *context)
{
    struct batch_builder *builder = group_batch_create(group);
    group_batch_add_metadata(builder, group, clock_now_ms());
    group_batch_write(group, builder, done, context);
}

static void become_empty(struct group *group)
{
    group->generation++;
    free(group->protocol_name);
    group->protocol_name = NULL;
    group_set_state(group, GROUP_EMPTY);
    logger_info("Group %s with generation %d is now empty", group->id, group->generation);
    store_group(group, note_unstored_group, NULL);
}

static void remove_absent_members(struct group *group)
{
    struct list *link = group->members.next;
    while (link != &group->members) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        link = link->next;
        if (!member->waits_for_join && member->instance_id == NULL) {
            logger_info("Member %s has not joined group %s again in time and is removed", member->id, group->id);
            group_remove_member(group, member);
        }
    }
    while (!list_is_empty(&group->pending_members))
        group_remove_pending(group, LIST_ELEMENT(group->pending_members.next, struct group_pending_member, link));
}

// A leader that did not join again makes way for the first member that did. False: nobody joined.
static bool elect_leader(struct group *group)
{
    if (group->leader != NULL && group->leader->waits_for_join)
        return true;
    for (LIST_EACH(link, &group->members)) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        if (member->waits_for_join) {
            group->leader = member;
            return true;
        }
    }
    return false;
}

// The join phase is over: whoever is here forms the next generation.
static void finish_join(struct group *group)
{
    int64_t now_ms = clock_monotonic_ms();
    group->join_deadline_ms = GROUP_NO_DEADLINE;
    group->is_initial = false;
    remove_absent_members(group);
    if (group->member_count == 0) {
        become_empty(group);
        return;
    }
    if (!elect_leader(group)) {
        // Only static members, none of which is back yet: they have as long again.
        group->join_deadline_ms = now_ms + group_rebalance_timeout_ms(group);
        return;
    }
    group->generation++;
    const char *protocol = group_select_protocol(group);
    free(group->protocol_name);
    group->protocol_name = memory_copy_string(protocol);
    group_set_state(group, GROUP_COMPLETING_REBALANCE);
    logger_info("Stabilized group %s generation %d with %zu members", group->id, group->generation,
                group->member_count);
    for (LIST_EACH(link, &group->members)) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        member->is_new = false;
        member->has_synced = false;
        group_member_touch(member, now_ms);
        if (member->waits_for_join)
            answer_join(group, member, describe_generation(group, member, member->join.arena, member == group->leader));
    }
    group->sync_deadline_ms = now_ms + group_rebalance_timeout_ms(group);
}

// ---- JoinGroup

static void wait_for_join(struct group *group, struct group_member *member, const struct group_waiter *waiter)
{
    // A second join of the same member replaces the first, whose connection has gone.
    if (member->waits_for_join)
        answer_join(group, member,
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
    maybe_prepare_rebalance(group, "a member joins");
    finish_join_if_complete(group);
}

static void rejoin(struct group *group, struct group_member *member, const struct join_group_request *request,
                   const struct group_waiter *waiter, const char *reason)
{
    group_member_set_protocols(member, request);
    wait_for_join(group, member, waiter);
    maybe_prepare_rebalance(group, reason);
    finish_join_if_complete(group);
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
        answer_join(group, member, group_join_error(member->join.arena, old_id, KAFKA_FENCED_INSTANCE_ID));
    answer_sync(group, member, KAFKA_FENCED_INSTANCE_ID);
    group_rename_member(group, member, id);
    group_member_set_protocols(member, request);
    group_member_touch(member, clock_monotonic_ms());
    logger_info("Static member %s of group %s replaces %.*s by %.*s", member->instance_id, group->id, VIEW_ARGS(old_id),
                VIEW_ARGS(id));
    if (group->state == GROUP_STABLE && strcmp(group_select_protocol(group), group->protocol_name) == 0) {
        store_group(group, NULL, NULL);
        bool can_skip = version >= FIRST_VERSION_WITH_SKIP_ASSIGNMENT;
        struct join_group_response *response =
            describe_generation(group, member, waiter->arena, was_leader && can_skip);
        if (was_leader && !can_skip)
            response->leader = old_id; // an old client that saw itself as leader would assign anew
        response->skip_assignment = was_leader && can_skip;
        group_answer(group, waiter, response);
        return;
    }
    wait_for_join(group, member, waiter);
    maybe_prepare_rebalance(group, "a static member came back");
    finish_join_if_complete(group);
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
static enum kafka_error find_current(const struct group *group, struct view member_id, struct view instance_id,
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
            group_answer(group, waiter, describe_generation(group, member, waiter->arena, member == group->leader));
        else
            rejoin(group, member, request, waiter, "a member's metadata changed");
        return;
    case GROUP_STABLE:
        if (member == group->leader || !is_same)
            rejoin(group, member, request, waiter, is_same ? "the leader joins again" : "a member's metadata changed");
        else
            group_answer(group, waiter, describe_generation(group, member, waiter->arena, false));
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
    error = find_current(group, request->member_id, request->group_instance_id, &member);
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
        answer_all_syncs(group, sync_error_of(error));
        prepare_rebalance(group, "the assignment could not be stored");
        return;
    }
    group_set_state(group, GROUP_STABLE);
    int64_t now_ms = clock_monotonic_ms();
    for (LIST_EACH(link, &group->members)) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        if (member->waits_for_sync)
            group_member_touch(member, now_ms);
    }
    answer_all_syncs(group, KAFKA_NONE);
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
    enum kafka_error error = find_current(group, request->member_id, request->group_instance_id, member);
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
    answer_sync(group, member, KAFKA_UNKNOWN_MEMBER_ID);
    member->sync = *waiter;
    member->waits_for_sync = true;
    member->has_synced = true;
    group_member_touch(member, clock_monotonic_ms());
    if (group->state == GROUP_STABLE) {
        answer_sync(group, member, KAFKA_NONE);
    } else if (member == group->leader) {
        logger_info("Assignment received from leader %s for group %s generation %d; it has %zu members", member->id,
                    group->id, group->generation, group->member_count);
        take_assignments(group, request);
        int32_t *generation = memory_alloc(sizeof *generation);
        *generation = group->generation;
        store_group(group, finish_sync, generation);
    }
}

// ---- Heartbeat, LeaveGroup, OffsetCommit

enum kafka_error group_heartbeat(struct group *group, const struct heartbeat_request *request)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    struct group_member *member = NULL;
    enum kafka_error error = find_current(group, request->member_id, request->group_instance_id, &member);
    if (error != KAFKA_NONE)
        return error;
    if (request->generation_id != group->generation)
        return KAFKA_ILLEGAL_GENERATION;
    if (group->state == GROUP_EMPTY)
        return KAFKA_UNKNOWN_MEMBER_ID;
    group_member_touch(member, clock_monotonic_ms());
    return group->state == GROUP_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

// The member is gone: whoever it kept waiting goes on.
static void drop_member(struct group *group, struct group_member *member, const char *reason)
{
    if (member->waits_for_join)
        answer_join(group, member,
                    group_join_error(member->join.arena, view_of_string(member->id), KAFKA_UNKNOWN_MEMBER_ID));
    answer_sync(group, member, KAFKA_UNKNOWN_MEMBER_ID);
    group_remove_member(group, member);
    maybe_prepare_rebalance(group, reason);
    finish_join_if_complete(group);
}

enum kafka_error group_leave(struct group *group, struct view member_id, struct view instance_id, struct view reason)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    struct group_pending_member *pending = group_find_pending(group, member_id);
    if (pending != NULL) {
        group_remove_pending(group, pending);
        finish_join_if_complete(group);
        return KAFKA_NONE;
    }
    struct group_member *member = NULL;
    if (member_id.size == 0 && !view_is_null(instance_id)) {
        member = group_find_instance(group, instance_id); // an administrator removes a static member
        if (member == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
    } else {
        enum kafka_error error = find_current(group, member_id, instance_id, &member);
        if (error != KAFKA_NONE)
            return error;
    }
    logger_info("Member %s has left group %s (%.*s)", member->id, group->id, VIEW_ARGS(reason));
    drop_member(group, member, "a member left");
    return KAFKA_NONE;
}

enum kafka_error group_check_commit(struct group *group, const struct offset_commit_request *request)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    bool is_member = request->generation_id_or_member_epoch >= 0 || request->member_id.size > 0 ||
                     !view_is_null(request->group_instance_id);
    if (!is_member && group->state == GROUP_EMPTY)
        return KAFKA_NONE; // a consumer that keeps its offsets here and assigns partitions itself
    struct group_member *member = NULL;
    enum kafka_error error = find_current(group, request->member_id, request->group_instance_id, &member);
    if (error != KAFKA_NONE)
        return error;
    if (request->generation_id_or_member_epoch != group->generation)
        return KAFKA_ILLEGAL_GENERATION;
    group_member_touch(member, clock_monotonic_ms());
    return group->state == GROUP_COMPLETING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

// ---- Time

static bool session_is_counted(const struct group_member *member)
{
    // A member that waits for our answer cannot send heartbeats; a new one has NEW_MEMBER_TIMEOUT_MS.
    return member->is_new || (!member->waits_for_join && !member->waits_for_sync);
}

static void expire_sessions(struct group *group, int64_t now_ms)
{
    struct list *link = group->members.next;
    while (link != &group->members) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        link = link->next;
        if (session_is_counted(member) && member->session_deadline_ms <= now_ms) {
            logger_info("Member %s of group %s has failed: no heartbeat within its session timeout of %d ms",
                        member->id, group->id, member->session_timeout_ms);
            drop_member(group, member, "a member's session has expired");
            link = group->members.next; // drop_member may have removed others
        }
    }
    link = group->pending_members.next;
    while (link != &group->pending_members) {
        struct group_pending_member *pending = LIST_ELEMENT(link, struct group_pending_member, link);
        link = link->next;
        if (pending->deadline_ms <= now_ms) {
            group_remove_pending(group, pending);
            finish_join_if_complete(group);
            link = group->pending_members.next;
        }
    }
}

static void expire_join(struct group *group, int64_t now_ms)
{
    if (group->is_initial && group->member_was_added && group->initial_delay_left_ms > 0) {
        int64_t step_ms = group_coordinator_settings(group->coordinator)->initial_rebalance_delay_ms;
        if (step_ms > group->initial_delay_left_ms)
            step_ms = group->initial_delay_left_ms;
        group->initial_delay_left_ms -= step_ms;
        group->member_was_added = false;
        group->join_deadline_ms = now_ms + step_ms;
        return;
    }
    finish_join(group);
}

static void expire_sync(struct group *group)
{
    group->sync_deadline_ms = GROUP_NO_DEADLINE;
    if (group->state != GROUP_COMPLETING_REBALANCE)
        return;
    bool removed = false;
    struct list *link = group->members.next;
    while (link != &group->members) {
        struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        link = link->next;
        if (!member->has_synced) {
            logger_info("Member %s of group %s has not synced within the rebalance timeout and is removed", member->id,
                        group->id);
            group_remove_member(group, member);
            removed = true;
        }
    }
    if (removed)
        prepare_rebalance(group, "members did not sync in time");
}

void group_expire(struct group *group, int64_t now_ms)
{
    if (group->state == GROUP_DEAD)
        return;
    if (group->join_deadline_ms <= now_ms)
        expire_join(group, now_ms);
    if (group->sync_deadline_ms <= now_ms)
        expire_sync(group);
    expire_sessions(group, now_ms);
}

int64_t group_next_deadline(const struct group *group)
{
    if (group->state == GROUP_DEAD)
        return GROUP_NO_DEADLINE;
    int64_t next =
        group->join_deadline_ms < group->sync_deadline_ms ? group->join_deadline_ms : group->sync_deadline_ms;
    for (LIST_EACH(link, &group->members)) {
        const struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        if (session_is_counted(member) && member->session_deadline_ms < next)
            next = member->session_deadline_ms;
    }
    for (LIST_EACH(link, &group->pending_members)) {
        const struct group_pending_member *pending = LIST_ELEMENT(link, struct group_pending_member, link);
        if (pending->deadline_ms < next)
            next = pending->deadline_ms;
    }
    return next;
}

void group_kill(struct group *group, enum kafka_error error)
{
    while (!list_is_empty(&group->members)) {
        struct group_member *member = LIST_ELEMENT(group->members.next, struct group_member, link);
        if (member->waits_for_join)
            answer_join(group, member, group_join_error(member->join.arena, view_of_string(member->id), error));
        answer_sync(group, member, error);
        group_remove_member(group, member);
    }
    group->join_deadline_ms = group->sync_deadline_ms = GROUP_NO_DEADLINE;
    group_set_state(group, GROUP_DEAD);
}
