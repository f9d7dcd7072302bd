// SPDX-License-Identifier: Apache-2.0
// The group coordinator: consumer groups (the classic protocol) whose partition of __consumer_offsets this broker
// leads, their members, rebalances and committed offsets. The truth is the internal topic; memory is rebuilt from it
// when the broker becomes the partition's leader.
//
// Every function is safe from every thread and never blocks. Answers are given through a waiter, at once or later, from
// any thread and without locks of the coordinator; the response lies in the waiter's arena.
#ifndef SERVER_GROUP_GROUP_COORDINATOR_H
#define SERVER_GROUP_GROUP_COORDINATOR_H

#include "base/error.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct delete_groups_request;
struct describe_groups_response_group;
struct group_coordinator;
struct join_group_request;
struct leave_group_request;
struct list_groups_request;
struct list_groups_response;
struct heartbeat_request;
struct offset_commit_request;
struct offset_fetch_request_group;
struct offset_fetch_response_group;
struct sync_group_request;
struct timer;

struct group_settings {
    int32_t session_timeout_min_ms;     // group.min.session.timeout.ms
    int32_t session_timeout_max_ms;     // group.max.session.timeout.ms
    int32_t initial_rebalance_delay_ms; // group.initial.rebalance.delay.ms
    int32_t group_size_max;             // group.max.size
    int32_t offset_metadata_size_max;   // offset.metadata.max.bytes
    int64_t offsets_retention_ms;       // offsets.retention.minutes
    int32_t load_buffer_size;           // offsets.load.buffer.size
    int32_t compression_codec;          // offsets.topic.compression.codec
};

// What the coordinator needs of the broker; a test gives its own.
struct group_store {
    void *context;
    // How many partitions __consumer_offsets has, or will have when it is created.
    int32_t (*partition_count)(void *context);
    // Appends one batch (writable; it must live until done) to a partition of __consumer_offsets with acks=all, then
    // calls done, at once or later, from any thread.
    void (*append)(void *context, int32_t partition, struct view batch,
                   void (*done)(void *done_context, enum kafka_error error), void *done_context);
    // Reads whole batches of that partition from `offset` on (-1: from its start) into *buffer, which it resizes
    // (*capacity); about size_max bytes, but one batch at least. *size is 0 at the end of the log. May block.
    enum kafka_error (*read)(void *context, int32_t partition, int64_t offset, size_t size_max, uint8_t **buffer,
                             size_t *capacity, size_t *size);
};

// Who answers a request: answer(context, response) with the API's response struct, once.
struct group_waiter {
    struct arena *arena;
    void (*answer)(void *context, void *response);
    void *context;
};

struct group_client {
    struct view client_id; // may be null
    const char *host;      // "/127.0.0.1"
};

// The timer must outlive the coordinator. Starts the thread "group-loader". Returns 0 or -errno.
int group_coordinator_start(const struct group_settings *settings, const struct group_store *store, struct timer *timer,
                            struct group_coordinator **coordinator) __attribute__((warn_unused_result));

// Answers everything that waits with NOT_COORDINATOR and refuses what comes; before the listeners are closed. Then,
// once no handler runs any more and all appends are done, destroy.
void group_coordinator_stop(struct group_coordinator *coordinator);
void group_coordinator_destroy(struct group_coordinator **coordinator);

// This broker leads the partition of __consumer_offsets from now on (loads it, in the background), or no more.
void group_coordinator_elected(struct group_coordinator *coordinator, int32_t partition);
void group_coordinator_resigned(struct group_coordinator *coordinator, int32_t partition);

// The partition of __consumer_offsets that the group's records are in.
int32_t group_coordinator_partition(struct group_coordinator *coordinator, struct view group_id);

// JoinGroup. knows_member_id: from version 4 on a new member is first given an id (KIP-394).
void group_coordinator_join(struct group_coordinator *coordinator, const struct join_group_request *request,
                            int16_t version, const struct group_client *client, const struct group_waiter *waiter);
void group_coordinator_sync(struct group_coordinator *coordinator, const struct sync_group_request *request,
                            const struct group_waiter *waiter);
enum kafka_error group_coordinator_heartbeat(struct group_coordinator *coordinator,
                                             const struct heartbeat_request *request);
void group_coordinator_leave(struct group_coordinator *coordinator, const struct leave_group_request *request,
                             int16_t version, const struct group_waiter *waiter);

// OffsetCommit. is_known tells whether a partition exists; others are answered UNKNOWN_TOPIC_OR_PARTITION.
void group_coordinator_commit(struct group_coordinator *coordinator, const struct offset_commit_request *request,
                              bool (*is_known)(void *context, struct view topic, int32_t partition),
                              void *known_context, const struct group_waiter *waiter);

// One group of an OffsetFetch, into the arena.
void group_coordinator_fetch(struct group_coordinator *coordinator, const struct offset_fetch_request_group *request,
                             struct arena *arena, struct offset_fetch_response_group *response);

void group_coordinator_list(struct group_coordinator *coordinator, const struct list_groups_request *request,
                            struct arena *arena, struct list_groups_response *response);
void group_coordinator_describe(struct group_coordinator *coordinator, struct view group_id, struct arena *arena,
                                struct describe_groups_response_group *response);
// DeleteGroups; the waiter gets a struct delete_groups_response.
void group_coordinator_delete(struct group_coordinator *coordinator, const struct delete_groups_request *request,
                              const struct group_waiter *waiter);

// Drops offsets and groups whose retention is over (KIP-211); every offsets.retention.check.interval.ms.
void group_coordinator_expire_offsets(struct group_coordinator *coordinator);

// The partition was deleted: its committed offsets go.
void group_coordinator_forget_partition(struct group_coordinator *coordinator, struct view topic, int32_t partition);

#endif
