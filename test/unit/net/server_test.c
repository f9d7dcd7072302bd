// SPDX-License-Identifier: Apache-2.0
#include "net/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/socket_calls.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <arpa/inet.h>
#include <linux/socket.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void expect_echo(int fd, int32_t correlation_id, const char *body)
{
    int32_t answered = -1;
    char text[256] = "";
    int64_t size = client_receive(fd, &answered, text, sizeof text);
    CU_ASSERT_EQUAL(size, (int64_t)strlen(body));
    CU_ASSERT_EQUAL(answered, correlation_id);
    CU_ASSERT_NSTRING_EQUAL(text, body, strlen(body));
}

static void answers_requests_in_order(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    uint8_t frames[200 * 32];
    size_t size = 0;
    for (int32_t i = 0; i < 200; i++)
        size += client_frame(frames + size, i, "echo", 4);
    client_send_bytes(fd, frames, size);
    for (int32_t i = 0; i < 200; i++)
        expect_echo(fd, i, "echo");
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 200);
    close(fd);
    toy_stop(&toy);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), 200);
}

static void handles_one_request_of_a_connection_at_a_time(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port), other = client_connect("127.0.0.1", toy.port);
    client_send(fd, 1, "park", 4);
    client_send(fd, 2, "echo", 4);
    int tries = 0;
    while (toy_parked(&toy) == 0 && wait_step(&tries))
        ;
    client_send(other, 3, "echo", 4);
    expect_echo(other, 3, "echo"); // the others are served
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 2);
    toy_answer_parked(&toy);
    expect_echo(fd, 1, "park");
    expect_echo(fd, 2, "echo");
    close(fd);
    close(other);
    toy_stop(&toy);
}

static void skips_answers_and_closes_when_told(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 1, "skip", 4);
    client_send(fd, 2, "skip", 4);
    client_send(fd, 3, "echo", 4);
    expect_echo(fd, 3, "echo");
    client_send(fd, 4, "close", 5);
    CU_ASSERT_TRUE(client_sees_close(fd));
    close(fd);
    fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 5, "park", 4);
    int tries = 0;
    while (toy_parked(&toy) == 0 && wait_step(&tries))
        ;
    toy_close_parked(&toy);
    CU_ASSERT_TRUE(client_sees_close(fd));
    close(fd);
    toy_stop(&toy);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), 5);
}

static void reads_one_byte_at_a_time(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    for (int32_t i = 0; i < 3; i++) {
        uint8_t frame[64];
        size_t size = client_frame(frame, i, "eat slowly", 10);
        for (size_t at = 0; at < size; at++)
            client_send_bytes(fd, frame + at, 1);
        expect_echo(fd, i, "eat slowly");
    }
    close(fd);
    toy_stop(&toy);
}

// A connection that ends inside a request harms nobody, wherever it is cut; nor does one that is left hanging there.
static void survives_a_request_cut_at_every_byte(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    uint8_t frame[64];
    size_t size = client_frame(frame, 7, "whole", 5);
    int hanging[64];
    for (size_t cut = 0; cut < size; cut++) {
        int fd = client_connect("127.0.0.1", toy.port);
        client_send_bytes(fd, frame, cut);
        close(fd);
        hanging[cut] = client_connect("127.0.0.1", toy.port);
        client_send_bytes(hanging[cut], frame, cut);
    }
    int fd = client_connect("127.0.0.1", toy.port);
    client_send_bytes(fd, frame, size);
    expect_echo(fd, 7, "whole");
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 1);
    for (size_t cut = 0; cut < size; cut++) {
        client_send_bytes(hanging[cut], frame + cut, size - cut);
        expect_echo(hanging[cut], 7, "whole");
        close(hanging[cut]);
    }
    close(fd);
    int tries = 0;
    while (server_connection_count(toy.server) > 0 && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(server_connection_count(toy.server), 0);
    toy_stop(&toy);
}

static void expect_refused(uint16_t port, const void *bytes, size_t size)
{
    int fd = client_connect("127.0.0.1", port);
    client_send_bytes(fd, bytes, size);
    CU_ASSERT_TRUE(client_sees_close(fd));
    close(fd);
}

static void refuses_what_is_no_request(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.request_size_max = 1000;
    toy_start(&toy);
    static const uint8_t negative[] = {0xff, 0xff, 0xff, 0xff}, lowest[] = {0x80, 0, 0, 0}, empty[] = {0, 0, 0, 0},
                         huge[] = {0x7f, 0xff, 0xff, 0xff}, above[] = {0, 0, 0x03, 0xe9},
                         tls[] = {0x16, 3, 1, 2, 0, 1, 0, 1}, short_header[] = {0, 0, 0, 3, 0, 18, 0},
                         cut_client_id[] = {0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 1, 0, 100, 'a'};
    expect_refused(toy.port, negative, sizeof negative);
    expect_refused(toy.port, lowest, sizeof lowest);
    expect_refused(toy.port, empty, sizeof empty);
    expect_refused(toy.port, huge, sizeof huge);
    expect_refused(toy.port, above, sizeof above);
    expect_refused(toy.port, tls, sizeof tls);
    expect_refused(toy.port, "GET / HTTP/1.1\r\n\r\n", 18);
    expect_refused(toy.port, short_header, sizeof short_header);
    expect_refused(toy.port, cut_client_id, sizeof cut_client_id);

    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 0);
    char body[1000] = "max";
    int fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 1, body, 1000 - 14);
    int32_t correlation_id;
    CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, body, sizeof body), 1000 - 14);
    close(fd);
    toy_stop(&toy);
}

static void takes_large_requests_and_keeps_what_follows(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    size_t sizes[] = {100, 5000, 90000, 10, 3000000, 1, 70000, 1, 1022, 1023, 1024, 4096, 3000000};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    uint8_t *body = memory_alloc(3000000), *answer = memory_alloc(3000000);
    for (size_t i = 0; i < 3000000; i++)
        body[i] = (uint8_t)(i * 31 >> 3);
    body[0] = TOY_ECHO;
    client_send(fd, 0, body, sizes[0]);
    for (int32_t i = 0; i < COUNT; i++) {
        int32_t correlation_id = -1;
        if (i + 1 < COUNT)
            client_send(fd, i + 1, body, sizes[i + 1]); // behind the one that is being handled
        CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, answer, 3000000), (int64_t)sizes[i]);
        CU_ASSERT_EQUAL(correlation_id, i);
        CU_ASSERT_EQUAL(memcmp(answer, body, sizes[i]), 0);
    }
    free(body);
    free(answer);
    close(fd);
    toy_stop(&toy);
}

static void sends_sources_between_bytes(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    enum { SIZE = 6 + TOY_SOURCE_SIZE + 5 };
    uint8_t *answer = memory_alloc(SIZE);
    for (int32_t i = 0; i < 3; i++)
        client_send(fd, i, "o", 1);
    for (int32_t i = 0; i < 3; i++) {
        int32_t correlation_id = -1;
        CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, answer, SIZE), SIZE);
        CU_ASSERT_EQUAL(correlation_id, i);
        CU_ASSERT_EQUAL(memcmp(answer, "before", 6), 0);
        bool same = true;
        for (size_t at = 0; at < TOY_SOURCE_SIZE; at++)
            same = same && answer[6 + at] == (uint8_t)(at / 7);
        CU_ASSERT_TRUE(same);
        CU_ASSERT_EQUAL(memcmp(answer + 6 + TOY_SOURCE_SIZE, "after", 5), 0);
    }
    free(answer);
    close(fd);
    toy_stop(&toy);
}

static void expect_served(const char *host, uint16_t port)
{
    int fd = client_connect(host, port);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    client_send(fd, 1, "echo", 4);
    expect_echo(fd, 1, "echo");
    close(fd);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static void listens_on_every_address_of_both_families(void)
{
    const char *everywhere[] = {"PLAINTEXT://:0", "PLAINTEXT://0.0.0.0:0", "PLAINTEXT://[::]:0"};
    for (int i = 0; i < 3; i++) {
        struct toy toy;
        toy_init(&toy, everywhere[i]);
        toy_start(&toy);
        expect_served("127.0.0.1", toy.port);
        if (has_ipv6())
            expect_served("::1", toy.port);
        toy_stop(&toy);
    }
}

static void listens_on_several_listeners(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0,OTHER://localhost:0");
    toy_start(&toy);
    const struct endpoint_list *endpoints = server_endpoints(toy.server);
    CU_ASSERT_EQUAL(endpoints->count, 2);
    CU_ASSERT_NOT_EQUAL(endpoints->items[0].port, endpoints->items[1].port);
    expect_served("127.0.0.1", endpoints->items[0].port);
    expect_served("127.0.0.1", endpoints->items[1].port);

    // A port that is taken is named.
    char listener[64], *reason;
    snprintf(listener, sizeof listener, "PLAINTEXT://127.0.0.1:%u", toy.port);
    struct toy second;
    toy_init(&second, listener);
    CU_ASSERT_NOT_EQUAL(server_open(&second.config, &second.server, &reason), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "Address already in use"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, listener + 12));
    free(reason);
    toy_stop(&second);
    toy_stop(&toy);
}

// Quick requests run on the poll thread unless they are large, all others on handler threads.
static void runs_quick_requests_on_the_poll_thread(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 1, "echo", 4);
    expect_echo(fd, 1, "echo");
    CU_ASSERT_EQUAL(atomic_load(&toy.seen_by_poll_threads), toy_is_quick ? 1 : 0);
    toy_open_gate(&toy);
    client_send(fd, 2, "gate", 4);
    expect_echo(fd, 2, "gate");
    enum { SIZE = 1200000 };
    char *body = memory_alloc(SIZE);
    int32_t correlation_id;
    client_send(fd, 3, body, SIZE);
    CU_ASSERT_EQUAL(client_receive(fd, &correlation_id, body, SIZE), SIZE);
    CU_ASSERT_EQUAL(atomic_load(&toy.seen_by_poll_threads), toy_is_quick ? 1 : 0);
    free(body);
    close(fd);
    toy_stop(&toy);
}

// A quick request of one connection ends that of another, which lives on another poll thread.
// What the system may do to the buffers of the connection accepted last, as SO_BUF_LOCK tells.
static atomic_int accepted_lock;

static int accept_and_look(int fd, struct sockaddr *address, socklen_t *size)
{
    int accepted = socket_calls_of_system()->accept(fd, address, size);
    int lock = -1;
    socklen_t lock_size = sizeof lock;
    if (accepted >= 0 && getsockopt(accepted, SOL_SOCKET, SO_BUF_LOCK, &lock, &lock_size) == 0)
        atomic_store(&accepted_lock, lock);
    return accepted;
}

static int lock_of_connection(int send_buffer_bytes, int receive_buffer_bytes, bool send_grows, bool receive_grows)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy.config.send_buffer_bytes = send_buffer_bytes;
    toy.config.receive_buffer_bytes = receive_buffer_bytes;
    toy.config.send_buffer_grows = send_grows;
    toy.config.receive_buffer_grows = receive_grows;
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    client_send(fd, 1, "echo", 4);
    expect_echo(fd, 1, "echo");
    close(fd);
    toy_stop(&toy);
    return atomic_load(&accepted_lock);
}

static void keeps_buffers_that_were_set(void)
{
    struct socket_calls calls = *socket_calls_of_system();
    calls.accept = accept_and_look;
    socket_calls_set(&calls);
    CU_ASSERT_EQUAL(lock_of_connection(-1, -1, false, false), 0);
    CU_ASSERT_EQUAL(lock_of_connection(100000, 100000, false, false), SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK);
    CU_ASSERT_EQUAL(lock_of_connection(100000, 100000, false, true), SOCK_SNDBUF_LOCK);
    CU_ASSERT_EQUAL(lock_of_connection(100000, 100000, true, false), SOCK_RCVBUF_LOCK);
    CU_ASSERT_EQUAL(lock_of_connection(100000, 100000, true, true), 0);
    CU_ASSERT_EQUAL(lock_of_connection(-1, 100000, false, true), 0);
    socket_calls_set(NULL);
}

static void serves_many_connections(void)
{
    enum { CONNECTIONS = 30, ROUNDS = 20 };
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = client_connect("127.0.0.1", toy.port);
    for (int32_t round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++)
            client_send(fds[i], round, i % 3 == 0 ? "park" : "echo", 4);
        int tries = 0;
        while (toy_parked(&toy) < CONNECTIONS / 3 && wait_step(&tries))
            ;
        client_send(fds[1], round + 1000, "answer", 6);
        for (int i = 0; i < CONNECTIONS; i++)
            expect_echo(fds[i], round, i % 3 == 0 ? "park" : "echo");
        expect_echo(fds[1], round + 1000, "answer");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    toy_stop(&toy);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), ROUNDS * (CONNECTIONS + 1));
}

static const struct suite_test tests[] = {
    {"answers requests in order", answers_requests_in_order},
    {"handles one request of a connection at a time", handles_one_request_of_a_connection_at_a_time},
    {"skips answers and closes when told", skips_answers_and_closes_when_told},
    {"reads one byte at a time", reads_one_byte_at_a_time},
    {"survives a request cut at every byte", survives_a_request_cut_at_every_byte},
    {"refuses what is no request", refuses_what_is_no_request},
    {"takes large requests and keeps what follows", takes_large_requests_and_keeps_what_follows},
    {"sends sources between bytes", sends_sources_between_bytes},
    {"listens on every address of both families", listens_on_every_address_of_both_families},
    {"listens on several listeners", listens_on_several_listeners},
    {"runs quick requests on the poll thread", runs_quick_requests_on_the_poll_thread},
    {"keeps buffers that were set", keeps_buffers_that_were_set},
    {"serves many connections", serves_many_connections},
};

int main(void)
{
    enum { COUNT = sizeof tests / sizeof tests[0] };
    int failed = suite_run("net/server", tests, COUNT);
    toy_is_quick = true;
    return suite_run("net/server with quick requests", tests, COUNT) | failed;
}
