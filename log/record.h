// SPDX-License-Identifier: Apache-2.0
// The records inside a batch of magic 2: a reader over one batch, whatever its codec, and the writer's half of the
// format (log/batch_builder.h makes whole batches of it).
//
// A record: varint length of the rest, int8 attributes, varlong timestamp delta, varint offset delta, varint key length
// (-1 null), key, varint value length (-1 null), value, varint header count, and per header varint key length, key,
// varint value length (-1 null), value. Varints are zigzag.
#ifndef LOG_RECORD_H
#define LOG_RECORD_H

#include "base/error.h"
#include "base/view.h"
#include "log/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
    int64_t offset;
    int64_t timestamp;
    int32_t offset_delta;
    struct view key, value; // null views for null; valid until the next call of the reader
    struct view headers;    // encoded, behind their count
    int32_t header_count;
};

struct record_header {
    struct view key, value;
};

struct record_reader;

// Opens a reader over one whole batch whose header is `header` (crc already checked); the bytes stay the caller's.
// record_size_max bounds what one record may take when decompressed (a larger one ends with an error). NULL when the
// codec is unknown or memory is gone. Confined to the thread that uses it.
struct record_reader *record_reader_create(struct view batch, const struct batch_header *header, size_t record_size_max)
    __attribute__((warn_unused_result));

// Bounds what all of a compressed batch may expand to; without a limit that is the reader's patience.
void record_reader_limit(struct record_reader *reader, size_t content_size_max);
void record_reader_destroy(struct record_reader *reader);

// What record_reader_next found.
enum record_result {
    RECORD_FOUND,
    RECORD_END,       // all records were read and nothing is behind them
    RECORD_INVALID,   // the structure is wrong, the count does not agree, bytes are left over (INVALID_RECORD)
    RECORD_TOO_LARGE, // the batch expands to more than record_reader_limit allows (MESSAGE_TOO_LARGE)
    RECORD_UNREADABLE // the compressed stream is broken, or a varint is too long (UNKNOWN_SERVER_ERROR to a client)
};
enum record_result record_reader_next(struct record_reader *reader, struct record *record);

// Like record_reader_next, but key, value and headers are only walked over: of the views only whether the key is null
// is told, and a compressed record may be of any size.
enum record_result record_reader_skip(struct record_reader *reader, struct record *record);

// Takes the next header off *headers (a record's encoded headers). Returns false when none is left.
bool record_header_next(struct view *headers, struct record_header *header);

// Zigzag varints. decode: returns how many bytes were taken, 0 when `size` bytes end before it does, -1 when it is
// longer than a 32 (64) bit number can be.
int varint_decode(const uint8_t *bytes, size_t size, int32_t *value);
int varlong_decode(const uint8_t *bytes, size_t size, int64_t *value);
size_t varint_encode(uint8_t *bytes, int32_t value);  // at most 5 bytes
size_t varlong_encode(uint8_t *bytes, int64_t value); // at most 10 bytes

#endif
