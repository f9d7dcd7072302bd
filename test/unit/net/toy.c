// SPDX-License-Identifier: Apache-2.0
#include "test/unit/net/toy.h"

#include "base/clock.h"
#include "base/memory.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

bool toy_is_quick;

enum { HEADER_SIZE = 14, WAIT_SECONDS_MAX = 30 };

static const uint8_t client_id[] = {0, 4, 't', 'e', 's', 't'};

static void note_release(void *what)
{
    atomic_fetch_add((atomic_size_t *)what, 1);
}

static void put_int32(uint8_t *to, uint32_t value)
{
    uint32_t big = htonl(value);
    memcpy(to, &big, sizeof big);
}

static void expect_added(int result)
{
    if (result != 0)
        abort();
}

static void add_correlation_id(struct request *request)
{
    uint8_t *id = arena_alloc(&request->arena, 4);
    put_int32(id, (uint32_t)request->correlation_id);
    expect_added(send_list_add_bytes(&request->response, id, 4));
}

static void echo(struct request *request)
{
    add_correlation_id(request);
    expect_added(send_list_add_bytes(&request->response, request->body.data, request->body.size));
    request_answer(request);
}

static void answer_large(struct request *request)
{
    static uint8_t piece[1024 * 1024];
    memset(piece, 'x', sizeof piece);
    add_correlation_id(request);
    for (size_t size = 0; size < TOY_LARGE_SIZE; size += sizeof piece)
        expect_added(send_list_add_bytes(&request->response, piece, sizeof piece));
    request_answer(request);
}

// Each byte of the source is the low byte of its offset divided by 7.
static ssize_t source_read(struct send_source *source, void *buffer, int64_t offset, size_t size)
{
    (void)source;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)((offset + (int64_t)i) / 7);
    return (ssize_t)size;
}

static ssize_t source_send(struct send_source *source, int socket_fd, int64_t offset, size_t size)
{
    uint8_t bytes[10000];
    size_t part = size < sizeof bytes ? size : sizeof bytes;
    source_read(source, bytes, offset, part);
    ssize_t sent = send(socket_fd, bytes, part, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

static void answer_source(struct request *request)
{
    static const struct send_source_calls calls = {source_send, source_read};
    struct send_source *source = arena_alloc(&request->arena, sizeof *source);
    source->calls = &calls;
    add_correlation_id(request);
    expect_added(send_list_add_bytes(&request->response, "before", 6));
    expect_added(send_list_add_source(&request->response, source, TOY_SOURCE_SIZE));
    expect_added(send_list_add_bytes(&request->response, "after", 5));
    request_answer(request);
}

static void park(struct toy *toy, struct request *request)
{
    lock_acquire(&toy->lock);
    assert(toy->parked_count < TOY_PARKED_MAX);
    toy->parked[toy->parked_count++] = request;
    condition_broadcast(&toy->changed);
    lock_release(&toy->lock);
}

static void wait_at_gate(struct toy *toy)
{
    lock_acquire(&toy->lock);
    while (!toy->gate_is_open)
        condition_wait(&toy->changed, &toy->lock);
    lock_release(&toy->lock);
}

static bool is_quick(const struct request *request)
{
    return request->body.size == 0 || request->body.data[0] != TOY_GATE;
}

static bool is_poll_thread(void)
{
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    return strncmp(name, "net-", 4) == 0;
}

static void toy_handle(void *context, struct request *request)
{
    struct toy *toy = context;
    atomic_fetch_add(&toy->seen, 1);
    atomic_fetch_add(&toy->seen_by_poll_threads, is_poll_thread());
    arena_defer(&request->arena, note_release, &toy->released);
    switch (request->body.size > 0 ? request->body.data[0] : TOY_ECHO) {
    case TOY_PARK:
        park(toy, request);
        return;
    case TOY_ANSWER:
        toy_answer_parked(toy);
        echo(request);
        return;
    case TOY_GATE:
        wait_at_gate(toy);
        echo(request);
        return;
    case TOY_SKIP:
        request_skip_answer(request);
        return;
    case TOY_CLOSE:
        request_close(request);
        return;
    case TOY_LARGE:
        answer_large(request);
        return;
    case TOY_SOURCE:
        answer_source(request);
        return;
    default:
        echo(request);
    }
}

void toy_init(struct toy *toy, const char *listeners)
{
    memset(toy, 0, sizeof *toy);
    lock_init(&toy->lock, LOCK_TEST);
    condition_init(&toy->changed);
    char *reason;
    if (endpoint_list_parse(listeners, "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT,SSL:SSL", true, &toy->listeners, &reason) !=
        0)
        abort();
    server_config_init(&toy->config);
    toy->config.listeners = &toy->listeners;
    toy->config.network_threads = 2;
    toy->config.io_threads = 2;
    toy->config.listen_backlog = 1024; // tests connect faster than any client
    toy->config.is_quick = toy_is_quick ? is_quick : NULL;
}

void toy_start(struct toy *toy)
{
    char *reason = NULL;
    int result = server_open(&toy->config, &toy->server, &reason);
    if (result != 0)
        fprintf(stderr, "%s\n", reason);
    CU_ASSERT_EQUAL_FATAL(result, 0);
    CU_ASSERT_EQUAL_FATAL(server_start(toy->server, toy_handle, toy), 0);
    toy->port = server_endpoints(toy->server)->items[0].port;
}

void toy_stop(struct toy *toy)
{
    server_destroy(&toy->server);
    endpoint_list_fini(&toy->listeners);
    condition_fini(&toy->changed);
    lock_fini(&toy->lock);
}

void toy_open_gate(struct toy *toy)
{
    lock_acquire(&toy->lock);
    toy->gate_is_open = true;
    condition_broadcast(&toy->changed);
    lock_release(&toy->lock);
}

size_t toy_parked(struct toy *toy)
{
    lock_acquire(&toy->lock);
    size_t count = toy->parked_count;
    lock_release(&toy->lock);
    return count;
}

static void end_parked(struct toy *toy, void (*end)(struct request *request))
{
    lock_acquire(&toy->lock);
    for (size_t i = 0; i < toy->parked_count; i++)
        end(toy->parked[i]); // under a lock of lower rank, as the server may
    toy->parked_count = 0;
    lock_release(&toy->lock);
}

void toy_answer_parked(struct toy *toy)
{
    end_parked(toy, echo);
}

void toy_close_parked(struct toy *toy)
{
    end_parked(toy, request_close);
}

int client_connect(const char *host, uint16_t port)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *address;
    if (getaddrinfo(host, service, &hints, &address) != 0)
        return -1;
    int fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(address);
    struct timeval timeout = {.tv_sec = WAIT_SECONDS_MAX};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

size_t client_frame(uint8_t *frame, int32_t correlation_id, const void *body, size_t size)
{
    put_int32(frame, (uint32_t)(HEADER_SIZE + size));
    memcpy(frame + 4, (const uint8_t[]){0, 18, 0, 0}, 4);
    put_int32(frame + 8, (uint32_t)correlation_id);
    memcpy(frame + 12, client_id, sizeof client_id);
    if (size > 0)
        memcpy(frame + 18, body, size);
    return 18 + size;
}

void client_send_bytes(int fd, const void *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t result = send(fd, (const uint8_t *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (result <= 0)
            return; // the server has closed; the test sees that when it receives
        sent += (size_t)result;
    }
}

void client_send(int fd, int32_t correlation_id, const void *body, size_t size)
{
    uint8_t *frame = memory_alloc(size + 18);
    client_send_bytes(fd, frame, client_frame(frame, correlation_id, body, size));
    free(frame);
}

static bool receive_whole(int fd, void *bytes, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t result = recv(fd, (uint8_t *)bytes + have, size - have, 0);
        if (result <= 0)
            return false;
        have += (size_t)result;
    }
    return true;
}

int64_t client_receive(int fd, int32_t *correlation_id, void *body, size_t size_max)
{
    uint32_t head[2];
    if (!receive_whole(fd, head, sizeof head))
        return -1;
    *correlation_id = (int32_t)ntohl(head[1]);
    size_t size = ntohl(head[0]) - 4;
    CU_ASSERT_FATAL(size <= size_max);
    return receive_whole(fd, body, size) ? (int64_t)size : -1;
}

bool client_sees_close(int fd)
{
    uint8_t byte;
    ssize_t result = recv(fd, &byte, 1, 0);
    return result == 0 || (result < 0 && errno == ECONNRESET);
}

bool wait_step(int *tries)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return ++*tries < WAIT_SECONDS_MAX * 1000;
}
