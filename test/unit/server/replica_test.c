// SPDX-License-Identifier: Apache-2.0
// What a leader does with the requests of clients, followers and the controller, over a real connection.
#include "base/file.h"
#include "base/thread.h"
#include "log/batch.h"
#include "log/batch_builder.h"
#include "log/log_manager.h"
#include "server/purgatory.h"
#include "server/replica/replica_manager.h"
#include "test/unit/server/mini_broker.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

// One batch of `count` records at that time, with values of `size` bytes. free() its data.
static struct view make_batch(int count, size_t size, int64_t timestamp)
{
    struct batch_header header = {
        .base_offset = 0, .leader_epoch = -1, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    struct batch_builder *builder = batch_builder_create(&header, COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT);
    char *value = calloc(1, size + 1);
    for (int i = 0; i < count; i++)
        batch_builder_append(builder, timestamp + i, view_of_string("key"), view_of(value, size), view_of("", 0), 0);
    size_t batch_size;
    uint8_t *bytes = batch_builder_finish(builder, &batch_size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    batch_builder_destroy(builder);
    free(value);
    return view_of(bytes, batch_size);
}

static void free_batch(struct view batch)
{
    free((void *)(uintptr_t)batch.data);
}

static int16_t produce(struct mini_broker *mini, const char *topic, int count, size_t size, int16_t acks)
{
    struct view batch = make_batch(count, size, 1700000000000);
    int16_t error = mini_broker_produce(mini, topic, 0, batch, acks).error_code;
    free_batch(batch);
    return error;
}

static struct fetch_response fetch_call(struct mini_broker *mini, const struct mini_fetch *fetch)
{
    struct fetch_response response;
    mini_broker_call(mini, API_FETCH, 17, &fetch->request, &response);
    return response;
}

static struct fetch_response_partition fetch_one(struct mini_broker *mini, const struct mini_fetch *fetch)
{
    struct fetch_response response = fetch_call(mini, fetch);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL_FATAL(response.responses.count, 1);
    CU_ASSERT_EQUAL_FATAL(response.responses.items[0].partitions.count, 1);
    return response.responses.items[0].partitions.items[0];
}

static void start(struct mini_broker *mini)
{
    mini_broker_start(mini, "");
    mini_broker_create_topic(mini, "foo", 2, "");
}

// ---- Produce and Fetch

static void what_is_produced_is_fetched(void)
{
    struct mini_broker mini;
    start(&mini);
    struct view batch = make_batch(3, 100, 1700000000000);
    struct produce_response_partition first = mini_broker_produce(&mini, "foo", 0, batch, -1);
    struct produce_response_partition second = mini_broker_produce(&mini, "foo", 0, batch, 1);
    CU_ASSERT_EQUAL(first.error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(first.base_offset, 0);
    CU_ASSERT_EQUAL(first.log_start_offset, 0);
    CU_ASSERT_EQUAL(first.log_append_time_ms, -1);
    CU_ASSERT_EQUAL(second.base_offset, 3);

    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    struct fetch_response_partition found = fetch_one(&mini, &fetch);
    CU_ASSERT_EQUAL(found.error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(found.high_watermark, 6);
    CU_ASSERT_EQUAL(found.last_stable_offset, 6);
    CU_ASSERT_EQUAL(found.log_start_offset, 0);
    CU_ASSERT_EQUAL(found.aborted_transactions.count, -1);
    CU_ASSERT_EQUAL_FATAL(found.records.bytes.size, 2 * batch.size);
    struct batch_header header;
    batch_header_decode(found.records.bytes.data + batch.size, &header);
    CU_ASSERT_EQUAL(header.base_offset, 3);
    CU_ASSERT_EQUAL(header.leader_epoch, MINI_LEADER_EPOCH);
    CU_ASSERT_EQUAL(memcmp(found.records.bytes.data + 16, batch.data + 16, batch.size - 16), 0);

    fetch.request.isolation_level = 1;
    fetch.partition.fetch_offset = 4;
    found = fetch_one(&mini, &fetch);
    CU_ASSERT_EQUAL(found.aborted_transactions.count, 0);
    CU_ASSERT_EQUAL(found.records.bytes.size, batch.size); // from the batch that holds the offset
    free_batch(batch);
    mini_broker_stop(&mini);
}

static void fetch_limits_are_kept_but_for_the_first_batch(void)
{
    struct mini_broker mini;
    start(&mini);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 1000, 1), KAFKA_NONE);
    struct view batch = make_batch(1, 1000, 0);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    fetch.partition.partition_max_bytes = 1;
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).records.bytes.size, batch.size);
    fetch.partition.partition_max_bytes = (int32_t)batch.size + 10; // the last batch may be cut
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).records.bytes.size, batch.size + 10);

    // Only the first partition that has something may go beyond the limits.
    struct fetch_request_partition partitions[2] = {fetch.partition, fetch.partition};
    partitions[0].partition = 1; // empty
    partitions[0].partition_max_bytes = partitions[1].partition_max_bytes = 1 << 20;
    fetch.topic.partitions.items = partitions;
    fetch.topic.partitions.count = 2;
    fetch.request.max_bytes = 1;
    struct fetch_response response = fetch_call(&mini, &fetch);
    CU_ASSERT_EQUAL(response.responses.items[0].partitions.items[0].records.bytes.size, 0);
    CU_ASSERT_EQUAL(response.responses.items[0].partitions.items[1].records.bytes.size, batch.size);
    partitions[0].partition = 0;
    response = fetch_call(&mini, &fetch);
    CU_ASSERT_EQUAL(response.responses.items[0].partitions.items[0].records.bytes.size, batch.size);
    CU_ASSERT_EQUAL(response.responses.items[0].partitions.items[1].records.bytes.size, 0);
    free_batch(batch);
    mini_broker_stop(&mini);
}

static int16_t fetch_error(struct mini_broker *mini, int64_t offset, int32_t leader_epoch, int32_t last_epoch)
{
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, offset);
    fetch.request.max_wait_ms = 60000; // errors are told at once
    fetch.partition.current_leader_epoch = leader_epoch;
    fetch.partition.last_fetched_epoch = last_epoch;
    struct fetch_response_partition found = fetch_one(mini, &fetch);
    CU_ASSERT(found.error_code == KAFKA_NONE || found.records.bytes.size == 0);
    if (found.error_code == KAFKA_FENCED_LEADER_EPOCH) {
        CU_ASSERT_EQUAL(found.current_leader.leader_id, MINI_BROKER_ID);
        CU_ASSERT_EQUAL(found.current_leader.leader_epoch, MINI_LEADER_EPOCH);
    }
    return found.error_code;
}

static void fetches_are_fenced(void)
{
    struct mini_broker mini;
    start(&mini);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(fetch_error(&mini, 0, MINI_LEADER_EPOCH, -1), KAFKA_NONE);
    CU_ASSERT_EQUAL(fetch_error(&mini, 0, MINI_LEADER_EPOCH - 1, -1), KAFKA_FENCED_LEADER_EPOCH);
    CU_ASSERT_EQUAL(fetch_error(&mini, 0, MINI_LEADER_EPOCH + 1, -1), KAFKA_UNKNOWN_LEADER_EPOCH);
    CU_ASSERT_EQUAL(fetch_error(&mini, 2, -1, -1), KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(fetch_error(&mini, -5, -1, -1), KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(fetch_error(&mini, 1, -1, MINI_LEADER_EPOCH + 2), KAFKA_OFFSET_OUT_OF_RANGE);

    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    fetch.topic.topic_id = mini_broker_topic_id("no such topic");
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).error_code, KAFKA_UNKNOWN_TOPIC_ID);
    mini_fetch_init(&fetch, "foo", 7, 0);
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    mini_broker_stop(&mini);
}

static void wait_until_parked(struct purgatory *purgatory, size_t count)
{
    while (purgatory_count(purgatory) != count)
        sched_yield();
}

static void fetches_wait_for_records(void)
{
    struct mini_broker mini;
    struct fetch_response response;
    start(&mini);
    struct purgatory *purgatory = replica_manager_fetch_purgatory(mini.broker.replica_manager);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    fetch.request.max_wait_ms = 1; // passes, and tells nothing
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).records.bytes.size, 0);

    int fd = mini_broker_connect(&mini);
    fetch.request.max_wait_ms = 3600 * 1000;
    fetch.request.min_bytes = 1500;
    mini_broker_send(fd, API_FETCH, 17, &fetch.request);
    wait_until_parked(purgatory, 1);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 1000, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(purgatory_count(purgatory), 1);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 1000, 1), KAFKA_NONE);
    CU_ASSERT(mini_broker_receive(&mini, fd, API_FETCH, 17, &response));
    CU_ASSERT(response.responses.items[0].partitions.items[0].records.bytes.size > 2000);
    CU_ASSERT_EQUAL(response.responses.items[0].partitions.items[0].high_watermark, 2);

    // A batch beyond the partition's limit is given whole, so it ends the waiting too.
    fetch.partition.fetch_offset = 2;
    fetch.partition.partition_max_bytes = 100;
    fetch.request.min_bytes = 50;
    mini_broker_send(fd, API_FETCH, 17, &fetch.request);
    wait_until_parked(purgatory, 1);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 1000, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(purgatory_count(purgatory), 0);
    CU_ASSERT(mini_broker_receive(&mini, fd, API_FETCH, 17, &response));
    CU_ASSERT(response.responses.items[0].partitions.items[0].records.bytes.size > 1000);

    // A broker that stops answers what is parked.
    fetch.partition.fetch_offset = 3;
    mini_broker_send(fd, API_FETCH, 17, &fetch.request);
    wait_until_parked(purgatory, 1);
    replica_manager_stop(mini.broker.replica_manager);
    CU_ASSERT(mini_broker_receive(&mini, fd, API_FETCH, 17, &response));
    close(fd);
    mini_broker_stop(&mini);
}

static void sessions_go_over_the_wire(void)
{
    struct mini_broker mini;
    start(&mini);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NONE);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    fetch.request.session_epoch = 0;
    struct fetch_response response = fetch_call(&mini, &fetch);
    CU_ASSERT_NOT_EQUAL(response.session_id, 0);
    CU_ASSERT_EQUAL(response.responses.count, 1);
    fetch.request.session_id = response.session_id;
    fetch.request.session_epoch = 1;
    fetch.partition.fetch_offset = 1;
    CU_ASSERT_EQUAL(fetch_call(&mini, &fetch).responses.count, 0); // nothing new
    fetch.request.topics.count = 0;
    fetch.request.session_epoch = 2;
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NONE);
    response = fetch_call(&mini, &fetch); // the session knows what to fetch
    CU_ASSERT_EQUAL_FATAL(response.responses.count, 1);
    CU_ASSERT(response.responses.items[0].partitions.items[0].records.bytes.size > 0);
    response = fetch_call(&mini, &fetch);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_INVALID_FETCH_SESSION_EPOCH);
    fetch.request.session_id++;
    CU_ASSERT_EQUAL(fetch_call(&mini, &fetch).error_code, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    mini_broker_stop(&mini);
}

// ---- Replication as a leader sees it

static int16_t change_leader(struct mini_broker *mini, const char *name, int32_t leader_epoch,
                             const struct int32_array *replicas, const struct int32_array *isr)
{
    struct leader_and_isr_request_partition_state state = leader_and_isr_request_partition_state_default;
    struct leader_and_isr_request_topic_state topic = {.topic_name = view_of_string(name),
                                                       .topic_id = mini_broker_topic_id(name),
                                                       .partition_states = {.items = &state, .count = 1}};
    struct leader_and_isr_request request = leader_and_isr_request_default;
    state.leader = replicas->items[0];
    state.leader_epoch = leader_epoch;
    state.isr = *isr;
    state.replicas = *replicas;
    request.controller_epoch = MINI_CONTROLLER_EPOCH;
    request.broker_epoch = MINI_BROKER_EPOCH;
    request.topic_states.items = &topic;
    request.topic_states.count = 1;
    struct leader_and_isr_response response;
    mini_broker_call(mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_NONE);
    return response.topics.items[0].partition_errors.items[0].error_code;
}

static int32_t two_brokers[] = {MINI_BROKER_ID, MINI_OTHER_BROKER_ID},
               another[] = {MINI_OTHER_BROKER_ID, MINI_BROKER_ID}, strangers[] = {MINI_OTHER_BROKER_ID, 3},
               a_dead_one[] = {7, MINI_BROKER_ID};
static const struct int32_array both = {two_brokers, 2}, just_us = {two_brokers, 1}, other_leads = {another, 2},
                                not_us = {strangers, 2}, dead_leads = {a_dead_one, 2};

static void acks_all_waits_for_the_in_sync_replicas(void)
{
    struct mini_broker mini;
    struct produce_response response;
    mini_broker_start(&mini, "");
    mini_broker_create_topic(&mini, "foo", 1, "min.insync.replicas=2");
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 4, &both, &just_us), KAFKA_NONE);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, -1), KAFKA_NOT_ENOUGH_REPLICAS);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NONE);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).high_watermark, 0); // it does not move with too few in sync

    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 5, &both, &both), KAFKA_NONE);
    struct view batch = make_batch(1, 10, 0);
    struct produce_request_partition data = {.index = 0, .records = {.bytes = batch}};
    struct produce_request_topic topic = {.name = view_of_string("foo"),
                                          .partition_data = {.items = &data, .count = 1}};
    struct produce_request request = {.acks = -1, .timeout_ms = 1, .topic_data = {.items = &topic, .count = 1}};
    mini_broker_call(&mini, API_PRODUCE, 9, &request, &response);
    CU_ASSERT_EQUAL(response.responses.items[0].partition_responses.items[0].error_code, KAFKA_REQUEST_TIMED_OUT);

    // The follower's fetch from 3 on says that it has what lies below.
    int fd = mini_broker_connect(&mini);
    request.timeout_ms = 3600 * 1000;
    mini_broker_send(fd, API_PRODUCE, 9, &request);
    wait_until_parked(replica_manager_produce_purgatory(mini.broker.replica_manager), 1);
    fetch.request.replica_state.replica_id = 2;
    fetch.partition.fetch_offset = 2;
    fetch.partition.current_leader_epoch = 5;
    CU_ASSERT(fetch_one(&mini, &fetch).records.bytes.size > 0); // beyond the high watermark
    fetch.partition.fetch_offset = 3;
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).error_code, KAFKA_NONE);
    CU_ASSERT(mini_broker_receive(&mini, fd, API_PRODUCE, 9, &response));
    CU_ASSERT_EQUAL(response.responses.items[0].partition_responses.items[0].error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(response.responses.items[0].partition_responses.items[0].base_offset, 2);
    fetch.request.replica_state.replica_id = 9; // somebody poses as a replica
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
    fetch.partition.current_leader_epoch = -1;
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).error_code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    close(fd);
    free_batch(batch);
    mini_broker_stop(&mini);
}

static void a_deposed_leader_says_who_leads(void)
{
    struct mini_broker mini;
    struct fetch_response response;
    start(&mini);
    int fd = mini_broker_connect(&mini);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    fetch.request.max_wait_ms = 3600 * 1000;
    mini_broker_send(fd, API_FETCH, 17, &fetch.request);
    wait_until_parked(replica_manager_fetch_purgatory(mini.broker.replica_manager), 1);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 9, &other_leads, &other_leads), KAFKA_NONE);
    CU_ASSERT(mini_broker_receive(&mini, fd, API_FETCH, 17, &response));
    const struct fetch_response_partition *found = &response.responses.items[0].partitions.items[0];
    CU_ASSERT_EQUAL(found->error_code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    CU_ASSERT_EQUAL(found->current_leader.leader_id, 2);
    CU_ASSERT_EQUAL(found->current_leader.leader_epoch, 9);
    CU_ASSERT_EQUAL_FATAL(response.node_endpoints.count, 1);
    CU_ASSERT_EQUAL(response.node_endpoints.items[0].node_id, 2);
    CU_ASSERT_EQUAL(response.node_endpoints.items[0].port, mini.port);
    struct view batch = make_batch(1, 10, 0);
    struct produce_response_partition produced = mini_broker_produce(&mini, "foo", 0, batch, 1);
    CU_ASSERT_EQUAL(produced.error_code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    CU_ASSERT_EQUAL(produced.current_leader.leader_id, 2);
    free_batch(batch);
    close(fd);
    mini_broker_stop(&mini);
}

static void diverging_fetchers_are_told_where(void)
{
    struct mini_broker mini;
    start(&mini);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 2, 10, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 6, &just_us, &just_us), KAFKA_NONE);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 2, 10, 1), KAFKA_NONE);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 4);
    fetch.partition.last_fetched_epoch = MINI_LEADER_EPOCH; // which ended at 2
    struct fetch_response_partition found = fetch_one(&mini, &fetch);
    CU_ASSERT_EQUAL(found.error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(found.diverging_epoch.epoch, MINI_LEADER_EPOCH);
    CU_ASSERT_EQUAL(found.diverging_epoch.end_offset, 2);
    CU_ASSERT_EQUAL(found.records.bytes.size, 0);
    fetch.partition.last_fetched_epoch = 6;
    CU_ASSERT_EQUAL(fetch_one(&mini, &fetch).diverging_epoch.epoch, -1);

    struct offset_for_leader_epoch_request_partition partition = {
        .partition = 0, .current_leader_epoch = 6, .leader_epoch = 5};
    struct offset_for_leader_epoch_request_topic topic = {.topic = view_of_string("foo"),
                                                          .partitions = {.items = &partition, .count = 1}};
    struct offset_for_leader_epoch_request request = {.replica_id = -1, .topics = {.items = &topic, .count = 1}};
    struct offset_for_leader_epoch_response response;
    mini_broker_call(&mini, API_OFFSET_FOR_LEADER_EPOCH, 4, &request, &response);
    const struct offset_for_leader_epoch_response_partition *end = &response.topics.items[0].partitions.items[0];
    CU_ASSERT_EQUAL(end->error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(end->leader_epoch, MINI_LEADER_EPOCH);
    CU_ASSERT_EQUAL(end->end_offset, 2);
    partition.current_leader_epoch = 5;
    mini_broker_call(&mini, API_OFFSET_FOR_LEADER_EPOCH, 4, &request, &response);
    CU_ASSERT_EQUAL(response.topics.items[0].partitions.items[0].error_code, KAFKA_FENCED_LEADER_EPOCH);
    mini_broker_stop(&mini);
}

// ---- Clients race with leadership changes

enum { RACING_PRODUCES = 60, RACERS = 2 };

struct racer {
    struct mini_broker mini; // the same broker by another connection
    struct thread thread;
    atomic_int *producers_left;
    int64_t consumed;
    bool is_dense;
};

static void race_produce(void *context)
{
    struct racer *racer = context;
    struct view batch = make_batch(2, 500, 0);
    for (int i = 0; i < RACING_PRODUCES; i++) {
        struct produce_response_partition answer = mini_broker_produce(&racer->mini, "foo", 0, batch, i % 2 ? 1 : -1);
        racer->is_dense = racer->is_dense && answer.error_code == KAFKA_NONE && answer.base_offset % 2 == 0;
    }
    free_batch(batch);
    atomic_fetch_sub(racer->producers_left, 1);
}

// Reads all that is produced, in a session, waiting for it.
static void race_fetch(void *context)
{
    struct racer *racer = context;
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    fetch.request.max_wait_ms = 20;
    fetch.request.session_epoch = 0;
    while (racer->is_dense && racer->consumed < 2 * RACING_PRODUCES * RACERS) {
        struct fetch_response response = fetch_call(&racer->mini, &fetch);
        fetch.request.session_id = response.session_id;
        fetch.request.session_epoch++;
        racer->is_dense = response.error_code == KAFKA_NONE;
        if (response.responses.count == 0)
            continue;
        struct view records = response.responses.items[0].partitions.items[0].records.bytes;
        struct batch_header header;
        while (batch_header_read(records, &header) == BATCH_COMPLETE) {
            racer->is_dense = racer->is_dense && header.base_offset == racer->consumed;
            racer->consumed = batch_next_offset(&header);
            records = view_of(records.data + batch_size(&header), records.size - (size_t)batch_size(&header));
        }
        fetch.partition.fetch_offset = racer->consumed;
    }
}

static void clients_race_with_leadership_changes(void)
{
    struct mini_broker mini;
    static struct racer racers[2 * RACERS];
    atomic_int producers_left = RACERS;
    start(&mini);
    for (int i = 0; i < 2 * RACERS; i++) {
        racers[i] = (struct racer){.mini = mini, .producers_left = &producers_left, .is_dense = true};
        racers[i].mini.fd = mini_broker_connect(&mini);
        arena_init(&racers[i].mini.arena, SIZE_MAX);
        CU_ASSERT_EQUAL_FATAL(
            thread_start(&racers[i].thread, i < RACERS ? race_produce : race_fetch, &racers[i], "racer-%d", i), 0);
    }
    for (int32_t epoch = 4; atomic_load(&producers_left) > 0; epoch++) // the same leader, in one epoch after the other
        CU_ASSERT_EQUAL(change_leader(&mini, "foo", epoch, &just_us, &just_us), KAFKA_NONE);
    for (int i = 0; i < 2 * RACERS; i++) {
        thread_join(&racers[i].thread);
        CU_ASSERT(racers[i].is_dense);
        close(racers[i].mini.fd);
        arena_fini(&racers[i].mini.arena);
    }
    mini_broker_stop(&mini);
}

// ---- The controller's requests

static void leader_and_isr_follows_the_epochs(void)
{
    struct mini_broker mini;
    start(&mini);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", MINI_LEADER_EPOCH, &just_us, &just_us), KAFKA_STALE_CONTROLLER_EPOCH);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 2, &just_us, &just_us), KAFKA_STALE_CONTROLLER_EPOCH);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 4, &not_us, &not_us), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 4, &just_us, &just_us), KAFKA_NONE);

    struct leader_and_isr_request_partition_state state = leader_and_isr_request_partition_state_default;
    struct leader_and_isr_request_topic_state topic = {.topic_name = view_of_string("foo"),
                                                       .topic_id = mini_broker_topic_id("another"),
                                                       .partition_states = {.items = &state, .count = 1}};
    struct leader_and_isr_request request = leader_and_isr_request_default;
    struct leader_and_isr_response response;
    state.leader = MINI_BROKER_ID;
    state.leader_epoch = 5;
    state.isr = state.replicas = just_us;
    request.controller_epoch = MINI_CONTROLLER_EPOCH;
    request.topic_states.items = &topic;
    request.topic_states.count = 1;
    mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[0].error_code, KAFKA_INCONSISTENT_TOPIC_ID);
    request.controller_epoch = MINI_CONTROLLER_EPOCH - 1;
    mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_STALE_CONTROLLER_EPOCH);
    CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[0].error_code, KAFKA_STALE_CONTROLLER_EPOCH);
    request.controller_epoch = MINI_CONTROLLER_EPOCH;
    request.broker_epoch = MINI_BROKER_EPOCH - 1;
    mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_STALE_BROKER_EPOCH);
    CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[0].error_code, KAFKA_STALE_BROKER_EPOCH);
    request.broker_epoch = MINI_BROKER_EPOCH + 1; // the controller may know of a registration before we do
    request.is_k_raft_controller = true;
    mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_UNKNOWN_SERVER_ERROR);

    // A name that is none of a topic never becomes a directory.
    request.is_k_raft_controller = false;
    topic.topic_id = UUID_ZERO;
    const char *const impossible[] = {"../foo", "..", "", "a/b"};
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        topic.topic_name = view_of_string(impossible[i]);
        mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
        CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[0].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    }
    topic.topic_name = view_of_string("foo");
    state.partition_index = -1;
    mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[0].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    state.partition_index = 0;

    // A lower partition epoch, or a leader that is not alive, is no error but changes nothing.
    request.is_k_raft_controller = false;
    topic.topic_id = mini_broker_topic_id("foo");
    state.partition_epoch = -1;
    mini_broker_call(&mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[0].error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 6, &dead_leads, &dead_leads), KAFKA_NONE);
    CU_ASSERT_EQUAL(fetch_error(&mini, 5, 4, -1), KAFKA_OFFSET_OUT_OF_RANGE); // still led in that epoch
    mini_broker_stop(&mini);
}

static int16_t stop_replica(struct mini_broker *mini, int32_t index, int32_t leader_epoch, bool is_deletion)
{
    struct stop_replica_request_partition_state state = {
        .partition_index = index, .leader_epoch = leader_epoch, .delete_partition = is_deletion};
    struct stop_replica_request_topic_state topic = {.topic_name = view_of_string("foo"),
                                                     .partition_states = {.items = &state, .count = 1}};
    struct stop_replica_request request = stop_replica_request_default;
    struct stop_replica_response response;
    request.controller_epoch = MINI_CONTROLLER_EPOCH;
    request.topic_states.items = &topic;
    request.topic_states.count = 1;
    mini_broker_call(mini, API_STOP_REPLICA, 4, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_NONE);
    return response.partition_errors.items[0].error_code;
}

static void stopped_replicas_are_gone(void)
{
    struct mini_broker mini;
    struct log *log;
    start(&mini);
    CU_ASSERT_EQUAL(stop_replica(&mini, 0, MINI_LEADER_EPOCH - 1, true), KAFKA_FENCED_LEADER_EPOCH);
    CU_ASSERT_EQUAL(stop_replica(&mini, 0, MINI_LEADER_EPOCH, false), KAFKA_NONE);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NONE); // not deleted: it leads on
    CU_ASSERT_EQUAL(stop_replica(&mini, 0, -2, true), KAFKA_NONE);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NOT_LEADER_OR_FOLLOWER);
    CU_ASSERT_EQUAL(log_manager_get(mini.broker.log_manager, view_of_string("foo"), 0, &log),
                    KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CU_ASSERT_EQUAL(stop_replica(&mini, 0, -2, true), KAFKA_NONE); // once more
    CU_ASSERT_EQUAL(stop_replica(&mini, 17, -1, true), KAFKA_NONE);
    mini_broker_stop(&mini);
}

// ---- Offsets

static struct list_offsets_response_partition list_offset(struct mini_broker *mini, int16_t version, int64_t timestamp)
{
    struct list_offsets_request_partition partition = list_offsets_request_partition_default;
    struct list_offsets_request_topic topic = {.name = view_of_string("foo"),
                                               .partitions = {.items = &partition, .count = 1}};
    struct list_offsets_request request = {.replica_id = -1, .topics = {.items = &topic, .count = 1}};
    struct list_offsets_response response;
    partition.timestamp = timestamp;
    if (version == 0)
        partition.max_num_offsets = 10;
    mini_broker_call(mini, API_LIST_OFFSETS, version, &request, &response);
    return response.topics.items[0].partitions.items[0];
}

static int64_t offset_of(struct mini_broker *mini, int64_t timestamp)
{
    struct list_offsets_response_partition found = list_offset(mini, 9, timestamp);
    CU_ASSERT_EQUAL(found.error_code, KAFKA_NONE);
    return found.offset;
}

static void offsets_are_found_by_time(void)
{
    struct mini_broker mini;
    start(&mini);
    int64_t times[] = {1700000000000, 1700000005000, 1700000001000};
    for (int i = 0; i < 3; i++) {
        struct view batch = make_batch(2, 10, times[i]);
        CU_ASSERT_EQUAL(mini_broker_produce(&mini, "foo", 0, batch, 1).error_code, KAFKA_NONE);
        free_batch(batch);
    }
    CU_ASSERT_EQUAL(offset_of(&mini, -1), 6);
    CU_ASSERT_EQUAL(offset_of(&mini, -2), 0);
    CU_ASSERT_EQUAL(offset_of(&mini, -3), 3);
    CU_ASSERT_EQUAL(offset_of(&mini, -4), 0);
    CU_ASSERT_EQUAL(offset_of(&mini, -5), -1);
    CU_ASSERT_EQUAL(offset_of(&mini, times[0]), 0);
    CU_ASSERT_EQUAL(offset_of(&mini, times[0] + 1), 1);
    CU_ASSERT_EQUAL(offset_of(&mini, times[0] + 2), 2);
    CU_ASSERT_EQUAL(offset_of(&mini, times[1] + 2), -1);
    CU_ASSERT_EQUAL(list_offset(&mini, 9, -1).leader_epoch, MINI_LEADER_EPOCH);
    CU_ASSERT_EQUAL(list_offset(&mini, 9, -3).timestamp, times[1] + 1);
    CU_ASSERT_EQUAL(list_offset(&mini, 6, -3).error_code, KAFKA_UNSUPPORTED_VERSION);
    CU_ASSERT_EQUAL(list_offset(&mini, 7, -4).error_code, KAFKA_UNSUPPORTED_VERSION);
    CU_ASSERT_EQUAL(list_offset(&mini, 8, -5).error_code, KAFKA_UNSUPPORTED_VERSION);
    CU_ASSERT_EQUAL(list_offset(&mini, 9, -6).error_code, KAFKA_UNSUPPORTED_VERSION);
    struct list_offsets_response_partition old = list_offset(&mini, 0, -1);
    CU_ASSERT_EQUAL_FATAL(old.old_style_offsets.count, 2);
    CU_ASSERT_EQUAL(old.old_style_offsets.items[0], 6);
    CU_ASSERT_EQUAL(old.old_style_offsets.items[1], 0);
    mini_broker_stop(&mini);
}

static struct delete_records_response_partition delete_records(struct mini_broker *mini, const char *name,
                                                               int64_t offset)
{
    struct delete_records_request_partition partition = {.partition_index = 0, .offset = offset};
    struct delete_records_request_topic topic = {.name = view_of_string(name),
                                                 .partitions = {.items = &partition, .count = 1}};
    struct delete_records_request request = {.topics = {.items = &topic, .count = 1}, .timeout_ms = 10000};
    struct delete_records_response response;
    mini_broker_call(mini, API_DELETE_RECORDS, 2, &request, &response);
    return response.topics.items[0].partitions.items[0];
}

static void records_are_deleted_from_the_start(void)
{
    struct mini_broker mini;
    start(&mini);
    mini_broker_create_topic(&mini, "compacted", 1, "cleanup.policy=compact");
    mini_broker_create_topic(&mini, "__consumer_offsets", 1, "");
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(produce(&mini, "foo", 2, 10, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(delete_records(&mini, "foo", 3).low_watermark, 3);
    CU_ASSERT_EQUAL(offset_of(&mini, -2), 3);
    CU_ASSERT_EQUAL(fetch_error(&mini, 2, -1, -1), KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(delete_records(&mini, "foo", 2).low_watermark, 3); // it never goes back
    CU_ASSERT_EQUAL(delete_records(&mini, "foo", 7).error_code, KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(delete_records(&mini, "foo", -2).error_code, KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(delete_records(&mini, "foo", -1).low_watermark, 6);
    CU_ASSERT_EQUAL(delete_records(&mini, "compacted", 0).error_code, KAFKA_POLICY_VIOLATION);
    CU_ASSERT_EQUAL(delete_records(&mini, "__consumer_offsets", 0).error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    CU_ASSERT_EQUAL(delete_records(&mini, "unknown", 0).error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    mini_broker_stop(&mini);
}

// ---- A failing disk

static atomic_bool disk_fails;

static ssize_t fail_pwritev(int fd, const struct iovec *pieces, int count, int64_t offset)
{
    return atomic_load(&disk_fails) ? -EIO : file_calls_of_system()->pwritev(fd, pieces, count, offset);
}

static void a_failing_disk_is_told(void)
{
    static struct file_calls calls;
    struct mini_broker mini;
    calls = *file_calls_of_system();
    calls.pwritev = fail_pwritev;
    file_calls_set(&calls);
    start(&mini);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_NONE);
    atomic_store(&disk_fails, true);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_KAFKA_STORAGE_ERROR);
    atomic_store(&disk_fails, false);
    CU_ASSERT_EQUAL(produce(&mini, "foo", 1, 10, 1), KAFKA_KAFKA_STORAGE_ERROR); // nothing is tried again
    CU_ASSERT_EQUAL(fetch_error(&mini, 0, -1, -1), KAFKA_KAFKA_STORAGE_ERROR);
    CU_ASSERT_EQUAL(list_offset(&mini, 9, -1).error_code, KAFKA_KAFKA_STORAGE_ERROR);
    CU_ASSERT_EQUAL(delete_records(&mini, "foo", 0).error_code, KAFKA_KAFKA_STORAGE_ERROR);
    CU_ASSERT_EQUAL(change_leader(&mini, "foo", 9, &just_us, &just_us), KAFKA_KAFKA_STORAGE_ERROR);
    CU_ASSERT_EQUAL(stop_replica(&mini, 0, -2, true), KAFKA_KAFKA_STORAGE_ERROR);
    mini_broker_stop(&mini);
    file_calls_set(NULL);
}

SUITE_MAIN("server/replica", {"a failing disk is told", a_failing_disk_is_told},
           {"what is produced is fetched", what_is_produced_is_fetched},
           {"fetch limits are kept but for the first batch", fetch_limits_are_kept_but_for_the_first_batch},
           {"fetches are fenced", fetches_are_fenced}, {"fetches wait for records", fetches_wait_for_records},
           {"sessions go over the wire", sessions_go_over_the_wire},
           {"acks=all waits for the in-sync replicas", acks_all_waits_for_the_in_sync_replicas},
           {"a deposed leader says who leads", a_deposed_leader_says_who_leads},
           {"diverging fetchers are told where", diverging_fetchers_are_told_where},
           {"clients race with leadership changes", clients_race_with_leadership_changes},
           {"LeaderAndIsr follows the epochs", leader_and_isr_follows_the_epochs},
           {"stopped replicas are gone", stopped_replicas_are_gone},
           {"offsets are found by time", offsets_are_found_by_time},
           {"records are deleted from the start", records_are_deleted_from_the_start})
