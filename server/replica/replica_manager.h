// SPDX-License-Identifier: Apache-2.0
// All partitions of which this broker holds replicas: finds them, carries out what the controller decides
// (LeaderAndIsr, StopReplica), appends on behalf of producers and coordinators, and keeps the purgatories in which
// produces, fetches and DeleteRecords wait for what happens to partitions.
//
// The controller's requests are carried out one after the other on one thread of their own (replica-state), which may
// read ZooKeeper (a new topic's configuration) and wait for the disk; everything else here never waits and is safe from
// every thread. No function may be called with a partition's or a log's lock held.
#ifndef SERVER_REPLICA_REPLICA_MANAGER_H
#define SERVER_REPLICA_REPLICA_MANAGER_H

#include "base/error.h"
#include "base/uuid.h"
#include "base/view.h"
#include "log/batch_validator.h"
#include "server/replica/partition.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct broker;
struct purgatory;
struct replica_manager;
struct request;

// What the coordinators want to know. Called on the replica-state thread, without locks, in the order of the decisions.
struct replica_manager_observer {
    // This broker leads the partition from now on, in that epoch (a later epoch of the same leader calls again).
    void (*leader)(void *context, struct view topic, int32_t partition, int32_t leader_epoch);
    // It leads it no more: another broker does, or the replica was stopped (leader_epoch -1 when not known).
    void (*not_leader)(void *context, struct view topic, int32_t partition, int32_t leader_epoch);
    void *context;
};

// The broker's configuration, metadata cache, log manager, timer and scheduler must exist and outlive it.
struct replica_manager *replica_manager_create(struct broker *broker);

// Starts the replica-state thread. 0 or -errno. The observer (may be NULL) is copied; once per topic, before the start.
void replica_manager_observe(struct replica_manager *manager, const char *topic,
                             const struct replica_manager_observer *observer);
int replica_manager_start(struct replica_manager *manager) __attribute__((warn_unused_result));

// Answers everything that is parked (as if its time were over) and ends the thread: before the listeners are closed.
// Writes the high watermarks' checkpoint. Then destroy: after the handler threads have ended.
void replica_manager_stop(struct replica_manager *manager);
void replica_manager_destroy(struct replica_manager **manager);

// The partition with a reference for the caller (partition_unref), or NULL and why: UNKNOWN_TOPIC_OR_PARTITION, or
// NOT_LEADER_OR_FOLLOWER when the metadata cache knows it but no replica is here, or KAFKA_STORAGE_ERROR when its log
// directory has failed.
struct partition *replica_manager_partition(struct replica_manager *manager, struct view topic, int32_t index,
                                            enum kafka_error *error);

// One partition of an append. The caller fills the first three; the bytes of the records are writable and are changed
// in place (offsets, epoch, append time).
struct replica_append {
    struct view topic;
    int32_t partition;
    struct view records;

    enum kafka_error error;
    int64_t base_offset;       // -1 on an error
    int64_t log_append_time;   // -1 unless the topic has LogAppendTime
    int64_t log_start_offset;  // -1 when not known
    const char *error_message; // for people, or NULL
    struct batch_record_error *record_errors;
    int32_t record_error_count;
    struct partition_leader leader; // with NOT_LEADER_OR_FOLLOWER

    struct partition *reference; // the manager's
    int64_t next_offset;         // the manager's: the high watermark that acks=all waits for
    int32_t leader_epoch;        // the manager's
};

enum { ACKS_ALL = -1, ACKS_NONE = 0, ACKS_LEADER = 1 };

// Appends to each partition that this broker leads, then calls done(context): at once for acks 0 and 1 and when nothing
// has to be waited for, else when the high watermarks have passed or timeout_ms is over (REQUEST_TIMED_OUT for those
// that have not). The array, the records and the arena must live until then; done may run on another thread. acks=all
// needs min.insync.replicas (NOT_ENOUGH_REPLICAS before, NOT_ENOUGH_REPLICAS_AFTER_APPEND after the append). version:
// of the Produce request, the newest for coordinators. Internal topics refuse APPEND_CLIENT (INVALID_TOPIC_EXCEPTION)
// unless the client is one of the internal admins, as Apache Kafka does.
void replica_manager_append(struct replica_manager *manager, struct replica_append *appends, int32_t count,
                            int16_t acks, int32_t timeout_ms, enum append_origin origin, int16_t version,
                            struct arena *arena, void (*done)(void *context), void *context);

// The topic's overrides in the broker's configuration have changed (config_set_topic): gives the new values to its
// partitions and logs here. Any thread that may wait for the disk.
void replica_manager_configure_topic(struct replica_manager *manager, struct view topic);

// The purgatory of operations that wait for the metadata cache, keyed by topic name (CreateTopics, DeleteTopics waiting
// until an UpdateMetadata tells of the topic). Every UpdateMetadata checks the topics that it lists.
struct purgatory *replica_manager_topic_purgatory(struct replica_manager *manager);

// How many partitions this broker leads, and how many replicas it holds (for metrics and the shutdown's log line).
int32_t replica_manager_leader_count(struct replica_manager *manager);
int32_t replica_manager_partition_count(struct replica_manager *manager);

#endif
