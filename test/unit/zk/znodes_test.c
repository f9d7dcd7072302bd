// SPDX-License-Identifier: Apache-2.0
// Reads, conditional writes and the election against a real ZooKeeper; a client that loses answers stands between.
#include "base/arena.h"
#include "test/unit/suite.h"
#include "test/unit/zk/zookeeper.h"
#include "zk/election.h"
#include "zk/formats.h"
#include "zk/paths.h"

#include <stdatomic.h>

// The library, but for the answers that it is told to lose although the operation took place.
static atomic_int multis_to_lose;

struct losing {
    void (*done)(void *context, bool lost);
    void *context;
};

static void done_losing(void *context, bool lost)
{
    struct losing losing = *(struct losing *)context;

    (void)lost;
    free(context);
    losing.done(losing.context, true);
}

static bool losing_start(struct zk_client *client, struct zk_op *ops, size_t count, bool watch, struct arena *arena,
                         void (*done)(void *context, bool lost), void *context)
{
    if (count == 1 || multis_to_lose == 0)
        return zk_client_library()->start(client, ops, count, watch, arena, done, context);
    struct losing *losing = memory_alloc(sizeof *losing);

    *losing = (struct losing){done, context};
    multis_to_lose--;
    return zk_client_library()->start(client, ops, count, watch, arena, done_losing, losing);
}

static struct zk_session *losing_session_of(const char *connect)
{
    static struct zk_client_calls calls;

    calls = *zk_client_library();
    calls.start = losing_start;
    return session_of(connect, &calls);
}

static void test_data(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct arena arena;
    struct view data;
    struct zk_stat stat;
    struct zk_names names;
    uint8_t big[5000] = {0};

    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/a", &data, NULL), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_create(session, "/a/b", VIEW_NULL, ZK_PERSISTENT), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_create_recursive(session, "/a/b/c", view_of_string("x")), ZK_OK);
    CU_ASSERT_EQUAL(zk_create_recursive(session, "/a/b/c", view_of_string("y")), ZK_NODE_EXISTS);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/a/b", &data, &stat), ZK_OK);
    CU_ASSERT_TRUE(view_is_null(data));
    CU_ASSERT_EQUAL(stat.child_count, 1);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/a/b/c", &data, &stat), ZK_OK);
    CU_ASSERT_TRUE(view_equal_string(data, "x"));
    CU_ASSERT_EQUAL(zk_set(session, "/a/b/c", view_of("", 0), stat.version, &stat), ZK_OK);
    CU_ASSERT_EQUAL(stat.version, 1);
    CU_ASSERT_EQUAL(zk_set(session, "/a/b/c", view_of_string("z"), 0, NULL), ZK_BAD_VERSION);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/a/b/c", &data, NULL), ZK_OK);
    CU_ASSERT_TRUE(view_equal_string(data, ""));
    CU_ASSERT_EQUAL(zk_delete(session, "/a/b", ZK_ANY_VERSION), ZK_NOT_EMPTY);
    CU_ASSERT_EQUAL(zk_delete(session, "/a/b/c", 7), ZK_BAD_VERSION);
    CU_ASSERT_EQUAL(zk_delete_recursive(session, "/a"), ZK_OK);
    CU_ASSERT_EQUAL(zk_delete_recursive(session, "/a"), ZK_OK);
    CU_ASSERT_EQUAL(zk_children(session, &arena, "/a", &names), ZK_NO_NODE);
    // A path that ZooKeeper's client refuses to send.
    CU_ASSERT_EQUAL(zk_create(session, "//", VIEW_NULL, ZK_PERSISTENT), ZK_FAILED);
    // Beyond the arena.
    CU_ASSERT_EQUAL(zk_create(session, "/big", view_of(big, sizeof big), ZK_PERSISTENT), ZK_OK);
    arena_fini(&arena);
    arena_init(&arena, 4000);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/big", &data, NULL), ZK_TOO_LARGE);
    arena_fini(&arena);
    zk_session_destroy(&session);
    free(connect);
}

static void test_fixed_paths(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    char id[32], again[32];
    int32_t broker_id = 0;

    CU_ASSERT_EQUAL(zk_cluster_id_get(session, id, sizeof id), ZK_NO_NODE);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(zk_create_fixed_paths(session), ZK_OK);
    CU_ASSERT_EQUAL(zk_exists(session, ZK_PATH_CONFIG_IPS, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_cluster_id_get_or_create(session, id, sizeof id), ZK_OK);
    CU_ASSERT_EQUAL(strlen(id), 22);
    CU_ASSERT_EQUAL(zk_cluster_id_get_or_create(session, again, sizeof again), ZK_OK);
    CU_ASSERT_STRING_EQUAL(id, again);
    CU_ASSERT_EQUAL(zk_cluster_id_get(session, id, 10), ZK_TOO_LARGE);
    for (int i = 1; i <= 2; i++) {
        CU_ASSERT_EQUAL(zk_generate_broker_id(session, 1000, &broker_id), ZK_OK);
        CU_ASSERT_EQUAL(broker_id, 1000 + i);
    }
    zk_session_destroy(&session);
    free(connect);
}

static void test_config(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct view data = view_of_string("{\"version\":1,\"config\":{}}"), read;
    struct zk_controller_epoch epoch;
    struct zk_names names;
    struct arena arena;
    const char *path;
    int32_t elected;

    arena_init(&arena, 1 << 16);
    CU_ASSERT_EQUAL(zk_write_config(session, "/config/topics/t", data), ZK_FENCED);
    CU_ASSERT_EQUAL(zk_write_config_unchecked(session, "/config/topics/u", data), ZK_OK);
    CU_ASSERT_EQUAL(zk_write_config_unchecked(session, "/config/topics/u", data), ZK_OK);
    CU_ASSERT_EQUAL(zk_elect_controller(session, 1, &epoch, &elected), ZK_OK);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(zk_write_config(session, "/config/topics/t", data), ZK_OK);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/config/topics/t", &read, NULL), ZK_OK);
    CU_ASSERT_TRUE(view_equal(data, read));
    CU_ASSERT_EQUAL(zk_notify_config_change(session, "topics/t"), ZK_OK);
    CU_ASSERT_EQUAL(zk_children(session, &arena, ZK_PATH_CONFIG_CHANGES, &names), ZK_OK);
    CU_ASSERT_EQUAL_FATAL(names.count, 1);
    CU_ASSERT_EQUAL(zk_sequence_of_name(names.names[0]), 0);
    path = zk_path_child(&arena, ZK_PATH_CONFIG_CHANGES, names.names[0]);
    CU_ASSERT_EQUAL(zk_get(session, &arena, path, &read, NULL), ZK_OK);
    CU_ASSERT_TRUE(view_equal_string(read, "{\"version\":2,\"entity_path\":\"topics/t\"}"));
    arena_fini(&arena);
    zk_session_destroy(&session);
    free(connect);
}

static void test_election(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *one = session_of(connect, NULL), *two = session_of(connect, NULL);
    struct zk_controller_epoch first = {0, 0}, second = {0, 0};
    struct zk_op write = {.kind = ZK_OP_CREATE, .path = "/by-one"};
    int32_t id = -1;

    CU_ASSERT_EQUAL(zk_controller_get(one, &id), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_elect_controller(one, 1, &first, &id), ZK_OK);
    CU_ASSERT_EQUAL(first.epoch, 1);
    CU_ASSERT_EQUAL(first.version, 1);
    CU_ASSERT_EQUAL(zk_elect_controller(two, 2, &second, &id), ZK_NODE_EXISTS);
    CU_ASSERT_EQUAL(id, 1);
    // The same id in another session is another broker.
    CU_ASSERT_EQUAL(zk_elect_controller(two, 1, &second, &id), ZK_NODE_EXISTS);
    CU_ASSERT_EQUAL(zk_write_fenced(one, first.version, &write, 1), ZK_OK);
    CU_ASSERT_EQUAL(write.result, ZK_OK);
    CU_ASSERT_EQUAL(zk_resign_controller(one, first), ZK_OK);
    CU_ASSERT_EQUAL(zk_elect_controller(two, 2, &second, &id), ZK_OK);
    CU_ASSERT_EQUAL(second.epoch, 2);
    CU_ASSERT_EQUAL(zk_controller_get(one, &id), ZK_OK);
    CU_ASSERT_EQUAL(id, 2);

    // The first one has not heard of it: nothing that it writes succeeds.
    write.path = "/by-one-again";
    CU_ASSERT_EQUAL(zk_write_fenced(one, first.version, &write, 1), ZK_FENCED);
    CU_ASSERT_EQUAL(zk_exists(one, "/by-one-again", NULL), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_delete_recursive_fenced(one, first.version, "/by-one"), ZK_FENCED);
    CU_ASSERT_EQUAL(zk_resign_controller(one, first), ZK_FENCED);
    CU_ASSERT_EQUAL(zk_delete_recursive_fenced(two, second.version, "/by-one"), ZK_OK);

    // Its end frees the office.
    zk_session_destroy(&two);
    WAIT_UNTIL(zk_elect_controller(one, 1, &first, &id) == ZK_OK);
    CU_ASSERT_EQUAL(first.epoch, 3);
    CU_ASSERT_EQUAL(zk_set(one, ZK_PATH_CONTROLLER_EPOCH, view_of_string("x"), ZK_ANY_VERSION, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_delete(one, ZK_PATH_CONTROLLER, ZK_ANY_VERSION), ZK_OK);
    CU_ASSERT_EQUAL(zk_elect_controller(one, 1, &first, &id), ZK_BAD_DATA);
    zk_session_destroy(&one);
    free(connect);
}

// Each payload has its own multi: one that fails leaves the others alone.
static void test_fenced_batch(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct zk_controller_epoch epoch;
    int32_t id;

    CU_ASSERT_EQUAL(zk_elect_controller(session, 1, &epoch, &id), ZK_OK);
    struct zk_op ops[] = {
        {.kind = ZK_OP_CREATE, .path = "/t", .data = view_of_string("0")},
        {.kind = ZK_OP_CREATE, .path = "/t"},
        {.kind = ZK_OP_SET_DATA, .path = "/t", .data = view_of_string("1"), .version = 7},
        {.kind = ZK_OP_SET_DATA, .path = "/t", .data = view_of_string("2"), .version = 0},
        {.kind = ZK_OP_SET_DATA, .path = "/missing", .data = view_of_string("2"), .version = 0},
        {.kind = ZK_OP_CREATE, .path = "/t/child"},
        {.kind = ZK_OP_DELETE, .path = "/t", .version = ZK_ANY_VERSION},
    };
    static const enum zk_result expected[] = {ZK_OK,      ZK_NODE_EXISTS, ZK_BAD_VERSION, ZK_OK,
                                              ZK_NO_NODE, ZK_OK,          ZK_NOT_EMPTY};

    CU_ASSERT_EQUAL(zk_write_fenced(session, epoch.version, ops, 7), ZK_OK);
    for (size_t i = 0; i < 7; i++)
        CU_ASSERT_EQUAL(ops[i].result, expected[i]);
    CU_ASSERT_EQUAL(ops[3].stat.version, 1);
    zk_session_destroy(&session);
    free(connect);
}

// The connection breaks after ZooKeeper has made us controller: the second try finds our own first one.
static void test_lost_answers(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = losing_session_of(connect);
    struct zk_controller_epoch epoch = {0, 0};
    struct zk_op write = {.kind = ZK_OP_SET_DATA, .path = "/s", .data = view_of_string("1"), .version = 0};
    int32_t id;

    multis_to_lose = 2;
    CU_ASSERT_EQUAL(zk_elect_controller(session, 1, &epoch, &id), ZK_OK);
    CU_ASSERT_EQUAL(epoch.epoch, 1);
    CU_ASSERT_EQUAL(epoch.version, 1);
    // A conditional write that is tried again meets its own first try; the caller reads and decides.
    CU_ASSERT_EQUAL(zk_create(session, "/s", VIEW_NULL, ZK_PERSISTENT), ZK_OK);
    multis_to_lose = 1;
    CU_ASSERT_EQUAL(zk_write_fenced(session, epoch.version, &write, 1), ZK_OK);
    CU_ASSERT_EQUAL(write.result, ZK_BAD_VERSION);
    CU_ASSERT_EQUAL(multis_to_lose, 0);
    zk_session_destroy(&session);
    free(connect);
}

SUITE_MAIN("zk/znodes", {"data", test_data}, {"fixed paths", test_fixed_paths}, {"config", test_config},
           {"election", test_election}, {"fenced batch", test_fenced_batch}, {"lost answers", test_lost_answers})
