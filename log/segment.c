// SPDX-License-Identifier: Apache-2.0
#include "log/segment.h"

#include "base/file.h"
#include "base/memory.h"
#include "log/batch_scanner.h"
#include "log/offset_index.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    // Disk space is taken ahead of what is written once a segment has this size: as much as it has, up to a bound.
    RESERVE_FROM = 1024 * 1024,
    RESERVE_AHEAD_MAX = 16 * 1024 * 1024,
};

const char *segment_file_suffix(enum segment_file file)
{
    static const char *const suffixes[] = {".log", ".index", ".timeindex"};
    return suffixes[file];
}

static char *file_path(const struct segment *segment, enum segment_file file, const char *suffix)
{
    return memory_format("%s%s%s", segment->stem, segment_file_suffix(file), suffix);
}

LOCK_UNCHECKED static struct segment *segment_new(const char *directory, int64_t base_offset)
{
    struct segment *segment = memory_alloc(sizeof *segment);
    atomic_init(&segment->references, 1);
    atomic_init(&segment->size, 0);
    atomic_init(&segment->indexes_open, false);
    lock_init(&segment->lock, LOCK_LOG_SEGMENT);
    segment->base_offset = base_offset;
    segment->stem = memory_format("%s/%020" PRId64, directory, base_offset);
    segment->fd = -1;
    segment->max = (struct time_entry){-1, base_offset};
    segment->first_timestamp = -1;
    index_file_init(&segment->offset_index, OFFSET_INDEX_ENTRY_SIZE);
    index_file_init(&segment->time_index, TIME_INDEX_ENTRY_SIZE);
    return segment;
}

struct segment *segment_ref(struct segment *segment)
{
    atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
    return segment;
}

void segment_unref(struct segment *segment)
{
    if (segment == NULL || atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) != 1)
        return;
    index_file_close(&segment->offset_index);
    index_file_close(&segment->time_index);
    if (segment->fd >= 0)
        file_calls()->close(segment->fd);
    lock_fini(&segment->lock);
    free(segment->stem);
    free(segment);
}

static int open_writable_index(const struct segment *segment, struct index_file *index, enum segment_file file,
                               int64_t size_max, bool keep)
{
    char *path = file_path(segment, file, "");
    int result = index_file_open_writable(index, path, size_max, keep);
    free(path);
    return result;
}

static int64_t pick_jitter(const struct log_config *config)
{
    int64_t limit = config->segment_jitter_ms < config->segment_ms ? config->segment_jitter_ms : config->segment_ms;
    if (limit <= 0)
        return 0;
    // Spreads rolls over time; predictability does no harm.
    return (int64_t)(((uint64_t)random() << 31 | (uint64_t)random()) % (uint64_t)limit);
}

int segment_make_writable(struct segment *segment, const struct log_config *config, int64_t now_ms, bool keep_indexes)
{
    assert(!segment->writable);
    index_file_close(&segment->offset_index);
    index_file_close(&segment->time_index);
    int result =
        open_writable_index(segment, &segment->offset_index, SEGMENT_INDEX, config->index_size_max, keep_indexes);
    if (result == 0)
        result = open_writable_index(segment, &segment->time_index, SEGMENT_TIME_INDEX, config->index_size_max,
                                     keep_indexes);
    if (result == 0 && config->preallocate && segment_size(segment) < config->segment_size_max) {
        result = file_calls()->allocate(segment->fd, config->segment_size_max);
        segment->preallocated = true;
    }
    if (result != 0)
        return result;
    segment->writable = true;
    segment->created_ms = now_ms;
    segment->jitter_ms = pick_jitter(config);
    atomic_store(&segment->indexes_open, true);
    return 0;
}

int segment_create(const char *directory, int64_t base_offset, const struct log_config *config, int64_t now_ms,
                   struct segment **created)
{
    struct segment *segment = segment_new(directory, base_offset);
    char *path = file_path(segment, SEGMENT_LOG, "");
    int result = segment->fd = file_calls()->open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    free(path);
    if (result >= 0)
        result = segment_make_writable(segment, config, now_ms, false);
    if (result < 0) {
        segment_unref(segment);
        return result;
    }
    lock_acquire(&segment->lock);
    segment->max_known = true;
    lock_release(&segment->lock);
    *created = segment;
    return 0;
}

int segment_open(const char *directory, int64_t base_offset, struct segment **opened)
{
    struct segment *segment = segment_new(directory, base_offset);
    char *path = file_path(segment, SEGMENT_LOG, "");
    int result = segment->fd = file_calls()->open(path, O_RDWR, 0);
    free(path);
    struct stat status;
    if (result >= 0)
        result = file_calls()->fstat(segment->fd, &status);
    if (result < 0) {
        segment_unref(segment);
        return result;
    }
    atomic_store(&segment->size, status.st_size);
    *opened = segment;
    return 0;
}

// A sealed segment's indexes are opened when first needed. What cannot be opened stays empty: reading then scans from
// the start of the segment, which is slow and right.
static void open_indexes(struct segment *segment)
{
    if (atomic_load_explicit(&segment->indexes_open, memory_order_acquire))
        return;
    lock_acquire(&segment->lock);
    if (!atomic_load_explicit(&segment->indexes_open, memory_order_relaxed)) {
        char *offset_path = file_path(segment, SEGMENT_INDEX, "");
        char *time_path = file_path(segment, SEGMENT_TIME_INDEX, "");
        if (index_file_open(&segment->offset_index, offset_path) != 0)
            index_file_close(&segment->offset_index);
        if (index_file_open(&segment->time_index, time_path) != 0)
            index_file_close(&segment->time_index);
        free(offset_path);
        free(time_path);
        atomic_store_explicit(&segment->indexes_open, true, memory_order_release);
    }
    lock_release(&segment->lock);
}

int segment_index_batch(struct segment *segment, int64_t position, size_t size, int64_t last_offset,
                        struct time_entry max, int32_t index_interval)
{
    lock_acquire(&segment->lock);
    if (position == 0) {
        segment->first_known = true;
        segment->first_timestamp = max.timestamp;
    }
    if (max.timestamp > segment->max.timestamp)
        segment->max = max;
    struct time_entry largest = segment->max;
    segment->max_known = true;
    lock_release(&segment->lock);
    int result = 0;
    if (segment->bytes_since_index_entry > index_interval && !index_file_is_full(&segment->offset_index)) {
        result = offset_index_append(&segment->offset_index, segment->base_offset, last_offset, position);
        if (result == 0)
            result = time_index_append(&segment->time_index, segment->base_offset, largest, false);
        segment->bytes_since_index_entry = 0;
    }
    segment->bytes_since_index_entry += (int64_t)size;
    return result;
}

// A file system takes space for a whole range at a fraction of what it costs block by block, which is a third of an
// append's time. If it refuses, the write itself takes what it needs.
static void reserve_ahead(struct segment *segment, int64_t position, int64_t end)
{
    if (end <= segment->reserved_end || end < RESERVE_FROM)
        return;
    int64_t reserved_end = end + (end < RESERVE_AHEAD_MAX ? end : RESERVE_AHEAD_MAX);
    int result = file_calls()->reserve(segment->fd, position, reserved_end - position);
    segment->reserved_end = result == 0 ? reserved_end : INT64_MAX;
}

int segment_write(struct segment *segment, struct iovec *pieces, int piece_count, size_t size, int64_t last_offset,
                  struct time_entry max, int32_t index_interval)
{
    assert(segment->writable);
    int64_t position = segment_size(segment);
    reserve_ahead(segment, position, position + (int64_t)size);
    int result = file_write_at(segment->fd, pieces, piece_count, position);
    if (result == 0)
        result = segment_index_batch(segment, position, size, last_offset, max, index_interval);
    if (result != 0) {
        int cut = file_calls()->truncate(segment->fd, position);
        (void)cut; // the directory goes offline anyway, and recovery cuts what is left behind
        segment->reserved_end = 0;
    }
    return result;
}

void segment_publish(struct segment *segment, size_t size)
{
    atomic_fetch_add_explicit(&segment->size, (int64_t)size, memory_order_release);
}

// The first batch's max timestamp, read from the file once.
static int64_t first_timestamp(struct segment *segment)
{
    lock_acquire(&segment->lock);
    bool known = segment->first_known;
    int64_t timestamp = segment->first_timestamp;
    lock_release(&segment->lock);
    if (known || segment_size(segment) == 0)
        return timestamp;
    int64_t position;
    struct batch_header header;
    if (segment_find(segment, segment->base_offset, segment_size(segment), &position, &header) == 0)
        timestamp = header.max_timestamp;
    lock_acquire(&segment->lock);
    segment->first_known = true;
    segment->first_timestamp = timestamp;
    lock_release(&segment->lock);
    return timestamp;
}

bool segment_must_roll(struct segment *segment, const struct log_config *config, size_t size, int64_t last_offset,
                       int64_t max_timestamp, int64_t now_ms)
{
    int64_t present = segment_size(segment);
    if (present > config->segment_size_max - (int64_t)size)
        return present > 0;
    if (last_offset - segment->base_offset > INT32_MAX)
        return true;
    if (present == 0)
        return false;
    if (index_file_is_full(&segment->offset_index) || time_index_is_full(&segment->time_index))
        return true;
    int64_t first = first_timestamp(segment);
    int64_t waited;
    if (first >= 0 && max_timestamp >= 0)
        waited = max_timestamp - first;
    else
        waited = now_ms - segment->created_ms;
    return waited > config->segment_ms - segment->jitter_ms;
}

int segment_seal(struct segment *segment)
{
    if (!segment->writable)
        return 0;
    segment->writable = false;
    struct time_entry max = segment_max_timestamp(segment);
    int result = 0;
    if (max.timestamp >= 0)
        result = time_index_append(&segment->time_index, segment->base_offset, max, true);
    if (result == 0)
        result = index_file_seal(&segment->offset_index);
    if (result == 0)
        result = index_file_seal(&segment->time_index);
    if (result == 0 && (segment->preallocated || segment_size(segment) >= RESERVE_FROM))
        result = file_calls()->truncate(segment->fd, segment_size(segment));
    return result;
}

int segment_sync(struct segment *segment)
{
    int result = file_calls()->sync(segment->fd);
    if (result == 0)
        result = index_file_sync(&segment->offset_index);
    if (result == 0)
        result = index_file_sync(&segment->time_index);
    return result;
}

void segment_close_index_descriptors(struct segment *segment)
{
    index_file_close_descriptor(&segment->offset_index);
    index_file_close_descriptor(&segment->time_index);
}

int segment_cut(struct segment *segment, int64_t position)
{
    return file_calls()->truncate(segment->fd, position);
}

// Scans from a position that an index gave. -EBADMSG when there is no batch, or one behind the offset: a wrong index.
static int scan_for(struct segment *segment, int64_t offset, int64_t from, int64_t end, int64_t *position,
                    struct batch_header *header)
{
    uint8_t piece[BATCH_SCANNER_HEADERS];
    struct batch_scanner scanner;
    batch_scanner_init(&scanner, segment->fd, from, end, false, piece, sizeof piece);
    enum scan_result found;
    bool first = true;
    while ((found = batch_scanner_next(&scanner, header)) == SCAN_BATCH) {
        if (from > 0 && first && header->base_offset > offset)
            return -EBADMSG;
        if (batch_last_offset(header) >= offset)
            break;
        first = false;
    }
    *position = scanner.position;
    switch (found) {
    case SCAN_BATCH:
        return 0;
    case SCAN_END:
        return -ENOENT;
    case SCAN_FAILED:
        return scanner.failure;
    default:
        return -EBADMSG;
    }
}

int segment_find(struct segment *segment, int64_t offset, int64_t end, int64_t *position, struct batch_header *header)
{
    open_indexes(segment);
    int64_t from = offset_index_lookup(&segment->offset_index, segment->base_offset, offset);
    if (from < 0 || from >= end)
        from = 0;
    int result = scan_for(segment, offset, from, end, position, header);
    if (result == -EBADMSG && from > 0)
        result = scan_for(segment, offset, 0, end, position, header);
    return result;
}

// The largest timestamp of the batches from a position on, or `max` if that is larger.
static struct time_entry scan_max_timestamp(struct segment *segment, int64_t from, struct time_entry max)
{
    uint8_t piece[BATCH_SCANNER_HEADERS];
    struct batch_scanner scanner;
    struct batch_header header;
    batch_scanner_init(&scanner, segment->fd, from, segment_size(segment), false, piece, sizeof piece);
    while (batch_scanner_next(&scanner, &header) == SCAN_BATCH) {
        if (header.max_timestamp > max.timestamp)
            max = (struct time_entry){header.max_timestamp, batch_last_offset(&header)};
    }
    return max;
}

void segment_restore_max_timestamp(struct segment *segment)
{
    open_indexes(segment);
    struct time_entry max = time_index_last(&segment->time_index, segment->base_offset);
    int64_t from = max.timestamp < 0 ? 0 : segment_last_indexed_position(segment);
    max = scan_max_timestamp(segment, from, max);
    lock_acquire(&segment->lock);
    segment->max = max;
    segment->max_known = true;
    lock_release(&segment->lock);
}

struct time_entry segment_max_timestamp(struct segment *segment)
{
    open_indexes(segment);
    lock_acquire(&segment->lock);
    bool known = segment->max_known;
    struct time_entry max = segment->max;
    lock_release(&segment->lock);
    if (known)
        return max;
    max = time_index_last(&segment->time_index, segment->base_offset);
    if (max.timestamp < 0) // the time index was lost
        max = scan_max_timestamp(segment, 0, max);
    lock_acquire(&segment->lock);
    if (!segment->max_known)
        segment->max = max;
    segment->max_known = true;
    max = segment->max;
    lock_release(&segment->lock);
    return max;
}

int64_t segment_last_indexed_position(struct segment *segment)
{
    open_indexes(segment);
    int64_t position = offset_index_last_position(&segment->offset_index);
    return position > 0 && position < segment_size(segment) ? position : 0;
}

int segment_modified_ms(struct segment *segment, int64_t *modified_ms)
{
    struct stat status;
    int result = file_calls()->fstat(segment->fd, &status);
    if (result == 0)
        *modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    return result;
}

int64_t segment_position_of_timestamp(struct segment *segment, int64_t timestamp)
{
    open_indexes(segment);
    struct time_entry entry = time_index_lookup(&segment->time_index, segment->base_offset, timestamp);
    if (entry.timestamp < 0)
        return 0;
    return offset_index_lookup(&segment->offset_index, segment->base_offset, entry.offset);
}

static int each_file(struct segment *segment, bool remove)
{
    int result = 0;
    for (int file = 0; result == 0 && file < SEGMENT_FILE_COUNT; file++) {
        char *from = file_path(segment, (enum segment_file)file, "");
        char *deleted = file_path(segment, (enum segment_file)file, ".deleted");
        result = remove ? file_calls()->unlink(deleted) : file_calls()->rename(from, deleted);
        if (result == -ENOENT)
            result = 0;
        free(from);
        free(deleted);
    }
    return result;
}

int segment_rename_deleted(struct segment *segment)
{
    return each_file(segment, false);
}

int segment_remove_deleted(struct segment *segment)
{
    return each_file(segment, true);
}
