// SPDX-License-Identifier: Apache-2.0
// Sessions against a real ZooKeeper: connections that break, sessions that expire, watches that outlive both.
#include "base/arena.h"
#include "base/thread.h"
#include "test/unit/suite.h"
#include "test/unit/zk/zookeeper.h"
#include "zk/watches.h"

#include <stdatomic.h>

struct seen {
    atomic_int created, deleted, changed, children;
};

static void note(void *context, const struct zk_event *event)
{
    struct seen *seen = context;

    if (event->kind == ZK_EVENT_NODE_CREATED)
        seen->created++;
    else if (event->kind == ZK_EVENT_NODE_DELETED)
        seen->deleted++;
    else if (event->kind == ZK_EVENT_DATA_CHANGED)
        seen->changed++;
    else if (event->kind == ZK_EVENT_CHILDREN_CHANGED)
        seen->children++;
}

static struct view text(const char *string)
{
    return view_of_string(string);
}

static void test_watches(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL), *other = session_of(connect, NULL);
    struct seen seen = {0};
    struct arena arena;
    struct zk_names names;

    arena_init(&arena, 1 << 20);
    zk_watch_add(session, ZK_WATCH_NODE, "/a", note, &seen);
    CU_ASSERT_EQUAL(zk_exists(session, "/a", NULL), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_create(other, "/a", text("1"), ZK_PERSISTENT), ZK_OK);
    WAIT_UNTIL(seen.created == 1);

    // One-shot: the next change is told only after the next read.
    CU_ASSERT_EQUAL(zk_set(other, "/a", text("2"), ZK_ANY_VERSION, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/a", NULL, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_set(other, "/a", text("3"), ZK_ANY_VERSION, NULL), ZK_OK);
    WAIT_UNTIL(seen.changed == 1);

    zk_watch_add(session, ZK_WATCH_CHILDREN, "/a", note, &seen);
    CU_ASSERT_EQUAL(zk_children(session, &arena, "/a", &names), ZK_OK);
    CU_ASSERT_EQUAL(names.count, 0);
    CU_ASSERT_EQUAL(zk_create(other, "/a/b", VIEW_NULL, ZK_PERSISTENT), ZK_OK);
    WAIT_UNTIL(seen.children == 1);
    CU_ASSERT_EQUAL(zk_children(session, &arena, "/a", &names), ZK_OK);
    CU_ASSERT_EQUAL_FATAL(names.count, 1);
    CU_ASSERT_STRING_EQUAL(names.names[0], "b");

    // A watch that was removed is not told, the other one of the path is.
    CU_ASSERT_EQUAL(zk_exists(session, "/a", NULL), ZK_OK);
    zk_watch_remove(session, ZK_WATCH_NODE, "/a");
    CU_ASSERT_EQUAL(zk_delete_recursive(other, "/a"), ZK_OK);
    WAIT_UNTIL(seen.children + seen.deleted >= 2);
    CU_ASSERT_EQUAL(seen.changed, 1);

    arena_fini(&arena);
    zk_session_destroy(&session);
    zk_session_destroy(&other);
    free(connect);
}

// The server dies and comes back within the session: watches set before tell of what happens after.
static void test_server_restart(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct zk_session_id before = zk_session_identity(session);
    struct seen seen = {0};
    struct arena arena;
    struct zk_names names;

    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL(zk_create(session, "/ephemeral", text("1"), ZK_EPHEMERAL), ZK_OK);
    zk_watch_add(session, ZK_WATCH_NODE, "/later", note, &seen);
    zk_watch_add(session, ZK_WATCH_NODE, "/ephemeral", note, &seen);
    zk_watch_add(session, ZK_WATCH_CHILDREN, "/", note, &seen);
    CU_ASSERT_EQUAL(zk_exists(session, "/later", NULL), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/ephemeral", NULL, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_children(session, &arena, "/", &names), ZK_OK);

    zookeeper_control("kill");
    WAIT_UNTIL(!zk_session_is_connected(session));
    zookeeper_control("start");
    // Waits for the connection, and is tried again if it meets a dying one.
    CU_ASSERT_EQUAL(zk_set(session, "/ephemeral", text("2"), 0, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_create(session, "/later", VIEW_NULL, ZK_PERSISTENT), ZK_OK);
    WAIT_UNTIL(seen.created == 1 && seen.changed == 1 && seen.children == 1);
    CU_ASSERT_EQUAL(zk_session_identity(session).id, before.id);

    arena_fini(&arena);
    zk_session_destroy(&session);
    free(connect);
}

struct listening {
    struct zk_session *session;
    atomic_int expired, opened;
    atomic_int result_while_expired, result_when_opened;
};

static void note_expired(void *context)
{
    struct listening *listening = context;

    listening->result_while_expired = (int)zk_exists(listening->session, "/", NULL);
    listening->expired++;
}

static void note_opened(void *context)
{
    struct listening *listening = context;

    listening->result_when_opened =
        (int)zk_create(listening->session, "/ephemeral", view_of_string("again"), ZK_EPHEMERAL);
    listening->opened++;
}

static void test_expiry(void)
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct zk_session_id before = zk_session_identity(session);
    struct listening listening = {.session = session};
    struct seen seen = {0};
    struct zk_stat stat;

    zk_session_listen(session, &(struct zk_session_listener){note_expired, note_opened, &listening});
    CU_ASSERT_EQUAL(zk_create(session, "/ephemeral", text("1"), ZK_EPHEMERAL), ZK_OK);
    zk_watch_add(session, ZK_WATCH_NODE, "/later", note, &seen);
    CU_ASSERT_EQUAL(zk_exists(session, "/later", NULL), ZK_NO_NODE);

    for (int round = 1; round <= 2; round++) {
        expire(session);
        WAIT_UNTIL(listening.opened == round);
        CU_ASSERT_EQUAL(listening.expired, round);
        CU_ASSERT_EQUAL(listening.result_while_expired, ZK_SESSION_EXPIRED);
        CU_ASSERT_EQUAL(listening.result_when_opened, ZK_OK);
        CU_ASSERT_NOT_EQUAL(zk_session_identity(session).id, before.id);
        CU_ASSERT_EQUAL(zk_exists(session, "/ephemeral", &stat), ZK_OK);
        CU_ASSERT_EQUAL(stat.ephemeral_owner, zk_session_identity(session).id);
    }
    CU_ASSERT_EQUAL(zk_exists(session, "/later", NULL), ZK_NO_NODE);
    CU_ASSERT_EQUAL(zk_create(session, "/later", VIEW_NULL, ZK_PERSISTENT), ZK_OK);
    WAIT_UNTIL(seen.created == 1);
    zk_session_destroy(&session);
    free(connect);
}

struct reading {
    struct zk_session *session;
    atomic_int result, done;
};

static void read_patiently(void *context)
{
    struct reading *reading = context;

    reading->result = (int)zk_exists(reading->session, "/", NULL);
    reading->done = 1;
}

// A server that hangs: operations wait, and end when the session is shut down or is told not to wait any more.
static void check_end_while_waiting(void (*end)(struct zk_session *session))
{
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct reading reading = {.session = session};
    struct thread thread;

    zookeeper_control("pause");
    CU_ASSERT_EQUAL_FATAL(thread_start(&thread, read_patiently, &reading, "reader"), 0);
    WAIT_UNTIL(reading.done || !zk_session_is_connected(session));
    CU_ASSERT_FALSE(reading.done);
    end(session);
    thread_join(&thread);
    CU_ASSERT_EQUAL(reading.result, ZK_CLOSED);
    CU_ASSERT_EQUAL(zk_exists(session, "/", NULL), ZK_CLOSED);
    zookeeper_control("resume");
    zk_session_destroy(&session);
    free(connect);
}

static void test_end_while_waiting(void)
{
    check_end_while_waiting(zk_session_shutdown);
    check_end_while_waiting(zk_session_stop_waiting);
}

static void test_hosts_and_chroot(void)
{
    char *hosts = memory_copy_string(getenv("ZOOKEEPER_CONNECT"));
    char *connect = memory_format("nosuchhost.invalid, 127.0.0.1:1, localhost:1,%s/chroot/of/%d", hosts, (int)getpid());
    char *created = memory_format("/chroot/of/%d/x", (int)getpid());
    struct zk_session *session = session_of(connect, NULL), *whole = session_of(hosts, NULL);
    struct arena arena;
    const char *path = NULL;

    arena_init(&arena, 1 << 16);
    CU_ASSERT_EQUAL(zk_create(session, "/x", text("1"), ZK_PERSISTENT), ZK_OK);
    CU_ASSERT_EQUAL(zk_exists(whole, created, NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_create_sequential(session, &arena, "/s_", VIEW_NULL, &path), ZK_OK);
    CU_ASSERT_STRING_EQUAL(path, "/s_0000000001");
    zk_session_destroy(&session);
    zk_session_destroy(&whole);
    arena_fini(&arena);
    free(created);
    free(connect);
    free(hosts);
}

static void test_nobody_there(void)
{
    struct zk_session_config config = {
        .connect = "127.0.0.1:1", .session_timeout_ms = 6000, .connection_timeout_ms = 300, .create_chroot = true};
    struct zk_session *session = NULL;
    char reason[ZK_REASON_SIZE] = "";

    CU_ASSERT_EQUAL(zk_session_open(&config, &session, reason), ZK_TIMED_OUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "127.0.0.1:1 (Connection refused)"));
    config.connect = "nosuchhost.invalid:2181/chroot";
    CU_ASSERT_EQUAL(zk_session_open(&config, &session, reason), ZK_TIMED_OUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "nosuchhost.invalid:2181 ("));
    config.connect = "localhost:99999";
    CU_ASSERT_EQUAL(zk_session_open(&config, &session, reason), ZK_BAD_DATA);
    CU_ASSERT_PTR_NULL(session);
}

static void note_nothing(void *context, const struct zk_event *event)
{
    (void)context, (void)event;
}

static void note_connected(void *context, const struct zk_event *event)
{
    if (event->kind == ZK_EVENT_CONNECTED)
        *(atomic_int *)context = 1;
}

static void note_done(void *context, bool lost)
{
    (void)lost;
    ++*(atomic_int *)context;
}

// Whatever was started has ended when a client is closed, each operation once.
static void test_close_ends_all(void)
{
    enum { COUNT = 200 };
    atomic_int connected = 0, done = 0;
    struct zk_client_options options = {.hosts = getenv("ZOOKEEPER_CONNECT"),
                                        .session_timeout_ms = 6000,
                                        .notify = note_connected,
                                        .context = &connected};
    struct zk_client *client = NULL;
    struct zk_op *ops = memory_alloc_array(COUNT, sizeof *ops);

    CU_ASSERT_EQUAL_FATAL(zk_client_library()->open(&options, &client), 0);
    WAIT_UNTIL(connected);
    zookeeper_control("pause");
    for (int i = 0; i < COUNT; i++) {
        ops[i] = (struct zk_op){.kind = ZK_OP_EXISTS, .path = "/"};
        CU_ASSERT_TRUE(zk_client_library()->start(client, &ops[i], 1, false, NULL, note_done, &done));
    }
    zk_client_library()->close(client);
    CU_ASSERT_EQUAL(done, COUNT);
    zookeeper_control("resume");
    free(ops);
}

static void test_ipv6(void)
{
    struct zk_client_options options = {
        .hosts = "[::1]:1/[x]", .session_timeout_ms = 6000, .notify = note_nothing, .context = NULL};
    struct zk_client *client = NULL;

    if (access("/proc/net/if_inet6", R_OK))
        return;
    CU_ASSERT_EQUAL_FATAL(zk_client_library()->open(&options, &client), 0);
    zk_client_library()->close(client);
}

// Many more reads than may be in flight, the server dying in between: all are answered, in their places.
static void test_pipeline(void)
{
    enum { COUNT = 3000 };
    char *connect = zookeeper_connect();
    struct zk_session *session = session_of(connect, NULL);
    struct arena arena;
    const char **paths = memory_alloc_array(COUNT, sizeof *paths);
    struct zk_data *results = memory_alloc_array(COUNT, sizeof *results);

    arena_init(&arena, 64 << 20);
    for (int i = 0; i < 5; i++) {
        char path[16], data[16];

        snprintf(path, sizeof path, "/%d", i);
        snprintf(data, sizeof data, "d%d", i);
        CU_ASSERT_EQUAL(zk_create(session, path, text(data), ZK_PERSISTENT), ZK_OK);
    }
    for (int i = 0; i < COUNT; i++)
        paths[i] = arena_format(&arena, "/%d", i % 6);
    for (int round = 0; round < 2; round++) {
        if (round == 1) {
            zookeeper_control("kill");
            zookeeper_control("start");
        }
        CU_ASSERT_EQUAL_FATAL(zk_get_many(session, &arena, paths, COUNT, results), ZK_OK);
        for (int i = 0; i < COUNT; i++) {
            char data[16];

            snprintf(data, sizeof data, "d%d", i % 6);
            CU_ASSERT_EQUAL_FATAL(results[i].result, i % 6 == 5 ? ZK_NO_NODE : ZK_OK);
            CU_ASSERT_TRUE_FATAL(i % 6 == 5 || view_equal_string(results[i].data, data));
        }
    }
    arena_fini(&arena);
    arena_init(&arena, 16);
    CU_ASSERT_EQUAL(zk_get_many(session, &arena, paths, 0, results), ZK_OK);
    CU_ASSERT_EQUAL(zk_get(session, &arena, "/0", NULL, NULL), ZK_OK);
    arena_fini(&arena);
    free(paths);
    free(results);
    zk_session_destroy(&session);
    free(connect);
}

SUITE_MAIN("zk/session", {"watches", test_watches}, {"server restart", test_server_restart}, {"expiry", test_expiry},
           {"end while waiting", test_end_while_waiting}, {"hosts and chroot", test_hosts_and_chroot},
           {"nobody there", test_nobody_there}, {"close ends all", test_close_ends_all}, {"IPv6", test_ipv6},
           {"pipeline", test_pipeline})
