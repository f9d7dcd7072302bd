// SPDX-License-Identifier: Apache-2.0
// What a log knows of the producers with ids that wrote to it: their epochs, sequences and open transactions (KIP-98),
// and its file BASE.snapshot (the state up to that offset, exclusive):
//
//   at  size  field
//    0     2  version = 1
//    2     4  CRC-32C of all that follows
//    6     4  number of entries
//   10    46  per entry: int64 producer id, int16 epoch, int32 last sequence (-1), int64 last offset (-1), int32 offset
//             delta of the last batch, int64 timestamp of the last batch or marker, int32 coordinator epoch (-1), int64
//             first offset of the open transaction (-1)
//
// Guarded by the log's append lock, but for struct transaction_list, which the log's lock guards.
#ifndef LOG_PRODUCER_STATE_H
#define LOG_PRODUCER_STATE_H

#include "base/array.h"
#include "base/error.h"
#include "base/map.h"
#include "log/batch.h"
#include "log/batch_validator.h"

#include <stdbool.h>
#include <stdint.h>

enum { PRODUCER_BATCH_COUNT = 5 }; // batches that a retry is recognised by

struct producer_batch {
    int32_t last_sequence;
    int32_t offset_delta; // from the first to the last offset
    int64_t last_offset;
    int64_t timestamp;
};

struct producer {
    int64_t producer_id;
    int16_t epoch;
    uint8_t batch_count;
    struct producer_batch batches[PRODUCER_BATCH_COUNT]; // oldest first
    int64_t last_timestamp;
    int32_t coordinator_epoch;        // -1: no marker seen
    int64_t transaction_start_offset; // -1: none open
};

struct producer_state {
    struct map producers; // by producer id
};

// The last sequence, or -1.
int32_t producer_last_sequence(const struct producer *producer);

// What a control batch says.
enum marker_type { MARKER_ABORT = 0, MARKER_COMMIT = 1 };
struct transaction_marker {
    enum marker_type type;
    int32_t coordinator_epoch;
};

// Reads the marker of a whole control batch. Returns false when it is none (of a type that is not known, or malformed).
bool transaction_marker_read(struct view batch, const struct batch_header *header, struct transaction_marker *marker);

void producer_state_fini(struct producer_state *state);
void producer_state_clear(struct producer_state *state);

// Whether a batch may be appended (before offsets are assigned). marker: of a control batch, else NULL. A client's
// retry gives KAFKA_NONE and *duplicate, the batch that is there already.
enum kafka_error producer_state_check(const struct producer_state *state, const struct batch_header *header,
                                      enum append_origin origin, const struct transaction_marker *marker,
                                      const struct producer_batch **duplicate) __attribute__((warn_unused_result));

// The open and ended transactions of a log, by first offset.
struct transaction {
    int64_t first_offset;
    int64_t marker_offset; // -1: open
};
struct transaction_list {
    ARRAY_OF(struct transaction);
};

// What an appended batch did to its producer's transaction.
struct transaction_change {
    bool has_opened, has_ended;
    int64_t first_offset;
    int64_t marker_offset;
    enum marker_type type;
};

// Notes an appended batch, with its final offsets.
void producer_state_apply(struct producer_state *state, const struct batch_header *header,
                          const struct transaction_marker *marker, struct transaction_change *change);

// A producer without an open transaction expires `expiration_ms` after its last timestamp.
bool producer_is_expired(const struct producer *producer, int64_t now_ms, int64_t expiration_ms);

// Drops the expired ones.
void producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms);

// Writes the snapshot file / reads it, leaving out expired producers. Return 0, -errno, or -EBADMSG when it is
// malformed.
int producer_state_write(const struct producer_state *state, const char *path) __attribute__((warn_unused_result));
int producer_state_read(struct producer_state *state, const char *path, int64_t now_ms, int64_t expiration_ms)
    __attribute__((warn_unused_result));

void transaction_list_apply(struct transaction_list *list, const struct transaction_change *change);

// Fills the list with the open transactions of the state.
void transaction_list_rebuild(struct transaction_list *list, const struct producer_state *state);

// The first offset of the oldest transaction that is open or whose marker is not below the high watermark, or
// INT64_MAX. Forgets those before it.
int64_t transaction_list_first_unstable(struct transaction_list *list, int64_t high_watermark);

#endif
