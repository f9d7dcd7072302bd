// SPDX-License-Identifier: Apache-2.0
// The table of groups and of the partitions of __consumer_offsets that this broker leads, and the requests on them.
// What happens inside a group is group_join.c's.
#include "server/group/group_coordinator.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/thread.h"
#include "net/protocol/messages.h"
#include "server/group/group_hash.h"
#include "server/group/group_internal.h"

#include <stdlib.h>
#include <strings.h>

#define FIRST_LEAVE_VERSION_WITH_MEMBERS 3

enum led_state { LED_NOT, LED_LOADING, LED_LOADED };

struct led_partition {
    int32_t index;
    enum led_state state;
    uint64_t load_id; // of the newest load that was asked for
};

struct group_coordinator {
    struct group_settings settings; // immutable, as are the next two
    struct group_store store;
    struct timer *timer;
    struct thread loader;

    struct lock lock; // GROUP_COORDINATOR: all below
    struct condition load_wanted;
    struct {
        ARRAY_OF(struct led_partition);
    } led LOCK_GUARDED;
    struct map groups LOCK_GUARDED; // by id; one reference each
    bool is_stopping LOCK_GUARDED;
};

// ---- What the other files need

struct timer *group_coordinator_timer(struct group_coordinator *coordinator)
{
    return coordinator->timer;
}

const struct group_settings *group_coordinator_settings(const struct group_coordinator *coordinator)
{
    return &coordinator->settings;
}

const struct group_store *group_coordinator_store(const struct group_coordinator *coordinator)
{
    return &coordinator->store;
}

static struct group *get_group_locked(struct group_coordinator *coordinator, struct view id, int32_t partition,
                                      bool create) LOCK_REQUIRES(coordinator->lock)
{
    struct group *group = map_get(&coordinator->groups, id);
    if (group == NULL && create) {
        group = group_create(coordinator, id, partition);
        map_put(&coordinator->groups, id, group);
    }
    if (group != NULL)
        group_ref(group);
    return group;
}

struct group *group_coordinator_group_to_load(struct group_coordinator *coordinator, struct view id, int32_t partition)
{
    lock_acquire(&coordinator->lock);
    struct group *group = get_group_locked(coordinator, id, partition, true);
    lock_release(&coordinator->lock);
    return group;
}

void group_coordinator_drop(struct group_coordinator *coordinator, struct group *group)
{
    struct view id = view_of_string(group->id);
    lock_acquire(&coordinator->lock);
    bool is_there = map_get(&coordinator->groups, id) == group;
    if (is_there)
        map_remove(&coordinator->groups, id);
    lock_release(&coordinator->lock);
    if (is_there)
        group_unref(group);
}

// All groups with a reference each, those of one partition or of all (-1).
struct group_list {
    ARRAY_OF(struct group *);
};

static struct group_list copy_groups(struct group_coordinator *coordinator, int32_t partition)
{
    struct group_list list = {0};
    size_t at = 0;
    void *group;
    lock_acquire(&coordinator->lock);
    while (map_next(&coordinator->groups, &at, NULL, &group)) {
        if (partition < 0 || ((struct group *)group)->partition == partition)
            *array_append(&list) = group_ref(group);
    }
    lock_release(&coordinator->lock);
    return list;
}

static void free_groups(struct group_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        group_unref(list->items[i]);
    array_fini(list);
}

// ---- Partitions

static struct led_partition *find_led(struct group_coordinator *coordinator, int32_t partition)
    LOCK_REQUIRES(coordinator->lock);

static struct led_partition *find_led(struct group_coordinator *coordinator, int32_t partition)
{
    for (size_t i = 0; i < coordinator->led.count; i++) {
        if (coordinator->led.items[i].index == partition)
            return &coordinator->led.items[i];
    }
    return NULL;
}

int32_t group_coordinator_partition(struct group_coordinator *coordinator, struct view group_id)
{
    return group_hash_partition(group_id, coordinator->store.partition_count(coordinator->store.context));
}

// Whether this broker coordinates the groups of the partition now.
static enum kafka_error check_coordinator_locked(struct group_coordinator *coordinator, int32_t partition)
    LOCK_REQUIRES(coordinator->lock)
{
    struct led_partition *led = find_led(coordinator, partition);
    enum kafka_error error = KAFKA_NONE;
    if (coordinator->is_stopping)
        error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else if (led == NULL || led->state == LED_NOT)
        error = KAFKA_NOT_COORDINATOR;
    else if (led->state == LED_LOADING)
        error = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    return error;
}

static enum kafka_error check_coordinator(struct group_coordinator *coordinator, int32_t partition)
{
    lock_acquire(&coordinator->lock);
    enum kafka_error error = check_coordinator_locked(coordinator, partition);
    lock_release(&coordinator->lock);
    return error;
}

static void drop_groups(struct group_coordinator *coordinator, int32_t partition)
{
    struct group_list list = copy_groups(coordinator, partition);
    for (size_t i = 0; i < list.count; i++) {
        group_acquire(list.items[i]);
        group_kill(list.items[i], KAFKA_NOT_COORDINATOR);
        group_release(list.items[i]);
        group_coordinator_drop(coordinator, list.items[i]);
    }
    free_groups(&list);
}

void group_coordinator_elected(struct group_coordinator *coordinator, int32_t partition)
{
    lock_acquire(&coordinator->lock);
    struct led_partition *led = find_led(coordinator, partition);
    if (led == NULL) {
        led = array_append(&coordinator->led);
        *led = (struct led_partition){.index = partition};
    }
    // A later epoch of a leader that stayed leader changes nothing in its log.
    if (led->state == LED_NOT) {
        led->state = LED_LOADING;
        led->load_id++;
    }
    condition_signal(&coordinator->load_wanted);
    lock_release(&coordinator->lock);
}

void group_coordinator_resigned(struct group_coordinator *coordinator, int32_t partition)
{
    lock_acquire(&coordinator->lock);
    struct led_partition *led = find_led(coordinator, partition);
    if (led != NULL)
        led->state = LED_NOT;
    lock_release(&coordinator->lock);
    if (led != NULL)
        drop_groups(coordinator, partition);
}

bool group_coordinator_wants_load(struct group_coordinator *coordinator, int32_t partition, uint64_t load_id)
{
    lock_acquire(&coordinator->lock);
    struct led_partition *led = find_led(coordinator, partition);
    bool wanted = !coordinator->is_stopping && led != NULL && led->state == LED_LOADING && led->load_id == load_id;
    lock_release(&coordinator->lock);
    return wanted;
}

// A group that nothing is left of was removed by its last record; in the others the members' sessions begin.
static void settle_groups(struct group_coordinator *coordinator, int32_t partition)
{
    struct group_list list = copy_groups(coordinator, partition);
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < list.count; i++) {
        struct group *group = list.items[i];
        group_acquire(group);
        bool is_removed = group->member_count == 0 && group->offsets.count == 0 && group->generation == 0;
        if (is_removed)
            group_kill(group, KAFKA_UNKNOWN_MEMBER_ID);
        for (LIST_EACH(link, &group->members))
            group_member_touch(LIST_ELEMENT(link, struct group_member, link), now_ms);
        group_release(group);
        if (is_removed)
            group_coordinator_drop(coordinator, group);
    }
    free_groups(&list);
}

// A load that another one has replaced leaves nothing behind; that one comes next.
static void finish_load(struct group_coordinator *coordinator, int32_t partition, uint64_t load_id, bool loaded)
{
    settle_groups(coordinator, partition);
    lock_acquire(&coordinator->lock);
    struct led_partition *led = find_led(coordinator, partition);
    bool is_newest = led->state == LED_LOADING && led->load_id == load_id;
    bool is_wanted = is_newest && loaded;
    if (is_newest)
        led->state = loaded ? LED_LOADED : LED_NOT;
    lock_release(&coordinator->lock);
    if (!is_wanted)
        drop_groups(coordinator, partition);
}

static void run_loader(void *context)
{
    struct group_coordinator *coordinator = context;
    lock_acquire(&coordinator->lock);
    while (!coordinator->is_stopping) {
        struct led_partition *next = NULL;
        for (size_t i = 0; i < coordinator->led.count && next == NULL; i++) {
            if (coordinator->led.items[i].state == LED_LOADING)
                next = &coordinator->led.items[i];
        }
        if (next == NULL) {
            condition_wait(&coordinator->load_wanted, &coordinator->lock);
            continue;
        }
        int32_t partition = next->index;
        uint64_t load_id = next->load_id;
        lock_release(&coordinator->lock);
        finish_load(coordinator, partition, load_id, group_load_partition(coordinator, partition, load_id));
        lock_acquire(&coordinator->lock);
    }
    lock_release(&coordinator->lock);
}

// ---- Life

int group_coordinator_start(const struct group_settings *settings, const struct group_store *store, struct timer *timer,
                            struct group_coordinator **coordinator)
{
    struct group_coordinator *created = memory_alloc(sizeof *created);
    created->settings = *settings;
    created->store = *store;
    created->timer = timer;
    lock_init(&created->lock, LOCK_GROUP_COORDINATOR);
    condition_init(&created->load_wanted);
    int result = thread_start(&created->loader, run_loader, created, "group-loader");
    if (result != 0) {
        condition_fini(&created->load_wanted);
        lock_fini(&created->lock);
        free(created);
        return result;
    }
    *coordinator = created;
    return 0;
}

void group_coordinator_stop(struct group_coordinator *coordinator)
{
    lock_acquire(&coordinator->lock);
    coordinator->is_stopping = true;
    condition_signal(&coordinator->load_wanted);
    lock_release(&coordinator->lock);
    thread_join(&coordinator->loader);
    drop_groups(coordinator, -1);
}

void group_coordinator_destroy(struct group_coordinator **coordinator)
{
    struct group_coordinator *gone = *coordinator;
    if (gone == NULL)
        return;
    drop_groups(gone, -1);
    map_fini(&gone->groups);
    array_fini(&gone->led);
    condition_fini(&gone->load_wanted);
    lock_fini(&gone->lock);
    free(gone);
    *coordinator = NULL;
}

// ---- Requests

enum kafka_error group_coordinator_find(struct group_coordinator *coordinator, struct view id, bool create,
                                        struct group **group)
{
    *group = NULL;
    if (!group_id_is_possible(id))
        return KAFKA_INVALID_GROUP_ID;
    int32_t partition = group_coordinator_partition(coordinator, id);
    // Both under the lock: a group is not made any more once its partition has gone and its groups were dropped.
    lock_acquire(&coordinator->lock);
    enum kafka_error error = check_coordinator_locked(coordinator, partition);
    if (error == KAFKA_NONE)
        *group = get_group_locked(coordinator, id, partition, create);
    lock_release(&coordinator->lock);
    return error;
}

void group_coordinator_sweep(struct group_coordinator *coordinator, bool (*visit)(struct group *group, void *context),
                             void *context)
{
    struct group_list list = copy_groups(coordinator, -1);
    for (size_t i = 0; i < list.count; i++) {
        struct group *group = list.items[i];
        if (check_coordinator(coordinator, group->partition) != KAFKA_NONE)
            continue;
        group_acquire(group);
        // A commit under way, which is not among the offsets yet, is answered as one that counts.
        bool is_busy = group_has_writes(group);
        bool is_over = group->state != GROUP_DEAD && visit(group, context) && !is_busy;
        if (is_over) {
            logger_info("Group %s has no members and no offsets left and is removed", group->id);
            group_remove(group);
        }
        group_release(group);
        if (is_over)
            group_coordinator_drop(coordinator, group);
    }
    free_groups(&list);
}

void group_coordinator_join(struct group_coordinator *coordinator, const struct join_group_request *request,
                            int16_t version, const struct group_client *client, const struct group_waiter *waiter)
{
    const struct group_settings *settings = &coordinator->settings;
    struct group *group = NULL;
    enum kafka_error error = KAFKA_NONE;
    if (request->group_id.size == 0)
        error = KAFKA_INVALID_GROUP_ID;
    else if (!group_id_is_possible(request->group_instance_id))
        error = KAFKA_INVALID_REQUEST;
    else
        error = group_coordinator_find(coordinator, request->group_id, false, &group);
    if (error == KAFKA_NONE && (request->session_timeout_ms < settings->session_timeout_min_ms ||
                                request->session_timeout_ms > settings->session_timeout_max_ms))
        error = KAFKA_INVALID_SESSION_TIMEOUT;
    if (error == KAFKA_NONE && group == NULL) {
        if (request->member_id.size == 0)
            error = group_coordinator_find(coordinator, request->group_id, true, &group);
        else
            error = KAFKA_UNKNOWN_MEMBER_ID; // only a new member makes a group
    }
    if (error != KAFKA_NONE) {
        waiter->answer(waiter->context, group_join_error(waiter->arena, request->member_id, error));
    } else {
        group_acquire(group);
        group_join(group, request, version, client, waiter);
        group_release(group);
    }
    group_unref(group);
}

void group_coordinator_sync(struct group_coordinator *coordinator, const struct sync_group_request *request,
                            const struct group_waiter *waiter)
{
    struct group *group = NULL;
    enum kafka_error error = KAFKA_INVALID_GROUP_ID;
    if (request->group_id.size > 0)
        error = group_coordinator_find(coordinator, request->group_id, false, &group);
    // What a load has not told yet is told by the next join.
    if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS)
        error = KAFKA_REBALANCE_IN_PROGRESS;
    if (error == KAFKA_NONE && group == NULL)
        error = KAFKA_UNKNOWN_MEMBER_ID;
    if (error != KAFKA_NONE) {
        waiter->answer(waiter->context, group_sync_error(waiter->arena, error));
    } else {
        group_acquire(group);
        group_sync(group, request, waiter);
        group_release(group);
    }
    group_unref(group);
}

enum kafka_error group_coordinator_heartbeat(struct group_coordinator *coordinator,
                                             const struct heartbeat_request *request)
{
    if (request->group_id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    struct group *group;
    enum kafka_error error = group_coordinator_find(coordinator, request->group_id, false, &group);
    if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS)
        return KAFKA_NONE; // its sessions begin when the load is done
    if (error != KAFKA_NONE)
        return error;
    if (group == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    group_acquire(group);
    error = group_heartbeat(group, request);
    group_release(group);
    group_unref(group);
    return error;
}

static enum kafka_error leave_members(struct group *group, const struct leave_group_request *request,
                                      struct leave_group_response *response)
{
    for (int32_t i = 0; i < request->members.count; i++) {
        const struct leave_group_request_member *member = &request->members.items[i];
        response->members.items[i].member_id = member->member_id;
        response->members.items[i].group_instance_id = member->group_instance_id;
        response->members.items[i].error_code =
            (int16_t)(group == NULL ? KAFKA_UNKNOWN_MEMBER_ID
                                    : group_leave(group, member->member_id, member->group_instance_id, member->reason));
    }
    response->members.count = request->members.count;
    return KAFKA_NONE;
}

// Unchecked: the lock is taken only where there is a group.
LOCK_UNCHECKED void group_coordinator_leave(struct group_coordinator *coordinator,
                                            const struct leave_group_request *request, int16_t version,
                                            const struct group_waiter *waiter)
{
    struct leave_group_response *response = message_alloc_array(waiter->arena, &leave_group_response_schema, 1);
    bool has_members = version >= FIRST_LEAVE_VERSION_WITH_MEMBERS && request->members.count > 0;
    struct group *group = NULL;
    enum kafka_error error = KAFKA_INVALID_GROUP_ID;
    if (request->group_id.size > 0)
        error = group_coordinator_find(coordinator, request->group_id, false, &group);
    if (has_members) {
        response->members.items =
            message_alloc_array(waiter->arena, &leave_group_response_member_schema, request->members.count);
        if (response->members.items == NULL)
            error = KAFKA_UNKNOWN_SERVER_ERROR;
    }
    if (group != NULL)
        group_acquire(group);
    if (error == KAFKA_NONE && has_members)
        error = leave_members(group, request, response);
    else if (error == KAFKA_NONE && version < FIRST_LEAVE_VERSION_WITH_MEMBERS)
        error = group ? group_leave(group, request->member_id, VIEW_NULL, VIEW_NULL) : KAFKA_UNKNOWN_MEMBER_ID;
    if (group != NULL)
        group_release(group);
    group_unref(group);
    response->error_code = (int16_t)error;
    waiter->answer(waiter->context, response);
}

// ---- Listing and describing

static bool passes(const struct string_array *filter, const char *value)
{
    for (int32_t i = 0; i < filter->count; i++) {
        if (filter->items[i].size == strlen(value) &&
            strncasecmp((const char *)filter->items[i].data, value, filter->items[i].size) == 0)
            return true;
    }
    return filter->count <= 0;
}

void group_coordinator_list(struct group_coordinator *coordinator, const struct list_groups_request *request,
                            struct arena *arena, struct list_groups_response *response)
{
    lock_acquire(&coordinator->lock);
    if (coordinator->is_stopping)
        response->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    for (size_t i = 0; i < coordinator->led.count; i++) {
        if (coordinator->led.items[i].state == LED_LOADING)
            response->error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    }
    lock_release(&coordinator->lock);
    if (response->error_code != KAFKA_NONE || !passes(&request->types_filter, "classic"))
        return;
    struct group_list list = copy_groups(coordinator, -1);
    response->groups.items = message_alloc_array(arena, &list_groups_response_group_schema, (int32_t)list.count);
    for (size_t i = 0; i < list.count && response->groups.items != NULL; i++) {
        struct group *group = list.items[i];
        group_acquire(group);
        if (group->state != GROUP_DEAD && passes(&request->states_filter, group_state_name(group->state))) {
            struct list_groups_response_group *listed = &response->groups.items[response->groups.count++];
            listed->group_id = view_copy(arena, view_of_string(group->id));
            listed->protocol_type = view_copy(arena, view_of_string(group->protocol_type ? group->protocol_type : ""));
            listed->group_state = view_of_string(group_state_name(group->state));
            listed->group_type = view_of_string("classic");
        }
        group_release(group);
    }
    free_groups(&list);
}

static void describe_member(const struct group *group, const struct group_member *member, struct arena *arena,
                            struct describe_groups_response_member *described)
{
    described->member_id = view_copy(arena, view_of_string(member->id));
    described->group_instance_id = view_copy(arena, view_of_string(member->instance_id));
    described->client_id = view_copy(arena, view_of_string(member->client_id));
    described->client_host = view_copy(arena, view_of_string(member->client_host));
    if (group->state == GROUP_STABLE) {
        described->member_metadata = view_copy(arena, group_member_metadata(member, group->protocol_name));
        described->member_assignment = view_copy(
            arena, view_of(member->assignment ? member->assignment : (const uint8_t *)"", member->assignment_size));
    }
}

void group_coordinator_describe(struct group_coordinator *coordinator, struct view group_id, struct arena *arena,
                                struct describe_groups_response_group *response)
{
    struct group *group;
    response->group_id = group_id;
    response->group_state = view_of_string("");
    enum kafka_error error = group_coordinator_find(coordinator, group_id, false, &group);
    response->error_code = (int16_t)error;
    if (error == KAFKA_NONE && group == NULL)
        response->group_state = view_of_string("Dead");
    if (group == NULL)
        return;
    group_acquire(group);
    response->group_state = view_of_string(group_state_name(group->state));
    response->protocol_type = view_copy(arena, view_of_string(group->protocol_type ? group->protocol_type : ""));
    if (group->state == GROUP_STABLE)
        response->protocol_data = view_copy(arena, view_of_string(group->protocol_name ? group->protocol_name : ""));
    response->members.items =
        message_alloc_array(arena, &describe_groups_response_member_schema, (int32_t)group->member_count);
    for (LIST_EACH(link, &group->members)) {
        if (response->members.items != NULL)
            describe_member(group, LIST_ELEMENT(link, struct group_member, link), arena,
                            &response->members.items[response->members.count++]);
    }
    group_release(group);
    group_unref(group);
}
