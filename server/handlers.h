// SPDX-License-Identifier: Apache-2.0
// One handler per served API, named after its schema; server/dispatch.h says what each of them owes. They live in
// server/api/ (or beside the part that they belong to), one file per family.
#ifndef SERVER_HANDLERS_H
#define SERVER_HANDLERS_H

struct broker;
struct request;

#define HANDLER(name) void name##_serve(struct broker *broker, struct request *request, const void *message)
HANDLER(produce);
HANDLER(fetch);
HANDLER(list_offsets);
HANDLER(metadata);
HANDLER(leader_and_isr);
HANDLER(stop_replica);
HANDLER(update_metadata);
HANDLER(controlled_shutdown);
HANDLER(offset_commit);
HANDLER(offset_fetch);
HANDLER(find_coordinator);
HANDLER(join_group);
HANDLER(heartbeat);
HANDLER(leave_group);
HANDLER(sync_group);
HANDLER(describe_groups);
HANDLER(list_groups);
HANDLER(api_versions);
HANDLER(create_topics);
HANDLER(delete_topics);
HANDLER(delete_records);
HANDLER(init_producer_id);
HANDLER(offset_for_leader_epoch);
HANDLER(describe_configs);
HANDLER(alter_configs);
HANDLER(create_partitions);
HANDLER(delete_groups);
HANDLER(incremental_alter_configs);
HANDLER(list_partition_reassignments);
HANDLER(describe_cluster);
HANDLER(allocate_producer_ids);
#undef HANDLER

#endif
