// SPDX-License-Identifier: Apache-2.0
// .timeindex: how a segment's largest timestamp grew. 12 bytes per entry, both columns rising:
//
//   at  size  field
//    0     8  largest timestamp in the segment up to here
//    8     4  offset - base offset: the last offset of the batch that has it
//
// A sealed segment's last entry is its largest timestamp. Threads: as log/index_file.h.
#ifndef LOG_TIME_INDEX_H
#define LOG_TIME_INDEX_H

#include "log/index_file.h"

#include <stdbool.h>
#include <stdint.h>

enum { TIME_INDEX_ENTRY_SIZE = 12 };

struct time_entry {
    int64_t timestamp; // -1: none
    int64_t offset;
};

// The greatest entry at or below the timestamp, or {-1, base_offset}.
struct time_entry time_index_lookup(struct index_file *index, int64_t base_offset, int64_t timestamp);

// The last entry, or {-1, base_offset}.
struct time_entry time_index_last(struct index_file *index, int64_t base_offset);

// Adds an entry if its timestamp is above the last one's. at_end: as the last of a segment, for which one slot is kept
// free. Returns 0 or -errno.
int time_index_append(struct index_file *index, int64_t base_offset, struct time_entry entry, bool at_end)
    __attribute__((warn_unused_result));

// Full: all slots but the one for the last entry are taken.
bool time_index_is_full(struct index_file *index);

// Drops the entries at and above the offset.
void time_index_truncate(struct index_file *index, int64_t base_offset, int64_t offset);

#endif
