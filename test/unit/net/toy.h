// SPDX-License-Identifier: Apache-2.0
// A server with a toy handler, and a client that speaks bytes. Requests are ApiVersions 0 by their header; the first
// byte of the body says what the handler does with it.
#ifndef TEST_UNIT_NET_TOY_H
#define TEST_UNIT_NET_TOY_H

#include "base/list.h"
#include "base/lock.h"
#include "net/server.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TOY_ECHO = 'e',   // answers with the body
    TOY_PARK = 'p',   // keeps the request; toy_answer_parked echoes it
    TOY_ANSWER = 'a', // answers what is parked, then echoes
    TOY_GATE = 'g',   // waits on the handler thread until toy_open_gate, then echoes
    TOY_SKIP = 's',   // no answer
    TOY_CLOSE = 'c',  // closes
    TOY_LARGE = 'l',  // answers with TOY_LARGE_SIZE bytes of 'x'
    TOY_SOURCE = 'o'  // answers with bytes, then with TOY_SOURCE_SIZE bytes of a source, then with bytes
};

enum { TOY_LARGE_SIZE = 32 * 1024 * 1024, TOY_SOURCE_SIZE = 300 * 1000, TOY_PARKED_MAX = 64 };

struct toy {
    struct server_config config;
    struct endpoint_list listeners;
    struct server *server;
    struct tls_context *tls; // with TLS, of its one listener
    uint16_t port;
    struct lock lock;
    struct condition changed;
    struct request *parked[TOY_PARKED_MAX];
    size_t parked_count;
    bool gate_is_open;
    atomic_size_t seen; // requests that reached the handler
    atomic_size_t seen_by_poll_threads;
    atomic_size_t released; // arenas that were freed
};

// Whether servers are told that all but TOY_GATE is quick.
extern bool toy_is_quick;

// Kafka's defaults but for a few threads only; change toy->config before toy_start.
void toy_init(struct toy *toy, const char *listeners);
void toy_start(struct toy *toy);
void toy_stop(struct toy *toy); // at once, answering nobody

void toy_open_gate(struct toy *toy);
size_t toy_parked(struct toy *toy);
void toy_answer_parked(struct toy *toy);
void toy_close_parked(struct toy *toy);

// A connected socket that fails a read after 30 s.
int client_connect(const char *host, uint16_t port);

// Writes a request into the buffer (size + 18 bytes); returns its size.
size_t client_frame(uint8_t *frame, int32_t correlation_id, const void *body, size_t size);
void client_send(int fd, int32_t correlation_id, const void *body, size_t size);
void client_send_bytes(int fd, const void *bytes, size_t size);

// Receives an answer. Returns the size of its body, or -1 when the connection was closed.
int64_t client_receive(int fd, int32_t *correlation_id, void *body, size_t size_max);

// True when the peer closes without sending anything.
bool client_sees_close(int fd);

// while (wait_step(&tries) && !condition): sleeps a little; false after 30 s.
bool wait_step(int *tries);

#endif
