// SPDX-License-Identifier: Apache-2.0
// Repairs one segment after a crash: its batches are read one by one and checked; at the first that is not whole and
// right the file is cut; both indexes are made anew. Nothing is changed before the whole segment was read.
#ifndef LOG_SEGMENT_RECOVERY_H
#define LOG_SEGMENT_RECOVERY_H

#include "log/log_internal.h"

enum recovery_result {
    RECOVERY_DONE,
    RECOVERY_NOT_SERVED, // the segment holds what is not served yet; it was not changed
    RECOVERY_FAILED      // a file call failed
};

struct recovery {
    int64_t next_offset;      // in: the least that the first batch may have; out: behind the last batch
    int64_t end_offset;       // in: where the next segment begins, INT64_MAX without one: no batch may reach it
    bool has_lost_bytes;      // out: the file was cut
    bool epochs_have_changed; // out
    const char *reason;       // out, with RECOVERY_NOT_SERVED
    int failure;              // out, with RECOVERY_FAILED: -errno
};

// Recovers the log's segment and makes it writable. Its batches are applied to the log's producer state when
// `apply_producers` is set, and to its epoch cache. Only while loading.
enum recovery_result segment_recover(struct log *log, struct segment *segment, bool apply_producers, int64_t now_ms,
                                     struct recovery *recovery) __attribute__((warn_unused_result));

#endif
