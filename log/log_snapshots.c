// SPDX-License-Identifier: Apache-2.0
// The .snapshot files of a log: which are kept, and how the producer state of an offset is made from one and the
// batches behind it.
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/batch_scanner.h"
#include "log/log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *snapshot_path(const struct log *log, int64_t offset, const char *suffix)
{
    return memory_format("%s/%020" PRId64 ".snapshot%s", log->path, offset, suffix);
}

static void forget_snapshot(struct log *log, size_t at)
{
    log->snapshots.count--;
    memmove(log->snapshots.items + at, log->snapshots.items + at + 1,
            (log->snapshots.count - at) * sizeof *log->snapshots.items);
}

// Where the offset is, or belongs, in the list.
static size_t find_snapshot(const struct log *log, int64_t offset)
{
    size_t at = 0;
    while (at < log->snapshots.count && log->snapshots.items[at] < offset)
        at++;
    return at;
}

static bool has_snapshot(const struct log *log, int64_t offset)
{
    size_t at = find_snapshot(log, offset);
    return at < log->snapshots.count && log->snapshots.items[at] == offset;
}

int log_take_snapshot(struct log *log, int64_t offset)
{
    char *path = snapshot_path(log, offset, "");
    int result = producer_state_write(&log->producers, path);
    free(path);
    if (result == 0 && !has_snapshot(log, offset)) {
        *array_append(&log->snapshots) = offset;
        size_t at = find_snapshot(log, offset);
        if (log->snapshots.items[at] != offset) {
            memmove(log->snapshots.items + at + 1, log->snapshots.items + at,
                    (log->snapshots.count - 1 - at) * sizeof *log->snapshots.items);
            log->snapshots.items[at] = offset;
        }
    }
    return result;
}

int log_sync_snapshot(struct log *log, int64_t offset)
{
    char *path = snapshot_path(log, offset, "");
    int fd = file_calls()->open(path, O_RDWR, 0);
    free(path);
    if (fd < 0)
        return fd;
    int result = file_calls()->sync(fd);
    file_calls()->close(fd);
    return result == 0 ? file_sync_directory(log->path) : result;
}

int log_remove_snapshot(struct log *log, int64_t offset)
{
    if (!has_snapshot(log, offset))
        return 0;
    forget_snapshot(log, find_snapshot(log, offset));
    char *path = snapshot_path(log, offset, "");
    int result = file_calls()->unlink(path);
    free(path);
    return result == -ENOENT ? 0 : result;
}

int log_retire_snapshot(struct log *log, int64_t offset, int64_t delay_ms)
{
    if (!has_snapshot(log, offset))
        return 0;
    forget_snapshot(log, find_snapshot(log, offset));
    char *path = snapshot_path(log, offset, ""), *deleted = snapshot_path(log, offset, ".deleted");
    int result = file_calls()->rename(path, deleted);
    free(path);
    if (result == 0)
        log_directory_remove_file_later(log->directory, deleted, delay_ms);
    else
        free(deleted);
    return result == -ENOENT ? 0 : result;
}

int log_remove_stray_snapshots(struct log *log)
{
    int64_t last_base = log_active_segment(log)->base_offset;
    int result = 0;
    for (size_t i = log->snapshots.count; result == 0 && i > 0; i--) {
        int64_t offset = log->snapshots.items[i - 1];
        bool is_newest = i == log->snapshots.count && offset > last_base;
        bool is_base = log->segments.items[log_segment_index_of(log, offset)]->base_offset == offset;
        if (!is_newest && !is_base)
            result = log_remove_snapshot(log, offset);
    }
    return result;
}

// Applies the batches of the segment that lie in [from, to). What cannot be read as a batch ends it.
static int apply_segment(struct log *log, struct segment *segment, int64_t from, int64_t to)
{
    struct batch_header header;
    int64_t position;
    int result = segment_find(segment, from, segment_size(segment), &position, &header);
    if (result != 0)
        return result == -ENOENT || result == -EBADMSG ? 0 : result;
    struct batch_scanner scanner;
    batch_scanner_init(&scanner, segment->fd, position, segment_size(segment), false, NULL, BATCH_SCANNER_SEQUENTIAL);
    enum scan_result found = SCAN_END;
    while (result == 0 && (found = batch_scanner_next(&scanner, &header)) == SCAN_BATCH && header.base_offset < to) {
        if (!batch_has_producer_id(&header))
            continue;
        struct transaction_marker marker;
        bool is_marker = false;
        if (batch_is_control(&header)) {
            uint8_t *batch = batch_scanner_read(&scanner, &header);
            if (batch == NULL)
                result = scanner.failure;
            else
                is_marker = transaction_marker_read(view_of(batch, (size_t)batch_size(&header)), &header, &marker);
            free(batch);
        }
        struct transaction_change change;
        producer_state_apply(&log->producers, &header, is_marker ? &marker : NULL, &change);
    }
    if (found == SCAN_FAILED)
        result = scanner.failure;
    batch_scanner_fini(&scanner);
    return result;
}

// Loads the newest snapshot that is good; bad ones are removed. *from: its offset, or the log start offset.
static int load_newest(struct log *log, int64_t now_ms, int64_t *from)
{
    while (log->snapshots.count > 0) {
        int64_t offset = log->snapshots.items[log->snapshots.count - 1];
        char *path = snapshot_path(log, offset, "");
        int result = producer_state_read(&log->producers, path, now_ms, log->directory->producer_id_expiration_ms);
        if (result == 0) {
            *from = offset;
            free(path);
            return 0;
        }
        if (result != -EBADMSG && result != -ENOENT && result != -EFBIG) {
            free(path);
            return result;
        }
        logger_warn("Removing %s, which is not readable: the producer state is rebuilt from the log", path);
        free(path);
        result = log_remove_snapshot(log, offset);
        if (result != 0)
            return result;
    }
    producer_state_clear(&log->producers);
    *from = log->log_start_offset;
    return 0;
}

int log_rebuild_producers(struct log *log, int64_t offset, int64_t now_ms)
{
    int result = 0;
    for (size_t i = log->snapshots.count; result == 0 && i > 0; i--) {
        int64_t at = log->snapshots.items[i - 1];
        if (at > offset || at <= log->log_start_offset)
            result = log_remove_snapshot(log, at);
    }
    int64_t from;
    if (result == 0)
        result = load_newest(log, now_ms, &from);
    if (result != 0 || from >= offset)
        return result;
    for (size_t i = log_segment_index_of(log, from); result == 0 && i < log->segments.count; i++) {
        struct segment *segment = log->segments.items[i];
        if (segment->base_offset >= offset)
            break;
        if (segment->base_offset > from && i + 2 >= log->segments.count)
            result = log_take_snapshot(log, segment->base_offset);
        if (result == 0)
            result = apply_segment(log, segment, from, offset);
    }
    return result;
}
