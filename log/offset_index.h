// SPDX-License-Identifier: Apache-2.0
// .index: where in a segment's .log to look for an offset. Sparse, 8 bytes per entry, both columns rising:
//
//   at  size  field
//    0     4  offset - base offset of the segment: the LAST offset of the data appended at the position
//    4     4  position in .log where that data begins
//
// Threads: as log/index_file.h.
#ifndef LOG_OFFSET_INDEX_H
#define LOG_OFFSET_INDEX_H

#include "log/index_file.h"

#include <stdint.h>

enum { OFFSET_INDEX_ENTRY_SIZE = 8 };

// The position to scan from for the offset: that of the greatest entry at or below it, or 0.
int64_t offset_index_lookup(struct index_file *index, int64_t base_offset, int64_t offset);

// Position of the last entry, or 0.
int64_t offset_index_last_position(struct index_file *index);

// Adds an entry. Returns 0 (also when it is not above the last one: then nothing is added) or -errno.
int offset_index_append(struct index_file *index, int64_t base_offset, int64_t last_offset, int64_t position)
    __attribute__((warn_unused_result));

// Drops the entries at and above the offset.
void offset_index_truncate(struct index_file *index, int64_t base_offset, int64_t offset);

#endif
