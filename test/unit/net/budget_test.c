// SPDX-License-Identifier: Apache-2.0
// What a request costs in calls to the system and to the allocator: the same on every machine, so that nobody makes it
// dearer without noticing.
#include "base/clock.h"
#include "net/server.h"
#include "net/socket_calls.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <string.h>
#include <unistd.h>

// Of the sanitizers' run-time; other builds count no allocations.
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *)) __attribute__((weak));

enum { WARM_UP_COUNT = 20, REQUEST_COUNT = 100 };

static atomic_size_t accepts, receives, sends, watches, waits, wakes, allocations;
static atomic_uintptr_t received_at, sent_from;

static int count_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    int result = socket_calls_of_system()->accept(fd, address, size);
    atomic_fetch_add(&accepts, result >= 0);
    return result;
}

static ssize_t count_receive(int fd, void *buffer, size_t size)
{
    atomic_fetch_add(&receives, 1);
    atomic_store(&received_at, (uintptr_t)buffer);
    return socket_calls_of_system()->receive(fd, buffer, size);
}

static ssize_t count_send(int fd, const struct msghdr *message, int flags)
{
    atomic_fetch_add(&sends, 1);
    atomic_store(&sent_from, (uintptr_t)message->msg_iov[message->msg_iovlen - 1].iov_base);
    return socket_calls_of_system()->send(fd, message, flags);
}

static int count_watch(int epoll_fd, int fd, struct epoll_event *event)
{
    atomic_fetch_add(&watches, 1);
    return socket_calls_of_system()->watch(epoll_fd, fd, event);
}

static int count_wait(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms)
{
    int result = socket_calls_of_system()->wait(epoll_fd, events, count_max, timeout_ms);
    atomic_fetch_add(&waits, 1); // once it has ended, so that none that began before the count is in it
    return result;
}

static int count_wake(int event_fd)
{
    atomic_fetch_add(&wakes, 1);
    return socket_calls_of_system()->wake(event_fd);
}

static void on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    atomic_fetch_add(&allocations, 1);
}

static void on_free(const volatile void *memory)
{
    (void)memory;
}

static void reset_counters(void)
{
    atomic_size_t *counters[] = {&accepts, &receives, &sends, &watches, &waits, &wakes, &allocations};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        atomic_store(counters[i], 0);
}

static void exchange(int fd, const uint8_t *frame, size_t frame_size, uint8_t *answer, size_t size_max, int count)
{
    for (int i = 0; i < count; i++) {
        int32_t correlation_id;
        client_send_bytes(fd, frame, frame_size);
        CU_ASSERT_FATAL(client_receive(fd, &correlation_id, answer, size_max) >= 0);
    }
}

// Time stands still while requests are counted: how many of them are quick must not depend on how busy the machine is.
static int64_t still_ns;

static int64_t still_now_ms(void)
{
    return still_ns / 1000000;
}

static int64_t still_monotonic_ns(void)
{
    return still_ns;
}

static void start_counting(struct toy *toy)
{
    static const struct clock_calls still = {still_now_ms, still_monotonic_ns};
    still_ns = clock_monotonic_ns();
    clock_calls_set(&still);
    static struct socket_calls calls;
    calls = *socket_calls_of_system();
    calls.accept = count_accept;
    calls.receive = count_receive;
    calls.send = count_send;
    calls.watch = count_watch;
    calls.wait = count_wait;
    calls.wake = count_wake;
    socket_calls_set(&calls);
    toy_init(toy, "PLAINTEXT://127.0.0.1:0");
    toy->config.network_threads = 1;
    toy_start(toy);
}

static void stop_counting(struct toy *toy, int fd)
{
    close(fd);
    toy_stop(toy);
    socket_calls_set(NULL);
    clock_calls_set(NULL);
}

// One wait, one receive, one send; no wake-up of another poll thread, no change of what is watched. Bytes are received
// where the handler reads them and sent from where it left them.
static void a_request_costs_one_wait_one_receive_one_send(void)
{
    struct toy toy;
    start_counting(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    uint8_t body[16000] = "echo", frame[sizeof body + 18], answer[sizeof body];
    size_t frame_size = client_frame(frame, 1, body, sizeof body);
    exchange(fd, frame, frame_size, answer, sizeof answer, WARM_UP_COUNT);
    reset_counters();
    exchange(fd, frame, frame_size, answer, sizeof answer, REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&receives), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&sends), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&waits), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&wakes), 0);
    CU_ASSERT_EQUAL(atomic_load(&watches), 0);
    CU_ASSERT_EQUAL(atomic_load(&sent_from), atomic_load(&received_at) + 18); // behind prefix and header
    // The arena's memory, and the note of what to release with it that the toy makes; and once, not for each request,
    // what a thread takes that had nothing to do before.
    CU_ASSERT_TRUE(atomic_load(&allocations) <= 2 * REQUEST_COUNT + REQUEST_COUNT / 10);
    stop_counting(&toy, fd);
}

// Requests that came together are received together and need no waiting.
static void pipelined_requests_cost_less(void)
{
    struct toy toy;
    start_counting(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    uint8_t frames[REQUEST_COUNT * 22], answer[16];
    size_t size = 0;
    for (int32_t i = 0; i < REQUEST_COUNT; i++)
        size += client_frame(frames + size, i, "echo", 4);
    reset_counters();
    client_send_bytes(fd, frames, size);
    for (int32_t i = 0; i < REQUEST_COUNT; i++) {
        int32_t correlation_id = -1;
        CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, answer, sizeof answer), 4);
        CU_ASSERT_EQUAL(correlation_id, i);
    }
    CU_ASSERT_EQUAL(atomic_load(&sends), REQUEST_COUNT);
    CU_ASSERT_TRUE(atomic_load(&receives) <= 10);
    CU_ASSERT_TRUE(atomic_load(&waits) <= 10);
    stop_counting(&toy, fd);
}

// An answer from a thread that is no handler costs one wake-up and one wait more.
static void an_answer_from_elsewhere_wakes_the_poll_thread_once(void)
{
    struct toy toy;
    start_counting(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    int32_t correlation_id;
    char answer[16];
    client_send(fd, 1, "echo", 4);
    CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, answer, sizeof answer), 4);
    reset_counters();
    for (int i = 0; i < REQUEST_COUNT; i++) {
        client_send(fd, 1, "park", 4);
        int tries = 0;
        while (toy_parked(&toy) == 0 && wait_step(&tries))
            ;
        toy_answer_parked(&toy);
        CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, answer, sizeof answer), 4);
    }
    CU_ASSERT_EQUAL(atomic_load(&wakes), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&waits), 2 * REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&receives), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&sends), REQUEST_COUNT);
    stop_counting(&toy, fd);
}

static void a_connection_is_accepted_and_watched_once(void)
{
    struct toy toy;
    start_counting(&toy);
    reset_counters();
    for (int i = 0; i < REQUEST_COUNT; i++) {
        int fd = client_connect("127.0.0.1", toy.port);
        client_send(fd, 1, "close", 5);
        CU_ASSERT_TRUE(client_sees_close(fd));
        close(fd);
    }
    CU_ASSERT_EQUAL(atomic_load(&accepts), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&watches), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&sends), 0);
    stop_counting(&toy, client_connect("127.0.0.1", toy.port));
}

int main(void)
{
    if (__sanitizer_install_malloc_and_free_hooks != NULL)
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    static const struct suite_test tests[] = {
        {"a request costs one wait, one receive, one send", a_request_costs_one_wait_one_receive_one_send},
        {"pipelined requests cost less", pipelined_requests_cost_less},
        {"an answer from elsewhere wakes the poll thread once", an_answer_from_elsewhere_wakes_the_poll_thread_once},
        {"a connection is accepted and watched once", a_connection_is_accepted_and_watched_once},
    };
    enum { COUNT = sizeof tests / sizeof tests[0] };
    int failed = suite_run("net/budget", tests, COUNT);
    toy_is_quick = true;
    return suite_run("net/budget with quick requests", tests, COUNT) | failed;
}
