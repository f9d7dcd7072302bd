// SPDX-License-Identifier: Apache-2.0
// What a leader checks of a produced batch, and what it changes in it before it is appended. The cases and their
// answers are those of Apache Kafka 3.9 (test/golden/records/produce-checks.jsonl). Thread-safe: no state.
#ifndef LOG_BATCH_VALIDATOR_H
#define LOG_BATCH_VALIDATOR_H

#include "base/error.h"
#include "base/view.h"
#include "log/batch.h"
#include "log/compression.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum append_origin {
    APPEND_CLIENT,      // a Produce request: everything is checked
    APPEND_COORDINATOR, // the group or transaction coordinator of this broker: its own batches
    APPEND_REPLICATION  // a follower's fetch: only structure and crc
};

// How a topic takes batches.
struct batch_rules {
    enum append_origin origin;
    int32_t message_size_max;           // max.message.bytes
    bool compression_is_set;            // compression.type is other than "producer"
    enum compression_codec compression; // then this codec
    int32_t compression_level;          // of that codec, or COMPRESSION_LEVEL_DEFAULT
    bool log_append_time;               // message.timestamp.type
    int64_t timestamp_before_max_ms;    // message.timestamp.before.max.ms
    int64_t timestamp_after_max_ms;     // message.timestamp.after.max.ms
    bool compacted;                     // cleanup.policy has compact: every record needs a key
};

struct batch_record_error {
    int32_t batch_index; // of the record in the batch
    const char *message; // in the arena
};

// What came out. On an error only the last four fields are set.
struct batch_verdict {
    uint8_t *bytes; // the batch to append: the one given, changed in place, or a new one in the arena
    size_t size;
    struct batch_header header;         // of those bytes
    int64_t max_timestamp;              // the largest of the records
    int64_t max_timestamp_offset_delta; // of the batch's last record: what the time index refers to
    bool is_rebuilt;                    // they are not the bytes given
    const char *error_message;          // for people, or NULL where Apache Kafka sends none
    struct batch_record_error *record_errors;
    int32_t record_error_count;
    bool has_invalid_timestamp; // one of the record errors is of the timestamp
};

// Finds the one batch in the records of a Produce request: what ProduceRequest.validateRecords and the reader of
// batches refuse from version 3 on. *batch is that batch's bytes (bytes behind it that are no batch are left out). A
// records field that is null or empty is INVALID_RECORD. Versions 0 to 2 take one batch of magic 2, too; messages of
// magic 0 and 1 are UNSUPPORTED_FOR_MESSAGE_FORMAT there. *message: for people, or NULL.
enum kafka_error batch_find_produced(struct view records, int16_t produce_version, struct view *batch,
                                     const char **message) __attribute__((warn_unused_result));

// Checks one whole batch (as batch_find_produced gives it) and readies it for appending: timestamps and, where the
// topic asks for another codec, compression. The offsets and the leader epoch are left for the log, which sets them
// under its lock with batch_set_base_offset and batch_set_leader_epoch; they are not covered by the crc. `batch` points
// to writable bytes, which may be changed. now_ms: the append time. What is allocated lies in the arena.
enum kafka_error batch_validate(uint8_t *batch, size_t size, const struct batch_rules *rules, int64_t now_ms,
                                struct arena *arena, struct batch_verdict *verdict) __attribute__((warn_unused_result));

#endif
