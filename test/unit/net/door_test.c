// SPDX-License-Identifier: Apache-2.0
// What holds at the door: how quickly connections may come, limits that change while the server runs, how long a first
// request may take, and how much memory frames that are not whole may hold.
#include "base/clock.h"
#include "base/memory.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Of the sanitizers' run-time, which has its own heap.
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_size(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

enum { FRAME_SIZE_MAX = 64 * 1024, HALF_SIZE = 8 * 1024 };

static void expect_echo(int fd, int32_t correlation_id, int64_t size)
{
    int32_t answered = -1;
    uint8_t *body = memory_alloc(FRAME_SIZE_MAX);
    CU_ASSERT_EQUAL(client_receive(fd, &answered, body, FRAME_SIZE_MAX), size);
    CU_ASSERT_EQUAL(answered, correlation_id);
    free(body);
}

static bool wait_for_connections(struct toy *toy, size_t count)
{
    int tries = 0;
    while (server_connection_count(toy->server) != count && wait_step(&tries))
        ;
    return server_connection_count(toy->server) == count;
}

static size_t open_connections(struct toy *toy, int fds[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        fds[i] = client_connect("127.0.0.1", toy->port);
    return count;
}

static void close_connections(const int fds[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

// A frame of `size` bytes in memory, of which the caller sends what it likes.
static uint8_t *large_frame(size_t size, size_t *frame_size)
{
    uint8_t *body = memory_alloc(size), *frame = memory_alloc(size + 18);
    memset(body, 'x', size);
    body[0] = TOY_ECHO;
    *frame_size = client_frame(frame, 7, body, size);
    free(body);
    return frame;
}

// With one a second, ten may come at once; after that they come with time, and all are served in the end.
static void bounds_how_quickly_connections_come(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.limits.connection_creation_rate_max = 4;
    toy_start(&toy);
    enum { BURST = 40, MORE = 3 };
    int fds[BURST + MORE];
    int64_t start_ms = clock_monotonic_ms();
    open_connections(&toy, fds, BURST + MORE);
    for (int i = 0; i < BURST + MORE; i++) {
        client_send(fds[i], i, "echo", 4);
        expect_echo(fds[i], i, 4);
    }
    // Each of those beyond waited for a quarter of a second; never less, however slow the machine is.
    CU_ASSERT_TRUE(clock_monotonic_ms() - start_ms >= MORE * 250 - 50);
    close_connections(fds, BURST + MORE);
    toy_stop(&toy);
}

// The listener of the other brokers has its own limits only.
static void bounds_the_rate_of_each_listener(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0,OTHER://127.0.0.1:0");
    struct listener_limits listeners[2] = {{INT_MAX, INT_MAX}, {2, INT_MAX}};
    toy.config.limits.connection_creation_rate_max = 0;
    toy.config.limits.listeners = listeners;
    toy.config.inter_broker_listener = "OTHER";
    toy_start(&toy);
    uint16_t other_port = server_endpoints(toy.server)->items[1].port;
    int first = client_connect("127.0.0.1", other_port), second = client_connect("127.0.0.1", other_port);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 2));
    int third = client_connect("127.0.0.1", other_port);
    client_send(third, 3, "echo", 4);
    client_send(second, 2, "echo", 4);
    expect_echo(second, 2, 4);
    CU_ASSERT_EQUAL(server_connection_count(toy.server), 2);
    close(first);
    expect_echo(third, 3, 4);
    close(second);
    close(third);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    toy_stop(&toy);
}

static void changes_limits_while_it_runs(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fds[4];
    open_connections(&toy, fds, 2);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 2));
    struct server_limits limits = toy.config.limits;
    char *reason = NULL;

    // Those that are there count, although there was no limit when they came.
    limits.connections_per_ip_max = 2;
    CU_ASSERT_EQUAL(server_set_limits(toy.server, &limits, &reason), 0);
    fds[2] = client_connect("127.0.0.1", toy.port);
    CU_ASSERT_TRUE(client_sees_close(fds[2]));
    close(fds[2]);

    limits.connections_per_ip_overrides = "127.0.0.1:3";
    CU_ASSERT_EQUAL(server_set_limits(toy.server, &limits, &reason), 0);
    fds[2] = client_connect("127.0.0.1", toy.port);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 3));

    // What is beyond a lower limit stays; what waits for a higher one comes in with it. Which of two that come together
    // has waited is not told, since one may be accepted before the limit is looked at.
    limits.connections_per_ip_max = INT_MAX;
    limits.connections_per_ip_overrides = NULL;
    limits.connections_max = 1;
    CU_ASSERT_EQUAL(server_set_limits(toy.server, &limits, &reason), 0);
    client_send(fds[0], 1, "echo", 4);
    expect_echo(fds[0], 1, 4);
    fds[3] = client_connect("127.0.0.1", toy.port);
    client_send(fds[3], 4, "echo", 4);
    limits.connections_max = 5;
    CU_ASSERT_EQUAL(server_set_limits(toy.server, &limits, &reason), 0);
    expect_echo(fds[3], 4, 4);

    limits.connections_per_ip_overrides = "no.such.host.invalid:3";
    CU_ASSERT_EQUAL(server_set_limits(toy.server, &limits, &reason), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(reason);
    free(reason);
    close_connections(fds, 4);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    toy_stop(&toy);
}

// A first request has a time to get whole. Silence has none, nor has anything once a request was answered.
static void ends_first_requests_that_do_not_get_whole(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.first_request_ms_max = 40;
    toy_start(&toy);
    size_t size;
    uint8_t *frame = large_frame(HALF_SIZE, &size);
    int silent = client_connect("127.0.0.1", toy.port), prefix = client_connect("127.0.0.1", toy.port),
        half = client_connect("127.0.0.1", toy.port), proven = client_connect("127.0.0.1", toy.port);
    client_send(proven, 1, "echo", 4);
    expect_echo(proven, 1, 4);
    client_send_bytes(proven, frame, size / 2);
    client_send_bytes(prefix, frame, 2);
    client_send_bytes(half, frame, size / 2);
    CU_ASSERT_TRUE(client_sees_close(prefix));
    CU_ASSERT_TRUE(client_sees_close(half));
    CU_ASSERT_TRUE(wait_for_connections(&toy, 2));
    client_send_bytes(proven, frame + size / 2, size - size / 2);
    expect_echo(proven, 7, HALF_SIZE);
    client_send(silent, 2, "echo", 4);
    expect_echo(silent, 2, 4);
    free(frame);
    close(silent);
    close(prefix);
    close(half);
    close(proven);
    toy_stop(&toy);
}

// All peers without an answered request share memory for one largest request; who has none waits, and those that hold
// it without getting whole make room. Small first requests never wait.
static void bounds_the_memory_of_first_requests(void)
{
    enum { HALVES = 40 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.request_size_max = FRAME_SIZE_MAX;
    toy.config.first_request_ms_max = 200;
    toy_start(&toy);
    size_t size, large_size;
    uint8_t *frame = large_frame(FRAME_SIZE_MAX / 2, &size), *large = large_frame(FRAME_SIZE_MAX - 20, &large_size);
    int halves[HALVES], fd = client_connect("127.0.0.1", toy.port), modern = client_connect("127.0.0.1", toy.port);
    for (int i = 0; i < HALVES; i++) {
        halves[i] = client_connect("127.0.0.1", toy.port);
        client_send_bytes(halves[i], frame, size - 1);
    }
    client_send(modern, 1, "echo", 4);
    expect_echo(modern, 1, 4);
    // It is neither held back nor ended once it is known.
    client_send_bytes(modern, large, large_size);
    expect_echo(modern, 7, FRAME_SIZE_MAX - 20);
    for (int i = 0; i < HALVES; i++)
        CU_ASSERT_TRUE(client_sees_close(halves[i]));
    client_send_bytes(fd, large, large_size);
    expect_echo(fd, 7, FRAME_SIZE_MAX - 20);
    close_connections(halves, HALVES);
    close(fd);
    close(modern);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    free(frame);
    free(large);
    toy_stop(&toy);
}

// queued.max.request.bytes: whatever is asked at once, all is answered, and at no time is there more than a request
// beyond the bound.
static void bounds_the_memory_of_requests(void)
{
    enum { COUNT = 24, SIZE = 16 * 1024, HANDLERS = 2, BOUND = 4 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.queued_request_bytes_max = BOUND * SIZE;
    toy.config.io_threads = HANDLERS;
    toy_start(&toy);
    int fds[COUNT];
    size_t size;
    uint8_t *frame = large_frame(SIZE, &size);
    frame[18] = TOY_GATE;
    open_connections(&toy, fds, COUNT);
    for (int i = 0; i < COUNT; i++) {
        client_send(fds[i], i, "echo", 4);
        expect_echo(fds[i], i, 4);
    }
    for (int i = 0; i < COUNT; i++)
        client_send_bytes(fds[i], frame, size);
    int tries = 0;
    while ((atomic_load(&toy.seen) < COUNT + HANDLERS || server_queued_request_count(toy.server) < BOUND - HANDLERS) &&
           wait_step(&tries))
        ;
    // Small ones pass them by.
    int fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 1, "gate", 4);
    while (server_queued_request_count(toy.server) < BOUND - HANDLERS + 1 && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(server_queued_request_count(toy.server), BOUND - HANDLERS + 1);
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), COUNT + HANDLERS);
    toy_open_gate(&toy);
    for (int i = 0; i < COUNT; i++)
        expect_echo(fds[i], 7, SIZE);
    expect_echo(fd, 1, 4);
    close_connections(fds, COUNT);
    close(fd);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    free(frame);
    toy_stop(&toy);
}

// What a request waits for may come in another: it holds up none.
static void counts_no_requests_that_wait_for_something(void)
{
    enum { COUNT = 24, SIZE = 16 * 1024 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.queued_request_bytes_max = 4 * SIZE;
    toy_start(&toy);
    int fds[COUNT], tries = 0;
    size_t size;
    uint8_t *frame = large_frame(SIZE, &size);
    frame[18] = TOY_PARK;
    open_connections(&toy, fds, COUNT);
    for (int i = 0; i < COUNT; i++) {
        client_send(fds[i], i, "echo", 4);
        expect_echo(fds[i], i, 4);
        client_send_bytes(fds[i], frame, size);
    }
    while (toy_parked(&toy) < COUNT && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(toy_parked(&toy), COUNT);
    toy_answer_parked(&toy);
    for (int i = 0; i < COUNT; i++)
        expect_echo(fds[i], 7, SIZE);
    close_connections(fds, COUNT);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    free(frame);
    toy_stop(&toy);
}

// The beginning of a next request keeps nothing of the memory of the one before.
static void lets_go_of_large_buffers(void)
{
    enum { COUNT = 200, SIZE = 100 * 1000, LEFT_MAX = 8 * 1024 * 1024 + COUNT * 16 * 1024 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fds[COUNT], tries = 0;
    size_t size, before = heap_size();
    uint8_t *frame = large_frame(SIZE, &size), *both = memory_alloc(size + 18);
    memcpy(both, frame, size);
    both[18] = TOY_SKIP;
    size_t next_size = client_frame(both + size, 8, NULL, 0);
    open_connections(&toy, fds, COUNT);
    for (int i = 0; i < COUNT; i++)
        client_send_bytes(fds[i], both, size + 6);
    while ((atomic_load(&toy.seen) < COUNT || heap_size() > before + LEFT_MAX) && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), COUNT);
    CU_ASSERT_TRUE(heap_size() <= before + LEFT_MAX);
    for (int i = 0; i < COUNT; i++) {
        client_send_bytes(fds[i], both + size + 6, next_size - 6);
        expect_echo(fds[i], 8, 0);
    }
    close_connections(fds, COUNT);
    free(frame);
    free(both);
    toy_stop(&toy);
}

static atomic_int_fast64_t clock_ahead_ms;

static int64_t monotonic_ahead_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + atomic_load(&clock_ahead_ms) * 1000000;
}

static int64_t wall_clock_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

// A connection is idle when no byte comes, as in Apache Kafka; how long a request takes to come does not matter.
static void takes_no_slow_request_for_silence(void)
{
    enum { IDLE_MS = 600000, STEPS = 8, SIZE = 100 };
    static const struct clock_calls calls = {wall_clock_ms, monotonic_ahead_ns};
    clock_calls_set(&calls);
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.idle_ms_max = IDLE_MS;
    toy.config.network_threads = 1;
    toy_start(&toy);
    size_t size;
    uint8_t *frame = large_frame(SIZE, &size);
    int slow = client_connect("127.0.0.1", toy.port), other = client_connect("127.0.0.1", toy.port);
    int one = 1; // each byte at once
    CU_ASSERT_EQUAL(setsockopt(slow, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    client_send(slow, 1, "echo", 4);
    expect_echo(slow, 1, 4);
    for (int i = 0; i < STEPS; i++) {
        client_send_bytes(slow, frame + i, 1);
        client_send(other, i, "echo", 4); // once it is answered the byte before it was taken
        expect_echo(other, i, 4);
        atomic_fetch_add(&clock_ahead_ms, IDLE_MS / 4);
    }
    client_send_bytes(slow, frame + STEPS, size - STEPS);
    expect_echo(slow, 7, SIZE);
    client_send_bytes(slow, frame, STEPS);
    client_send(other, 1, "echo", 4);
    expect_echo(other, 1, 4);
    for (int i = 0; i < STEPS; i++) {
        atomic_fetch_add(&clock_ahead_ms, IDLE_MS / 4);
        client_send(other, i, "echo", 4);
        expect_echo(other, i, 4);
    }
    CU_ASSERT_TRUE(client_sees_close(slow));
    free(frame);
    close(slow);
    close(other);
    toy_stop(&toy);
    clock_calls_set(NULL);
}

// Memory that is held by frames which never get whole comes free when others need it.
static void takes_memory_back_from_requests_that_do_not_get_whole(void)
{
    enum { COUNT = 8, SIZE = 16 * 1024 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.queued_request_bytes_max = COUNT / 4 * SIZE; // the others wait for it first
    toy.config.first_request_ms_max = 40;
    toy_start(&toy);
    int fds[COUNT], fd = client_connect("127.0.0.1", toy.port);
    size_t size;
    uint8_t *frame = large_frame(SIZE, &size);
    client_send(fd, 1, "echo", 4);
    expect_echo(fd, 1, 4);
    open_connections(&toy, fds, COUNT);
    for (int i = 0; i < COUNT; i++) {
        client_send(fds[i], i, "echo", 4);
        expect_echo(fds[i], i, 4);
        client_send_bytes(fds[i], frame, size - 1);
    }
    client_send_bytes(fd, frame, size);
    expect_echo(fd, 7, SIZE);
    close_connections(fds, COUNT);
    close(fd);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    free(frame);
    toy_stop(&toy);
}

SUITE_MAIN("net/door", {"bounds how quickly connections come", bounds_how_quickly_connections_come},
           {"bounds the rate of each listener", bounds_the_rate_of_each_listener},
           {"changes limits while it runs", changes_limits_while_it_runs},
           {"ends first requests that do not get whole", ends_first_requests_that_do_not_get_whole},
           {"bounds the memory of first requests", bounds_the_memory_of_first_requests},
           {"bounds the memory of requests", bounds_the_memory_of_requests},
           {"counts no requests that wait for something", counts_no_requests_that_wait_for_something},
           {"lets go of large buffers", lets_go_of_large_buffers},
           {"takes no slow request for silence", takes_no_slow_request_for_silence},
           {"takes memory back from requests that do not get whole",
            takes_memory_back_from_requests_that_do_not_get_whole})
