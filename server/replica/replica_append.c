// SPDX-License-Identifier: Apache-2.0
// Appends on behalf of producers and coordinators, and how acks=all waits for the high watermark.
#include "base/arena.h"
#include "server/purgatory.h"
#include "server/replica/replica_manager.h"

// An append of which some partitions wait; in the caller's arena.
struct delayed_produce {
    struct replica_append *appends;
    int32_t count;
    void (*done)(void *context);
    void *context;
};

static void release_reference(struct replica_append *append)
{
    partition_unref(append->reference);
    append->reference = NULL;
}

// Ready when no partition waits any more.
static bool is_ready(void *operation)
{
    struct delayed_produce *produce = operation;
    bool is_waiting = false;
    for (int32_t i = 0; i < produce->count; i++) {
        struct replica_append *append = &produce->appends[i];
        enum kafka_error error;
        if (append->reference == NULL)
            continue;
        if (partition_is_replicated(append->reference, append->next_offset, &error)) {
            append->error = error;
            release_reference(append);
        } else {
            is_waiting = true;
        }
    }
    return !is_waiting;
}

static void complete(void *operation, enum delayed_end end)
{
    struct delayed_produce *produce = operation;
    (void)end; // those that still wait already say REQUEST_TIMED_OUT
    for (int32_t i = 0; i < produce->count; i++)
        release_reference(&produce->appends[i]);
    produce->done(produce->context);
}

static const struct delayed_calls delayed_produce_calls = {is_ready, complete};

// Apache Kafka tells the log start offset with those errors only that are found while the log is looked at.
static bool tells_log_start(enum kafka_error error)
{
    switch (error) {
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
    case KAFKA_CORRUPT_MESSAGE:
    case KAFKA_KAFKA_STORAGE_ERROR:
        return false;
    default:
        return true;
    }
}

// Appends to one partition. Leaves a reference when acks=all has to wait for it.
static void append_one(struct replica_manager *manager, struct replica_append *append, int16_t acks,
                       enum append_origin origin, struct arena *arena)
{
    struct partition *partition = replica_manager_partition(manager, append->topic, append->partition, &append->error);
    if (partition == NULL)
        return;
    struct partition_append_result result;
    append->error = partition_append(partition, append->batch, origin, acks, arena, &result);
    if (append->error == KAFKA_NONE) {
        append->base_offset = result.info.first_offset;
        append->log_append_time = result.info.log_append_time_ms;
        append->log_start_offset = result.info.log_start_offset;
        replica_manager_partition_changed(manager, partition, result.high_watermark_moved);
        if (acks == ACKS_ALL) {
            append->next_offset = result.info.last_offset + 1;
            append->reference = partition;
            append->error = KAFKA_REQUEST_TIMED_OUT;
            return;
        }
    } else {
        append->log_start_offset = tells_log_start(append->error) ? result.info.log_start_offset : -1;
        append->error_message = result.info.error_message;
        append->record_errors = result.info.record_errors;
        append->record_error_count = result.info.record_error_count;
        if (append->error == KAFKA_NOT_LEADER_OR_FOLLOWER)
            append->leader = partition_leader(partition);
    }
    partition_unref(partition);
}

// Parks the append until its partitions are replicated, under the key of each that waits.
static void wait_for_replicas(struct replica_manager *manager, struct delayed_produce *produce, int32_t timeout_ms,
                              struct arena *arena)
{
    struct view *keys = arena_alloc_array(arena, (size_t)produce->count, sizeof *keys);
    size_t key_count = 0;
    for (int32_t i = 0; keys != NULL && i < produce->count; i++) {
        if (produce->appends[i].reference != NULL)
            keys[key_count++] = partition_key(produce->appends[i].reference);
    }
    // Without memory for the keys nobody could wake it.
    purgatory_watch(replica_manager_produce_purgatory(manager), &delayed_produce_calls, produce, keys, key_count,
                    keys == NULL ? 0 : timeout_ms);
}

void replica_manager_append(struct replica_manager *manager, struct replica_append *appends, int32_t count,
                            int16_t acks, int32_t timeout_ms, enum append_origin origin, struct arena *arena,
                            void (*done)(void *context), void *context)
{
    bool waits = false;
    for (int32_t i = 0; i < count; i++) {
        struct replica_append *append = &appends[i];
        append->base_offset = append->log_append_time = append->log_start_offset = -1;
        append->leader = (struct partition_leader){PARTITION_NO_LEADER, PARTITION_NO_EPOCH};
        append->reference = NULL;
        if (append->error == KAFKA_NONE)
            append_one(manager, append, acks, origin, arena);
        waits = waits || append->reference != NULL;
    }
    struct delayed_produce on_stack = {appends, count, done, context};
    if (waits && is_ready(&on_stack))
        waits = false;
    struct delayed_produce *produce = waits ? arena_alloc(arena, sizeof *produce) : NULL;
    if (produce == NULL) {
        complete(&on_stack, DELAYED_READY);
        return;
    }
    *produce = on_stack;
    wait_for_replicas(manager, produce, timeout_ms, arena);
}
