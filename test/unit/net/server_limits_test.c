// SPDX-License-Identifier: Apache-2.0
// What the server does when there is much, slow or too much of something, and when it ends.
#include "net/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// Of the sanitizers' run-time, which has its own heap.
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_size(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

static void expect_echo(int fd, int32_t correlation_id)
{
    int32_t answered = -1;
    char text[64];
    CU_ASSERT_EQUAL(client_receive(fd, &answered, text, sizeof text), 4);
    CU_ASSERT_EQUAL(answered, correlation_id);
}

static bool wait_for_connections(struct toy *toy, size_t count)
{
    int tries = 0;
    while (server_connection_count(toy->server) != count && wait_step(&tries))
        ;
    return server_connection_count(toy->server) == count;
}

static bool wait_for_seen(struct toy *toy, size_t count)
{
    int tries = 0;
    while (atomic_load(&toy->seen) != count && wait_step(&tries))
        ;
    return atomic_load(&toy->seen) == count;
}

static void serves_beside_a_thousand_idle_connections(void)
{
    enum { COUNT = 1000 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    static int fds[COUNT];
    size_t before = heap_size();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect("127.0.0.1", toy.port);
    CU_ASSERT_TRUE(wait_for_connections(&toy, COUNT));
    // Each has had a request, so that nothing of it may stay.
    for (int i = 0; i < COUNT; i++)
        client_send(fds[i], i, "echo", 4);
    for (int i = 0; i < COUNT; i++)
        expect_echo(fds[i], i);
    size_t after = heap_size();
    CU_ASSERT_TRUE(after < before + COUNT * (size_t)2048);
    int fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 7, "echo", 4);
    expect_echo(fd, 7);
    close(fd);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    toy_stop(&toy);
}

// A client that asks and never reads keeps one request, its answer and what is in the sockets; others are served.
static void bounds_what_a_client_that_never_reads_costs(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int deaf = client_connect("127.0.0.1", toy.port), fd = client_connect("127.0.0.1", toy.port);
    uint8_t frame[64];
    size_t size = client_frame(frame, 1, "large", 5), sent = 0;
    // Until the server takes no more: it must stop reading by itself.
    ssize_t result;
    while ((result = send(deaf, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL)) == (ssize_t)size) {
        sent++;
        if (sent % 1000 == 0) {
            client_send(fd, 2, "echo", 4);
            expect_echo(fd, 2);
        }
    }
    CU_ASSERT_TRUE(sent > 100);
    client_send(fd, 3, "echo", 4);
    expect_echo(fd, 3);
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), sent / 1000 + 2);
    int tries = 0;
    while (atomic_load(&toy.released) < sent / 1000 + 1 && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(atomic_load(&toy.released), sent / 1000 + 1); // its first answer is under way

    // It gets all of it once it reads.
    uint8_t *answer = memory_alloc(TOY_LARGE_SIZE);
    int32_t correlation_id = -1;
    CU_ASSERT_EQUAL(client_receive(deaf, &correlation_id, answer, TOY_LARGE_SIZE), TOY_LARGE_SIZE);
    CU_ASSERT_EQUAL(correlation_id, 1);
    free(answer);
    close(deaf);
    close(fd);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    toy_stop(&toy);
}

// With all handlers busy, requests wait in the queue up to its bound and then in the clients' sockets.
static void stops_reading_when_the_queue_is_full(void)
{
    enum { COUNT = 40, QUEUED_MAX = 5, HANDLERS = 2 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.queued_requests_max = QUEUED_MAX;
    toy_start(&toy);
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect("127.0.0.1", toy.port);
        client_send(fds[i], i, "gate", 4);
        client_send(fds[i], i + 1000, "echo", 4);
    }
    CU_ASSERT_TRUE(wait_for_seen(&toy, HANDLERS));
    int tries = 0;
    while (server_queued_request_count(toy.server) < QUEUED_MAX && wait_step(&tries))
        ;
    // The bound is exact, whatever the poll threads find in one look at their sockets.
    CU_ASSERT_TRUE(server_queued_request_count(toy.server) <= QUEUED_MAX);
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), HANDLERS);
    toy_open_gate(&toy);
    for (int i = 0; i < COUNT; i++) {
        expect_echo(fds[i], i);
        expect_echo(fds[i], i + 1000);
        close(fds[i]);
    }
    toy_stop(&toy);
}

static void closes_idle_connections_but_not_those_that_wait(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.idle_ms_max = 1000; // long enough for what comes before the answers, on a busy machine
    toy_start(&toy);
    int idle = client_connect("127.0.0.1", toy.port), half = client_connect("127.0.0.1", toy.port),
        waiting = client_connect("127.0.0.1", toy.port), deaf = client_connect("127.0.0.1", toy.port);
    client_send(waiting, 1, "park", 4);
    client_send_bytes(half, "\0\0", 2);
    client_send(deaf, 1, "large", 5);
    CU_ASSERT_TRUE(client_sees_close(idle));
    CU_ASSERT_TRUE(client_sees_close(half));
    CU_ASSERT_TRUE(wait_for_connections(&toy, 1));
    toy_answer_parked(&toy);
    expect_echo(waiting, 1);
    CU_ASSERT_TRUE(client_sees_close(waiting));
    close(idle);
    close(half);
    close(waiting);
    close(deaf);
    toy_stop(&toy);
}

static void bounds_connections_of_an_address(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://:0");
    toy.config.limits.connections_per_ip_max = 2;
    toy.config.limits.connections_per_ip_overrides = "127.0.0.2:1 , 127.0.0.3:0,::2:7";
    toy_start(&toy);
    int first = client_connect("127.0.0.1", toy.port), second = client_connect("127.0.0.1", toy.port);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 2));
    int third = client_connect("127.0.0.1", toy.port);
    CU_ASSERT_TRUE(client_sees_close(third));
    close(third);
    close(first);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 1));
    third = client_connect("127.0.0.1", toy.port);
    client_send(third, 1, "echo", 4);
    expect_echo(third, 1);
    close(second);
    close(third);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    toy_stop(&toy);

    char *reason = NULL;
    toy_init(&toy, "PLAINTEXT://:0");
    toy.config.limits.connections_per_ip_overrides = "127.0.0.2:x";
    CU_ASSERT_NOT_EQUAL(server_open(&toy.config, &toy.server, &reason), 0);
    CU_ASSERT_PTR_NOT_NULL(reason);
    free(reason);
    toy_stop(&toy);
}

static void bounds_all_connections_but_those_of_brokers(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0,OTHER://127.0.0.1:0");
    toy.config.limits.connections_max = 2;
    toy.config.inter_broker_listener = "OTHER";
    toy_start(&toy);
    uint16_t other_port = server_endpoints(toy.server)->items[1].port;
    int first = client_connect("127.0.0.1", toy.port), second = client_connect("127.0.0.1", toy.port);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 2));
    int third = client_connect("127.0.0.1", toy.port);
    client_send(third, 1, "echo", 4);
    int broker = client_connect("127.0.0.1", other_port);
    client_send(broker, 2, "echo", 4);
    expect_echo(broker, 2);
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 1);
    close(broker);
    close(first);
    expect_echo(third, 1); // its turn has come
    close(second);
    close(third);
    CU_ASSERT_TRUE(wait_for_connections(&toy, 0));
    toy_stop(&toy);
}

struct stop {
    struct toy *toy;
    int64_t deadline_ms;
    size_t unanswered;
    atomic_bool done;
};

static void stop_main(void *context)
{
    struct stop *stop = context;
    stop->unanswered = server_stop(stop->toy->server, stop->deadline_ms);
    atomic_store(&stop->done, true);
}

// All that was accepted is answered: parked, in a handler, in the queue, and an answer that is being sent.
static void answers_what_it_accepted_when_it_stops(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.io_threads = 1;
    toy_start(&toy);
    int parked = client_connect("127.0.0.1", toy.port), handled = client_connect("127.0.0.1", toy.port),
        queued = client_connect("127.0.0.1", toy.port), idle = client_connect("127.0.0.1", toy.port),
        slow = client_connect("127.0.0.1", toy.port);
    client_send(slow, 5, "large", 5);
    CU_ASSERT_TRUE(wait_for_seen(&toy, 1));
    client_send(parked, 1, "park", 4);
    CU_ASSERT_TRUE(wait_for_seen(&toy, 2));
    client_send(handled, 2, "gate", 4);
    CU_ASSERT_TRUE(wait_for_seen(&toy, 3));
    client_send(queued, 3, "echo", 4);
    int tries = 0;
    while (server_queued_request_count(toy.server) == 0 && wait_step(&tries))
        ;
    struct stop stop = {.toy = &toy, .deadline_ms = clock_monotonic_ms() + 60000};
    struct thread thread;
    CU_ASSERT_EQUAL_FATAL(thread_start(&thread, stop_main, &stop, "stop"), 0);
    CU_ASSERT_TRUE(client_sees_close(idle));
    CU_ASSERT_FALSE(atomic_load(&stop.done));
    CU_ASSERT_EQUAL(client_connect("127.0.0.1", toy.port), -1);
    toy_answer_parked(&toy);
    toy_open_gate(&toy);
    expect_echo(parked, 1);
    CU_ASSERT_TRUE(client_sees_close(parked));
    expect_echo(handled, 2);
    expect_echo(queued, 3);
    uint8_t *answer = memory_alloc(TOY_LARGE_SIZE);
    int32_t correlation_id;
    CU_ASSERT_EQUAL(client_receive(slow, &correlation_id, answer, TOY_LARGE_SIZE), TOY_LARGE_SIZE);
    free(answer);
    thread_join(&thread);
    CU_ASSERT_EQUAL(stop.unanswered, 0);
    close(parked);
    close(handled);
    close(queued);
    close(idle);
    close(slow);
    toy_stop(&toy);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), 4);
}

static void stops_at_its_deadline(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int parked = client_connect("127.0.0.1", toy.port), deaf = client_connect("127.0.0.1", toy.port);
    client_send(parked, 1, "park", 4);
    client_send(deaf, 2, "large", 5);
    CU_ASSERT_TRUE(wait_for_seen(&toy, 2));
    CU_ASSERT_EQUAL(server_stop(toy.server, clock_monotonic_ms() + 20), 1);
    toy_close_parked(&toy);
    toy_stop(&toy);
    CU_ASSERT_TRUE(client_sees_close(parked));
    close(parked);
    close(deaf);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), 2);
}

SUITE_MAIN("net/server_limits",
           {"serves beside a thousand idle connections", serves_beside_a_thousand_idle_connections},
           {"bounds what a client that never reads costs", bounds_what_a_client_that_never_reads_costs},
           {"stops reading when the queue is full", stops_reading_when_the_queue_is_full},
           {"closes idle connections but not those that wait", closes_idle_connections_but_not_those_that_wait},
           {"bounds connections of an address", bounds_connections_of_an_address},
           {"bounds all connections but those of brokers", bounds_all_connections_but_those_of_brokers},
           {"answers what it accepted when it stops", answers_what_it_accepted_when_it_stops},
           {"stops at its deadline", stops_at_its_deadline})
