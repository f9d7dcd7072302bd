// SPDX-License-Identifier: Apache-2.0
// What the files of server/group share besides the group itself: the coordinator's services, the writes to
// __consumer_offsets and their records. Inside server/group only.
#ifndef SERVER_GROUP_GROUP_INTERNAL_H
#define SERVER_GROUP_GROUP_INTERNAL_H

#include "server/group/group.h"

// ---- The coordinator (group_coordinator.c)

struct timer *group_coordinator_timer(struct group_coordinator *coordinator);
const struct group_settings *group_coordinator_settings(const struct group_coordinator *coordinator);
const struct group_store *group_coordinator_store(const struct group_coordinator *coordinator);

// The group with a reference, for the loader: made if it is not there.
struct group *group_coordinator_group_to_load(struct group_coordinator *coordinator, struct view id, int32_t partition);
// Finds the group that a request is about, with a reference; NULL when there is none. create: made then. The error says
// whether this broker coordinates it.
enum kafka_error group_coordinator_find(struct group_coordinator *coordinator, struct view id, bool create,
                                        struct group **group) __attribute__((warn_unused_result));
// Visits every loaded group with its lock held; one for which the visit returns true is removed for good.
void group_coordinator_sweep(struct group_coordinator *coordinator, bool (*visit)(struct group *group, void *context),
                             void *context);
// Takes a dead group out of the table.
void group_coordinator_drop(struct group_coordinator *coordinator, struct group *group);
// Whether this load of the partition is still wanted.
bool group_coordinator_wants_load(struct group_coordinator *coordinator, int32_t partition, uint64_t load_id);

// Called with the group's lock held once the batch is stored, or not; `context` is the write's, freed afterwards. The
// error is what Apache Kafka makes of the append's for a group (group_error_of_append).
typedef void group_write_done(struct group *group, void *context, enum kafka_error error);

// ---- Rebalances (group_rebalance.c). The lock is held, answers are collected.

struct join_group_response;

// The current generation as the member learns it, in the arena; the leader also learns who the others are.
struct join_group_response *group_describe_generation(struct group *group, struct group_member *member,
                                                      struct arena *arena, bool with_members);
// Ends the member's waiting for its join, and for its sync if it waits for one.
void group_answer_join(struct group *group, struct group_member *member, void *response);
void group_answer_sync(struct group *group, struct group_member *member, enum kafka_error error);
void group_answer_all_syncs(struct group *group, enum kafka_error error);

// Begins a rebalance, whatever the state; or unless one is in its join phase or the group is dead.
void group_rebalance(struct group *group, const char *reason);
void group_maybe_rebalance(struct group *group, const char *reason);
// The join phase is over: whoever is here forms the next generation. Or only if nobody is waited for.
void group_finish_join(struct group *group);
void group_finish_join_if_complete(struct group *group);
// Writes the group's present state.
void group_store(struct group *group, group_write_done *done, void *context);
// Whether the ids name the same member, *member (group_join.c).
enum kafka_error group_find_current(const struct group *group, struct view member_id, struct view instance_id,
                                    struct group_member **member);

// ---- Writes (group_write.c)

// Queues a batch of this group (memory from malloc, which becomes the write's) for its partition; group_release starts
// it. `context` is freed with the write. The lock is held.
void group_write_add(struct group *group, uint8_t *batch, size_t size, group_write_done *done, void *context);

// Appends what is queued, one batch at a time. No lock is held.
void group_write_pending(struct group *group);

// ---- Records of __consumer_offsets (group_record.c). The lock is held.

struct batch_builder;
struct record;

struct batch_builder *group_batch_create(const struct group *group);
void group_batch_add_metadata(struct batch_builder *builder, struct group *group, int64_t now_ms);
void group_batch_add_offset(struct batch_builder *builder, const struct group *group, const struct group_offset *offset,
                            int64_t now_ms);
void group_batch_add_offset_removed(struct batch_builder *builder, const struct group *group,
                                    const struct group_offset *offset, int64_t now_ms);
void group_batch_add_group_removed(struct batch_builder *builder, const struct group *group, int64_t now_ms);
// Finishes the batch and queues it, or drops it when it has no record. Destroys the builder.
void group_batch_write(struct group *group, struct batch_builder *builder, group_write_done *done, void *context);

// Applies one record of the topic to its group. Unknown keys are left alone; a record that cannot be read is
// CORRUPT_MESSAGE.
enum kafka_error group_record_apply(struct group_coordinator *coordinator, int32_t partition,
                                    const struct record *record);

// Ends the group and all its offsets, in the log and here (group_commit.c). The lock is held.
void group_remove(struct group *group);

// ---- Loading (group_loader.c)

// Reads a partition's log into groups; runs on the thread group-loader. False when it is not wanted any more, or its
// log cannot be read (logged).
bool group_load_partition(struct group_coordinator *coordinator, int32_t partition, uint64_t load_id);

#endif
