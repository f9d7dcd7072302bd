// SPDX-License-Identifier: Apache-2.0
// The checkpoint files of a log directory (recovery-point-offset-checkpoint and its kind): text,
//
//   0                          the version
//   2                          how many entries follow
//   TOPIC PARTITION OFFSET     one line each, in no order
//
// An empty file has no entries, a missing one neither. Replaced whole: a crash leaves the old or the new one.
// Plain values: the owner of a struct checkpoint holds the lock that guards it.
#ifndef LOG_CHECKPOINT_H
#define LOG_CHECKPOINT_H

#include "base/array.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct checkpoint_entry {
    char *topic;
    int32_t partition;
    int64_t offset;
};

struct checkpoint {
    ARRAY_OF(struct checkpoint_entry);
};

#define CHECKPOINT_EMPTY ((struct checkpoint){NULL, 0, 0})

void checkpoint_append(struct checkpoint *checkpoint, const char *topic, int32_t partition, int64_t offset);
void checkpoint_fini(struct checkpoint *checkpoint);

// The entry's offset, or `absent`. The entries must be sorted.
int64_t checkpoint_find(const struct checkpoint *checkpoint, struct view topic, int32_t partition, int64_t absent);
void checkpoint_sort(struct checkpoint *checkpoint);

// Whether two sorted ones say the same.
bool checkpoint_equal(const struct checkpoint *a, const struct checkpoint *b);

// Reads the file into *checkpoint (sorted). A file that is not there gives no entries. Returns 0, -errno, or -EBADMSG
// for a wrong version, a malformed line or a wrong count; *line_number then says where.
int checkpoint_read(const char *path, struct checkpoint *checkpoint, int *line_number)
    __attribute__((warn_unused_result));

// Replaces the file (PATH.tmp, fsync, rename, fsync of the directory). Returns 0 or -errno.
int checkpoint_write(const char *path, const struct checkpoint *checkpoint) __attribute__((warn_unused_result));

#endif
