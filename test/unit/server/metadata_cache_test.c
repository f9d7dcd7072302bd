// SPDX-License-Identifier: Apache-2.0
#include "server/metadata_cache.h"

#include "net/protocol/messages.h"
#include "test/unit/suite.h"

static struct metadata_cache *cache;
static int32_t replicas[] = {1, 2}, one[] = {1};
static char deleted[100];

static void note_deleted(void *context, struct view topic, int32_t partition)
{
    (void)context;
    (void)partition;
    strncat(deleted, (const char *)topic.data, topic.size);
}

// An UpdateMetadata of one broker and one partition.
static void update(const char *topic, int32_t partition, int32_t leader, int32_t epoch)
{
    struct update_metadata_request_endpoint endpoint = {
        .port = 9092, .host = view_of_string("h"), .listener = view_of_string("INSIDE")};
    struct update_metadata_request_live_broker brokers[2] = {
        {.id = 2, .endpoints = {&endpoint, 1}, .rack = view_of_string("r")},
        {.id = 1, .endpoints = {&endpoint, 1}, .rack = VIEW_NULL}};
    struct update_metadata_request_partition_state state = {.partition_index = partition,
                                                            .leader = leader,
                                                            .leader_epoch = epoch,
                                                            .isr = {one, 1},
                                                            .replicas = {replicas, 2}};
    struct update_metadata_request_topic_state topic_state = {
        .topic_name = view_of_string(topic), .topic_id = {{1, 2, 3}}, .partition_states = {&state, 1}};
    struct update_metadata_request request = update_metadata_request_default;
    request.controller_id = 2;
    request.live_brokers.items = brokers;
    request.live_brokers.count = 2;
    request.topic_states.items = &topic_state;
    request.topic_states.count = topic == NULL ? 0 : 1;
    metadata_cache_update(cache, &request, note_deleted, NULL);
}

static void knows_what_it_was_told(void)
{
    cache = metadata_cache_create();
    const struct metadata_snapshot *empty = metadata_cache_snapshot(cache);
    CU_ASSERT_EQUAL(metadata_snapshot_controller_id(empty), -1);
    update("b", 1, 1, 5);
    update("b", 0, 1, 6);
    update("a", 0, -1, 7);
    update(NULL, 0, 0, 0);
    CU_ASSERT_EQUAL(metadata_snapshot_topic_count(empty), 0);
    metadata_snapshot_unref(empty);

    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(cache);
    CU_ASSERT_EQUAL(metadata_snapshot_controller_id(snapshot), 2);
    CU_ASSERT_EQUAL(metadata_snapshot_broker_count(snapshot), 2);
    CU_ASSERT_EQUAL(metadata_snapshot_broker_at(snapshot, 0)->id, 1);
    CU_ASSERT_PTR_NULL(metadata_snapshot_broker_at(snapshot, 0)->rack);
    const struct metadata_broker *broker = metadata_snapshot_broker(snapshot, 2);
    CU_ASSERT_STRING_EQUAL(broker->rack, "r");
    CU_ASSERT_EQUAL(metadata_broker_endpoint(broker, "inside")->port, 9092);
    CU_ASSERT_PTR_NULL(metadata_broker_endpoint(broker, "OUTSIDE"));
    CU_ASSERT_PTR_NULL(metadata_snapshot_broker(snapshot, 3));

    CU_ASSERT_EQUAL(metadata_snapshot_topic_count(snapshot), 2);
    CU_ASSERT_STRING_EQUAL(metadata_snapshot_topic_at(snapshot, 0)->name, "a");
    const struct metadata_topic *topic = metadata_snapshot_topic(snapshot, view_of_string("b"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(topic);
    CU_ASSERT_EQUAL(topic->partition_count, 2);
    const struct metadata_partition *partition = metadata_topic_partition(topic, 1);
    CU_ASSERT_EQUAL(partition->leader_epoch, 5);
    CU_ASSERT_EQUAL(partition->replica_count, 2);
    CU_ASSERT_EQUAL(partition->replicas[1], 2);
    CU_ASSERT_PTR_NULL(metadata_topic_partition(topic, 2));
    struct uuid id = {{1, 2, 3}};
    CU_ASSERT_PTR_NOT_NULL(metadata_snapshot_topic_of_id(snapshot, id));
    CU_ASSERT_PTR_NULL(metadata_snapshot_topic_of_id(snapshot, UUID_ZERO));
    metadata_snapshot_unref(snapshot);
    metadata_cache_destroy(&cache);
}

static void forgets_what_is_deleted(void)
{
    cache = metadata_cache_create();
    deleted[0] = 0;
    update("t", 0, 1, 1);
    update("t", 1, 1, 1);
    const struct metadata_snapshot *before = metadata_cache_snapshot(cache);
    update("t", 0, -2, 2);
    update("never", 0, -2, 2);
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(cache);
    CU_ASSERT_EQUAL(metadata_snapshot_topic(snapshot, view_of_string("t"))->partition_count, 1);
    metadata_snapshot_unref(snapshot);
    update("t", 1, -2, 2);
    snapshot = metadata_cache_snapshot(cache);
    CU_ASSERT_EQUAL(metadata_snapshot_topic_count(snapshot), 0);
    metadata_snapshot_unref(snapshot);
    CU_ASSERT_STRING_EQUAL(deleted, "tt");
    // Who still holds an older snapshot sees it unchanged.
    CU_ASSERT_EQUAL(metadata_snapshot_topic(before, view_of_string("t"))->partition_count, 2);
    metadata_snapshot_unref(before);
    metadata_cache_destroy(&cache);
}

// Version 0 has no endpoints, versions 1 and 2 no listener names, and all before 5 no topics.
static void takes_old_versions(void)
{
    cache = metadata_cache_create();
    struct update_metadata_request_live_broker broker = {
        .id = 3, .v0_host = view_of_string("old"), .v0_port = 9, .rack = VIEW_NULL};
    struct update_metadata_request_partition_state state = {
        .topic_name = view_of_string("t"), .leader = 3, .replicas = {one, 1}};
    struct update_metadata_request request = update_metadata_request_default;
    request.live_brokers.items = &broker;
    request.live_brokers.count = 1;
    request.ungrouped_partition_states.items = &state;
    request.ungrouped_partition_states.count = 1;
    metadata_cache_update(cache, &request, NULL, NULL);
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(cache);
    const struct metadata_broker *known = metadata_snapshot_broker(snapshot, 3);
    CU_ASSERT_STRING_EQUAL(metadata_broker_endpoint(known, "PLAINTEXT")->host, "old");
    CU_ASSERT_PTR_NOT_NULL(metadata_snapshot_topic(snapshot, view_of_string("t")));
    metadata_snapshot_unref(snapshot);
    metadata_cache_destroy(&cache);
}

SUITE_MAIN("server/metadata_cache", {"knows what it was told", knows_what_it_was_told},
           {"forgets what is deleted", forgets_what_is_deleted}, {"takes old versions", takes_old_versions})
