// SPDX-License-Identifier: Apache-2.0
// One partition of which this broker holds a replica: who leads it, in which epoch, which replicas are in sync, and
// what follows from that for appends, reads and the high watermark. The records themselves are the log's.
//
// Guarded by its own shared lock (PARTITION): leadership changes hold it exclusively, appends and reads shared, so that
// a leader that is deposed never appends afterwards. The log's locks come below it. Nothing here completes a delayed
// operation: functions that may let one go on say so, and the caller checks the purgatories after it released its locks
// (the replica manager does it for everybody). Reference counted.
//
// Invariants:
// 1. The high watermark never exceeds the end offset of any in-sync replica, and does not move while fewer replicas
//    than min(min.insync.replicas, replicas) are in sync.
// 2. A request that names a leader epoch is served in exactly that epoch (KIP-320): a lower one is FENCED_LEADER_EPOCH,
//    a higher one UNKNOWN_LEADER_EPOCH.
// 3. The leader epoch and the partition epoch never go back.
//
// current_leader_epoch is PARTITION_NO_EPOCH when the caller names none. Where nothing else is said, functions return
// NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH or KAFKA_STORAGE_ERROR when they do nothing.
#ifndef SERVER_REPLICA_PARTITION_H
#define SERVER_REPLICA_PARTITION_H

#include "base/error.h"
#include "base/uuid.h"
#include "base/view.h"
#include "log/log.h"
#include "net/protocol/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct partition;

enum {
    PARTITION_NO_EPOCH = -1,
    PARTITION_NO_LEADER = -1,
};

// Who leads, for the CurrentLeader of answers (KIP-320, KIP-951).
struct partition_leader {
    int32_t id; // PARTITION_NO_LEADER
    int32_t epoch;
};

// A partition that nobody leads and that has no log yet, with one reference.
struct partition *partition_create(struct view topic, int32_t index, int32_t broker_id);
struct partition *partition_ref(struct partition *partition);
void partition_unref(struct partition *partition); // NULL is fine

// Immutable for the partition's life; the views live as long as it does.
struct view partition_topic(const struct partition *partition);
int32_t partition_index(const struct partition *partition);

// The key of this partition in the purgatories: "topic-0".
struct view partition_key(const struct partition *partition);

struct partition_leader partition_leader(struct partition *partition);

// The log's topic id, UUID_ZERO without a log or when the log has none.
struct uuid partition_topic_id(struct partition *partition);

// The partition's log with a reference for the caller (log_unref), or NULL when it has none.
struct log *partition_log(struct partition *partition);

// ---- What the controller decides; only the replica-state thread calls these

// Leads, or follows, as the state says, with this log (a reference is taken). A new leader epoch is noted in the log.
// *is_changed: false when the state has a lower partition epoch than the present one, which is no error; else delayed
// operations may go on.
enum kafka_error partition_change_leader(struct partition *partition,
                                         const struct leader_and_isr_request_partition_state *state, struct log *log,
                                         bool *is_changed) __attribute__((warn_unused_result));

// The replica is gone: nobody leads, there is no log.
void partition_stop(struct partition *partition);

// min.insync.replicas of the topic. Any thread.
void partition_set_min_insync_replicas(struct partition *partition, int32_t count);

// ---- Appends

struct partition_append_result {
    struct log_append_info info;
    int32_t leader_epoch;      // that the records were written in
    bool high_watermark_moved; // delayed fetches and produces may go on, else only followers' fetches
};

// Appends one batch as leader (log_append_as_leader, whose errors it also returns). acks=all with too few replicas in
// sync is NOT_ENOUGH_REPLICAS.
enum kafka_error partition_append(struct partition *partition, struct view batch, enum append_origin origin,
                                  int16_t acks, struct arena *arena, struct partition_append_result *result)
    __attribute__((warn_unused_result));

// Whether acks=all for what ends at next_offset can be answered, and with what: NONE, or
// NOT_ENOUGH_REPLICAS_AFTER_APPEND when too few replicas are in sync by now.
bool partition_is_replicated(struct partition *partition, int64_t next_offset, enum kafka_error *error);

// ---- Reads

// The first record that a fetcher does not share with the leader (KIP-595): its last fetched epoch ends before.
struct partition_divergence {
    bool is_diverging;
    int32_t epoch;
    int64_t end_offset;
};

// Reads as leader, log_read with the fetcher's epochs: last_fetched_epoch (-1: none) that is not known to the log is
// OFFSET_OUT_OF_RANGE; one that ends before the offset gives a divergence and an empty slice. The slice is the
// caller's.
enum kafka_error partition_read(struct partition *partition, int32_t current_leader_epoch, int32_t last_fetched_epoch,
                                int64_t offset, size_t size_max, bool min_one, enum log_read_bound bound,
                                struct log_slice *slice, struct log_read_info *info,
                                struct partition_divergence *divergence) __attribute__((warn_unused_result));

// A leader's offsets.
enum kafka_error partition_offsets(struct partition *partition, int32_t current_leader_epoch,
                                   struct log_offsets *offsets) __attribute__((warn_unused_result));

// Whether a broker may fetch from here as a replica. One that is not assigned gets UNKNOWN_LEADER_EPOCH, or
// NOT_LEADER_OR_FOLLOWER if it named no epoch.
enum kafka_error partition_check_follower(struct partition *partition, int32_t broker_id, int32_t current_leader_epoch)
    __attribute__((warn_unused_result));

// A follower fetches from this offset, so it has everything below. *high_watermark_moved as above. Errors as
// partition_check_follower.
enum kafka_error partition_note_follower(struct partition *partition, int32_t broker_id, int32_t current_leader_epoch,
                                         int64_t fetch_offset, int64_t log_start_offset, bool *high_watermark_moved)
    __attribute__((warn_unused_result));

// Who asks for an offset, hence what it may see.
enum partition_reader {
    PARTITION_READER_REPLICA, // up to the log end
    PARTITION_READER_UNCOMMITTED,
    PARTITION_READER_COMMITTED,
};

enum {
    TIMESTAMP_LATEST = -1,
    TIMESTAMP_EARLIEST = -2,
    TIMESTAMP_MAX = -3,            // KIP-734
    TIMESTAMP_EARLIEST_LOCAL = -4, // KIP-405
    TIMESTAMP_LATEST_TIERED = -5,  // KIP-1005
};

// The offset for a timestamp or one of the above (ListOffsets). Nothing found: all -1. OFFSET_NOT_AVAILABLE while a new
// leader's high watermark has not reached its epoch. leader_only false: of any replica.
enum kafka_error partition_find_offset(struct partition *partition, int32_t current_leader_epoch, bool leader_only,
                                       int64_t timestamp, enum partition_reader reader,
                                       struct log_timestamp_offset *found) __attribute__((warn_unused_result));

// OffsetForLeaderEpoch: log_end_offset_of_leader_epoch of a leader.
enum kafka_error partition_end_offset_of_epoch(struct partition *partition, int32_t current_leader_epoch,
                                               int32_t leader_epoch, int32_t *found_epoch, int64_t *end_offset)
    __attribute__((warn_unused_result));

// ---- DeleteRecords

// Raises the log start offset to `offset` (-1: the high watermark), which *requested then tells. POLICY_VIOLATION
// unless cleanup.policy has delete; OFFSET_OUT_OF_RANGE.
enum kafka_error partition_delete_records(struct partition *partition, int64_t offset, int64_t *requested)
    __attribute__((warn_unused_result));

// The lowest log start offset of the leader and those followers that is_alive(context, id).
enum kafka_error partition_low_watermark(struct partition *partition, bool (*is_alive)(void *context, int32_t id),
                                         void *context, int64_t *low_watermark) __attribute__((warn_unused_result));

#endif
