// SPDX-License-Identifier: Apache-2.0
// One partition of which this broker holds a replica: who leads it, in which epoch, which replicas are in sync, and
// what follows from that for appends, reads and the high watermark. The records themselves are the log's.
//
// Guarded by its own shared lock (PARTITION): leadership changes hold it exclusively, appends and reads shared, so that
// a leader that is deposed never appends afterwards. The log's locks come below it. Nothing here completes a delayed
// operation: functions that may let one go on say so, and the caller checks the purgatories after it released its locks
// (replica_manager does it for everybody).
//
// Invariants:
// 1. The high watermark never exceeds the end offset of any in-sync replica, and does not move while fewer replicas
// than
//    min(min.insync.replicas, replicas) are in sync.
// 2. A request that names a leader epoch is served in exactly that epoch (KIP-320): a lower one is FENCED_LEADER_EPOCH,
//    a higher one UNKNOWN_LEADER_EPOCH.
// 3. The leader epoch and the partition epoch never go back.
#ifndef SERVER_REPLICA_PARTITION_H
#define SERVER_REPLICA_PARTITION_H

#include "base/error.h"
#include "base/uuid.h"
#include "base/view.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

struct partition;

enum {
    PARTITION_NO_EPOCH = -1,  // the caller names no leader epoch
    PARTITION_NO_LEADER = -1, // nobody leads
};

// What the controller decided for one partition (LeaderAndIsr). Views and arrays belong to the caller.
struct partition_state {
    int32_t controller_epoch; // of the decision
    int32_t leader;           // broker id
    int32_t leader_epoch;
    int32_t partition_epoch; // version of the state znode
    const int32_t *isr;
    int32_t isr_count;
    const int32_t *replicas;
    int32_t replica_count;
    const int32_t *adding_replicas;
    int32_t adding_count;
    const int32_t *removing_replicas;
    int32_t removing_count;
    bool is_new;
};

// Who leads, for the CurrentLeader of answers (KIP-320, KIP-951).
struct partition_leader {
    int32_t id; // PARTITION_NO_LEADER
    int32_t epoch;
};

// Up to which offset a reader sees records.
enum partition_isolation {
    PARTITION_READ_LOG_END,        // a follower, a debugging consumer
    PARTITION_READ_HIGH_WATERMARK, // read_uncommitted
    PARTITION_READ_LAST_STABLE,    // read_committed
};

struct partition_offsets {
    int64_t log_start;
    int64_t last_stable;
    int64_t high_watermark;
    int64_t log_end;
};

// One reference more, or less; the last one frees it (and gives back the log's reference).
struct partition *partition_ref(struct partition *partition);
void partition_unref(struct partition *partition);

// Immutable for the partition's life; the views live as long as it does.
struct view partition_topic(const struct partition *partition);
int32_t partition_index(const struct partition *partition);

// The key of this partition in the purgatories: "topic-0".
struct view partition_key(const struct partition *partition);

struct partition_leader partition_leader(struct partition *partition);
bool partition_is_leader(struct partition *partition);
struct uuid partition_topic_id(struct partition *partition);

// The partition's log with a reference for the caller (log_unref), or NULL when it has none (not yet, or its directory
// failed).
struct log *partition_log(struct partition *partition);

// NONE when this broker leads and the epoch (PARTITION_NO_EPOCH: any) is the current one; else FENCED_LEADER_EPOCH,
// UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER or KAFKA_STORAGE_ERROR. The state may change right after.
enum kafka_error partition_check_leader(struct partition *partition, int32_t current_leader_epoch);

// Its offsets now; NOT_LEADER_OR_FOLLOWER or KAFKA_STORAGE_ERROR when it has no log.
enum kafka_error partition_offsets(struct partition *partition, struct partition_offsets *offsets)
    __attribute__((warn_unused_result));

#endif
