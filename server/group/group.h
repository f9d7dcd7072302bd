// SPDX-License-Identifier: Apache-2.0
// One consumer group: its members, its generation and its committed offsets. Inside server/group only.
//
// Guarded by its own lock (GROUP), which group_acquire takes and group_release gives back; answers that were made under
// it are collected (group_answer) and given by group_release, after the lock is free. Reference counted: the
// coordinator's table, each scheduled run of its timer and each write under way hold one.
//
// Invariants:
// 1. generation only grows. 2. leader is a member whenever there are members in COMPLETING_REBALANCE or STABLE.
// 3. Only members of PREPARING_REBALANCE wait for a join, only those of COMPLETING_REBALANCE for a sync.
// 4. Batches are appended in the order in which they were made, one at a time (group_write.h).
#ifndef SERVER_GROUP_GROUP_H
#define SERVER_GROUP_GROUP_H

#include "base/array.h"
#include "base/error.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/timer.h"
#include "server/group/group_coordinator.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GROUP_NO_DEADLINE INT64_MAX

enum group_state {
    GROUP_EMPTY,                // no members; perhaps offsets
    GROUP_PREPARING_REBALANCE,  // waiting for all members to join
    GROUP_COMPLETING_REBALANCE, // waiting for the leader's assignment
    GROUP_STABLE,
    GROUP_DEAD // being removed
};

struct group_protocol {
    char *name;
    uint8_t *metadata;
    size_t metadata_size;
};

struct group_member {
    struct list link; // of group->members, in the order of joining
    char *id;
    char *instance_id; // NULL: a dynamic member (KIP-345)
    char *client_id;
    char *client_host;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    struct {
        ARRAY_OF(struct group_protocol);
    } protocols; // by preference
    uint8_t *assignment;
    size_t assignment_size;
    int64_t session_deadline_ms; // monotonic
    bool is_new;                 // joined in this rebalance: its session is not counted yet
    bool waits_for_join, waits_for_sync;
    bool has_synced; // in this generation
    struct group_waiter join, sync;
};

// A member that was given an id and has not joined with it yet.
struct group_pending_member {
    struct list link;
    char *id;
    int64_t deadline_ms;
};

struct group_offset {
    char *topic;
    int32_t partition;
    int64_t offset;
    int32_t leader_epoch;
    struct view metadata; // any bytes, not null
    char *metadata_copy;  // what they lie in, once it is the group's
    int64_t commit_timestamp_ms;
    int64_t expire_timestamp_ms; // -1: by the broker's retention
};

struct group {
    atomic_int references;
    struct group_coordinator *coordinator; // immutable, as are the next three
    char *id;
    int32_t partition; // of __consumer_offsets
    struct lock lock;

    enum group_state state; // from here on all is guarded by the lock
    int64_t state_timestamp_ms;
    int32_t generation;
    char *protocol_type; // NULL without one
    char *protocol_name;
    struct group_member *leader;
    struct list members;
    size_t member_count;
    struct map members_by_id;
    struct map members_by_instance;
    struct list pending_members;

    bool is_initial;               // in the delay before a group's first rebalance
    bool member_was_added;         // during that delay
    int64_t initial_delay_left_ms; // what that delay may still be extended by
    int64_t join_deadline_ms;      // GROUP_NO_DEADLINE: none
    int64_t sync_deadline_ms;

    struct map offsets; // by group_offset_key

    struct list writes;    // to be appended
    bool is_writing;       // one is being appended
    bool is_in_write_loop; // a thread is in group_write_pending, which takes the next one

    struct timer_task timer_task;
    int64_t timer_deadline_ms;
    struct list answers;
};

struct group *group_create(struct group_coordinator *coordinator, struct view id, int32_t partition);
struct group *group_ref(struct group *group);
void group_unref(struct group *group);

void group_acquire(struct group *group) LOCK_ACQUIRE(group->lock);
// Sets the timer for the next deadline, frees the lock, gives the answers and starts the writes that were made.
void group_release(struct group *group) LOCK_RELEASE(group->lock);

// Gives the response to the waiter once the lock is released.
void group_answer(struct group *group, const struct group_waiter *waiter, void *response);

void group_set_state(struct group *group, enum group_state state);
// Whether batches of it are not stored yet.
bool group_has_writes(const struct group *group);
// Whether an id can be kept as a string: one with a NUL in it would be looked up under another name than it is kept.
bool group_id_is_possible(struct view id);
const char *group_state_name(enum group_state state);

// ---- Members

struct group_member *group_find_member(const struct group *group, struct view id);
struct group_member *group_find_instance(const struct group *group, struct view instance_id);
struct group_member *group_add_member(struct group *group, struct view id, struct view instance_id,
                                      const struct group_client *client, const struct join_group_request *request);
void group_remove_member(struct group *group, struct group_member *member);
// A static member came back under a new id.
void group_rename_member(struct group *group, struct group_member *member, struct view id);
void group_member_set_protocols(struct group_member *member, const struct join_group_request *request);
bool group_member_has_protocols(const struct group_member *member, const struct join_group_request *request);
void group_member_set_assignment(struct group_member *member, struct view assignment);
void group_member_touch(struct group_member *member, int64_t now_ms);
struct view group_member_metadata(const struct group_member *member, const char *protocol_name);

struct group_pending_member *group_find_pending(const struct group *group, struct view id);
void group_add_pending(struct group *group, struct view id, int64_t deadline_ms);
void group_remove_pending(struct group *group, struct group_pending_member *pending);

// Whether a member with these protocols can join: of the same type, and with one that all others have.
bool group_accepts_protocols(const struct group *group, const struct join_group_request *request);
// The protocol that all members have and most prefer; lives as long as its member. There is one.
const char *group_select_protocol(const struct group *group);
int32_t group_rebalance_timeout_ms(const struct group *group);

// ---- The classic protocol (group_join.c, group_session.c); the lock is held, answers are collected

void group_join(struct group *group, const struct join_group_request *request, int16_t version,
                const struct group_client *client, const struct group_waiter *waiter);
void group_sync(struct group *group, const struct sync_group_request *request, const struct group_waiter *waiter);
enum kafka_error group_heartbeat(struct group *group, const struct heartbeat_request *request);
enum kafka_error group_leave(struct group *group, struct view member_id, struct view instance_id, struct view reason);
// Whether the sender may commit offsets now; a member's session goes on.
enum kafka_error group_check_commit(struct group *group, const struct offset_commit_request *request);
// Whatever's time has come. now_ms: monotonic.
void group_expire(struct group *group, int64_t now_ms);
// Everybody who waits is answered with the error, and the group is dead.
void group_kill(struct group *group, enum kafka_error error);
// When the next of its deadlines passes.
int64_t group_next_deadline(const struct group *group);

// An answer of that kind that says no, in the waiter's arena; *waiter's response.
void *group_join_error(struct arena *arena, struct view member_id, enum kafka_error error);
void *group_sync_error(struct arena *arena, enum kafka_error error);

// ---- Offsets (group_offsets.c)

void group_set_offset(struct group *group, const struct group_offset *offset); // topic and metadata are copied
void group_remove_offset(struct group *group, struct view topic, int32_t partition);
struct group_offset *group_find_offset(const struct group *group, struct view topic, int32_t partition);
void group_clear_offsets(struct group *group);

#endif
