// SPDX-License-Identifier: Apache-2.0
// One partition's log, seen from inside (log/log.h is its door).
//
// Invariants:
//  1. log_start_offset <= high_watermark <= log_end_offset; recovery_point <= log_end_offset.
//  2. Segments rise by base offset and there is at least one; the last one, and only it, is written to.
//  3. Whoever changes segments, offsets or epochs holds append_lock AND takes lock for the change itself; so the holder
//     of append_lock reads them without lock, and a reader needs lock only. The high watermark needs lock only.
//  4. No file call is made under lock.
//  5. Whoever cuts the log's end holds flush_lock too, so that a flush never raises the recovery point over lost bytes.
//  6. After a failed file call nothing of the log is written any more (its directory is offline).
#ifndef LOG_LOG_INTERNAL_H
#define LOG_LOG_INTERNAL_H

#include "base/array.h"
#include "base/lock.h"
#include "log/leader_epoch_cache.h"
#include "log/log.h"
#include "log/log_directory.h"
#include "log/producer_state.h"
#include "log/segment.h"

#include <stdatomic.h>

enum { TAIL_BATCH_COUNT = 8 };

// Where recently appended batches lie, so that reading at the end of the log costs no look into files.
struct tail_batch {
    const struct segment *segment; // NULL: unused; only compared
    int64_t base_offset;
    int64_t last_offset;
    int64_t position;
    size_t size;
};

struct segment_list {
    ARRAY_OF(struct segment *);
};

struct log {
    atomic_int references;
    char *name, *topic;
    int32_t partition;
    struct log_directory *directory;

    struct lock append_lock; // orders all changes; guards the next ones
    char *path;
    bool is_deleted;
    struct uuid topic_id;
    struct producer_state producers;
    bool epochs_are_ahead; // of their file, by what lies at the end of the log: written before the next append
    struct {
        ARRAY_OF(int64_t);
    } snapshots; // offsets of the .snapshot files, rising

    struct lock flush_lock;    // one flush at a time
    atomic_bool names_changed; // the directory has names that were not synced
    atomic_bool is_new;        // and so may its own name be

    struct lock lock; // short; guards the rest
    struct log_config config;
    struct segment_list segments;
    int64_t log_start_offset;
    int64_t log_end_offset;
    int64_t high_watermark;
    int64_t high_watermark_position; // in the segment that holds it; -1: not known
    int64_t first_unstable_offset;   // INT64_MAX: none
    int64_t recovery_point;
    int64_t last_flush_ms;
    struct leader_epoch_cache epochs;
    struct transaction_list transactions;
    struct tail_batch tail[TAIL_BATCH_COUNT];
    size_t tail_next;
};

static inline struct segment *log_active_segment(const struct log *log)
{
    return log->segments.items[log->segments.count - 1];
}

// The index of the last segment whose base offset is at or below the offset, or 0. Holder of lock or append_lock.
size_t log_segment_index_of(const struct log *log, int64_t offset);

// Whether the segment is still the log's: one that was cut or replaced meanwhile may hold anything. Takes lock.
bool log_has_segment(struct log *log, const struct segment *segment);

// A path inside the log's directory (free() it). Holder of append_lock, or while loading.
char *log_path_of(const struct log *log, const char *file);

// NONE, KAFKA_STORAGE_ERROR when the directory is offline, UNKNOWN_TOPIC_OR_PARTITION when deleted. Holder of
// append_lock.
enum kafka_error log_check_usable(const struct log *log);

// Holder of lock: what follows from the high watermark and the transactions.
void log_update_first_unstable(struct log *log);
void log_set_high_watermark_locked(struct log *log, int64_t offset);
int64_t log_last_stable_offset_locked(const struct log *log);

// Holder of append_lock.
enum kafka_error log_roll(struct log *log, const struct log_config *config, int64_t new_base_offset, int64_t now_ms)
    __attribute__((warn_unused_result));
enum kafka_error log_write_epochs(struct log *log) __attribute__((warn_unused_result));

// log_snapshots.c; holder of append_lock, or while loading. Return 0 or -errno.
int log_take_snapshot(struct log *log, int64_t offset) __attribute__((warn_unused_result));
// Makes the snapshot and its name last.
int log_sync_snapshot(struct log *log, int64_t offset) __attribute__((warn_unused_result));
int log_remove_snapshot(struct log *log, int64_t offset) __attribute__((warn_unused_result));
// Renames it to .deleted and has it removed later; none there is fine.
int log_retire_snapshot(struct log *log, int64_t offset, int64_t delay_ms) __attribute__((warn_unused_result));
// Removes those that are neither at a segment's base nor the newest above the last base.
int log_remove_stray_snapshots(struct log *log) __attribute__((warn_unused_result));
// The producer state at the offset: the newest good snapshot at or below it, then the batches behind it.
int log_rebuild_producers(struct log *log, int64_t offset, int64_t now_ms) __attribute__((warn_unused_result));

// log_loader.c
enum log_load_result { LOG_LOADED, LOG_REFUSED, LOG_FAILED };

struct log_load_options {
    bool is_clean;          // the directory was closed cleanly
    bool is_new;            // nothing is there yet
    int64_t recovery_point; // from the checkpoint files; -1: absent
    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t now_ms;
};

struct log *log_new(struct log_directory *directory, const char *topic, int32_t partition,
                    const struct log_config *config);

// LOG_REFUSED: *reason (free() it) says what is not served; nothing was changed. LOG_FAILED: the directory is offline.
enum log_load_result log_load(struct log *log, const struct log_load_options *options, char **reason)
    __attribute__((warn_unused_result));

// Clean stop: flush, last index entries, snapshot. Nobody else uses the log any more.
enum kafka_error log_close(struct log *log) __attribute__((warn_unused_result));

#endif
