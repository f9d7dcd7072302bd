// SPDX-License-Identifier: Apache-2.0
// What keeps a member in its group and what ends it: heartbeats, leaving, commits, time. Everything here runs with the
// group's lock held.
#include "base/clock.h"
#include "base/logger.h"
#include "net/protocol/messages.h"
#include "server/group/group_internal.h"

// ---- Heartbeat, LeaveGroup, OffsetCommit

enum kafka_error group_heartbeat(struct group *group, const struct heartbeat_request *request)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    struct group_member *member = NULL;
    enum kafka_error error = group_find_current(group, request->member_id, request->group_instance_id, &member);
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
        group_answer_join(group, member,
                          group_join_error(member->join.arena, view_of_string(member->id), KAFKA_UNKNOWN_MEMBER_ID));
    group_answer_sync(group, member, KAFKA_UNKNOWN_MEMBER_ID);
    group_remove_member(group, member);
    group_maybe_rebalance(group, reason);
    group_finish_join_if_complete(group);
}

enum kafka_error group_leave(struct group *group, struct view member_id, struct view instance_id, struct view reason)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    struct group_pending_member *pending = group_find_pending(group, member_id);
    if (pending != NULL) {
        group_remove_pending(group, pending);
        group_finish_join_if_complete(group);
        return KAFKA_NONE;
    }
    struct group_member *member = NULL;
    if (member_id.size == 0 && !view_is_null(instance_id)) {
        member = group_find_instance(group, instance_id); // an administrator removes a static member
        if (member == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
    } else {
        enum kafka_error error = group_find_current(group, member_id, instance_id, &member);
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
    enum kafka_error error = group_find_current(group, request->member_id, request->group_instance_id, &member);
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
            group_finish_join_if_complete(group);
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
    group_finish_join(group);
}

static void expire_sync(struct group *group)
{
    group->sync_deadline_ms = GROUP_NO_DEADLINE;
    if (group->state != GROUP_COMPLETING_REBALANCE && group->state != GROUP_STABLE)
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
        group_rebalance(group, "members did not sync in time");
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
            group_answer_join(group, member, group_join_error(member->join.arena, view_of_string(member->id), error));
        group_answer_sync(group, member, error);
        group_remove_member(group, member);
    }
    group->join_deadline_ms = group->sync_deadline_ms = GROUP_NO_DEADLINE;
    group_set_state(group, GROUP_DEAD);
}
