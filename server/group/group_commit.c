// SPDX-License-Identifier: Apache-2.0
// Requests on committed offsets: an offset counts, and is answered, once its record is stored. Also what ends offsets
// and groups: DeleteGroups, retention (KIP-211), deleted partitions.
#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/batch_builder.h"
#include "net/protocol/messages.h"
#include "server/group/group_internal.h"

#include <stdlib.h>

#define NO_OFFSET (-1)

// ---- OffsetCommit

struct commit {
    const struct offset_commit_request *request;
    struct offset_commit_response *response; // errors of single partitions are set before the write
    struct group_waiter waiter;
    int64_t now_ms;
};

static bool make_commit_response(struct commit *commit, enum kafka_error error)
{
    const struct offset_commit_request *request = commit->request;
    struct arena *arena = commit->waiter.arena;
    struct offset_commit_response *response = message_alloc_array(arena, &offset_commit_response_schema, 1);
    commit->response = response;
    response->topics.items = message_alloc_array(arena, &offset_commit_response_topic_schema, request->topics.count);
    for (int32_t i = 0; i < request->topics.count; i++) {
        const struct offset_commit_request_topic *from = &request->topics.items[i];
        struct offset_commit_response_topic *to = response->topics.items ? &response->topics.items[i] : NULL;
        if (to == NULL)
            return false;
        to->name = from->name;
        to->partitions.items =
            message_alloc_array(arena, &offset_commit_response_partition_schema, from->partitions.count);
        if (to->partitions.items == NULL)
            return false;
        to->partitions.count = from->partitions.count;
        response->topics.count++;
        for (int32_t k = 0; k < from->partitions.count; k++) {
            to->partitions.items[k].partition_index = from->partitions.items[k].partition_index;
            to->partitions.items[k].error_code = (int16_t)error;
        }
    }
    return true;
}

static struct group_offset offset_of(const struct commit *commit, const struct offset_commit_request_topic *topic,
                                     const struct offset_commit_request_partition *partition, struct arena *arena)
{
    struct view metadata = view_is_null(partition->committed_metadata) ? view_of("", 0) : partition->committed_metadata;
    int64_t retention_ms = commit->request->retention_time_ms;
    if (retention_ms > INT64_MAX - commit->now_ms)
        retention_ms = INT64_MAX - commit->now_ms;
    return (struct group_offset){
        .topic = view_to_string(arena, topic->name),
        .partition = partition->partition_index,
        .offset = partition->committed_offset,
        .leader_epoch = partition->committed_leader_epoch,
        .metadata = metadata,
        .commit_timestamp_ms = partition->commit_timestamp >= 0 ? partition->commit_timestamp : commit->now_ms,
        .expire_timestamp_ms = retention_ms >= 0 ? commit->now_ms + retention_ms : -1,
    };
}

// Calls apply for each partition that has no error yet.
static void for_each_good(struct commit *commit, void (*apply)(void *context, const struct group_offset *offset),
                          void *context)
{
    for (int32_t i = 0; i < commit->response->topics.count; i++) {
        const struct offset_commit_request_topic *topic = &commit->request->topics.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            if (commit->response->topics.items[i].partitions.items[k].error_code != KAFKA_NONE)
                continue;
            struct arena arena;
            arena_init(&arena, SIZE_MAX / 2);
            struct group_offset offset = offset_of(commit, topic, &topic->partitions.items[k], &arena);
            apply(context, &offset);
            arena_fini(&arena);
        }
    }
}

static void keep_offset(void *context, const struct group_offset *offset)
{
    group_set_offset(context, offset);
}

struct commit_batch {
    struct batch_builder *builder;
    const struct group *group;
    int64_t now_ms;
};

static void add_offset_record(void *context, const struct group_offset *offset)
{
    struct commit_batch *batch = context;
    group_batch_add_offset(batch->builder, batch->group, offset, batch->now_ms);
}

static void set_errors_of_good(struct commit *commit, enum kafka_error error)
{
    for (int32_t i = 0; i < commit->response->topics.count; i++) {
        struct offset_commit_response_topic *topic = &commit->response->topics.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            if (topic->partitions.items[k].error_code == KAFKA_NONE)
                topic->partitions.items[k].error_code = (int16_t)error;
        }
    }
}

static enum kafka_error commit_error_of(enum kafka_error error)
{
    switch (error) {
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
    case KAFKA_INVALID_FETCH_SIZE:
        return KAFKA_INVALID_COMMIT_OFFSET_SIZE;
    default:
        return error;
    }
}

static void finish_commit(struct group *group, void *context, enum kafka_error error)
{
    struct commit *commit = context;
    if (error != KAFKA_NONE)
        set_errors_of_good(commit, commit_error_of(error));
    else if (group->state != GROUP_DEAD)
        for_each_good(commit, keep_offset, group);
    group_answer(group, &commit->waiter, commit->response);
}

// Marks the partitions that cannot be committed. Returns how many can.
static int32_t check_partitions(struct commit *commit, int32_t metadata_size_max,
                                bool (*is_known)(void *context, struct view topic, int32_t partition),
                                void *known_context)
{
    int32_t good = 0;
    for (int32_t i = 0; i < commit->response->topics.count; i++) {
        const struct offset_commit_request_topic *topic = &commit->request->topics.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            const struct offset_commit_request_partition *partition = &topic->partitions.items[k];
            int16_t *error = &commit->response->topics.items[i].partitions.items[k].error_code;
            if (!is_known(known_context, topic->name, partition->partition_index))
                *error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            else if (partition->committed_metadata.size > (size_t)metadata_size_max)
                *error = KAFKA_OFFSET_METADATA_TOO_LARGE;
            good += *error == KAFKA_NONE;
        }
    }
    return good;
}

static void write_commit(struct group *group, struct commit *commit)
{
    struct commit_batch batch = {group_batch_create(group), group, commit->now_ms};
    struct commit *kept = memory_alloc(sizeof *kept);
    *kept = *commit;
    for_each_good(kept, add_offset_record, &batch);
    group_batch_write(group, batch.builder, finish_commit, kept);
}

void group_coordinator_commit(struct group_coordinator *coordinator, const struct offset_commit_request *request,
                              bool (*is_known)(void *context, struct view topic, int32_t partition),
                              void *known_context, const struct group_waiter *waiter)
{
    struct commit commit = {.request = request, .waiter = *waiter, .now_ms = clock_now_ms()};
    struct group *group = NULL;
    // Only a consumer without a group's membership makes a group by committing.
    bool create = request->generation_id_or_member_epoch < 0;
    enum kafka_error error = group_coordinator_find(coordinator, request->group_id, create, &group);
    if (error == KAFKA_NONE && group == NULL)
        error = KAFKA_ILLEGAL_GENERATION;
    if (!make_commit_response(&commit, KAFKA_NONE))
        error = KAFKA_UNKNOWN_SERVER_ERROR;
    int32_t good = 0;
    if (error == KAFKA_NONE)
        good = check_partitions(&commit, group_coordinator_settings(coordinator)->offset_metadata_size_max, is_known,
                                known_context);
    bool answered = false;
    if (group != NULL) {
        group_acquire(group);
        if (error == KAFKA_NONE)
            error = group_check_commit(group, request);
        if (error == KAFKA_NONE && good > 0) {
            write_commit(group, &commit);
            answered = true;
        }
        group_release(group);
    }
    if (!answered) {
        if (error != KAFKA_NONE)
            set_errors_of_good(&commit, error);
        waiter->answer(waiter->context, commit.response);
    }
    group_unref(group);
}

// ---- OffsetFetch

static void fill_partition(const struct group_offset *offset, struct arena *arena,
                           struct offset_fetch_response_group_partition *partition)
{
    partition->committed_offset = offset ? offset->offset : NO_OFFSET;
    partition->committed_leader_epoch = offset ? offset->leader_epoch : -1;
    partition->metadata = view_copy(arena, offset ? offset->metadata : view_of_string(""));
}

static bool fetch_asked(const struct group *group, const struct offset_fetch_request_group *request,
                        struct arena *arena, struct offset_fetch_response_group *response)
{
    response->topics.items =
        message_alloc_array(arena, &offset_fetch_response_group_topic_schema, request->topics.count);
    for (int32_t i = 0; response->topics.items != NULL && i < request->topics.count; i++) {
        const struct offset_fetch_request_group_topic *from = &request->topics.items[i];
        struct offset_fetch_response_group_topic *to = &response->topics.items[response->topics.count++];
        to->name = from->name;
        to->partitions.items =
            message_alloc_array(arena, &offset_fetch_response_group_partition_schema, from->partition_indexes.count);
        if (to->partitions.items == NULL)
            return false;
        to->partitions.count = from->partition_indexes.count;
        for (int32_t k = 0; k < to->partitions.count; k++) {
            int32_t index = from->partition_indexes.items[k];
            to->partitions.items[k].partition_index = index;
            fill_partition(group ? group_find_offset(group, from->name, index) : NULL, arena, &to->partitions.items[k]);
        }
    }
    return response->topics.items != NULL;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct group_offset *x = *(const struct group_offset *const *)a;
    const struct group_offset *y = *(const struct group_offset *const *)b;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

// All offsets of the group, topic by topic.
static bool fetch_all(const struct group *group, struct arena *arena, struct offset_fetch_response_group *response)
{
    size_t count = group->offsets.count, at = 0, i = 0;
    struct group_offset **sorted = arena_alloc_array(arena, count, sizeof *sorted);
    response->topics.items = message_alloc_array(arena, &offset_fetch_response_group_topic_schema, (int32_t)count);
    struct offset_fetch_response_group_partition *partitions =
        message_alloc_array(arena, &offset_fetch_response_group_partition_schema, (int32_t)count);
    if (sorted == NULL || response->topics.items == NULL || partitions == NULL)
        return false;
    void *offset;
    while (map_next(&group->offsets, &at, NULL, &offset))
        sorted[i++] = offset;
    qsort(sorted, count, sizeof *sorted, compare_offsets);
    struct offset_fetch_response_group_topic *topic = NULL;
    for (i = 0; i < count; i++) {
        if (i == 0 || strcmp(sorted[i]->topic, sorted[i - 1]->topic) != 0) {
            topic = &response->topics.items[response->topics.count++];
            topic->name = view_copy(arena, view_of_string(sorted[i]->topic));
            topic->partitions.items = &partitions[i];
        }
        struct offset_fetch_response_group_partition *to = &topic->partitions.items[topic->partitions.count++];
        to->partition_index = sorted[i]->partition;
        fill_partition(sorted[i], arena, to);
    }
    return true;
}

// Unchecked: the lock is taken only where there is a group.
LOCK_UNCHECKED void group_coordinator_fetch(struct group_coordinator *coordinator,
                                            const struct offset_fetch_request_group *request, struct arena *arena,
                                            struct offset_fetch_response_group *response)
{
    struct group *group = NULL;
    response->group_id = request->group_id;
    enum kafka_error error = group_coordinator_find(coordinator, request->group_id, false, &group);
    if (group != NULL)
        group_acquire(group);
    bool fits = true;
    if (error == KAFKA_NONE && request->topics.count >= 0)
        fits = fetch_asked(group, request, arena, response);
    else if (error == KAFKA_NONE && group != NULL)
        fits = fetch_all(group, arena, response);
    if (group != NULL)
        group_release(group);
    group_unref(group);
    if (!fits) {
        response->topics.count = 0;
        error = KAFKA_UNKNOWN_SERVER_ERROR;
    }
    response->error_code = (int16_t)error;
}

// ---- The end of groups and offsets

static void note_unstored_removal(struct group *group, void *context, enum kafka_error error)
{
    (void)context;
    if (error != KAFKA_NONE)
        logger_warn(
            "Storing the removal of offsets or of group %s failed with %s; they come back when this broker loads "
            "the group again",
            group->id, kafka_error_name((int16_t)error));
}

void group_remove(struct group *group)
{
    struct batch_builder *builder = group_batch_create(group);
    int64_t now_ms = clock_now_ms();
    size_t at = 0;
    void *offset;
    while (map_next(&group->offsets, &at, NULL, &offset))
        group_batch_add_offset_removed(builder, group, offset, now_ms);
    // A group that only ever kept offsets has no record of its own.
    if (group->generation > 0 || group->protocol_type != NULL)
        group_batch_add_group_removed(builder, group, now_ms);
    group_batch_write(group, builder, note_unstored_removal, NULL);
    group_clear_offsets(group);
    group_kill(group, KAFKA_UNKNOWN_MEMBER_ID);
}

static enum kafka_error delete_group(struct group_coordinator *coordinator, struct view id)
{
    struct group *group;
    if (id.size == 0)
        return KAFKA_INVALID_GROUP_ID;
    enum kafka_error error = group_coordinator_find(coordinator, id, false, &group);
    if (error != KAFKA_NONE)
        return error;
    if (group == NULL)
        return KAFKA_GROUP_ID_NOT_FOUND;
    group_acquire(group);
    if (group->state == GROUP_DEAD)
        error = KAFKA_GROUP_ID_NOT_FOUND;
    else if (group->state != GROUP_EMPTY)
        error = KAFKA_NON_EMPTY_GROUP;
    else if (group_has_writes(group)) // those would come after the removal of a group that is then made anew
        error = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else
        group_remove(group);
    group_release(group);
    if (error == KAFKA_NONE)
        group_coordinator_drop(coordinator, group);
    group_unref(group);
    return error;
}

void group_coordinator_delete(struct group_coordinator *coordinator, const struct delete_groups_request *request,
                              const struct group_waiter *waiter)
{
    struct delete_groups_response *response = message_alloc_array(waiter->arena, &delete_groups_response_schema, 1);
    response->results.items =
        message_alloc_array(waiter->arena, &delete_groups_response_result_schema, request->groups_names.count);
    for (int32_t i = 0; response->results.items != NULL && i < request->groups_names.count; i++) {
        struct view id = request->groups_names.items[i];
        response->results.items[i].group_id = id;
        response->results.items[i].error_code = (int16_t)delete_group(coordinator, id);
        response->results.count++;
    }
    waiter->answer(waiter->context, response);
}

// When the offset's time is over: an explicit one, or the retention since the group became empty, or since the commit
// where no group ever used it.
static bool is_expired(const struct group *group, const struct group_offset *offset, int64_t retention_ms,
                       int64_t now_ms)
{
    if (offset->expire_timestamp_ms >= 0)
        return now_ms >= offset->expire_timestamp_ms;
    if (group->state != GROUP_EMPTY)
        return false;
    int64_t since_ms = offset->commit_timestamp_ms;
    if (group->protocol_type != NULL && group->state_timestamp_ms > since_ms)
        since_ms = group->state_timestamp_ms;
    return since_ms <= now_ms - retention_ms; // which cannot overflow: the time of a commit is the client's
}

// Removes the offsets that `goes` names, in the log and here. Returns how many.
static size_t remove_offsets(struct group *group,
                             bool (*goes)(const struct group *group, const struct group_offset *offset,
                                          const void *context),
                             const void *context)
{
    struct {
        ARRAY_OF(struct group_offset *);
    } gone = {0};
    size_t at = 0;
    void *offset;
    while (map_next(&group->offsets, &at, NULL, &offset)) {
        if (goes(group, offset, context))
            *array_append(&gone) = offset;
    }
    if (gone.count > 0) {
        struct batch_builder *builder = group_batch_create(group);
        for (size_t i = 0; i < gone.count; i++)
            group_batch_add_offset_removed(builder, group, gone.items[i], clock_now_ms());
        group_batch_write(group, builder, note_unstored_removal, NULL);
        for (size_t i = 0; i < gone.count; i++)
            group_remove_offset(group, view_of_string(gone.items[i]->topic), gone.items[i]->partition);
    }
    size_t count = gone.count;
    array_fini(&gone);
    return count;
}

struct expiry {
    int64_t retention_ms, now_ms;
    size_t offset_count;
};

static bool offset_expires(const struct group *group, const struct group_offset *offset, const void *context)
{
    const struct expiry *expiry = context;
    return is_expired(group, offset, expiry->retention_ms, expiry->now_ms);
}

// Returns whether the group itself is over: empty, and its last offset gone.
static bool expire_group(struct group *group, void *context)
{
    struct expiry *expiry = context;
    expiry->offset_count += remove_offsets(group, offset_expires, expiry);
    return group->state == GROUP_EMPTY && group->offsets.count == 0;
}

void group_coordinator_expire_offsets(struct group_coordinator *coordinator)
{
    struct expiry expiry = {
        .retention_ms = group_coordinator_settings(coordinator)->offsets_retention_ms,
        .now_ms = clock_now_ms(),
    };
    group_coordinator_sweep(coordinator, expire_group, &expiry);
    if (expiry.offset_count > 0)
        logger_info("Removed %zu expired offsets", expiry.offset_count);
}

struct forgotten {
    struct view topic;
    int32_t partition;
};

static bool offset_is_forgotten(const struct group *group, const struct group_offset *offset, const void *context)
{
    (void)group;
    const struct forgotten *forgotten = context;
    return offset->partition == forgotten->partition && view_equal_string(forgotten->topic, offset->topic);
}

static bool forget_in_group(struct group *group, void *context)
{
    return remove_offsets(group, offset_is_forgotten, context) > 0 && group->state == GROUP_EMPTY &&
           group->offsets.count == 0;
}

void group_coordinator_forget_partition(struct group_coordinator *coordinator, struct view topic, int32_t partition)
{
    struct forgotten forgotten = {topic, partition};
    group_coordinator_sweep(coordinator, forget_in_group, &forgotten);
}
