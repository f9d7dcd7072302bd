// SPDX-License-Identifier: Apache-2.0
// A record batch of magic 2 as bytes: its header, and what may change in place.
//
//   at  size  field
//    0     8  base offset                                   \ not covered by the crc: set by the leader
//    8     4  length: bytes after this field                 |
//   12     4  partition leader epoch                        /
//   16     1  magic = 2
//   17     4  crc: CRC-32C from 21 to the end
//   21     2  attributes: bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
//   23     4  last offset delta
//   27     8  base timestamp (with bit 6: the delete horizon)
//   35     8  max timestamp
//   43     8  producer id, or -1
//   51     2  producer epoch, or -1
//   53     4  base sequence, or -1
//   57     4  record count
//   61        records (with a codec: one compressed stream)
//
// All functions are pure: they read or change only the bytes that they are given.
#ifndef LOG_BATCH_H
#define LOG_BATCH_H

#include "base/error.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BATCH_OVERHEAD = 12,     // base offset and length, before what `length` counts
    BATCH_HEADER_SIZE = 61,  // of magic 2
    BATCH_MAGIC_OFFSET = 16, // the same place in every magic
    BATCH_LENGTH_MIN = 14,   // smallest length of any magic (an empty message of magic 0)
    BATCH_CRC_START = 21     // what the crc covers begins here
};

enum batch_attributes {
    BATCH_CODEC_MASK = 0x07,
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40
};

struct batch_header {
    int64_t base_offset;
    int32_t length; // bytes after the length field
    int32_t leader_epoch;
    int8_t magic;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp; // or the delete horizon
    int64_t max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

// What the first bytes of `bytes` are.
enum batch_state {
    BATCH_COMPLETE,   // a whole batch of magic 2; the header is filled
    BATCH_INCOMPLETE, // too short for what it says of itself; size_needed, when known, is what the whole takes
    BATCH_OLD_MAGIC,  // a whole message of magic 0 or 1; only base_offset, length and magic are filled
    BATCH_CORRUPT     // a length below the smallest, or a magic that nobody knows
};

// Reads the header in front of `bytes`; does not check the crc. *header is filled as the state says.
enum batch_state batch_header_read(struct view bytes, struct batch_header *header);

// Reads the header alone, of a batch of magic 2 that may continue beyond `bytes` (at least BATCH_HEADER_SIZE of them).
void batch_header_decode(const uint8_t *bytes, struct batch_header *header);

// The length field of at least BATCH_OVERHEAD bytes.
int32_t batch_length(const uint8_t *bytes);

static inline int64_t batch_size(const struct batch_header *header)
{
    return (int64_t)header->length + BATCH_OVERHEAD;
}

// These two wrap for a hostile header: then they are below the base offset.
static inline int64_t batch_last_offset(const struct batch_header *header)
{
    return (int64_t)((uint64_t)header->base_offset + (uint64_t)(int64_t)header->last_offset_delta);
}

static inline int64_t batch_next_offset(const struct batch_header *header)
{
    return (int64_t)((uint64_t)batch_last_offset(header) + 1);
}

// Sequences wrap from 2^31-1 to 0. -1 when the batch has none.
int32_t batch_last_sequence(const struct batch_header *header);

static inline bool batch_is_transactional(const struct batch_header *header)
{
    return (header->attributes & BATCH_TRANSACTIONAL) != 0;
}

static inline bool batch_is_control(const struct batch_header *header)
{
    return (header->attributes & BATCH_CONTROL) != 0;
}

static inline bool batch_has_log_append_time(const struct batch_header *header)
{
    return (header->attributes & BATCH_LOG_APPEND_TIME) != 0;
}

static inline bool batch_has_producer_id(const struct batch_header *header)
{
    return header->producer_id > -1;
}

// Whether the crc matches. `batch` is one whole batch of magic 2.
bool batch_crc_is_valid(struct view batch);

// Change in place what the crc does not cover.
void batch_set_base_offset(uint8_t *batch, int64_t base_offset);
void batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch);

// Sets the timestamp type and the max timestamp of one whole batch and computes its crc anew, unless both are so
// already. With LogAppendTime the max timestamp is that of every record.
void batch_set_timestamp(uint8_t *batch, bool log_append_time, int64_t max_timestamp);

// Writes the header and computes the crc over it and the records behind it. header->length and header->crc are set.
void batch_header_write(uint8_t *batch, size_t size, struct batch_header *header);

#endif
