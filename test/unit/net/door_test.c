// SPDX-License-Identifier: Apache-2.0
// What holds at the door: how quickly connections may come, limits that change while the server runs, how long a first
// request may take, and how much memory frames that are not whole may hold.
#include "base/clock.h"
#include "base/memory.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
    enum { COUNT = 24, SIZE = 16 * 1024 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.queued_request_bytes_max = 4 * SIZE;
    toy.config.io_threads = 2;
    toy_start(&toy);
    int fds[COUNT];
    size_t size;
    uint8_t *frame = large_frame(SIZE, &size);
    frame[18] = TOY_PARK;
    open_connections(&toy, fds, COUNT);
    for (int i = 0; i < COUNT; i++) {
        client_send(fds[i], i, "echo", 4);
        expect_echo(fds[i], i, 4);
    }
    for (int i = 0; i < COUNT; i++)
        client_send_bytes(fds[i], frame, size);
    int answered = 0, tries = 0;
    while (answered < COUNT && wait_step(&tries)) {
        int parked = (int)toy_parked(&toy);
        CU_ASSERT_TRUE(parked <= 4);
        answered += parked;
        toy_answer_parked(&toy);
    }
    CU_ASSERT_EQUAL(answered, COUNT);
    for (int i = 0; i < COUNT; i++)
        expect_echo(fds[i], 7, SIZE);
    close_connections(fds, COUNT);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    free(frame);
    toy_stop(&toy);
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
           {"takes memory back from requests that do not get whole",
            takes_memory_back_from_requests_that_do_not_get_whole})
