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
struct fetch_session_cache;
struct purgatory;
struct replica_manager;
struct request;

// What a coordinator wants to know: leadership of the partitions of its own topic. Called on the replica-state thread,
// without locks, in the order of the decisions.
struct replica_manager_observer {
    // This broker leads the partition from now on, in that epoch (a later epoch of the same leader calls again).
    void (*leader)(void *context, struct view topic, int32_t partition, int32_t leader_epoch);
    // It leads it no more: another broker does, or the replica was deleted (leader_epoch -1 when not known).
    void (*not_leader)(void *context, struct view topic, int32_t partition, int32_t leader_epoch);
    // A partition of whatever topic is gone from the cluster (UpdateMetadata). May be NULL.
    void (*deleted)(void *context, struct view topic, int32_t partition);
    void *context;
};

// The broker's configuration, metadata cache, log manager, timer and scheduler must exist and outlive it.
struct replica_manager *replica_manager_create(struct broker *broker);

// The observer is copied. Before the start.
void replica_manager_observe(struct replica_manager *manager, const char *topic,
                             const struct replica_manager_observer *observer);

// Starts the replica-state thread. 0 or -errno.
int replica_manager_start(struct replica_manager *manager) __attribute__((warn_unused_result));

// Answers everything that is parked (as if its time were over) and ends the thread (requests in its queue are closed):
// before the listeners are closed. Destroy: after the handler threads have ended, before the log manager is closed.
void replica_manager_stop(struct replica_manager *manager);
void replica_manager_destroy(struct replica_manager **manager);

// The partition with a reference for the caller (partition_unref), or NULL and why: UNKNOWN_TOPIC_OR_PARTITION, or
// NOT_LEADER_OR_FOLLOWER when the metadata cache knows it but no replica is here, or KAFKA_STORAGE_ERROR when its log
// directory has failed.
struct partition *replica_manager_partition(struct replica_manager *manager, struct view topic, int32_t index,
                                            enum kafka_error *error);

// One partition of an append. The caller fills the first four; the bytes of the batch are writable and are changed in
// place (offsets, epoch, append time).
struct replica_append {
    struct view topic;
    int32_t partition;
    struct view batch;      // one whole batch (batch_find_produced, batch_builder_finish)
    enum kafka_error error; // anything but NONE: left alone

    int64_t base_offset;       // -1 on an error, but for those that come after the append
    int64_t log_append_time;   // -1 unless the topic has LogAppendTime
    int64_t log_start_offset;  // -1 when not known
    const char *error_message; // for people, or NULL
    struct batch_record_error *record_errors;
    int32_t record_error_count;
    struct partition_leader leader; // with NOT_LEADER_OR_FOLLOWER

    struct partition *reference; // the manager's, like the rest: while it waits for the high watermark
    int64_t next_offset;
};

enum { ACKS_ALL = -1, ACKS_NONE = 0, ACKS_LEADER = 1 };

// Appends to each partition that this broker leads, then calls done(context): at once for acks 0 and 1 and when nothing
// has to be waited for, else when the high watermarks have passed or timeout_ms is over (REQUEST_TIMED_OUT for those
// that have not). The array, the batches and the arena must live until then; done may run on another thread. acks=all
// needs min.insync.replicas (NOT_ENOUGH_REPLICAS before, NOT_ENOUGH_REPLICAS_AFTER_APPEND after the append).
void replica_manager_append(struct replica_manager *manager, struct replica_append *appends, int32_t count,
                            int16_t acks, int32_t timeout_ms, enum append_origin origin, struct arena *arena,
                            void (*done)(void *context), void *context);

// The topic's overrides in the broker's configuration have changed (config_set_topic): gives the new values to its
// partitions and logs here. Any thread that may wait for the disk.
void replica_manager_configure_topic(struct replica_manager *manager, struct view topic);

// The purgatory of operations that wait for the metadata cache, keyed by topic name (CreateTopics, DeleteTopics waiting
// until an UpdateMetadata tells of the topic). Every UpdateMetadata checks the topics that it lists.
struct purgatory *replica_manager_topic_purgatory(struct replica_manager *manager);

// ---- For the handlers of server/api

struct fetch_session_cache *replica_manager_fetch_sessions(struct replica_manager *manager);
struct purgatory *replica_manager_produce_purgatory(struct replica_manager *manager);
struct purgatory *replica_manager_fetch_purgatory(struct replica_manager *manager);
struct purgatory *replica_manager_delete_records_purgatory(struct replica_manager *manager);

// Lets go on what waits for the partition: with high_watermark_moved all kinds of operations, else fetches of
// followers.
void replica_manager_partition_changed(struct replica_manager *manager, struct partition *partition,
                                       bool high_watermark_moved);

// Runs run(broker, request, message) on the replica-state thread, in the order of the calls. A request whose turn does
// not come before the manager is stopped is closed.
void replica_manager_enqueue(struct replica_manager *manager, struct request *request, const void *message,
                             void (*run)(struct broker *broker, struct request *request, const void *message));

// The following run on the replica-state thread only.

// Whether the controller's request may be carried out: STALE_BROKER_EPOCH when it was meant for an earlier registration
// (-1 passes), STALE_CONTROLLER_EPOCH for a controller that has been replaced. Remembers the controller's epoch.
enum kafka_error replica_manager_check_controller(struct replica_manager *manager, int64_t broker_epoch,
                                                  int32_t controller_epoch) __attribute__((warn_unused_result));

// One partition of a LeaderAndIsr. Returns what the answer tells of it.
enum kafka_error replica_manager_change_leader(struct replica_manager *manager, struct view topic, struct uuid topic_id,
                                               const struct leader_and_isr_request_partition_state *state)
    __attribute__((warn_unused_result));

// One partition of a StopReplica. leader_epoch: -1 and -2 (the topic is deleted) pass always.
enum kafka_error replica_manager_stop_replica(struct replica_manager *manager, struct view topic, int32_t index,
                                              int32_t leader_epoch, bool is_deletion)
    __attribute__((warn_unused_result));

// An UpdateMetadata was checked: puts it into the metadata cache and tells who waits for it.
void replica_manager_update_metadata(struct replica_manager *manager, const struct update_metadata_request *update);

#endif
