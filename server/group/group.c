// SPDX-License-Identifier: Apache-2.0
#include "server/group/group.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/protocol/messages.h"
#include "server/group/group_internal.h"

#include <assert.h>
#include <stdlib.h>

struct answer {
    struct list link;
    struct group_waiter waiter;
    void *response;
};

static void run_timer(void *context)
{
    struct group *group = context;
    group_acquire(group);
    group->timer_deadline_ms = GROUP_NO_DEADLINE;
    group_expire(group, clock_monotonic_ms());
    group_release(group);
    group_unref(group);
}

struct group *group_create(struct group_coordinator *coordinator, struct view id, int32_t partition)
{
    struct group *group = memory_alloc(sizeof *group);
    atomic_init(&group->references, 1);
    group->coordinator = coordinator;
    group->id = view_dup(id);
    group->partition = partition;
    lock_init(&group->lock, LOCK_GROUP);
    group->state_timestamp_ms = clock_now_ms();
    list_init(&group->members);
    list_init(&group->pending_members);
    list_init(&group->writes);
    list_init(&group->answers);
    group->join_deadline_ms = group->sync_deadline_ms = group->timer_deadline_ms = GROUP_NO_DEADLINE;
    timer_task_init(&group->timer_task, run_timer, group);
    return group;
}

struct group *group_ref(struct group *group)
{
    atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
    return group;
}

void group_unref(struct group *group)
{
    if (group == NULL || atomic_fetch_sub_explicit(&group->references, 1, memory_order_acq_rel) > 1)
        return;
    assert(list_is_empty(&group->writes) && list_is_empty(&group->answers));
    while (!list_is_empty(&group->members))
        group_remove_member(group, LIST_ELEMENT(group->members.next, struct group_member, link));
    while (!list_is_empty(&group->pending_members))
        group_remove_pending(group, LIST_ELEMENT(group->pending_members.next, struct group_pending_member, link));
    group_clear_offsets(group);
    map_fini(&group->members_by_id);
    map_fini(&group->members_by_instance);
    map_fini(&group->offsets);
    lock_fini(&group->lock);
    free(group->protocol_type);
    free(group->protocol_name);
    free(group->id);
    free(group);
}

void group_acquire(struct group *group)
{
    lock_acquire(&group->lock);
}

// Each scheduled run holds a reference; one that can still be cancelled hands its own on.
static void set_timer(struct group *group)
{
    int64_t deadline_ms = group_next_deadline(group);
    if (deadline_ms >= group->timer_deadline_ms)
        return; // the earlier run will look again
    struct timer *timer = group_coordinator_timer(group->coordinator);
    if (!timer_cancel(timer, &group->timer_task))
        group_ref(group);
    group->timer_deadline_ms = deadline_ms;
    timer_schedule(timer, &group->timer_task, deadline_ms - clock_monotonic_ms());
}

void group_release(struct group *group)
{
    struct list answers;
    list_init(&answers);
    list_move_all(&group->answers, &answers);
    bool timer_ends =
        group->state == GROUP_DEAD && timer_cancel(group_coordinator_timer(group->coordinator), &group->timer_task);
    set_timer(group);
    bool has_writes = !list_is_empty(&group->writes);
    lock_release(&group->lock);
    struct list *link;
    while ((link = list_take_first(&answers)) != NULL) {
        struct answer *answer = LIST_ELEMENT(link, struct answer, link);
        answer->waiter.answer(answer->waiter.context, answer->response);
        free(answer);
    }
    if (has_writes)
        group_write_pending(group);
    if (timer_ends)
        group_unref(group); // the caller has a reference of its own
}

void group_answer(struct group *group, const struct group_waiter *waiter, void *response)
{
    struct answer *answer = memory_alloc(sizeof *answer); // the response may have used up the arena
    answer->waiter = *waiter;
    answer->response = response;
    list_append(&group->answers, &answer->link);
}

void group_set_state(struct group *group, enum group_state state)
{
    group->state = state;
    group->state_timestamp_ms = clock_now_ms();
}

bool group_has_writes(const struct group *group)
{
    return group->is_writing || !list_is_empty(&group->writes);
}

bool group_id_is_possible(struct view id)
{
    return id.size == 0 || memchr(id.data, 0, id.size) == NULL;
}

const char *group_state_name(enum group_state state)
{
    static const char *const names[] = {"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"};
    return names[state];
}

struct group_member *group_find_member(const struct group *group, struct view id)
{
    return view_is_null(id) ? NULL : map_get(&group->members_by_id, id);
}

struct group_member *group_find_instance(const struct group *group, struct view instance_id)
{
    return view_is_null(instance_id) ? NULL : map_get(&group->members_by_instance, instance_id);
}

static void clear_protocols(struct group_member *member)
{
    for (size_t i = 0; i < member->protocols.count; i++) {
        free(member->protocols.items[i].name);
        free(member->protocols.items[i].metadata);
    }
    member->protocols.count = 0;
}

void group_member_set_protocols(struct group_member *member, const struct join_group_request *request)
{
    clear_protocols(member);
    for (int32_t i = 0; i < request->protocols.count; i++) {
        const struct join_group_request_protocol *from = &request->protocols.items[i];
        struct group_protocol *protocol = array_append(&member->protocols);
        *protocol = (struct group_protocol){.name = view_dup(from->name), .metadata_size = from->metadata.size};
        protocol->metadata = (uint8_t *)view_dup(view_is_null(from->metadata) ? view_of("", 0) : from->metadata);
    }
    member->session_timeout_ms = request->session_timeout_ms;
    member->rebalance_timeout_ms =
        request->rebalance_timeout_ms < 0 ? request->session_timeout_ms : request->rebalance_timeout_ms;
}

bool group_member_has_protocols(const struct group_member *member, const struct join_group_request *request)
{
    if (member->protocols.count != (size_t)request->protocols.count)
        return false;
    for (size_t i = 0; i < member->protocols.count; i++) {
        const struct group_protocol *mine = &member->protocols.items[i];
        const struct join_group_request_protocol *other = &request->protocols.items[i];
        if (!view_equal_string(other->name, mine->name) || other->metadata.size != mine->metadata_size ||
            (mine->metadata_size > 0 && memcmp(other->metadata.data, mine->metadata, mine->metadata_size) != 0))
            return false;
    }
    return true;
}

void group_member_set_assignment(struct group_member *member, struct view assignment)
{
    free(member->assignment);
    member->assignment = assignment.size > 0 ? (uint8_t *)view_dup(assignment) : NULL;
    member->assignment_size = assignment.size;
}

void group_member_touch(struct group_member *member, int64_t now_ms)
{
    member->session_deadline_ms = now_ms + member->session_timeout_ms;
}

struct view group_member_metadata(const struct group_member *member, const char *protocol_name)
{
    for (size_t i = 0; protocol_name != NULL && i < member->protocols.count; i++) {
        const struct group_protocol *protocol = &member->protocols.items[i];
        if (strcmp(protocol->name, protocol_name) == 0)
            return view_of(protocol->metadata, protocol->metadata_size);
    }
    return view_of("", 0);
}

struct group_member *group_add_member(struct group *group, struct view id, struct view instance_id,
                                      const struct group_client *client, const struct join_group_request *request)
{
    struct group_member *member = memory_alloc(sizeof *member);
    member->id = view_dup(id);
    member->instance_id = view_dup(instance_id);
    member->client_id = view_dup(view_is_null(client->client_id) ? view_of("", 0) : client->client_id);
    member->client_host = memory_copy_string(client->host);
    group_member_set_protocols(member, request);
    if (group->member_count == 0) {
        free(group->protocol_type);
        group->protocol_type = view_dup(request->protocol_type);
    }
    list_append(&group->members, &member->link);
    group->member_count++;
    map_put(&group->members_by_id, id, member);
    if (member->instance_id != NULL)
        map_put(&group->members_by_instance, instance_id, member);
    if (group->leader == NULL)
        group->leader = member;
    return member;
}

void group_remove_member(struct group *group, struct group_member *member)
{
    assert(!member->waits_for_join && !member->waits_for_sync);
    map_remove(&group->members_by_id, view_of_string(member->id));
    if (member->instance_id != NULL)
        map_remove(&group->members_by_instance, view_of_string(member->instance_id));
    list_remove(&member->link);
    group->member_count--;
    if (group->leader == member)
        group->leader = group->member_count > 0 ? LIST_ELEMENT(group->members.next, struct group_member, link) : NULL;
    clear_protocols(member);
    array_fini(&member->protocols);
    free(member->assignment);
    free(member->client_host);
    free(member->client_id);
    free(member->instance_id);
    free(member->id);
    free(member);
}

void group_rename_member(struct group *group, struct group_member *member, struct view id)
{
    map_remove(&group->members_by_id, view_of_string(member->id));
    free(member->id);
    member->id = view_dup(id);
    map_put(&group->members_by_id, id, member);
}

struct group_pending_member *group_find_pending(const struct group *group, struct view id)
{
    for (LIST_EACH(link, &group->pending_members)) {
        struct group_pending_member *pending = LIST_ELEMENT(link, struct group_pending_member, link);
        if (view_equal_string(id, pending->id))
            return pending;
    }
    return NULL;
}

void group_add_pending(struct group *group, struct view id, int64_t deadline_ms)
{
    struct group_pending_member *pending = memory_alloc(sizeof *pending);
    pending->id = view_dup(id);
    pending->deadline_ms = deadline_ms;
    list_append(&group->pending_members, &pending->link);
}

void group_remove_pending(struct group *group, struct group_pending_member *pending)
{
    (void)group;
    list_remove(&pending->link);
    free(pending->id);
    free(pending);
}

static bool member_knows(const struct group_member *member, struct view protocol_name)
{
    for (size_t i = 0; i < member->protocols.count; i++) {
        if (view_equal_string(protocol_name, member->protocols.items[i].name))
            return true;
    }
    return false;
}

static bool all_know(const struct group *group, struct view protocol_name)
{
    for (LIST_EACH(link, &group->members)) {
        if (!member_knows(LIST_ELEMENT(link, struct group_member, link), protocol_name))
            return false;
    }
    return true;
}

bool group_accepts_protocols(const struct group *group, const struct join_group_request *request)
{
    if (group->member_count == 0)
        return request->protocol_type.size > 0 && request->protocols.count > 0;
    if (!view_equal_string(request->protocol_type, group->protocol_type))
        return false;
    for (int32_t i = 0; i < request->protocols.count; i++) {
        if (all_know(group, request->protocols.items[i].name))
            return true;
    }
    return false;
}

// A member votes for the first of its protocols that is a candidate, one that all members have.
static void count_vote(const struct group_member *member, const char *const *candidates, size_t *votes, size_t count)
{
    for (size_t i = 0; i < member->protocols.count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (strcmp(member->protocols.items[i].name, candidates[k]) == 0) {
                votes[k]++;
                return;
            }
        }
    }
}

const char *group_select_protocol(const struct group *group)
{
    const struct group_member *first = LIST_ELEMENT(group->members.next, struct group_member, link);
    const char **candidates = memory_alloc_array(first->protocols.count, sizeof *candidates);
    size_t *votes = memory_alloc_array(first->protocols.count, sizeof *votes);
    size_t count = 0, best = 0;
    for (size_t i = 0; i < first->protocols.count; i++) {
        if (all_know(group, view_of_string(first->protocols.items[i].name)))
            candidates[count++] = first->protocols.items[i].name;
    }
    assert(count > 0); // group_accepts_protocols keeps one in common
    for (LIST_EACH(link, &group->members))
        count_vote(LIST_ELEMENT(link, struct group_member, link), candidates, votes, count);
    for (size_t k = 1; k < count; k++) {
        if (votes[k] > votes[best])
            best = k;
    }
    const char *selected = candidates[best];
    free(candidates);
    free(votes);
    return selected;
}

int32_t group_rebalance_timeout_ms(const struct group *group)
{
    int32_t longest = 0;
    for (LIST_EACH(link, &group->members)) {
        const struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        if (member->rebalance_timeout_ms > longest)
            longest = member->rebalance_timeout_ms;
    }
    return longest;
}
