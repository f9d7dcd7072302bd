// SPDX-License-Identifier: Apache-2.0
// A segment: the files of a log that share a base offset. .log holds batches of magic 2 one after the other, without
// header or padding (with preallocate=true zeros behind them while it is written, otherwise disk space that is not of
// the file yet); .index and .timeindex are in log/offset_index.h and log/time_index.h.
//
// Invariants: 1. Bytes below `size` are whole batches and never change; a segment that must shrink is opened anew as
// another struct segment. 2. An append that fails leaves the file as long as it was, or the directory is taken offline.
// 3. The indexes only make things faster: whatever they hold, what is found is checked against the batches.
//
// Reference counted: the log holds one reference, each slice one; the last one closes the files. One writer at a time
// (the log's append lock); readers in any number beside it.
#ifndef LOG_SEGMENT_H
#define LOG_SEGMENT_H

#include "base/lock.h"
#include "log/batch.h"
#include "log/index_file.h"
#include "log/log_config.h"
#include "log/time_index.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct segment {
    atomic_int references;
    int64_t base_offset;
    char *stem;           // path of the files without their suffix
    int fd;               // of .log
    _Atomic int64_t size; // bytes of .log that are batches

    struct lock lock; // guards the next four and the opening of the indexes
    bool max_known LOCK_GUARDED;
    struct time_entry max LOCK_GUARDED; // largest timestamp and the last offset of its batch; -1: none
    bool first_known LOCK_GUARDED;
    int64_t first_timestamp LOCK_GUARDED; // max timestamp of the first batch; -1: none

    atomic_bool indexes_open;
    struct index_file offset_index, time_index;

    // Only the writer's.
    bool writable;
    bool preallocated;
    int64_t reserved_end; // up to there .log has its disk space; INT64_MAX: not asked for any more
    int64_t bytes_since_index_entry;
    int64_t created_ms;
    int64_t jitter_ms;
};

enum segment_file { SEGMENT_LOG, SEGMENT_INDEX, SEGMENT_TIME_INDEX, SEGMENT_FILE_COUNT };

// ".log", ".index", ".timeindex".
const char *segment_file_suffix(enum segment_file file);

// Makes an empty segment, ready to be appended to; left-over files of the base are replaced. Returns 0 or -errno.
int segment_create(const char *directory, int64_t base_offset, const struct log_config *config, int64_t now_ms,
                   struct segment **segment) __attribute__((warn_unused_result));

// Opens the .log of one that is there, for reading; its indexes are opened when first used. Returns 0 or -errno.
int segment_open(const char *directory, int64_t base_offset, struct segment **segment)
    __attribute__((warn_unused_result));

// Readies an opened one for appending: extends its indexes, with or without the entries that they hold. Returns 0 or
// -errno.
int segment_make_writable(struct segment *segment, const struct log_config *config, int64_t now_ms, bool keep_indexes)
    __attribute__((warn_unused_result));

struct segment *segment_ref(struct segment *segment);
void segment_unref(struct segment *segment); // NULL is fine

static inline int64_t segment_size(struct segment *segment)
{
    return atomic_load_explicit(&segment->size, memory_order_acquire);
}

// Writes one append (whole batches, `size` bytes in the pieces) at the end and adds index entries; the new size becomes
// visible with segment_publish. max: the largest timestamp of the append. On failure the file has its old length again
// if that can be. Returns 0 or -errno.
int segment_write(struct segment *segment, struct iovec *pieces, int piece_count, size_t size, int64_t last_offset,
                  struct time_entry max, int32_t index_interval) __attribute__((warn_unused_result));
void segment_publish(struct segment *segment, size_t size);

// The index entries and largest timestamp for a batch that is in the file already (recovery). Returns 0 or -errno.
int segment_index_batch(struct segment *segment, int64_t position, size_t size, int64_t last_offset,
                        struct time_entry max, int32_t index_interval) __attribute__((warn_unused_result));

// Whether an append of `size` bytes, up to last_offset, with this largest timestamp needs a new segment first.
bool segment_must_roll(struct segment *segment, const struct log_config *config, size_t size, int64_t last_offset,
                       int64_t max_timestamp, int64_t now_ms);

// Ends writing: last entry of the time index, indexes cut, space of .log that was not used given back. Returns 0 or
// -errno.
int segment_seal(struct segment *segment) __attribute__((warn_unused_result));

// fsync of all its files. Not beside itself. Returns 0 or -errno.
int segment_sync(struct segment *segment) __attribute__((warn_unused_result));

// The descriptors of a sealed segment's indexes, once it was synced: they stay readable. Not beside segment_sync.
void segment_close_index_descriptors(struct segment *segment);

// Cuts .log at the position. The segment is not to be used any more but for unref. Returns 0 or -errno.
int segment_cut(struct segment *segment, int64_t position) __attribute__((warn_unused_result));

// Finds the first batch whose last offset is at or above the offset, below `end` bytes. Returns 0, -ENOENT when there
// is none, -EBADMSG when the file holds something else than batches of magic 2, or another -errno.
int segment_find(struct segment *segment, int64_t offset, int64_t end, int64_t *position, struct batch_header *header)
    __attribute__((warn_unused_result));

// The largest timestamp and the last offset of the batch that has it; timestamp -1: none known.
struct time_entry segment_max_timestamp(struct segment *segment);

// When .log was last changed, in ms since 1970. Returns 0 or -errno.
int segment_modified_ms(struct segment *segment, int64_t *modified_ms) __attribute__((warn_unused_result));

// Finds it anew from the indexes and the batches behind their last entries, before the first append to an opened one.
void segment_restore_max_timestamp(struct segment *segment);

// Where to look for the last batch: the position of the last .index entry, or 0.
int64_t segment_last_indexed_position(struct segment *segment);

// Where to look for a timestamp: the position of a batch before the first that can have it.
int64_t segment_position_of_timestamp(struct segment *segment, int64_t timestamp);

// Renames the files to .deleted / removes the .deleted files. A file that is not there is fine. Returns 0 or -errno.
int segment_rename_deleted(struct segment *segment) __attribute__((warn_unused_result));
int segment_remove_deleted(struct segment *segment) __attribute__((warn_unused_result));

#endif
