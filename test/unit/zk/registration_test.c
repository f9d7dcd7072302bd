// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/file.h"
#include "test/unit/suite.h"
#include "test/unit/zk/zookeeper.h"
#include "zk/paths.h"
#include "zk/registration.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct zk_endpoint endpoints[] = {{"PLAINTEXT", "PLAINTEXT", "localhost", 9092}};
static struct zk_endpoint other_endpoints[] = {{"PLAINTEXT", "PLAINTEXT", "localhost", 9093}};
static const struct zk_broker broker = {.endpoints = endpoints, .endpoint_count = 1, .jmx_port = -1};
static const struct zk_broker other_broker = {.endpoints = other_endpoints, .endpoint_count = 1, .jmx_port = -1};

static struct zk_session_config config_of(const char *connect, int session_timeout_ms)
{
    return (struct zk_session_config){.connect = connect,
                                      .session_timeout_ms = session_timeout_ms,
                                      .connection_timeout_ms = 30000,
                                      .create_chroot = true};
}

static struct zk_session *session_with_timeout(const char *connect, int session_timeout_ms)
{
    struct zk_session_config config = config_of(connect, session_timeout_ms);
    struct zk_session *session = NULL;
    char reason[ZK_REASON_SIZE];

    CU_ASSERT_EQUAL_FATAL(zk_session_open(&config, &session, reason), ZK_OK);
    CU_ASSERT_EQUAL_FATAL(zk_create_fixed_paths(session), ZK_OK);
    return session;
}

static char *make_folder(void)
{
    char template[] = "/tmp/barnabas-registration-XXXXXX";

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(template));
    return memory_copy_string(template);
}

static void test_register(void)
{
    char *connect = zookeeper_connect(), reason[ZK_REASON_SIZE];
    struct zk_session *session = session_with_timeout(connect, 6000);
    struct zk_registration registration = {.broker_id = 3, .broker = &broker, .sole = true};
    struct zk_broker read;
    struct zk_stat stat;
    struct view json;
    struct arena arena;
    int64_t epoch = -1, again = -1;

    arena_init(&arena, 1 << 20);
    CU_ASSERT_EQUAL(zk_register_broker(session, &registration, NULL, &epoch, reason), ZK_OK);
    CU_ASSERT_EQUAL_FATAL(zk_get(session, &arena, "/brokers/ids/3", &json, &stat), ZK_OK);
    CU_ASSERT_EQUAL(stat.czxid, epoch);
    CU_ASSERT_EQUAL(stat.version, 1);
    CU_ASSERT_EQUAL(stat.ephemeral_owner, zk_session_identity(session).id);
    CU_ASSERT_EQUAL(zk_read_broker(&arena, json, &read), ZK_OK);
    CU_ASSERT_EQUAL(read.endpoints[0].port, 9092);
    CU_ASSERT_TRUE(read.timestamp_ms > 0);
    // Its own registration is no obstacle.
    CU_ASSERT_EQUAL(zk_register_broker(session, &registration, NULL, &again, reason), ZK_OK);
    CU_ASSERT_EQUAL(again, epoch);
    registration.broker = &other_broker;
    CU_ASSERT_EQUAL(zk_update_registration(session, &registration), ZK_OK);
    CU_ASSERT_EQUAL_FATAL(zk_get(session, &arena, "/brokers/ids/3", &json, &stat), ZK_OK);
    CU_ASSERT_EQUAL(stat.version, 2);
    CU_ASSERT_EQUAL(stat.czxid, epoch);
    arena_fini(&arena);
    zk_session_destroy(&session);
    free(connect);
}

static void test_other_brokers(void)
{
    char *connect = zookeeper_connect(), reason[ZK_REASON_SIZE];
    struct zk_session *session = session_with_timeout(connect, 6000), *other = session_with_timeout(connect, 6000);
    struct zk_registration registration = {.broker_id = 1, .broker = &broker};
    struct zk_registration second = {.broker_id = 2, .broker = &broker};
    int64_t epoch = -1, second_epoch = -1;

    CU_ASSERT_EQUAL(zk_register_broker(session, &registration, NULL, &epoch, reason), ZK_OK);
    CU_ASSERT_EQUAL(zk_register_broker(other, &second, NULL, &second_epoch, reason), ZK_NODE_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "localhost:9092 in advertised listeners are already registered by broker 1"));
    second.broker = &other_broker;
    second.sole = true;
    CU_ASSERT_EQUAL(zk_register_broker(other, &second, NULL, &second_epoch, reason), ZK_NODE_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "Broker 1 at localhost:9092 is registered"));
    CU_ASSERT_EQUAL(zk_exists(session, "/brokers/ids/2", NULL), ZK_NO_NODE);
    second.sole = false;
    CU_ASSERT_EQUAL(zk_register_broker(other, &second, NULL, &second_epoch, reason), ZK_OK);
    CU_ASSERT_TRUE(second_epoch > epoch);
    zk_session_destroy(&session);
    zk_session_destroy(&other);
    free(connect);
}

// Another live session has the id: refused after one session timeout, its znode stays.
static void test_duplicate(void)
{
    char *connect = zookeeper_connect(), reason[ZK_REASON_SIZE];
    struct zk_session *owner = session_with_timeout(connect, 6000), *session = session_with_timeout(connect, 1000);
    struct zk_registration registration = {.broker_id = 1, .broker = &broker, .sole = true};
    struct zk_stat stat;
    int64_t epoch = -1;

    CU_ASSERT_EQUAL(zk_register_broker(owner, &registration, NULL, &epoch, reason), ZK_OK);
    CU_ASSERT_EQUAL(zk_register_broker(session, &registration, NULL, &epoch, reason), ZK_NODE_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "Broker id 1 is registered in ZooKeeper by another live session"));
    CU_ASSERT_EQUAL(zk_exists(owner, "/brokers/ids/1", &stat), ZK_OK);
    CU_ASSERT_EQUAL(stat.ephemeral_owner, zk_session_identity(owner).id);
    zk_session_destroy(&session);
    zk_session_destroy(&owner);
    free(connect);
}

// A broker in a process of its own, until it is killed: it registers as broker 1 and says so.
static pid_t start_victim(const char *connect, const char *folder)
{
    int ends[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t pid = fork();
    CU_ASSERT_TRUE_FATAL(pid >= 0);
    if (pid == 0) {
        struct zk_session *session = session_with_timeout(connect, 30000);
        struct zk_registration registration = {.broker_id = 1, .broker = &broker, .sole = true};
        struct zk_session_file *file = NULL;
        char reason[ZK_REASON_SIZE];
        int64_t epoch;

        if (folder && zk_session_file_open(folder, &file))
            _exit(1);
        if (zk_register_broker(session, &registration, file, &epoch, reason) || write(ends[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    CU_ASSERT_EQUAL_FATAL(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void kill_victim(pid_t pid)
{
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void test_restart_after_kill(void)
{
    char *connect = zookeeper_connect(), *folder = make_folder(), reason[ZK_REASON_SIZE];
    char *path = memory_format("%s/" ZK_SESSION_FILE_NAME, folder);
    struct zk_session_config config = config_of(connect, 30000);
    struct zk_registration registration = {.broker_id = 1, .broker = &broker, .sole = true};
    struct zk_session_file *file = NULL;
    struct zk_session *session;
    struct stat status;
    int64_t epoch = -1, start_ms;
    pid_t victim = start_victim(connect, folder);

    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
    // As long as it lives nobody ends its session.
    CU_ASSERT_EQUAL(zk_session_file_open(folder, &file), -EAGAIN);
    kill_victim(victim);

    CU_ASSERT_EQUAL_FATAL(zk_session_file_open(folder, &file), 0);
    start_ms = clock_monotonic_ms();
    CU_ASSERT_EQUAL(zk_session_file_end_previous(file, &config, reason), ZK_OK);
    session = session_with_timeout(connect, 30000);
    CU_ASSERT_EQUAL(zk_register_broker(session, &registration, file, &epoch, reason), ZK_OK);
    CU_ASSERT_TRUE(epoch > 0);
    // Without the file it would have taken the session's 30 seconds.
    CU_ASSERT_TRUE(clock_monotonic_ms() - start_ms < 25000);
    zk_session_destroy(&session);
    zk_session_file_close(&file, true);
    CU_ASSERT_FALSE(file_exists(path));
    CU_ASSERT_EQUAL(file_remove_tree(folder), 0);
    free(path);
    free(folder);
    free(connect);
}

// What the file says may be old, wrong or rubbish: nothing happens, and nobody's session is ended.
static void test_session_file(void)
{
    char *connect = zookeeper_connect(), *folder = make_folder(), text[256], reason[ZK_REASON_SIZE];
    char *path = memory_format("%s/" ZK_SESSION_FILE_NAME, folder);
    struct zk_session_config config = config_of(connect, 6000);
    struct zk_session *bystander = session_with_timeout(connect, 6000), *ended;
    struct zk_session_id identity = zk_session_identity(bystander), wrong = identity;
    struct zk_session_file *file = NULL;

    CU_ASSERT_EQUAL_FATAL(zk_session_file_open(folder, &file), 0);
    CU_ASSERT_EQUAL(zk_session_file_end_previous(file, &config, reason), ZK_OK);
    wrong.password[3] ^= 1;
    CU_ASSERT_EQUAL(zk_session_file_write(file, wrong), 0);
    CU_ASSERT_EQUAL(zk_session_file_end_previous(file, &config, reason), ZK_OK);
    CU_ASSERT_EQUAL(zk_exists(bystander, "/", NULL), ZK_OK);
    CU_ASSERT_EQUAL(zk_session_identity(bystander).id, identity.id);

    static const char *const rubbish[] = {"version=1\nsession=0x1\npassword=12\n", "version=1\nsession=0x1\n",
                                          "\xff\xff",
                                          "version=2\nsession=0x1\npassword=00000000000000000000000000000000\n",
                                          "version=1\nsession=0x0\npassword=00000000000000000000000000000000\n"};
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
        CU_ASSERT_EQUAL(file_replace(path, rubbish[i], strlen(rubbish[i])), 0);
        zk_session_file_close(&file, false);
        CU_ASSERT_FALSE(file_exists(path));
        CU_ASSERT_EQUAL(file_replace(path, rubbish[i], strlen(rubbish[i])), 0);
        CU_ASSERT_EQUAL_FATAL(zk_session_file_open(folder, &file), 0);
        CU_ASSERT_EQUAL(zk_session_file_end_previous(file, &config, reason), ZK_OK);
    }

    // Nobody answers: the file stays for the next start.
    config.connect = "127.0.0.1:1";
    config.connection_timeout_ms = 100;
    CU_ASSERT_EQUAL(zk_session_file_write(file, identity), 0);
    CU_ASSERT_EQUAL(zk_session_file_end_previous(file, &config, reason), ZK_TIMED_OUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "127.0.0.1:1 ("));
    zk_session_file_close(&file, false);
    FILE *kept = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
    CU_ASSERT_TRUE(fread(text, 1, sizeof text, kept) > 0);
    fclose(kept);
    CU_ASSERT_EQUAL_FATAL(zk_session_file_open(folder, &file), 0);
    config = config_of(connect, 6000);

    // One that has ended already.
    ended = session_with_timeout(connect, 6000);
    CU_ASSERT_EQUAL(zk_session_file_write(file, zk_session_identity(ended)), 0);
    zk_session_destroy(&ended);
    CU_ASSERT_EQUAL(zk_session_file_end_previous(file, &config, reason), ZK_OK);
    FILE *stream = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    CU_ASSERT_EQUAL(fread(text, 1, sizeof text, stream), 0);
    fclose(stream);

    zk_session_file_close(&file, true);
    zk_session_destroy(&bystander);
    CU_ASSERT_EQUAL(file_remove_tree(folder), 0);
    free(path);
    free(folder);
    free(connect);
}

// No file is left (another machine, say): the dead session is waited out.
static void test_waits_for_the_dead(void)
{
    char *connect = zookeeper_connect(), reason[ZK_REASON_SIZE];
    struct zk_registration registration = {.broker_id = 1, .broker = &broker, .sole = true};
    struct zk_session *session = session_with_timeout(connect, 6000), *dead = session_with_timeout(connect, 6000);
    struct zk_session_id identity = zk_session_identity(dead);
    int64_t epoch = -1, dead_epoch = -1;
    int status;

    CU_ASSERT_EQUAL(zk_register_broker(dead, &registration, NULL, &dead_epoch, reason), ZK_OK);
    pid_t pid = fork();
    CU_ASSERT_TRUE_FATAL(pid >= 0);
    if (pid == 0) {
        nanosleep(&(struct timespec){0, 300000000}, NULL);
        while (zookeeper_close_session(identity))
            continue;
        _exit(0);
    }
    CU_ASSERT_EQUAL(zk_register_broker(session, &registration, NULL, &epoch, reason), ZK_OK);
    CU_ASSERT_TRUE(epoch > dead_epoch);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    zk_session_destroy(&session);
    zk_session_destroy(&dead);
    free(connect);
}

SUITE_MAIN("zk/registration", {"restart after kill", test_restart_after_kill}, {"register", test_register},
           {"other brokers", test_other_brokers}, {"duplicate", test_duplicate}, {"session file", test_session_file},
           {"waits for the dead", test_waits_for_the_dead})
