// SPDX-License-Identifier: Apache-2.0
// Where each leader epoch began in a log (KIP-101), and its file leader-epoch-checkpoint:
//
//   0                     the version
//   2                     how many entries follow
//   EPOCH START_OFFSET    one line each, both rising strictly
//
// A plain value: the log's lock guards it, the log's append lock orders its changes and the writing of its file.
#ifndef LOG_LEADER_EPOCH_CACHE_H
#define LOG_LEADER_EPOCH_CACHE_H

#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>

struct leader_epoch {
    int32_t epoch;
    int64_t start_offset;
};

struct leader_epoch_cache {
    ARRAY_OF(struct leader_epoch);
};

// Reads the file; one that is not there gives no entries. Returns 0, -errno or -EBADMSG when it is malformed.
int leader_epoch_cache_read(struct leader_epoch_cache *cache, const char *path) __attribute__((warn_unused_result));
// Replaces the file; the directory is the caller's to sync.
int leader_epoch_cache_write(const struct leader_epoch_cache *cache, const char *path)
    __attribute__((warn_unused_result));
void leader_epoch_cache_fini(struct leader_epoch_cache *cache);

int32_t leader_epoch_cache_latest(const struct leader_epoch_cache *cache); // -1: none

// Notes that the epoch begins there; drops entries of this or a higher epoch or at or above the offset. Returns whether
// anything changed.
bool leader_epoch_cache_assign(struct leader_epoch_cache *cache, int32_t epoch, int64_t start_offset);

// In recovery: assigns when the epoch is above the newest known one. Returns whether it was.
bool leader_epoch_cache_extend(struct leader_epoch_cache *cache, int32_t epoch, int64_t start_offset);

// Drops entries that start at or above the offset / of those that start at or below it all but the last, which then
// starts there. Return whether anything changed.
bool leader_epoch_cache_truncate_end(struct leader_epoch_cache *cache, int64_t offset);
bool leader_epoch_cache_truncate_start(struct leader_epoch_cache *cache, int64_t offset);

// The epoch of the record at the offset, or -1.
int32_t leader_epoch_cache_epoch_of(const struct leader_epoch_cache *cache, int64_t offset);

// The largest epoch at or below the asked one and where it ends; -1 and -1 when undefined (KIP-279).
void leader_epoch_cache_end_offset(const struct leader_epoch_cache *cache, int32_t epoch, int64_t log_end_offset,
                                   int32_t *found_epoch, int64_t *end_offset);

#endif
