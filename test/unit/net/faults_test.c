// SPDX-License-Identifier: Apache-2.0
// The system's calls fail, or do less than asked: the connection concerned ends or goes on, all others are served.
#include "net/server.h"
#include "net/socket_calls.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls_until_failure; // the one that makes it 0 fails
static atomic_size_t piece_size;       // the most that a send takes; 0: no bound

static bool fails_now(void)
{
    return atomic_fetch_sub(&calls_until_failure, 1) == 1;
}

static int faulty_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    return fails_now() ? -EMFILE : socket_calls_of_system()->accept(fd, address, size);
}

static ssize_t faulty_receive(int fd, void *buffer, size_t size)
{
    // Never less than there is: a short receive says that there is no more (net/README.md, 6).
    return fails_now() ? -ECONNRESET : socket_calls_of_system()->receive(fd, buffer, size);
}

static ssize_t faulty_send(int fd, const struct msghdr *message, int flags)
{
    if (fails_now())
        return -EPIPE;
    size_t most = atomic_load(&piece_size);
    struct iovec first = message->msg_iov[0];
    if (most == 0)
        return socket_calls_of_system()->send(fd, message, flags);
    first.iov_len = first.iov_len > most ? most : first.iov_len;
    struct msghdr shorter = {.msg_iov = &first, .msg_iovlen = 1};
    return socket_calls_of_system()->send(fd, &shorter, flags);
}

static int faulty_watch(int epoll_fd, int fd, struct epoll_event *event)
{
    return fails_now() ? -ENOSPC : socket_calls_of_system()->watch(epoll_fd, fd, event);
}

static int faulty_wait(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms)
{
    return fails_now() ? -EINTR : socket_calls_of_system()->wait(epoll_fd, events, count_max, timeout_ms);
}

static void toy_start_faulty(struct toy *toy)
{
    static struct socket_calls calls;
    calls = *socket_calls_of_system();
    calls.accept = faulty_accept;
    calls.receive = faulty_receive;
    calls.send = faulty_send;
    calls.watch = faulty_watch;
    calls.wait = faulty_wait;
    socket_calls_set(&calls);
    toy_init(toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(toy);
}

static void toy_stop_faulty(struct toy *toy)
{
    toy_stop(toy);
    socket_calls_set(NULL);
    atomic_store(&piece_size, 0);
}

static bool echoes(int fd, int32_t correlation_id)
{
    int32_t answered = -1;
    char text[16];
    client_send(fd, correlation_id, "echo", 4);
    return client_receive(fd, &answered, text, sizeof text) == 4 && answered == correlation_id;
}

static void serves_others_after_any_failed_call(void)
{
    enum { FAILURES_MAX = 60, CONNECTIONS = 3, REQUESTS = 3 };
    struct toy toy;
    atomic_store(&calls_until_failure, 0);
    toy_start_faulty(&toy);
    for (int nth = 1; nth <= FAILURES_MAX; nth++) {
        atomic_store(&calls_until_failure, nth);
        int broken = 0;
        for (int i = 0; i < CONNECTIONS; i++) {
            int fd = client_connect("127.0.0.1", toy.port);
            bool served = true;
            for (int32_t request = 0; served && request < REQUESTS; request++)
                served = echoes(fd, request);
            broken += !served;
            close(fd);
        }
        CU_ASSERT_TRUE(broken <= 1);
        atomic_store(&calls_until_failure, 0);
    }
    int tries = 0;
    while (server_connection_count(toy.server) > 0 && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(server_connection_count(toy.server), 0);
    toy_stop_faulty(&toy);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), atomic_load(&toy.seen));
}

static void goes_on_after_short_sends(void)
{
    size_t sizes[] = {1, 2, 3, 7, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct toy toy;
        atomic_store(&calls_until_failure, 0);
        atomic_store(&piece_size, sizes[i]);
        toy_start_faulty(&toy);
        int fd = client_connect("127.0.0.1", toy.port);
        uint8_t frames[20 * 22];
        size_t size = 0;
        for (int32_t id = 0; id < 20; id++)
            size += client_frame(frames + size, id, "echo", 4);
        client_send_bytes(fd, frames, size);
        for (int32_t id = 0; id < 20; id++) {
            int32_t answered = -1;
            char text[16] = "";
            CU_ASSERT_EQUAL(client_receive(fd, &answered, text, sizeof text), 4);
            CU_ASSERT_EQUAL(answered, id);
            CU_ASSERT_NSTRING_EQUAL(text, "echo", 4);
        }
        close(fd);
        toy_stop_faulty(&toy);
    }
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"serves others after any failed call", serves_others_after_any_failed_call},
        {"goes on after short sends", goes_on_after_short_sends},
    };
    enum { COUNT = sizeof tests / sizeof tests[0] };
    int failed = suite_run("net/faults", tests, COUNT);
    toy_is_quick = true;
    return suite_run("net/faults with quick requests", tests, COUNT) | failed;
}
