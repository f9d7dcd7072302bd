// SPDX-License-Identifier: Apache-2.0
// ListOffsets by time: the records that have a timestamp, found through the time indexes.
#include "base/clock.h"
#include "base/memory.h"
#include "log/batch_scanner.h"
#include "log/log_internal.h"
#include "log/record.h"

#include <errno.h>
#include <stdlib.h>

// References to all segments (free() the array), and the log start offset at that moment.
static struct segment **take_segments(struct log *log, size_t *count, int64_t *start_offset)
{
    lock_acquire(&log->lock);
    *count = log->segments.count;
    *start_offset = log->log_start_offset;
    struct segment **segments = memory_alloc_array(*count, sizeof *segments);
    for (size_t i = 0; i < *count; i++)
        segments[i] = segment_ref(log->segments.items[i]);
    lock_release(&log->lock);
    return segments;
}

static void give_back(struct segment **segments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        segment_unref(segments[i]);
    free(segments);
}

// The first record of the batch with at least this timestamp and offset. Returns whether there is one.
static bool find_record(struct view batch, const struct batch_header *header, int64_t timestamp, int64_t offset_min,
                        struct log_timestamp_offset *found)
{
    enum { RECORD_SIZE_MAX = INT32_MAX };
    struct record_reader *reader = record_reader_create(batch, header, RECORD_SIZE_MAX);
    if (reader == NULL)
        return false;
    struct record record;
    bool is_found = false;
    while (!is_found && record_reader_skip(reader, &record) == RECORD_FOUND) {
        is_found = record.timestamp >= timestamp && record.offset >= offset_min;
        if (is_found)
            *found = (struct log_timestamp_offset){record.offset, record.timestamp, header->leader_epoch};
    }
    record_reader_destroy(reader);
    return is_found;
}

// Returns 0 when found, -ENOENT when not, -EBADMSG when `from` is no place of a batch, or another -errno.
static int scan_for_record(struct segment *segment, int64_t from, int64_t timestamp, int64_t offset_min,
                           struct log_timestamp_offset *found)
{
    uint8_t piece[BATCH_SCANNER_HEADERS];
    struct batch_scanner scanner;
    batch_scanner_init(&scanner, segment->fd, from, segment_size(segment), false, piece, sizeof piece);
    struct batch_header header;
    enum scan_result result;
    while ((result = batch_scanner_next(&scanner, &header)) == SCAN_BATCH) {
        if (header.max_timestamp < timestamp || batch_last_offset(&header) < offset_min || header.record_count == 0)
            continue;
        uint8_t *batch = batch_scanner_read(&scanner, &header);
        if (batch == NULL)
            return scanner.failure;
        bool is_found = find_record(view_of(batch, (size_t)batch_size(&header)), &header, timestamp, offset_min, found);
        free(batch);
        if (is_found)
            return 0;
    }
    if (result == SCAN_FAILED)
        return scanner.failure;
    return result == SCAN_END ? -ENOENT : -EBADMSG;
}

static int find_in_segment(struct segment *segment, int64_t timestamp, int64_t offset_min,
                           struct log_timestamp_offset *found)
{
    int64_t from = segment_position_of_timestamp(segment, timestamp);
    if (from < 0 || from >= segment_size(segment))
        from = 0;
    int result = scan_for_record(segment, from, timestamp, offset_min, found);
    if (result == -EBADMSG && from > 0)
        result = scan_for_record(segment, 0, timestamp, offset_min, found);
    return result;
}

static enum kafka_error fail_search(struct log *log, int error)
{
    if (error == -EBADMSG || error == -ENOMEM)
        return KAFKA_CORRUPT_MESSAGE; // cut meanwhile, or larger than memory: nothing is wrong with the disk
    return log_directory_fail(log->directory, error, "Searching %s by time failed", log->name);
}

// Returns 0 when found, -ENOENT when not, -EAGAIN when a segment was cut meanwhile, or another -errno.
static int search(struct log *log, int64_t timestamp, struct log_timestamp_offset *found)
{
    size_t count;
    int64_t start_offset;
    struct segment **segments = take_segments(log, &count, &start_offset);
    int result = -ENOENT;
    for (size_t i = 0; result == -ENOENT && i < count; i++) {
        int64_t size = segment_size(segments[i]);
        if (segment_max_timestamp(segments[i]).timestamp >= timestamp)
            result = find_in_segment(segments[i], timestamp, start_offset, found);
        if (result == -EBADMSG && (!log_has_segment(log, segments[i]) || segment_size(segments[i]) < size))
            result = -EAGAIN;
    }
    give_back(segments, count);
    return result;
}

enum kafka_error log_find_timestamp(struct log *log, int64_t timestamp, struct log_timestamp_offset *found)
{
    *found = (struct log_timestamp_offset){-1, -1, -1};
    if (log_is_offline(log))
        return KAFKA_KAFKA_STORAGE_ERROR;
    int result;
    do
        result = search(log, timestamp, found);
    while (result == -EAGAIN);
    return result == 0 || result == -ENOENT ? KAFKA_NONE : fail_search(log, result);
}

// The first record of that timestamp in the batch that holds the offset.
static int find_largest(struct segment *segment, struct time_entry max, struct log_timestamp_offset *found)
{
    int64_t position;
    struct batch_header header;
    int result = segment_find(segment, max.offset, segment_size(segment), &position, &header);
    if (result != 0)
        return result;
    return scan_for_record(segment, position, max.timestamp, 0, found);
}

enum kafka_error log_find_max_timestamp(struct log *log, struct log_timestamp_offset *found)
{
    *found = (struct log_timestamp_offset){-1, -1, -1};
    if (log_is_offline(log))
        return KAFKA_KAFKA_STORAGE_ERROR;
    size_t count;
    int64_t start_offset;
    struct segment **segments = take_segments(log, &count, &start_offset);
    struct segment *largest = NULL;
    struct time_entry max = {-1, -1};
    for (size_t i = 0; i < count; i++) {
        struct time_entry entry = segment_max_timestamp(segments[i]);
        if (entry.timestamp > max.timestamp) {
            max = entry;
            largest = segments[i];
        }
    }
    int result = largest ? find_largest(largest, max, found) : -ENOENT;
    give_back(segments, count);
    return result == 0 || result == -ENOENT ? KAFKA_NONE : fail_search(log, result);
}

size_t log_list_offsets_before(struct log *log, int64_t timestamp, size_t count_max, int64_t *offsets)
{
    size_t count;
    int64_t start_offset, end_offset = log_end_offset(log);
    struct segment **segments = take_segments(log, &count, &start_offset);
    size_t total = segment_size(segments[count - 1]) > 0 ? count + 1 : count;
    size_t next = total; // candidates below it are given
    if (timestamp == -2)
        next = 1;
    while (timestamp >= 0 && next > 0) {
        int64_t modified_ms = clock_now_ms();
        if (next <= count && segment_modified_ms(segments[next - 1], &modified_ms) != 0)
            modified_ms = INT64_MAX;
        if (modified_ms <= timestamp)
            break;
        next--;
    }
    size_t written = 0;
    for (; written < count_max && next > 0; next--) {
        int64_t base = next <= count ? segments[next - 1]->base_offset : end_offset;
        offsets[written++] = base > start_offset ? base : start_offset;
    }
    give_back(segments, count);
    return written;
}
