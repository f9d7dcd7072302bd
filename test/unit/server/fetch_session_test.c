// SPDX-License-Identifier: Apache-2.0
// Fetch sessions as KIP-227 and Apache Kafka 3.9 have them.
#include "server/replica/fetch_session.h"

#include "base/clock.h"
#include "test/unit/suite.h"

static int64_t now_ns;

static int64_t fake_now_ms(void)
{
    return now_ns / 1000000;
}

static int64_t fake_monotonic_ns(void)
{
    return now_ns;
}

static const struct clock_calls fake_clock = {fake_now_ms, fake_monotonic_ns};

struct fixture {
    struct fetch_session_cache *cache;
    struct arena arena;
    struct fetch_context context;
    bool is_told[8];
    int32_t session_id;
};

static void set_up(struct fixture *fixture, int32_t slots)
{
    now_ns = 1000000000;
    clock_calls_set(&fake_clock);
    *fixture = (struct fixture){.cache = fetch_session_cache_create(slots)};
    arena_init(&fixture->arena, SIZE_MAX);
}

static void tear_down(struct fixture *fixture)
{
    fetch_session_cache_destroy(&fixture->cache);
    arena_fini(&fixture->arena);
    clock_calls_set(NULL);
}

static struct fetch_partition wanted(const char *topic, int32_t index, int64_t offset)
{
    return (struct fetch_partition){.topic = view_of_string(topic), .index = index, .offset = offset, .size_max = 1000};
}

static struct fetch_outcome found(int64_t high_watermark, size_t records_size)
{
    return (struct fetch_outcome){.high_watermark = high_watermark, .records_size = records_size};
}

static enum kafka_error begin(struct fixture *fixture, int32_t id, int32_t epoch,
                              const struct fetch_partition *partitions, int32_t count)
{
    struct fetch_session_request request = {
        .session_id = id, .epoch = epoch, .partitions = partitions, .partition_count = count};
    return fetch_session_begin(fixture->cache, &request, &fixture->arena, &fixture->context);
}

static enum kafka_error end(struct fixture *fixture, const struct fetch_outcome *outcomes)
{
    enum kafka_error error = fetch_session_end(&fixture->context, outcomes, fixture->is_told, &fixture->session_id);
    fetch_session_release(&fixture->context);
    return error;
}

// Begins a session with foo-0, foo-1 and bar-0, whose high watermarks are 10.
static int32_t begin_three(struct fixture *fixture)
{
    struct fetch_partition partitions[] = {wanted("foo", 0, 0), wanted("foo", 1, 10), wanted("bar", 0, 10)};
    struct fetch_outcome outcomes[] = {found(10, 100), found(10, 0), found(10, 0)};
    CU_ASSERT_EQUAL(begin(fixture, 0, 0, partitions, 3), KAFKA_NONE);
    CU_ASSERT_EQUAL(fixture->context.count, 3);
    CU_ASSERT_EQUAL(end(fixture, outcomes), KAFKA_NONE);
    CU_ASSERT(fixture->is_told[0] && fixture->is_told[1] && fixture->is_told[2]);
    CU_ASSERT_NOT_EQUAL(fixture->session_id, 0);
    return fixture->session_id;
}

static void tells_only_what_changed(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    int32_t id = begin_three(&fixture);
    CU_ASSERT_EQUAL(begin(&fixture, id, 1, NULL, 0), KAFKA_NONE);
    CU_ASSERT_EQUAL_FATAL(fixture.context.count, 3);
    struct fetch_outcome same[] = {found(10, 0), found(10, 0), found(10, 0)};
    CU_ASSERT_EQUAL(end(&fixture, same), KAFKA_NONE);
    CU_ASSERT_EQUAL(fixture.session_id, id);
    CU_ASSERT_FALSE(fixture.is_told[0] || fixture.is_told[1] || fixture.is_told[2]);

    struct fetch_outcome changed[] = {found(11, 0), found(10, 0), found(10, 0)};
    changed[1].log_start_offset = 3;
    changed[2].error = KAFKA_NOT_LEADER_OR_FOLLOWER;
    CU_ASSERT_EQUAL(begin(&fixture, id, 2, NULL, 0), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(&fixture, changed), KAFKA_NONE);
    CU_ASSERT(fixture.is_told[0] && fixture.is_told[1] && fixture.is_told[2]);

    // After an error the partition is told once more, even if all is as before.
    struct fetch_outcome later[] = {found(11, 0), found(10, 0), found(10, 0)};
    later[1].log_start_offset = 3;
    CU_ASSERT_EQUAL(begin(&fixture, id, 3, NULL, 0), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(&fixture, later), KAFKA_NONE);
    CU_ASSERT_FALSE(fixture.is_told[0] || fixture.is_told[1]);
    CU_ASSERT(fixture.is_told[2]);
    tear_down(&fixture);
}

// A partition that gave records is served last the next time.
static void rotates(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    int32_t id = begin_three(&fixture);
    struct fetch_outcome first[] = {found(20, 100), found(10, 0), found(10, 0)};
    CU_ASSERT_EQUAL(begin(&fixture, id, 1, NULL, 0), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(&fixture, first), KAFKA_NONE);
    CU_ASSERT_EQUAL(begin(&fixture, id, 2, NULL, 0), KAFKA_NONE);
    CU_ASSERT_EQUAL_FATAL(fixture.context.count, 3);
    CU_ASSERT_EQUAL(fixture.context.partitions[0].index, 1);
    CU_ASSERT(view_equal_string(fixture.context.partitions[1].topic, "bar"));
    CU_ASSERT_EQUAL(fixture.context.partitions[2].index, 0);
    CU_ASSERT(view_equal_string(fixture.context.partitions[2].topic, "foo"));
    CU_ASSERT_EQUAL(end(&fixture, first), KAFKA_NONE);
    tear_down(&fixture);
}

static void adds_changes_and_forgets(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    int32_t id = begin_three(&fixture);
    struct fetch_partition news[] = {wanted("foo", 0, 42), wanted("new", 7, 5)};
    struct fetch_partition gone = wanted("foo", 1, 0);
    struct fetch_session_request request = {.session_id = id,
                                            .epoch = 1,
                                            .partitions = news,
                                            .partition_count = 2,
                                            .forgotten = &gone,
                                            .forgotten_count = 1};
    CU_ASSERT_EQUAL(fetch_session_begin(fixture.cache, &request, &fixture.arena, &fixture.context), KAFKA_NONE);
    CU_ASSERT_EQUAL_FATAL(fixture.context.count, 3);
    CU_ASSERT_EQUAL(fixture.context.partitions[0].offset, 42);
    CU_ASSERT(view_equal_string(fixture.context.partitions[1].topic, "bar"));
    CU_ASSERT(view_equal_string(fixture.context.partitions[2].topic, "new"));
    struct fetch_outcome outcomes[] = {found(10, 0), found(10, 0), found(9, 0)};
    CU_ASSERT_EQUAL(end(&fixture, outcomes), KAFKA_NONE);
    CU_ASSERT_FALSE(fixture.is_told[0] || fixture.is_told[1]);
    CU_ASSERT(fixture.is_told[2]); // new: nothing was told of it yet
    tear_down(&fixture);
}

static void ends_when_nothing_is_left(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    int32_t id = begin_three(&fixture);
    struct fetch_partition all[] = {wanted("foo", 0, 0), wanted("foo", 1, 0), wanted("bar", 0, 0)};
    struct fetch_session_request request = {.session_id = id, .epoch = 1, .forgotten = all, .forgotten_count = 3};
    CU_ASSERT_EQUAL(fetch_session_begin(fixture.cache, &request, &fixture.arena, &fixture.context), KAFKA_NONE);
    CU_ASSERT_EQUAL(fixture.context.count, 0);
    CU_ASSERT_EQUAL(end(&fixture, NULL), KAFKA_NONE);
    CU_ASSERT_EQUAL(fixture.session_id, 0);
    CU_ASSERT_EQUAL(fetch_session_count(fixture.cache), 0);
    tear_down(&fixture);
}

static void refuses_wrong_ids_and_epochs(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    int32_t id = begin_three(&fixture);
    CU_ASSERT_EQUAL(begin(&fixture, id ^ 1, 1, NULL, 0), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    CU_ASSERT_EQUAL(begin(&fixture, 0, 1, NULL, 0), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    CU_ASSERT_EQUAL(begin(&fixture, id, 2, NULL, 0), KAFKA_INVALID_FETCH_SESSION_EPOCH);
    struct fetch_session_request with_ids = {.session_id = id, .epoch = 1, .uses_topic_ids = true};
    CU_ASSERT_EQUAL(fetch_session_begin(fixture.cache, &with_ids, &fixture.arena, &fixture.context),
                    KAFKA_FETCH_SESSION_TOPIC_ID_ERROR);
    CU_ASSERT_EQUAL(begin(&fixture, id, 1, NULL, 0), KAFKA_NONE); // none of these did any harm
    struct fetch_outcome same[] = {found(10, 0), found(10, 0), found(10, 0)};

    // Another request of the session overtakes: the first is told so, its views stay good until it is released.
    struct fetch_context first = fixture.context;
    struct fetch_partition all[] = {wanted("foo", 0, 0), wanted("foo", 1, 0)};
    struct fetch_session_request second = {.session_id = id, .epoch = 2, .forgotten = all, .forgotten_count = 2};
    CU_ASSERT_EQUAL(fetch_session_begin(fixture.cache, &second, &fixture.arena, &fixture.context), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(&fixture, same), KAFKA_NONE);
    CU_ASSERT(view_equal_string(first.partitions[1].topic, "foo"));
    fixture.context = first;
    CU_ASSERT_EQUAL(end(&fixture, same), KAFKA_INVALID_FETCH_SESSION_EPOCH);
    CU_ASSERT_EQUAL(fixture.session_id, id);
    tear_down(&fixture);
}

static void a_full_fetch_ends_the_old_session(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    int32_t id = begin_three(&fixture);
    struct fetch_partition one = wanted("foo", 0, 0);
    struct fetch_outcome outcome = found(10, 0);
    CU_ASSERT_EQUAL(begin(&fixture, id, -1, &one, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(&fixture, &outcome), KAFKA_NONE);
    CU_ASSERT_EQUAL(fixture.session_id, 0);
    CU_ASSERT_EQUAL(fetch_session_count(fixture.cache), 0);
    CU_ASSERT_EQUAL(begin(&fixture, id, 1, NULL, 0), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    tear_down(&fixture);
}

static int32_t begin_sized(struct fixture *fixture, int32_t count, bool is_follower)
{
    struct fetch_partition partitions[4];
    struct fetch_outcome outcomes[4];
    for (int32_t i = 0; i < count; i++) {
        partitions[i] = wanted("foo", i, 0);
        outcomes[i] = found(1, 0);
    }
    struct fetch_session_request request = {
        .epoch = 0, .is_follower = is_follower, .partitions = partitions, .partition_count = count};
    CU_ASSERT_EQUAL(fetch_session_begin(fixture->cache, &request, &fixture->arena, &fixture->context), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(fixture, outcomes), KAFKA_NONE);
    return fixture->session_id;
}

static void touch(struct fixture *fixture, int32_t id, int32_t epoch)
{
    struct fetch_outcome same[4] = {found(1, 0), found(1, 0), found(1, 0), found(1, 0)};
    CU_ASSERT_EQUAL(begin(fixture, id, epoch, NULL, 0), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(fixture, same), KAFKA_NONE);
}

static void wait_seconds(int64_t seconds)
{
    now_ns += seconds * 1000000000;
}

static void gives_up_the_idle_and_the_small(void)
{
    struct fixture fixture;
    set_up(&fixture, 2);
    int32_t small = begin_sized(&fixture, 1, false), large = begin_sized(&fixture, 3, false);
    CU_ASSERT_EQUAL(begin_sized(&fixture, 4, false), 0); // both are young and in use
    wait_seconds(121);
    touch(&fixture, small, 1);
    touch(&fixture, large, 1);
    CU_ASSERT_EQUAL(begin_sized(&fixture, 1, false), 0); // not larger than the smallest
    int32_t middle = begin_sized(&fixture, 2, false);
    CU_ASSERT_NOT_EQUAL(middle, 0);
    CU_ASSERT_EQUAL(begin(&fixture, small, 2, NULL, 0), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    wait_seconds(60);
    touch(&fixture, large, 2);
    wait_seconds(61); // now the one in the middle was idle for too long
    CU_ASSERT_NOT_EQUAL(begin_sized(&fixture, 1, false), 0);
    CU_ASSERT_EQUAL(begin(&fixture, middle, 1, NULL, 0), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    CU_ASSERT_EQUAL(fetch_session_count(fixture.cache), 2);
    tear_down(&fixture);
}

static void followers_come_first(void)
{
    struct fixture fixture;
    set_up(&fixture, 1);
    CU_ASSERT_NOT_EQUAL(begin_sized(&fixture, 4, false), 0);
    int32_t follower = begin_sized(&fixture, 1, true);
    CU_ASSERT_NOT_EQUAL(follower, 0);
    CU_ASSERT_EQUAL(begin_sized(&fixture, 4, false), 0);
    CU_ASSERT_EQUAL(begin_sized(&fixture, 4, true), 0); // a young one of its own kind
    tear_down(&fixture);
}

static void without_slots_there_are_no_sessions(void)
{
    struct fixture fixture;
    set_up(&fixture, 0);
    CU_ASSERT_EQUAL(begin_sized(&fixture, 1, true), 0);
    tear_down(&fixture);
}

// All sessions together remember 1000 partitions per slot.
static void memory_is_bounded(void)
{
    struct fixture fixture;
    set_up(&fixture, 1);
    static struct fetch_partition partitions[1001];
    static struct fetch_outcome outcomes[1001];
    static bool is_told[1001];
    for (int32_t i = 0; i < 1001; i++)
        partitions[i] = wanted("foo", i, 0);
    int32_t id;
    CU_ASSERT_EQUAL(begin(&fixture, 0, 0, partitions, 1001), KAFKA_NONE);
    CU_ASSERT_EQUAL(fetch_session_end(&fixture.context, outcomes, is_told, &id), KAFKA_NONE);
    CU_ASSERT_EQUAL(id, 0);
    CU_ASSERT_EQUAL(begin(&fixture, 0, 0, partitions, 1000), KAFKA_NONE);
    CU_ASSERT_EQUAL(fetch_session_end(&fixture.context, outcomes, is_told, &id), KAFKA_NONE);
    CU_ASSERT_NOT_EQUAL(id, 0);
    CU_ASSERT_EQUAL(begin(&fixture, id, 1, &partitions[1000], 1), KAFKA_NONE); // served once more
    CU_ASSERT_EQUAL(fetch_session_end(&fixture.context, outcomes, is_told, &id), KAFKA_NONE);
    fetch_session_release(&fixture.context);
    CU_ASSERT_EQUAL(begin(&fixture, id, 2, NULL, 0), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    CU_ASSERT_EQUAL(fetch_session_count(fixture.cache), 0);

    char name[251];
    memset(name, 'x', 250);
    name[250] = 0;
    struct fetch_partition impossible = wanted(name, 0, 0);
    CU_ASSERT_EQUAL(begin(&fixture, 0, 0, &impossible, 1), KAFKA_NONE);
    CU_ASSERT_EQUAL(end(&fixture, outcomes), KAFKA_NONE);
    CU_ASSERT_EQUAL(fixture.session_id, 0);
    CU_ASSERT_NOT_EQUAL(begin_sized(&fixture, 1, false), 0);
    CU_ASSERT_EQUAL(begin(&fixture, fixture.session_id, 1, &impossible, 1), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    tear_down(&fixture);
}

static struct view known_name;

static struct view name_of_id(void *context, struct uuid topic_id)
{
    (void)context;
    (void)topic_id;
    return known_name;
}

// A partition whose topic id is unknown at first gets its name as soon as there is one.
static void resolves_topic_ids_later(void)
{
    struct fixture fixture;
    set_up(&fixture, 10);
    known_name = VIEW_NULL;
    struct fetch_partition partition = {.topic_id = {{1}}, .index = 3};
    struct fetch_session_request request = {
        .uses_topic_ids = true, .partitions = &partition, .partition_count = 1, .topic_name = name_of_id};
    struct fetch_outcome unknown = {.error = KAFKA_UNKNOWN_TOPIC_ID, .high_watermark = -1, .log_start_offset = -1};
    CU_ASSERT_EQUAL(fetch_session_begin(fixture.cache, &request, &fixture.arena, &fixture.context), KAFKA_NONE);
    CU_ASSERT(view_is_null(fixture.context.partitions[0].topic));
    CU_ASSERT_EQUAL(end(&fixture, &unknown), KAFKA_NONE);
    known_name = view_of_string("foo");
    request.session_id = fixture.session_id;
    request.epoch = 1;
    request.partition_count = 0;
    CU_ASSERT_EQUAL(fetch_session_begin(fixture.cache, &request, &fixture.arena, &fixture.context), KAFKA_NONE);
    CU_ASSERT_EQUAL_FATAL(fixture.context.count, 1);
    CU_ASSERT(view_equal_string(fixture.context.partitions[0].topic, "foo"));
    struct fetch_outcome outcome = found(0, 0);
    CU_ASSERT_EQUAL(end(&fixture, &outcome), KAFKA_NONE);
    CU_ASSERT(fixture.is_told[0]);
    tear_down(&fixture);
}

SUITE_MAIN("server/fetch_session", {"tells only what changed", tells_only_what_changed}, {"rotates", rotates},
           {"adds, changes and forgets", adds_changes_and_forgets},
           {"ends when nothing is left", ends_when_nothing_is_left},
           {"refuses wrong ids and epochs", refuses_wrong_ids_and_epochs},
           {"a full fetch ends the old session", a_full_fetch_ends_the_old_session},
           {"gives up the idle and the small", gives_up_the_idle_and_the_small},
           {"followers come first", followers_come_first},
           {"without slots there are no sessions", without_slots_there_are_no_sessions},
           {"memory is bounded", memory_is_bounded}, {"resolves topic ids later", resolves_topic_ids_later})
