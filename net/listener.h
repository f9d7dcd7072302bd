// SPDX-License-Identifier: Apache-2.0
// The listening sockets of one endpoint and the thread that accepts their connections. All functions belong to the
// server's thread.
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/thread.h"
#include "net/endpoint.h"
#include "net/service.h"
#include "net/tls/tls_context.h"

#include <stdbool.h>
#include <stddef.h>

struct handshaker;
struct poller;
struct server_config;

enum { LISTENER_SOCKETS_MAX = 8 };

struct listener {
    struct service *service;
    const struct endpoint *endpoint;
    int fds[LISTENER_SOCKETS_MAX];
    size_t fd_count;
    int stop_fd; // an eventfd
    struct thread thread;
    bool started;
    struct poller *pollers;
    size_t poller_count;
    struct handshaker *handshakers; // of a listener with TLS
    size_t handshaker_count;
    size_t next; // poll thread or, with TLS, handshake thread; the accepting thread's
};

// Binds and listens; a port of 0 in the endpoint is replaced by the one that the system chose. No host or 0.0.0.0 is
// every address, IPv6 and IPv4, as in Kafka; a name is all addresses that it resolves to. Returns 0, or -errno with a
// reason for people (free() it).
int listener_open(struct listener *listener, struct service *service, struct endpoint *endpoint,
                  const struct server_config *config, struct tls_context *tls, char **reason)
    __attribute__((warn_unused_result));

// Accepts and spreads the connections over the poll threads in turn; with TLS, by way of the handshake threads.
int listener_start(struct listener *listener, struct poller *pollers, size_t poller_count)
    __attribute__((warn_unused_result));

// The context of connections accepted from now on. The listener must have TLS. From any thread.
void listener_replace_tls(struct listener *listener, struct tls_context *context);

// Ends the threads (connection_limits_end first), closes the sockets and what is shaking hands. May be called twice.
void listener_close(struct listener *listener);

#endif
