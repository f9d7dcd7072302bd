// SPDX-License-Identifier: Apache-2.0
// The classic group protocol through the coordinator's door, with a store that keeps nothing.
#include "server/group/group_coordinator.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/timer.h"
#include "log/batch.h"
#include "net/protocol/messages.h"
#include "test/unit/suite.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_MS_MAX 10000

// ---- A coordinator whose appends succeed at once, or wait until they are let go

struct held_append {
    void (*done)(void *context, enum kafka_error error);
    void *context;
};

struct fixture {
    struct timer *timer;
    struct group_coordinator *coordinator;
    bool holds_appends;
    struct held_append held;
    enum kafka_error append_error;
    int record_count;
    uint8_t log[4096];
    size_t log_size;
    int append_depth, append_depth_max; // appends within one another
    int64_t load_ms_min;                // how long a load takes at least
    int32_t timeout_ms;                 // of a rebalance; 0: 30 s
};

static int32_t one_partition(void *context)
{
    (void)context;
    return 1;
}

static void append(void *context, int32_t partition, struct view batch,
                   void (*done)(void *done_context, enum kafka_error error), void *done_context)
{
    struct fixture *fixture = context;
    struct batch_header header;
    if (++fixture->append_depth > fixture->append_depth_max)
        fixture->append_depth_max = fixture->append_depth;
    CU_ASSERT_EQUAL(partition, 0);
    CU_ASSERT_EQUAL(batch_header_read(batch, &header), BATCH_COMPLETE);
    fixture->record_count += header.record_count;
    if (fixture->append_error == KAFKA_NONE) {
        CU_ASSERT_TRUE_FATAL(fixture->log_size + batch.size <= sizeof fixture->log);
        memcpy(fixture->log + fixture->log_size, batch.data, batch.size);
        batch_set_base_offset(fixture->log + fixture->log_size, fixture->record_count - 1);
        fixture->log_size += batch.size;
    }
    if (fixture->holds_appends)
        fixture->held = (struct held_append){done, done_context};
    else
        done(done_context, fixture->append_error);
    fixture->append_depth--;
}

// What was appended is what there is to load.
static enum kafka_error read(void *context, int32_t partition, int64_t offset, size_t size_max, uint8_t **buffer,
                             size_t *capacity, size_t *size)
{
    struct fixture *fixture = context;
    (void)partition;
    (void)size_max;
    int64_t until_ms = clock_monotonic_ms() + fixture->load_ms_min;
    while (offset >= 0 && clock_monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (offset >= 0 || fixture->log_size == 0)
        return KAFKA_NONE;
    *buffer = memory_resize(*buffer, fixture->log_size, 1);
    *capacity = *size = fixture->log_size;
    memcpy(*buffer, fixture->log, fixture->log_size);
    return KAFKA_NONE;
}

// The coordinator becomes the leader and reads what is there.
static void load(struct fixture *fixture)
{
    struct list_groups_request list = list_groups_request_default;
    group_coordinator_elected(fixture->coordinator, 0);
    for (;;) {
        struct arena arena;
        struct list_groups_response listed = list_groups_response_default;
        arena_init(&arena, 1 << 20);
        group_coordinator_list(fixture->coordinator, &list, &arena, &listed);
        arena_fini(&arena);
        if (listed.error_code == KAFKA_NONE)
            break;
        CU_ASSERT_EQUAL_FATAL(listed.error_code, KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    }
}

static void set_up(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    logger_set_level(LOGGER_ERROR);
    struct group_settings settings = {
        .session_timeout_min_ms = 10,
        .session_timeout_max_ms = 60000,
        .group_size_max = 2,
        .offset_metadata_size_max = 10,
        .offsets_retention_ms = 1,
        .load_buffer_size = 1024,
    };
    struct group_store store = {.context = fixture, .partition_count = one_partition, .append = append, .read = read};
    CU_ASSERT_EQUAL_FATAL(timer_start("test-timer", &fixture->timer), 0);
    CU_ASSERT_EQUAL_FATAL(group_coordinator_start(&settings, &store, fixture->timer, &fixture->coordinator), 0);
    load(fixture);
}

static void tear_down(struct fixture *fixture)
{
    group_coordinator_stop(fixture->coordinator);
    if (fixture->held.done != NULL)
        fixture->held.done(fixture->held.context, KAFKA_NONE);
    timer_destroy(&fixture->timer);
    group_coordinator_destroy(&fixture->coordinator);
}

// ---- Requests that remember their answers

struct asked {
    struct arena arena;
    _Atomic(void *) response;
};

static void answered(void *context, void *response)
{
    struct asked *asked = context;
    CU_ASSERT_PTR_NULL(asked->response); // once
    asked->response = response;
}

static struct group_waiter waiter_of(struct asked *asked)
{
    arena_init(&asked->arena, 1 << 20);
    asked->response = NULL;
    return (struct group_waiter){&asked->arena, answered, asked};
}

static struct join_group_response *join_answer(struct asked *asked)
{
    return asked->response;
}

static struct sync_group_response *sync_answer(struct asked *asked)
{
    return asked->response;
}

static void join(struct fixture *fixture, const char *member_id, const char *instance_id, int16_t version,
                 struct asked *asked)
{
    static struct join_group_request_protocol protocols[] = {
        {.name = {(const uint8_t *)"range", 5}, .metadata = {(const uint8_t *)"meta", 4}}};
    struct join_group_request request = join_group_request_default;
    request.group_id = view_of_string("g");
    request.session_timeout_ms = 30000;
    request.rebalance_timeout_ms = fixture->timeout_ms > 0 ? fixture->timeout_ms : 30000;
    request.member_id = view_of_string(member_id);
    request.group_instance_id = view_of_string(instance_id);
    request.protocol_type = view_of_string("consumer");
    request.protocols.items = protocols;
    request.protocols.count = 1;
    struct group_client client = {.client_id = view_of_string("client"), .host = "/127.0.0.1"};
    struct group_waiter waiter = waiter_of(asked);
    group_coordinator_join(fixture->coordinator, &request, version, &client, &waiter);
}

// An old client joins, which needs no id. The timeout is that of its session and of the rebalance.
static void join_as(struct fixture *fixture, struct view group_id, struct view instance_id, int32_t timeout_ms,
                    struct asked *asked)
{
    struct join_group_request_protocol protocol = {.name = view_of_string("range")};
    struct join_group_request request = join_group_request_default;
    request.group_id = group_id;
    request.group_instance_id = instance_id;
    request.session_timeout_ms = request.rebalance_timeout_ms = timeout_ms;
    request.protocol_type = view_of_string("consumer");
    request.protocols.items = &protocol;
    request.protocols.count = 1;
    struct group_client client = {.client_id = view_of_string("c"), .host = "/::1"};
    struct group_waiter waiter = waiter_of(asked);
    group_coordinator_join(fixture->coordinator, &request, 0, &client, &waiter);
}

static void sync(struct fixture *fixture, const char *member_id, int32_t generation, const char *assigned_to,
                 const char *assignment, struct asked *asked)
{
    struct sync_group_request_assignment assigned = {.member_id = view_of_string(assigned_to),
                                                     .assignment = view_of_string(assignment)};
    struct sync_group_request request = sync_group_request_default;
    request.group_id = view_of_string("g");
    request.member_id = view_of_string(member_id);
    request.generation_id = generation;
    request.assignments.items = &assigned;
    request.assignments.count = assigned_to != NULL;
    struct group_waiter waiter = waiter_of(asked);
    group_coordinator_sync(fixture->coordinator, &request, &waiter);
}

static enum kafka_error heartbeat(struct fixture *fixture, const char *member_id, int32_t generation)
{
    struct heartbeat_request request = heartbeat_request_default;
    request.group_id = view_of_string("g");
    request.member_id = view_of_string(member_id);
    request.generation_id = generation;
    return group_coordinator_heartbeat(fixture->coordinator, &request);
}

static bool state_is(struct fixture *fixture, const char *state)
{
    struct arena arena;
    struct describe_groups_response_group described = describe_groups_response_group_default;
    arena_init(&arena, 1 << 20);
    group_coordinator_describe(fixture->coordinator, view_of_string("g"), &arena, &described);
    bool is = view_equal_string(described.group_state, state);
    arena_fini(&arena);
    return is;
}

static bool wait_for_state(struct fixture *fixture, const char *state)
{
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    while (!state_is(fixture, state) && clock_monotonic_ms() < deadline_ms)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return state_is(fixture, state);
}

static bool wait_for_answer(struct asked *asked)
{
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    while (asked->response == NULL && clock_monotonic_ms() < deadline_ms)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return asked->response != NULL;
}

// A new member joins with the id that it is given. Returns the id, in the arena of `first`.
static const char *join_new(struct fixture *fixture, struct asked *first, struct asked *second)
{
    join(fixture, "", NULL, 9, first);
    CU_ASSERT_PTR_NOT_NULL_FATAL(join_answer(first));
    CU_ASSERT_EQUAL(join_answer(first)->error_code, KAFKA_MEMBER_ID_REQUIRED);
    const char *id = view_to_string(&first->arena, join_answer(first)->member_id);
    CU_ASSERT_EQUAL(strncmp(id, "client-", 7), 0);
    join(fixture, id, NULL, 9, second);
    return id;
}

// ---- Tests

static void two_members_share_a_group(void)
{
    struct fixture fixture;
    struct asked a1, a2, a3, a4, a5, b1, b2, b3;
    set_up(&fixture);
    const char *a = join_new(&fixture, &a1, &a2);
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&a2));
    CU_ASSERT_EQUAL(join_answer(&a2)->error_code, KAFKA_NONE);
    CU_ASSERT_EQUAL(join_answer(&a2)->generation_id, 1);
    CU_ASSERT_EQUAL(join_answer(&a2)->members.count, 1);
    sync(&fixture, a, 1, a, "all", &a3);
    CU_ASSERT_TRUE(view_equal_string(sync_answer(&a3)->assignment, "all"));
    CU_ASSERT_EQUAL(heartbeat(&fixture, a, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(heartbeat(&fixture, a, 0), KAFKA_ILLEGAL_GENERATION);
    CU_ASSERT_EQUAL(heartbeat(&fixture, "stranger", 1), KAFKA_UNKNOWN_MEMBER_ID);

    const char *b = join_new(&fixture, &b1, &b2);
    CU_ASSERT_PTR_NULL(b2.response); // waits for the first member
    CU_ASSERT_EQUAL(heartbeat(&fixture, a, 1), KAFKA_REBALANCE_IN_PROGRESS);
    join(&fixture, a, NULL, 9, &a4);
    CU_ASSERT_EQUAL(join_answer(&a4)->generation_id, 2);
    CU_ASSERT_EQUAL(join_answer(&a4)->members.count, 2);
    CU_ASSERT_EQUAL(join_answer(&b2)->members.count, 0);
    CU_ASSERT_TRUE(view_equal_string(join_answer(&b2)->leader, a));
    sync(&fixture, b, 2, NULL, NULL, &b3);
    CU_ASSERT_PTR_NULL(b3.response); // waits for the leader
    sync(&fixture, a, 2, b, "half", &a5);
    CU_ASSERT_TRUE(view_equal_string(sync_answer(&b3)->assignment, "half"));
    CU_ASSERT_EQUAL(sync_answer(&a5)->assignment.size, 0);
    CU_ASSERT_TRUE(state_is(&fixture, "Stable"));

    struct asked *all[] = {&a1, &a2, &a3, &a4, &a5, &b1, &b2, &b3};
    tear_down(&fixture);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        arena_fini(&all[i]->arena);
}

static void a_group_has_room_for_its_maximum(void)
{
    struct fixture fixture;
    struct asked answers[5];
    set_up(&fixture);
    join(&fixture, "", NULL, 3, &answers[0]); // an old client needs no id
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&answers[0]));
    CU_ASSERT_EQUAL(join_answer(&answers[0])->error_code, KAFKA_NONE);
    join(&fixture, "", NULL, 3, &answers[1]);
    join(&fixture, "", NULL, 3, &answers[2]);
    CU_ASSERT_EQUAL(join_answer(&answers[2])->error_code, KAFKA_GROUP_MAX_SIZE_REACHED);
    tear_down(&fixture);
    CU_ASSERT_EQUAL(join_answer(&answers[1])->error_code, KAFKA_NOT_COORDINATOR);
    for (int i = 0; i < 3; i++)
        arena_fini(&answers[i].arena);
}

static void a_silent_member_is_removed(void)
{
    struct fixture fixture;
    struct asked joined, synced;
    set_up(&fixture);
    join_as(&fixture, view_of_string("g"), VIEW_NULL, 20, &joined);
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&joined));
    const char *id = view_to_string(&joined.arena, join_answer(&joined)->member_id);
    sync(&fixture, id, 1, id, "x", &synced);
    CU_ASSERT_TRUE(wait_for_state(&fixture, "Empty"));
    CU_ASSERT_EQUAL(heartbeat(&fixture, id, 1), KAFKA_UNKNOWN_MEMBER_ID);
    tear_down(&fixture);
    arena_fini(&joined.arena);
    arena_fini(&synced.arena);
}

static void a_static_member_keeps_its_place(void)
{
    struct fixture fixture;
    struct asked first, synced, second, late;
    set_up(&fixture);
    join(&fixture, "", "i1", 9, &first);
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&first));
    const char *old_id = view_to_string(&first.arena, join_answer(&first)->member_id);
    sync(&fixture, old_id, 1, old_id, "mine", &synced);
    join(&fixture, "", "i1", 9, &second); // restarted: no rebalance
    CU_ASSERT_PTR_NOT_NULL_FATAL(second.response);
    CU_ASSERT_EQUAL(join_answer(&second)->generation_id, 1);
    CU_ASSERT_TRUE(join_answer(&second)->skip_assignment);
    join(&fixture, old_id, "i1", 9, &late);
    CU_ASSERT_EQUAL(join_answer(&late)->error_code, KAFKA_FENCED_INSTANCE_ID);
    tear_down(&fixture);
    struct asked *all[] = {&first, &synced, &second, &late};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        arena_fini(&all[i]->arena);
}

static bool topic_is_t(void *context, struct view topic, int32_t partition)
{
    (void)context;
    return view_equal_string(topic, "t") && partition < 2;
}

static void commit_for(struct fixture *fixture, int32_t partition, int64_t offset, struct view metadata,
                       int64_t retention_ms, struct asked *asked)
{
    struct offset_commit_request_partition *committed =
        message_alloc_array(&asked->arena, &offset_commit_request_partition_schema, 1);
    struct offset_commit_request_topic *topic =
        message_alloc_array(&asked->arena, &offset_commit_request_topic_schema, 1);
    committed->partition_index = partition;
    committed->committed_offset = offset;
    committed->committed_metadata = metadata;
    topic->name = view_of_string("t");
    topic->partitions.items = committed;
    topic->partitions.count = 1;
    struct offset_commit_request *request = arena_alloc(&asked->arena, sizeof *request);
    *request = offset_commit_request_default;
    request->group_id = view_of_string("g");
    request->member_id = view_of_string("");
    request->retention_time_ms = retention_ms;
    request->topics.items = topic;
    request->topics.count = 1;
    struct group_waiter waiter = {&asked->arena, answered, asked};
    group_coordinator_commit(fixture->coordinator, request, topic_is_t, NULL, &waiter);
}

static void commit(struct fixture *fixture, int32_t partition, int64_t offset, const char *metadata,
                   struct asked *asked)
{
    commit_for(fixture, partition, offset, view_of_string(metadata), -1, asked);
}

static int16_t commit_error(struct fixture *fixture, int32_t partition, int64_t offset, const char *metadata)
{
    struct asked asked;
    waiter_of(&asked);
    commit(fixture, partition, offset, metadata, &asked);
    struct offset_commit_response *response = asked.response;
    CU_ASSERT_PTR_NOT_NULL_FATAL(response);
    int16_t error = response->topics.items[0].partitions.items[0].error_code;
    arena_fini(&asked.arena);
    return error;
}

// The committed offset; its metadata goes into *metadata, in the arena.
static int64_t fetch_into(struct fixture *fixture, int32_t partition, struct arena *arena, struct view *metadata)
{
    struct offset_fetch_request_group_topic topic = {.name = view_of_string("t"), .partition_indexes = {&partition, 1}};
    struct offset_fetch_request_group request = {.group_id = view_of_string("g"), .topics = {&topic, 1}};
    struct offset_fetch_response_group response = offset_fetch_response_group_default;
    group_coordinator_fetch(fixture->coordinator, &request, arena, &response);
    CU_ASSERT_EQUAL(response.error_code, KAFKA_NONE);
    *metadata = response.topics.items[0].partitions.items[0].metadata;
    return response.topics.items[0].partitions.items[0].committed_offset;
}

static int64_t fetch(struct fixture *fixture, int32_t partition)
{
    struct arena arena;
    struct view metadata;
    arena_init(&arena, 1 << 20);
    int64_t offset = fetch_into(fixture, partition, &arena, &metadata);
    arena_fini(&arena);
    return offset;
}

// Metadata are the client's bytes, a zero among them too, also after a load.
static void metadata_are_any_bytes(void)
{
    struct fixture fixture;
    struct asked asked;
    struct view metadata, wanted = view_of("a\0b", 3);
    set_up(&fixture);
    waiter_of(&asked);
    commit_for(&fixture, 0, 7, wanted, -1, &asked);
    CU_ASSERT_EQUAL(fetch_into(&fixture, 0, &asked.arena, &metadata), 7);
    CU_ASSERT_TRUE(view_equal(metadata, wanted));
    group_coordinator_resigned(fixture.coordinator, 0);
    load(&fixture);
    CU_ASSERT_EQUAL(fetch_into(&fixture, 0, &asked.arena, &metadata), 7);
    CU_ASSERT_TRUE(view_equal(metadata, wanted));
    tear_down(&fixture);
    arena_fini(&asked.arena);
}

static void offsets_count_once_they_are_stored(void)
{
    struct fixture fixture;
    struct asked asked;
    set_up(&fixture);
    CU_ASSERT_EQUAL(fetch(&fixture, 0), -1);
    CU_ASSERT_EQUAL(commit_error(&fixture, 0, 7, "m"), KAFKA_NONE);
    CU_ASSERT_EQUAL(fetch(&fixture, 0), 7);
    CU_ASSERT_EQUAL(commit_error(&fixture, 5, 7, "m"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CU_ASSERT_EQUAL(commit_error(&fixture, 0, 8, "more than ten"), KAFKA_OFFSET_METADATA_TOO_LARGE);
    fixture.append_error = KAFKA_NOT_LEADER_OR_FOLLOWER;
    CU_ASSERT_EQUAL(commit_error(&fixture, 0, 9, NULL), KAFKA_NOT_COORDINATOR);
    CU_ASSERT_EQUAL(fetch(&fixture, 0), 7);
    fixture.append_error = KAFKA_NONE;
    fixture.holds_appends = true;
    waiter_of(&asked);
    commit(&fixture, 0, 10, "", &asked);
    CU_ASSERT_PTR_NULL(asked.response);
    tear_down(&fixture); // lets it go
    CU_ASSERT_PTR_NOT_NULL(asked.response);
    arena_fini(&asked.arena);
}

// Another leader, or the same after a restart, knows what was stored.
static void groups_come_back_from_the_log(void)
{
    struct fixture fixture;
    struct asked joined, synced;
    set_up(&fixture);
    join(&fixture, "", NULL, 3, &joined);
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&joined));
    const char *id = view_to_string(&joined.arena, join_answer(&joined)->member_id);
    sync(&fixture, id, 1, id, "all", &synced);
    group_coordinator_resigned(fixture.coordinator, 0);
    CU_ASSERT_EQUAL(heartbeat(&fixture, id, 1), KAFKA_NOT_COORDINATOR);
    load(&fixture);
    CU_ASSERT_TRUE(state_is(&fixture, "Stable"));
    CU_ASSERT_EQUAL(heartbeat(&fixture, id, 1), KAFKA_NONE);
    arena_fini(&synced.arena);
    sync(&fixture, id, 1, NULL, NULL, &synced);
    CU_ASSERT_TRUE(view_equal_string(sync_answer(&synced)->assignment, "all"));
    tear_down(&fixture);
    arena_fini(&joined.arena);
    arena_fini(&synced.arena);
}

static void offsets_of_an_empty_group_expire(void)
{
    struct fixture fixture;
    set_up(&fixture);
    CU_ASSERT_EQUAL(commit_error(&fixture, 1, 3, ""), KAFKA_NONE);
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    while (!state_is(&fixture, "Dead") && clock_monotonic_ms() < deadline_ms)
        group_coordinator_expire_offsets(fixture.coordinator);
    CU_ASSERT_TRUE(state_is(&fixture, "Dead"));
    CU_ASSERT_EQUAL(fetch(&fixture, 1), -1);
    CU_ASSERT_EQUAL(fixture.record_count, 2); // the offset and its removal
    tear_down(&fixture);
}

// Lets the held append go; those that come are not held.
static void let_go(struct fixture *fixture)
{
    struct held_append held = fixture->held;
    fixture->holds_appends = false;
    fixture->held = (struct held_append){NULL, NULL};
    held.done(held.context, KAFKA_NONE);
}

static void queued_writes_do_not_nest(void)
{
    enum { COMMIT_COUNT = 5 };
    struct fixture fixture;
    struct asked asked[COMMIT_COUNT];
    set_up(&fixture);
    fixture.holds_appends = true;
    for (int i = 0; i < COMMIT_COUNT; i++) {
        waiter_of(&asked[i]);
        commit(&fixture, 0, i, "", &asked[i]);
        CU_ASSERT_PTR_NULL(asked[i].response);
    }
    let_go(&fixture);
    for (int i = 0; i < COMMIT_COUNT; i++) {
        CU_ASSERT_PTR_NOT_NULL(asked[i].response);
        arena_fini(&asked[i].arena);
    }
    CU_ASSERT_EQUAL(fixture.append_depth_max, 1);
    CU_ASSERT_EQUAL(fetch(&fixture, 0), COMMIT_COUNT - 1);
    tear_down(&fixture);
}

// A group whose first commit is under way looks as if nothing was left of it.
static void a_commit_under_way_keeps_its_group(void)
{
    struct fixture fixture;
    struct asked asked, deletion;
    set_up(&fixture);
    fixture.holds_appends = true;
    waiter_of(&asked);
    commit(&fixture, 0, 7, "", &asked);
    group_coordinator_expire_offsets(fixture.coordinator);
    CU_ASSERT_TRUE(state_is(&fixture, "Empty"));
    struct view id = view_of_string("g");
    struct delete_groups_request request = {.groups_names = {&id, 1}};
    struct group_waiter waiter = waiter_of(&deletion);
    group_coordinator_delete(fixture.coordinator, &request, &waiter);
    struct delete_groups_response *deleted = deletion.response;
    CU_ASSERT_EQUAL(deleted->results.items[0].error_code, KAFKA_COORDINATOR_NOT_AVAILABLE);
    let_go(&fixture);
    CU_ASSERT_PTR_NOT_NULL(asked.response);
    CU_ASSERT_EQUAL(fetch(&fixture, 0), 7);
    tear_down(&fixture);
    arena_fini(&asked.arena);
    arena_fini(&deletion.arena);
}

static void the_longest_retention_is_for_ever(void)
{
    struct fixture fixture;
    struct asked asked;
    set_up(&fixture);
    waiter_of(&asked);
    commit_for(&fixture, 0, 7, view_of_string(""), INT64_MAX, &asked);
    CU_ASSERT_PTR_NOT_NULL(asked.response);
    group_coordinator_expire_offsets(fixture.coordinator);
    CU_ASSERT_EQUAL(fetch(&fixture, 0), 7);
    tear_down(&fixture);
    arena_fini(&asked.arena);
}

// What was kept under a shorter name could not be found again to be taken out.
static void ids_with_a_nul_are_refused(void)
{
    struct fixture fixture;
    struct asked asked;
    set_up(&fixture);
    join_as(&fixture, view_of_string("g"), view_of("a\0b", 3), 20, &asked);
    CU_ASSERT_PTR_NOT_NULL_FATAL(asked.response);
    CU_ASSERT_EQUAL(join_answer(&asked)->error_code, KAFKA_INVALID_REQUEST);
    arena_fini(&asked.arena);
    join_as(&fixture, view_of("g\0g", 3), VIEW_NULL, 20, &asked);
    CU_ASSERT_PTR_NOT_NULL_FATAL(asked.response);
    CU_ASSERT_EQUAL(join_answer(&asked)->error_code, KAFKA_INVALID_GROUP_ID);
    tear_down(&fixture);
    arena_fini(&asked.arena);
}

// Nobody can send a heartbeat to a group that is being loaded.
static void sessions_begin_when_the_load_is_done(void)
{
    struct fixture fixture;
    struct asked joined, synced;
    set_up(&fixture);
    join_as(&fixture, view_of_string("g"), VIEW_NULL, 100, &joined);
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&joined));
    const char *id = view_to_string(&joined.arena, join_answer(&joined)->member_id);
    sync(&fixture, id, 1, id, "x", &synced);
    group_coordinator_resigned(fixture.coordinator, 0);
    int stored = fixture.record_count;
    fixture.load_ms_min = 300;
    fixture.append_error = KAFKA_NOT_LEADER_OR_FOLLOWER; // what is written now is counted, not kept
    group_coordinator_elected(fixture.coordinator, 0);
    while (heartbeat(&fixture, id, 1) == KAFKA_NONE && fixture.record_count == stored &&
           state_is(&fixture, "")) // it is being loaded
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    CU_ASSERT_EQUAL(fixture.record_count, stored);
    fixture.append_error = KAFKA_NONE;
    tear_down(&fixture);
    arena_fini(&joined.arena);
    arena_fini(&synced.arena);
}

// A member that joins and sends heartbeats but never asks for its assignment keeps partitions that nobody reads.
static void a_member_that_never_syncs_is_removed(void)
{
    struct fixture fixture;
    struct asked a1, a2, a3, a4, a5, b1, b2;
    set_up(&fixture);
    fixture.timeout_ms = 1000;
    const char *a = join_new(&fixture, &a1, &a2);
    CU_ASSERT_TRUE_FATAL(wait_for_answer(&a2));
    sync(&fixture, a, 1, a, "all", &a3);
    const char *b = join_new(&fixture, &b1, &b2);
    join(&fixture, a, NULL, 9, &a4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b2.response);
    sync(&fixture, a, 2, b, "half", &a5);
    CU_ASSERT_TRUE(state_is(&fixture, "Stable"));
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    while (heartbeat(&fixture, b, 2) == KAFKA_NONE && clock_monotonic_ms() < deadline_ms)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    CU_ASSERT_EQUAL(heartbeat(&fixture, b, 2), KAFKA_UNKNOWN_MEMBER_ID);
    struct asked *all[] = {&a1, &a2, &a3, &a4, &a5, &b1, &b2};
    tear_down(&fixture);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        arena_fini(&all[i]->arena);
}

SUITE_MAIN("server/group", {"queued writes do not nest", queued_writes_do_not_nest},
           {"a commit under way keeps its group", a_commit_under_way_keeps_its_group},
           {"the longest retention is for ever", the_longest_retention_is_for_ever},
           {"ids with a NUL are refused", ids_with_a_nul_are_refused},
           {"sessions begin when the load is done", sessions_begin_when_the_load_is_done},
           {"a member that never syncs is removed", a_member_that_never_syncs_is_removed},
           {"two members share a group", two_members_share_a_group},
           {"a group has room for its maximum", a_group_has_room_for_its_maximum},
           {"a silent member is removed", a_silent_member_is_removed},
           {"a static member keeps its place", a_static_member_keeps_its_place},
           {"offsets count once they are stored", offsets_count_once_they_are_stored},
           {"groups come back from the log", groups_come_back_from_the_log},
           {"metadata are any bytes", metadata_are_any_bytes},
           {"offsets of an empty group expire", offsets_of_an_empty_group_expire})
