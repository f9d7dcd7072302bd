// SPDX-License-Identifier: Apache-2.0
// For tests that test/with_zookeeper runs: the ZooKeeper beside them, and what they wait for.
#ifndef TEST_UNIT_ZK_ZOOKEEPER_H
#define TEST_UNIT_ZK_ZOOKEEPER_H

#include "base/clock.h"
#include "base/memory.h"
#include "zk/session.h"
#include "zk/znodes.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

// "kill", "start", "pause" or "resume"; returns when it is done.
static inline void zookeeper_control(const char *command)
{
    int fd = atoi(getenv("ZOOKEEPER_CONTROL"));
    char answer;

    CU_ASSERT_TRUE_FATAL(dprintf(fd, "%s\n", command) > 0);
    CU_ASSERT_EQUAL_FATAL(read(fd, &answer, 1), 1);
}

// Waits until the condition holds; fails the test when it does not within a minute.
#define WAIT_UNTIL(condition)                                                                                          \
    do {                                                                                                               \
        int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;                                                      \
        bool holds;                                                                                                    \
        while (!(holds = (condition)) && clock_monotonic_ms() < deadline_ms)                                           \
            nanosleep(&(struct timespec){0, 5000000}, NULL);                                                           \
        CU_ASSERT_TRUE_FATAL(holds);                                                                                   \
    } while (0)

// Each test has a chroot of its own: a fresh one per call.
static inline char *zookeeper_connect(void)
{
    static int count;

    return memory_format("%s/test/%d/%d", getenv("ZOOKEEPER_CONNECT"), (int)getpid(), count++);
}

static inline struct zk_session *session_of(const char *connect, const struct zk_client_calls *client)
{
    struct zk_session_config config = {
        .connect = connect,
        .session_timeout_ms = 6000,
        .connection_timeout_ms = 30000,
        .create_chroot = true,
        .client = client,
    };
    struct zk_session *session = NULL;
    char reason[ZK_REASON_SIZE] = "";

    CU_ASSERT_EQUAL_FATAL(zk_session_open(&config, &session, reason), ZK_OK);
    return session;
}

// Takes the session up on a new connection and closes it in one breath. Returns whether ZooKeeper knew the session.
static inline bool zookeeper_close_session(struct zk_session_id session)
{
    // Connect: size, protocol version, last zxid, timeout, session id, password with its size. Close: size, xid, type
    // -11.
    uint8_t frames[60] = {
        [3] = 44, [18] = 0x17, [19] = 0x70, [31] = 16, [51] = 8, [55] = 1, [56] = 0xff, 0xff, 0xff, 0xf5};
    uint8_t answer[20] = {0}, rest[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    for (int i = 0; i < 8; i++)
        frames[20 + i] = (uint8_t)((uint64_t)session.id >> (56 - 8 * i));
    memcpy(frames + 32, session.password, sizeof session.password);
    address.sin_port = htons((uint16_t)atoi(strchr(getenv("ZOOKEEPER_CONNECT"), ':') + 1));
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(write(fd, frames, sizeof frames), (ssize_t)sizeof frames);
    bool answered = recv(fd, answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer;

    while (read(fd, rest, sizeof rest) > 0)
        continue;
    close(fd);
    // Behind the size and the version: the timeout, 0 for a session that is over.
    return !answered || answer[8] || answer[9] || answer[10] || answer[11];
}

// Ends a session as its expiry would. Its own client may come back between the two frames: then again.
static inline void expire(struct zk_session *session)
{
    struct zk_session_id identity = zk_session_identity(session);

    while (zookeeper_close_session(identity))
        continue;
}

#endif
