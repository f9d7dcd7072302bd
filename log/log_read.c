// SPDX-License-Identifier: Apache-2.0
// How bytes are found in a log. What a read needs of the log is copied under its short lock; files are looked at behind
// it, through references to segments.
#include "base/logger.h"
#include "log/log_internal.h"

#include <errno.h>

// Where a read begins and where it must end.
struct range {
    struct segment *segment; // a reference
    int64_t file_size;       // bytes of the segment that may be looked at
    int64_t bound;           // offset that the slice stays below
    int64_t bound_position;  // in this segment; -1: to be found; file_size: all of it
    int64_t position;        // of the batch that holds the offset; -1: to be found
    size_t batch_size;
};

static int64_t bound_of(const struct log_offsets *offsets, enum log_read_bound bound)
{
    switch (bound) {
    case LOG_READ_TO_HIGH_WATERMARK:
        return offsets->high_watermark;
    case LOG_READ_TO_LAST_STABLE_OFFSET:
        return offsets->last_stable_offset;
    default:
        return offsets->log_end_offset;
    }
}

// Fills the place if it is among the last appended batches. Holder of lock.
static void look_at_tail(const struct log *log, int64_t offset, struct range *range)
{
    for (size_t i = 0; i < TAIL_BATCH_COUNT; i++) {
        const struct tail_batch *batch = &log->tail[i];
        if (batch->segment == range->segment && batch->base_offset <= offset && offset <= batch->last_offset) {
            range->position = batch->position;
            range->batch_size = batch->size;
        }
    }
}

// Holder of lock. `at`: the index of the segment.
static struct range range_of(struct log *log, size_t at, int64_t offset, int64_t bound)
{
    struct segment *segment = log->segments.items[at];
    struct range range = {.segment = segment_ref(segment),
                          .file_size = segment_size(segment),
                          .bound = bound,
                          .bound_position = -1,
                          .position = -1};
    bool bound_is_behind = bound >= log->log_end_offset ||
                           (at + 1 < log->segments.count && log->segments.items[at + 1]->base_offset <= bound);
    if (bound_is_behind)
        range.bound_position = range.file_size;
    else if (bound == log->high_watermark && log->high_watermark_position >= 0)
        range.bound_position = log->high_watermark_position;
    look_at_tail(log, offset, &range);
    return range;
}

static enum kafka_error fail_read(struct log *log, const struct range *range, int error)
{
    struct segment *segment = range->segment;
    if (!log_has_segment(log, segment) || segment_size(segment) < range->file_size)
        return KAFKA_NONE; // shortened while it was read: the next read sees the log as it is
    if (error != -EBADMSG)
        return log_directory_fail(log->directory, error, "Reading %s.log failed", segment->stem);
    logger_warn("%s.log holds something that is no batch of magic 2: a reader is refused", segment->stem);
    return KAFKA_CORRUPT_MESSAGE;
}

// Finds the batch in the segment or, when it holds nothing at or above the offset (compaction), in those behind it.
static int find_start(struct log *log, int64_t offset, struct range *range)
{
    for (;;) {
        if (range->position >= 0)
            return 0;
        struct batch_header header;
        int result = segment_find(range->segment, offset, range->file_size, &range->position, &header);
        range->batch_size = result == 0 ? (size_t)batch_size(&header) : 0;
        if (result != -ENOENT)
            return result;
        int64_t base_offset = range->segment->base_offset, bound = range->bound;
        lock_acquire(&log->lock);
        size_t next = log_segment_index_of(log, base_offset) + 1;
        bool is_last = next >= log->segments.count || log->segments.items[next]->base_offset <= base_offset ||
                       log->segments.items[next]->base_offset >= bound;
        struct segment *left = range->segment;
        if (!is_last)
            *range = range_of(log, next, offset, bound);
        lock_release(&log->lock);
        if (is_last)
            return -ENOENT;
        segment_unref(left);
        range->position = -1;
    }
}

// The size of what may be read, behind which the slice may not go.
static int find_end(struct range *range)
{
    if (range->bound_position >= 0)
        return 0;
    struct batch_header header;
    int result = segment_find(range->segment, range->bound, range->file_size, &range->bound_position, &header);
    if (result == -ENOENT) {
        range->bound_position = range->file_size;
        result = 0;
    }
    return result;
}

static enum kafka_error read_range(struct log *log, int64_t offset, size_t size_max, bool min_one, struct range *range,
                                   struct log_slice *slice, struct log_read_info *info)
{
    int result = find_start(log, offset, range);
    if (result == -ENOENT)
        return KAFKA_NONE;
    if (result == 0)
        result = find_end(range);
    if (result != 0)
        return fail_read(log, range, result);
    int64_t available = range->bound_position - range->position;
    if (available <= 0)
        return KAFKA_NONE;
    if (size_max < range->batch_size && !min_one) {
        info->first_batch_incomplete = true;
        return KAFKA_NONE;
    }
    size_t size = size_max > range->batch_size ? size_max : range->batch_size;
    slice->position = range->position;
    slice->size = (int64_t)size < available ? size : (size_t)available;
    slice->segment = segment_ref(range->segment);
    return KAFKA_NONE;
}

enum kafka_error log_read(struct log *log, int64_t offset, size_t size_max, bool min_one, enum log_read_bound bound,
                          struct log_slice *slice, struct log_read_info *info)
{
    *slice = LOG_SLICE_EMPTY;
    *info = (struct log_read_info){.first_batch_incomplete = false};
    if (size_max > INT32_MAX)
        size_max = INT32_MAX;
    lock_acquire(&log->lock);
    info->offsets = (struct log_offsets){.log_start_offset = log->log_start_offset,
                                         .last_stable_offset = log_last_stable_offset_locked(log),
                                         .high_watermark = log->high_watermark,
                                         .log_end_offset = log->log_end_offset};
    int64_t end = bound_of(&info->offsets, bound);
    enum kafka_error error = KAFKA_NONE;
    if (log_is_offline(log))
        error = KAFKA_KAFKA_STORAGE_ERROR;
    else if (offset < log->log_start_offset || offset > log->log_end_offset)
        error = KAFKA_OFFSET_OUT_OF_RANGE;
    bool has_data = error == KAFKA_NONE && offset < end;
    struct range range = {NULL, 0, 0, 0, 0, 0};
    if (has_data)
        range = range_of(log, log_segment_index_of(log, offset), offset, end);
    lock_release(&log->lock);
    if (has_data)
        error = read_range(log, offset, size_max, min_one, &range, slice, info);
    segment_unref(range.segment);
    return error;
}
