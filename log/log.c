// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "log/log_internal.h"
#include "log/partition_metadata.h"

#include <inttypes.h>
#include <stdlib.h>

struct log *log_new(struct log_directory *directory, const char *topic, int32_t partition,
                    const struct log_config *config)
{
    struct log *log = memory_alloc(sizeof *log);
    atomic_init(&log->references, 1);
    atomic_init(&log->names_changed, true);
    atomic_init(&log->is_new, true);
    log->topic = memory_copy_string(topic);
    log->partition = partition;
    log->name = memory_format("%s-%" PRId32, topic, partition);
    log->path = memory_format("%s/%s", directory->path, log->name);
    log->directory = directory;
    log->config = *config;
    log->first_unstable_offset = INT64_MAX;
    log->high_watermark_position = -1;
    log->producers.producers = MAP_EMPTY;
    lock_init(&log->append_lock, LOCK_LOG_APPEND);
    lock_init(&log->flush_lock, LOCK_LOG_FLUSH);
    lock_init(&log->lock, LOCK_LOG);
    return log;
}

struct log *log_ref(struct log *log)
{
    atomic_fetch_add_explicit(&log->references, 1, memory_order_relaxed);
    return log;
}

void log_unref(struct log *log)
{
    if (log == NULL || atomic_fetch_sub_explicit(&log->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < log->segments.count; i++)
        segment_unref(log->segments.items[i]);
    array_fini(&log->segments);
    array_fini(&log->snapshots);
    array_fini(&log->transactions);
    producer_state_fini(&log->producers);
    leader_epoch_cache_fini(&log->epochs);
    lock_fini(&log->append_lock);
    lock_fini(&log->flush_lock);
    lock_fini(&log->lock);
    free(log->name);
    free(log->topic);
    free(log->path);
    free(log);
}

const char *log_name(const struct log *log)
{
    return log->name;
}

const char *log_topic(const struct log *log)
{
    return log->topic;
}

bool log_is_offline(const struct log *log)
{
    return !log_directory_is_online(log->directory);
}

char *log_path_of(const struct log *log, const char *file)
{
    return memory_format("%s/%s", log->path, file);
}

enum kafka_error log_check_usable(const struct log *log)
{
    if (!log_directory_is_online(log->directory))
        return KAFKA_KAFKA_STORAGE_ERROR;
    return log->is_deleted ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_NONE;
}

struct uuid log_topic_id(struct log *log)
{
    lock_acquire(&log->append_lock);
    struct uuid topic_id = log->topic_id;
    lock_release(&log->append_lock);
    return topic_id;
}

enum kafka_error log_set_topic_id(struct log *log, struct uuid topic_id)
{
    lock_acquire(&log->append_lock);
    enum kafka_error error = log_check_usable(log);
    if (error == KAFKA_NONE && !uuid_is_zero(log->topic_id)) {
        error = uuid_equal(log->topic_id, topic_id) ? KAFKA_NONE : KAFKA_INCONSISTENT_TOPIC_ID;
    } else if (error == KAFKA_NONE) {
        char *path = log_path_of(log, PARTITION_METADATA_FILE);
        int result = partition_metadata_write(path, topic_id);
        if (result != 0)
            error = log_directory_fail(log->directory, result, "Writing %s failed", path);
        else
            log->topic_id = topic_id;
        free(path);
    }
    lock_release(&log->append_lock);
    return error;
}

void log_set_config(struct log *log, const struct log_config *config)
{
    lock_acquire(&log->lock);
    log->config = *config;
    lock_release(&log->lock);
}

void log_get_config(struct log *log, struct log_config *config)
{
    lock_acquire(&log->lock);
    *config = log->config;
    lock_release(&log->lock);
}

// ---- Offsets

size_t log_segment_index_of(const struct log *log, int64_t offset)
{
    size_t low = 0, high = log->segments.count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (log->segments.items[middle]->base_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool log_has_segment(struct log *log, const struct segment *segment)
{
    lock_acquire(&log->lock);
    bool found = log->segments.items[log_segment_index_of(log, segment->base_offset)] == segment;
    lock_release(&log->lock);
    return found;
}

int64_t log_last_stable_offset_locked(const struct log *log)
{
    int64_t unstable = log->first_unstable_offset;
    if (unstable < log->log_start_offset)
        unstable = log->log_start_offset;
    return unstable < log->high_watermark ? unstable : log->high_watermark;
}

void log_update_first_unstable(struct log *log)
{
    if (log->transactions.count > 0 || log->first_unstable_offset != INT64_MAX)
        log->first_unstable_offset = transaction_list_first_unstable(&log->transactions, log->high_watermark);
}

void log_set_high_watermark_locked(struct log *log, int64_t offset)
{
    if (offset > log->log_end_offset)
        offset = log->log_end_offset;
    if (offset < log->log_start_offset)
        offset = log->log_start_offset;
    log->high_watermark = offset;
    log->high_watermark_position = offset == log->log_end_offset ? segment_size(log_active_segment(log)) : -1;
    log_update_first_unstable(log);
}

void log_set_high_watermark(struct log *log, int64_t offset)
{
    lock_acquire(&log->lock);
    log_set_high_watermark_locked(log, offset);
    lock_release(&log->lock);
}

bool log_raise_high_watermark(struct log *log, int64_t offset)
{
    lock_acquire(&log->lock);
    int64_t before = log->high_watermark;
    if (offset > before)
        log_set_high_watermark_locked(log, offset);
    bool has_moved = log->high_watermark != before;
    lock_release(&log->lock);
    return has_moved;
}

void log_get_offsets(struct log *log, struct log_offsets *offsets)
{
    lock_acquire(&log->lock);
    *offsets = (struct log_offsets){.log_start_offset = log->log_start_offset,
                                    .last_stable_offset = log_last_stable_offset_locked(log),
                                    .high_watermark = log->high_watermark,
                                    .log_end_offset = log->log_end_offset};
    lock_release(&log->lock);
}

int64_t log_end_offset(struct log *log)
{
    struct log_offsets offsets;
    log_get_offsets(log, &offsets);
    return offsets.log_end_offset;
}

int64_t log_start_offset(struct log *log)
{
    struct log_offsets offsets;
    log_get_offsets(log, &offsets);
    return offsets.log_start_offset;
}

int64_t log_high_watermark(struct log *log)
{
    struct log_offsets offsets;
    log_get_offsets(log, &offsets);
    return offsets.high_watermark;
}

int64_t log_size(struct log *log)
{
    int64_t size = 0;
    lock_acquire(&log->lock);
    for (size_t i = 0; i < log->segments.count; i++)
        size += segment_size(log->segments.items[i]);
    lock_release(&log->lock);
    return size;
}

size_t log_segment_count(struct log *log)
{
    lock_acquire(&log->lock);
    size_t count = log->segments.count;
    lock_release(&log->lock);
    return count;
}

// ---- Leader epochs

enum kafka_error log_write_epochs(struct log *log)
{
    char *path = log_path_of(log, "leader-epoch-checkpoint");
    int result = leader_epoch_cache_write(&log->epochs, path);
    enum kafka_error error = KAFKA_NONE;
    if (result != 0)
        error = log_directory_fail(log->directory, result, "Writing %s failed", path);
    log->epochs_are_ahead = false;
    free(path);
    return error;
}

enum kafka_error log_assign_leader_epoch(struct log *log, int32_t leader_epoch, int64_t start_offset)
{
    lock_acquire(&log->append_lock);
    enum kafka_error error = log_check_usable(log);
    if (error == KAFKA_NONE) {
        lock_acquire(&log->lock);
        bool has_changed = leader_epoch_cache_assign(&log->epochs, leader_epoch, start_offset);
        bool is_at_end = start_offset == log->log_end_offset;
        lock_release(&log->lock);
        // What begins at the end means nothing to the next start until something is appended.
        if (has_changed && is_at_end)
            log->epochs_are_ahead = true;
        else if (has_changed)
            error = log_write_epochs(log);
    }
    lock_release(&log->append_lock);
    return error;
}

int32_t log_latest_leader_epoch(struct log *log)
{
    lock_acquire(&log->lock);
    int32_t epoch = leader_epoch_cache_latest(&log->epochs);
    lock_release(&log->lock);
    return epoch;
}

int32_t log_leader_epoch_of_offset(struct log *log, int64_t offset)
{
    lock_acquire(&log->lock);
    int32_t epoch = leader_epoch_cache_epoch_of(&log->epochs, offset);
    lock_release(&log->lock);
    return epoch;
}

void log_end_offset_of_leader_epoch(struct log *log, int32_t leader_epoch, int32_t *found_epoch, int64_t *end_offset)
{
    lock_acquire(&log->lock);
    leader_epoch_cache_end_offset(&log->epochs, leader_epoch, log->log_end_offset, found_epoch, end_offset);
    lock_release(&log->lock);
}

// ---- Flushing

// The segments from the one with the recovery point on, each with a reference (free() the array).
static struct segment **take_unflushed(struct log *log, size_t *count, int64_t *log_end_offset)
{
    lock_acquire(&log->lock);
    size_t first = log_segment_index_of(log, log->recovery_point);
    *count = log->segments.count - first;
    struct segment **segments = memory_alloc_array(*count, sizeof *segments);
    for (size_t i = 0; i < *count; i++)
        segments[i] = segment_ref(log->segments.items[first + i]);
    *log_end_offset = log->log_end_offset;
    bool is_flushed = log->log_end_offset <= log->recovery_point && *count == 1;
    lock_release(&log->lock);
    if (is_flushed) {
        segment_unref(segments[0]);
        *count = 0;
    }
    return segments;
}

static enum kafka_error flush_locked(struct log *log)
{
    if (log->is_deleted) // set under flush_lock too; its files may be gone
        return KAFKA_NONE;
    size_t count;
    int64_t flushed_to;
    int result = 0;
    struct segment **segments = take_unflushed(log, &count, &flushed_to);
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = segment_sync(segments[i]);
        if (i + 1 < count)
            segment_close_index_descriptors(segments[i]);
        segment_unref(segments[i]);
    }
    bool had_work = count > 0;
    free(segments);
    if (result == 0 && had_work && atomic_exchange(&log->names_changed, false))
        result = file_sync_directory(log->path);
    if (result == 0 && had_work && atomic_exchange(&log->is_new, false))
        result = file_sync_directory(log->directory->path);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Flushing %s failed", log->name);
    lock_acquire(&log->lock);
    if (flushed_to > log->recovery_point)
        log->recovery_point = flushed_to;
    log->last_flush_ms = clock_now_ms();
    lock_release(&log->lock);
    return KAFKA_NONE;
}

enum kafka_error log_flush(struct log *log)
{
    if (log_is_offline(log))
        return KAFKA_KAFKA_STORAGE_ERROR;
    lock_acquire(&log->flush_lock);
    enum kafka_error error = flush_locked(log);
    lock_release(&log->flush_lock);
    return error;
}

// ---- Producers

void log_list_producers(struct log *log, struct arena *arena, struct log_producer **producers, size_t *count)
{
    lock_acquire(&log->append_lock);
    size_t total = log->producers.producers.count, at = 0;
    *count = 0;
    *producers = total > 0 ? arena_alloc_array(arena, total, sizeof **producers) : NULL;
    void *value;
    while (*producers != NULL && map_next(&log->producers.producers, &at, NULL, &value)) {
        const struct producer *producer = value;
        (*producers)[(*count)++] =
            (struct log_producer){.producer_id = producer->producer_id,
                                  .producer_epoch = producer->epoch,
                                  .last_sequence = producer_last_sequence(producer),
                                  .last_timestamp = producer->last_timestamp,
                                  .coordinator_epoch = producer->coordinator_epoch,
                                  .current_transaction_start_offset = producer->transaction_start_offset};
    }
    lock_release(&log->append_lock);
}
