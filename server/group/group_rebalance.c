// SPDX-License-Identifier: Apache-2.0
// When a rebalance begins and ends, and what the members are told of it. Everything here runs with the group's lock
// held.
#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/protocol/messages.h"
#include "server/group/group_internal.h"

#include <assert.h>
#include <stdlib.h>

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

static struct view copy_string(struct arena *arena, const char *string)
{
    return view_copy(arena, view_of_string(string));
}

// The current generation, as the member learns it; the leader also learns who the others are.
struct join_group_response *group_describe_generation(struct group *group, struct group_member *member,
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

void group_answer_join(struct group *group, struct group_member *member, void *response)
{
    assert(member->waits_for_join);
    member->waits_for_join = false;
    group_answer(group, &member->join, response);
}

void group_answer_sync(struct group *group, struct group_member *member, enum kafka_error error)
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

void group_answer_all_syncs(struct group *group, enum kafka_error error)
{
    for (LIST_EACH(link, &group->members))
        group_answer_sync(group, LIST_ELEMENT(link, struct group_member, link), error);
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

void group_finish_join_if_complete(struct group *group)
{
    if (group->state == GROUP_PREPARING_REBALANCE && !group->is_initial && everybody_has_joined(group))
        group_finish_join(group);
}

void group_rebalance(struct group *group, const char *reason)
{
    if (group->state == GROUP_COMPLETING_REBALANCE) {
        for (LIST_EACH(link, &group->members))
            group_member_set_assignment(LIST_ELEMENT(link, struct group_member, link), VIEW_NULL);
        group_answer_all_syncs(group, KAFKA_REBALANCE_IN_PROGRESS);
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
    group_finish_join_if_complete(group);
}

void group_maybe_rebalance(struct group *group, const char *reason)
{
    if (group->state == GROUP_STABLE || group->state == GROUP_COMPLETING_REBALANCE || group->state == GROUP_EMPTY)
        group_rebalance(group, reason);
}

static void note_unstored_group(struct group *group, void *context, enum kafka_error error)
{
    (void)context;
    if (error != KAFKA_NONE)
        logger_warn("Storing the empty group %s failed with %s; it comes back with its members when this broker loads "
                    "it again",
                    group->id, kafka_error_name((int16_t)error));
}

void group_store(struct group *group, group_write_done *done, void *context)
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
    group_store(group, note_unstored_group, NULL);
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
void group_finish_join(struct group *group)
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
            group_answer_join(group, member,
                              group_describe_generation(group, member, member->join.arena, member == group->leader));
    }
    group->sync_deadline_ms = now_ms + group_rebalance_timeout_ms(group);
}
