// SPDX-License-Identifier: Apache-2.0
// How a log loses records: retention and DeleteRecords at its start, truncation at its end. Segments leave the list
// first, then their files are renamed to .deleted, oldest first, and removed file.delete.delay.ms later: a crash at any
// point leaves files that the next start understands.
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/log_internal.h"
#include "log/offset_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Renames the files of a segment that has left the list, and its snapshot. Takes over the reference.
static int retire_segment(struct log *log, struct segment *segment, int64_t delay_ms)
{
    int result = segment_rename_deleted(segment);
    if (result == 0)
        result = log_retire_snapshot(log, segment->base_offset, delay_ms);
    if (result == 0)
        log_directory_remove_segment_later(log->directory, segment, delay_ms);
    else
        segment_unref(segment);
    return result;
}

// Takes [first, first + count) out of the list. Holder of append_lock and lock.
static struct segment **take_out(struct log *log, size_t first, size_t count)
{
    struct segment **taken = memory_alloc_array(count, sizeof *taken);
    memcpy(taken, log->segments.items + first, count * sizeof *taken);
    size_t behind = log->segments.count - first - count;
    memmove(log->segments.items + first, log->segments.items + first + count, behind * sizeof *taken);
    log->segments.count -= count;
    return taken;
}

static int retire_segments(struct log *log, struct segment **segments, size_t count, int64_t delay_ms)
{
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = retire_segment(log, segments[i], delay_ms);
        else
            segment_unref(segments[i]);
    }
    free(segments);
    return result;
}

// Moves the start up. Holder of append_lock; takes lock.
static enum kafka_error raise_start(struct log *log, int64_t offset)
{
    lock_acquire(&log->lock);
    bool has_changed = false;
    if (offset > log->log_start_offset) {
        log->log_start_offset = offset;
        if (log->high_watermark < offset)
            log_set_high_watermark_locked(log, offset);
        if (log->recovery_point < offset)
            log->recovery_point = offset;
        has_changed = leader_epoch_cache_truncate_start(&log->epochs, offset);
    }
    lock_release(&log->lock);
    return has_changed ? log_write_epochs(log) : KAFKA_NONE;
}

// ---- Retention

// Whether the time of the segment has passed. Returns 1, 0 or -errno.
static int is_too_old(struct segment *segment, const struct log_config *config, int64_t now_ms)
{
    if (config->retention_ms < 0)
        return 0;
    int64_t newest = segment_max_timestamp(segment).timestamp;
    int result = newest < 0 ? segment_modified_ms(segment, &newest) : 0;
    if (result != 0)
        return result;
    return now_ms - newest > config->retention_ms;
}

// How many of the oldest segments may go. Returns that or -errno; *reason tells why the first one does.
static int64_t count_removable(struct log *log, const struct log_config *config, int64_t now_ms, const char **reason)
{
    struct log_offsets offsets;
    log_get_offsets(log, &offsets);
    int64_t excess = config->retention_size >= 0 ? log_size(log) - config->retention_size : -1;
    size_t count = 0;
    while (count < log->segments.count) {
        struct segment *segment = log->segments.items[count];
        bool is_last = count + 1 == log->segments.count;
        int64_t next_base = is_last ? offsets.log_end_offset : log->segments.items[count + 1]->base_offset;
        if (offsets.high_watermark < next_base || (is_last && segment_size(segment) == 0))
            break;
        const char *why = NULL;
        if (!is_last && next_base <= offsets.log_start_offset)
            why = "the log start offset is behind it";
        else if (excess - segment_size(segment) >= 0)
            why = "retention.bytes is exceeded";
        int too_old = why == NULL ? is_too_old(segment, config, now_ms) : 0;
        if (too_old < 0)
            return too_old;
        if (too_old > 0)
            why = "retention.ms has passed";
        if (why == NULL)
            break;
        *reason = *reason ? *reason : why;
        excess -= segment_size(segment);
        count++;
    }
    return (int64_t)count;
}

static enum kafka_error remove_oldest(struct log *log, const struct log_config *config, size_t count, int64_t now_ms,
                                      const char *reason)
{
    if (count == log->segments.count) {
        enum kafka_error error = log_roll(log, config, log->log_end_offset, now_ms);
        if (error != KAFKA_NONE)
            return error;
    }
    logger_info("Removing %zu segments of %s up to offset %" PRId64 ": %s", count, log->name,
                log->segments.items[count]->base_offset, reason);
    enum kafka_error error = raise_start(log, log->segments.items[count]->base_offset);
    if (error != KAFKA_NONE)
        return error;
    lock_acquire(&log->lock);
    struct segment **taken = take_out(log, 0, count);
    lock_release(&log->lock);
    int result = retire_segments(log, taken, count, config->file_delete_delay_ms);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Removing old segments of %s failed", log->name);
    return KAFKA_NONE;
}

enum kafka_error log_apply_retention(struct log *log, int64_t now_ms, size_t *removed_count)
{
    struct log_config config;
    log_get_config(log, &config);
    *removed_count = 0;
    if (config.cleanup_compact)
        return KAFKA_NONE;
    lock_acquire(&log->append_lock);
    enum kafka_error error = log_check_usable(log);
    if (error == KAFKA_NONE) {
        if (!config.cleanup_delete)
            config.retention_ms = config.retention_size = -1;
        const char *reason = NULL;
        int64_t count = count_removable(log, &config, now_ms, &reason);
        if (count < 0)
            error = log_directory_fail(log->directory, (int)count, "Looking at the age of %s failed", log->name);
        else if (count > 0)
            error = remove_oldest(log, &config, (size_t)count, now_ms, reason);
        *removed_count = error == KAFKA_NONE ? (size_t)count : 0;
    }
    lock_release(&log->append_lock);
    return error;
}

enum kafka_error log_delete_records(struct log *log, int64_t offset, int64_t *new_start_offset)
{
    lock_acquire(&log->append_lock);
    enum kafka_error error = log_check_usable(log);
    if (error == KAFKA_NONE) {
        struct log_offsets offsets;
        log_get_offsets(log, &offsets);
        if (offset == -1)
            offset = offsets.high_watermark;
        if (offset < 0 || offset > offsets.high_watermark)
            error = KAFKA_OFFSET_OUT_OF_RANGE;
        else
            error = raise_start(log, offset);
    }
    if (error == KAFKA_NONE)
        *new_start_offset = log->log_start_offset;
    lock_release(&log->append_lock);
    return error;
}

// ---- Truncation

// Opens the segment anew, cut at the first batch that reaches the offset: readers of the old one keep what they see.
static int reopen_cut(struct log *log, const struct log_config *config, struct segment *old, int64_t offset,
                      int64_t now_ms, struct segment **cut)
{
    struct batch_header header;
    int64_t position;
    int result = segment_find(old, offset, segment_size(old), &position, &header);
    if (result == -ENOENT)
        position = segment_size(old);
    else if (result != 0)
        return result;
    atomic_store(&old->size, position); // readers see first that it is shorter, and then it is
    result = segment_cut(old, position);
    if (result == 0)
        result = segment_open(log->path, old->base_offset, cut);
    if (result != 0)
        return result;
    result = segment_make_writable(*cut, config, now_ms, true);
    if (result != 0) {
        segment_unref(*cut);
        return result;
    }
    atomic_store(&(*cut)->size, position);
    offset_index_truncate(&(*cut)->offset_index, old->base_offset, offset);
    time_index_truncate(&(*cut)->time_index, old->base_offset, offset);
    segment_restore_max_timestamp(*cut);
    return 0;
}

// Publishes the log's new end. Holder of append_lock and lock.
static void lower_end(struct log *log, int64_t offset)
{
    log->log_end_offset = offset;
    if (log->log_start_offset > offset)
        log->log_start_offset = offset;
    if (log->recovery_point > offset)
        log->recovery_point = offset;
    memset(log->tail, 0, sizeof log->tail);
    leader_epoch_cache_truncate_end(&log->epochs, offset);
    log_set_high_watermark_locked(log, log->high_watermark);
}

// Holder of append_lock and flush_lock.
static enum kafka_error finish_truncation(struct log *log, int64_t offset, int64_t now_ms)
{
    enum kafka_error error = log_write_epochs(log);
    int result = error == KAFKA_NONE ? log_rebuild_producers(log, offset, now_ms) : 0;
    if (result != 0)
        error = log_directory_fail(log->directory, result, "Rebuilding the producer state of %s failed", log->name);
    lock_acquire(&log->lock);
    transaction_list_rebuild(&log->transactions, &log->producers);
    log_update_first_unstable(log);
    lock_release(&log->lock);
    atomic_store(&log->names_changed, true);
    return error;
}

static enum kafka_error truncate_to(struct log *log, const struct log_config *config, int64_t offset, int64_t now_ms)
{
    size_t at = log_segment_index_of(log, offset);
    struct segment *cut;
    size_t behind = log->segments.count - at - 1;
    lock_acquire(&log->lock);
    struct segment **taken = take_out(log, at + 1, behind);
    lock_release(&log->lock);
    // The newest first: whatever a crash leaves is then without gaps.
    for (size_t i = 0; i < behind / 2; i++) {
        struct segment *swapped = taken[i];
        taken[i] = taken[behind - 1 - i];
        taken[behind - 1 - i] = swapped;
    }
    int result = retire_segments(log, taken, behind, config->file_delete_delay_ms);
    if (result == 0)
        result = reopen_cut(log, config, log->segments.items[at], offset, now_ms, &cut);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Truncating %s to offset %" PRId64 " failed", log->name,
                                  offset);
    lock_acquire(&log->lock);
    struct segment *old = log->segments.items[at];
    log->segments.items[at] = cut;
    lower_end(log, offset);
    lock_release(&log->lock);
    segment_unref(old);
    return finish_truncation(log, offset, now_ms);
}

static enum kafka_error truncate_fully(struct log *log, const struct log_config *config, int64_t offset, int64_t now_ms)
{
    struct segment *created;
    lock_acquire(&log->lock);
    size_t count = log->segments.count;
    struct segment **taken = memory_alloc_array(count, sizeof *taken);
    memcpy(taken, log->segments.items, count * sizeof *taken);
    for (size_t i = 0; i < count; i++)
        segment_ref(taken[i]);
    lock_release(&log->lock);
    int result = retire_segments(log, taken, count, config->file_delete_delay_ms);
    if (result == 0)
        result = segment_create(log->path, offset, config, now_ms, &created);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Emptying %s failed", log->name);
    lock_acquire(&log->lock);
    for (size_t i = 0; i < log->segments.count; i++)
        segment_unref(log->segments.items[i]);
    log->segments.count = 0;
    *array_append(&log->segments) = created;
    log->log_start_offset = offset;
    log->recovery_point = offset;
    log->epochs.count = 0;
    lower_end(log, offset);
    lock_release(&log->lock);
    return finish_truncation(log, offset, now_ms);
}

static enum kafka_error truncate(struct log *log, int64_t offset, bool fully)
{
    struct log_config config;
    log_get_config(log, &config);
    int64_t now_ms = clock_now_ms();
    lock_acquire(&log->append_lock);
    lock_acquire(&log->flush_lock);
    enum kafka_error error = log_check_usable(log);
    if (error == KAFKA_NONE && !fully && offset >= log->log_end_offset) {
        lock_release(&log->flush_lock);
        lock_release(&log->append_lock);
        return KAFKA_NONE;
    }
    logger_info("Truncating %s to offset %" PRId64, log->name, offset);
    if (error == KAFKA_NONE && (fully || offset < log->segments.items[0]->base_offset))
        error = truncate_fully(log, &config, offset, now_ms);
    else if (error == KAFKA_NONE)
        error = truncate_to(log, &config, offset, now_ms);
    lock_release(&log->flush_lock);
    lock_release(&log->append_lock);
    // A recovery point in the checkpoint file above what is appended next would hide it from a recovery.
    if (error == KAFKA_NONE && log->directory->recovery_points_lowered != NULL)
        log->directory->recovery_points_lowered(log->directory->context, log->directory);
    return error;
}

enum kafka_error log_truncate(struct log *log, int64_t offset)
{
    return truncate(log, offset < 0 ? 0 : offset, false);
}

enum kafka_error log_truncate_fully(struct log *log, int64_t new_start_offset)
{
    return truncate(log, new_start_offset, true);
}
