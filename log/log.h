// SPDX-License-Identifier: Apache-2.0
// One partition's log: segments, epochs and producer state behind one door. Knows nothing of leaders and replicas: who
// may append, and how the high watermark moves, is the caller's decision; the log stores it and keeps it within
// [log start offset, log end offset].
//
// Thread-safety: every function may be called from every thread. Appends, truncation, rolling and retention are in
// order under the log's append lock; readers take only a short lock that no writer holds during input or output, so a
// read never waits for a write. Reference counted: log_manager_get and log_manager_create_log give a reference,
// log_unref gives it back.
//
// Errors: KAFKA_STORAGE_ERROR once the log's directory is offline (a file call failed; logged once, reported through
// the log manager), or for a replica directory that is refused by name; KAFKA_UNKNOWN_TOPIC_OR_PARTITION after the log
// was deleted. A storage error never leaves half a batch below the log end offset.
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include "base/error.h"
#include "base/uuid.h"
#include "base/view.h"
#include "log/batch_validator.h"
#include "log/log_config.h"
#include "log/log_slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct log;

struct log *log_ref(struct log *log);
void log_unref(struct log *log); // NULL is fine

// "TOPIC-PARTITION"; valid as long as the reference.
const char *log_name(const struct log *log);
const char *log_topic(const struct log *log);

bool log_is_offline(const struct log *log);

// The topic's id from partition.metadata; UUID_ZERO when the file is not there (written by Kafka 2.8).
struct uuid log_topic_id(struct log *log);

// Writes partition.metadata of a log without topic id. INCONSISTENT_TOPIC_ID when it has another one.
enum kafka_error log_set_topic_id(struct log *log, struct uuid topic_id) __attribute__((warn_unused_result));

void log_set_config(struct log *log, const struct log_config *config);
void log_get_config(struct log *log, struct log_config *config);

// ---- Appending

struct log_append_info {
    int64_t first_offset; // of what was appended (of the known batch for a duplicate)
    int64_t last_offset;
    int64_t max_timestamp;                    // the largest of the appended records
    int64_t log_append_time_ms;               // -1 unless the topic has LogAppendTime
    int64_t log_start_offset;                 // at that time
    int64_t log_end_offset;                   // after it
    bool is_duplicate;                        // an idempotent producer's retry: nothing was written
    const char *error_message;                // only on an error: for people, in the arena, or NULL
    struct batch_record_error *record_errors; // only on an error: in the arena
    int32_t record_error_count;
    bool has_invalid_timestamp; // one of the record errors is of the timestamp
};

// Appends one whole batch as leader: validates (batch_validate, outside the lock), checks the producer's sequence,
// assigns offsets and the leader epoch in the batch's bytes, which must be writable, and writes it with one gathered
// write. origin is APPEND_CLIENT or APPEND_COORDINATOR. Returns the validator's errors, RECORD_LIST_TOO_LARGE above
// segment.bytes, INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE,
// TRANSACTION_COORDINATOR_FENCED. A duplicate is KAFKA_NONE with is_duplicate. *info is filled in any case.
enum kafka_error log_append_as_leader(struct log *log, struct view batch, enum append_origin origin,
                                      int32_t leader_epoch, struct arena *arena, struct log_append_info *info)
    __attribute__((warn_unused_result));

// Appends whole batches as fetched from the leader, with their offsets and leader epochs; a partial batch at the end is
// left out. OFFSET_OUT_OF_RANGE when the first offset is below the log end offset, CORRUPT_MESSAGE for a wrong
// structure, crc or order (nothing is written then).
enum kafka_error log_append_as_follower(struct log *log, struct view records, struct log_append_info *info)
    __attribute__((warn_unused_result));

// ---- Reading

enum log_read_bound {
    LOG_READ_TO_LOG_END,           // followers
    LOG_READ_TO_HIGH_WATERMARK,    // consumers
    LOG_READ_TO_LAST_STABLE_OFFSET // consumers with read_committed
};

// The offsets of a log at one moment.
struct log_offsets {
    int64_t log_start_offset;
    int64_t last_stable_offset;
    int64_t high_watermark;
    int64_t log_end_offset;
};

struct log_read_info {
    struct log_offsets offsets;  // the slice is below the bound taken from these
    bool first_batch_incomplete; // size_max is too small for the first batch: the slice is empty
};

// The bytes from the batch that holds `offset` up to the bound, within one segment, `size_max` bytes at most (the last
// batch may be cut). min_one: the first batch is given whole even if it is larger. An offset between the bound and the
// log end offset gives an empty slice. OFFSET_OUT_OF_RANGE below the log start offset or above the log end offset
// (*info is filled then too). The slice is released by the caller.
enum kafka_error log_read(struct log *log, int64_t offset, size_t size_max, bool min_one, enum log_read_bound bound,
                          struct log_slice *slice, struct log_read_info *info) __attribute__((warn_unused_result));

// Cheap, and what waiting fetches look at.
void log_get_offsets(struct log *log, struct log_offsets *offsets);
int64_t log_end_offset(struct log *log);
int64_t log_start_offset(struct log *log);
int64_t log_high_watermark(struct log *log);

// Moves the high watermark, within the log's bounds. raise: only upwards; returns whether it moved.
bool log_raise_high_watermark(struct log *log, int64_t offset);
void log_set_high_watermark(struct log *log, int64_t offset);

struct log_timestamp_offset {
    int64_t offset;       // -1: none
    int64_t timestamp;    // -1: none
    int32_t leader_epoch; // of that record, -1: none
};

// The first record at or after the log start offset whose timestamp is at least `timestamp` (ListOffsets). It may be
// above the high watermark: what a client may see is the caller's decision.
enum kafka_error log_find_timestamp(struct log *log, int64_t timestamp, struct log_timestamp_offset *found)
    __attribute__((warn_unused_result));

// The record with the largest timestamp (KIP-734).
enum kafka_error log_find_max_timestamp(struct log *log, struct log_timestamp_offset *found)
    __attribute__((warn_unused_result));

// ListOffsets 0: where segments begin, newest first, count_max at most. Per segment its base offset (or the log start
// offset if that is higher) and the time when its file was last written; and the log end offset with the time now, when
// the last segment is not empty. timestamp -1 begins with the last of these, -2 with the first, any other with the last
// whose time is not after it. Returns how many.
size_t log_list_offsets_before(struct log *log, int64_t timestamp, size_t count_max, int64_t *offsets);

// Bytes of all segments (DescribeLogDirs).
int64_t log_size(struct log *log);
size_t log_segment_count(struct log *log);

// ---- Leader epochs (FORMAT: leader-epoch-checkpoint)

// Notes that the epoch begins at the offset: when becoming leader, with the log end offset. It is in the file before
// the next append is: until then the next start would not look at it.
enum kafka_error log_assign_leader_epoch(struct log *log, int32_t leader_epoch, int64_t start_offset)
    __attribute__((warn_unused_result));

// The newest epoch, or -1 without any.
int32_t log_latest_leader_epoch(struct log *log);

// The epoch of the record at the offset, or -1.
int32_t log_leader_epoch_of_offset(struct log *log, int64_t offset);

// OffsetForLeaderEpoch (KIP-101, KIP-279): the largest known epoch at or below the asked one, and where it ends.
// -1 and -1 when unknown.
void log_end_offset_of_leader_epoch(struct log *log, int32_t leader_epoch, int32_t *found_epoch, int64_t *end_offset);

// ---- Shortening

// Removes everything at and above the offset (a follower that diverged). Also lowers high watermark and recovery point.
enum kafka_error log_truncate(struct log *log, int64_t offset) __attribute__((warn_unused_result));

// Empties the log, which then begins at the offset.
enum kafka_error log_truncate_fully(struct log *log, int64_t new_start_offset) __attribute__((warn_unused_result));

// DeleteRecords (KIP-107): raises the log start offset; files go with the next retention check. -1: the high watermark.
// OFFSET_OUT_OF_RANGE above the high watermark. *log_start_offset: the new one. Lower than the present: nothing
// happens.
enum kafka_error log_delete_records(struct log *log, int64_t offset, int64_t *log_start_offset)
    __attribute__((warn_unused_result));

// Removes what retention allows to go: by start offset always, by size and time unless the topic is compacted.
// *removed_count: segments.
enum kafka_error log_apply_retention(struct log *log, int64_t now_ms, size_t *removed_count)
    __attribute__((warn_unused_result));

// ---- Flushing

// Makes everything below the present log end offset last (fsync); raises the recovery point. A failure takes the
// directory offline and is never retried.
enum kafka_error log_flush(struct log *log) __attribute__((warn_unused_result));

// ---- Producers

struct log_producer {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t last_sequence; // -1: none
    int64_t last_timestamp;
    int32_t coordinator_epoch;                // -1: none
    int64_t current_transaction_start_offset; // -1: none
};

// The producers whose state is known (DescribeProducers, KIP-664), in the arena. *producers is NULL when there is none;
// a full arena gives the first *count of them.
void log_list_producers(struct log *log, struct arena *arena, struct log_producer **producers, size_t *count);

#endif
