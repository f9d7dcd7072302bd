// SPDX-License-Identifier: Apache-2.0
// The listening sockets of one endpoint and the thread that accepts their connections. All functions belong to the
// server's thread.
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/thread.h"
#include "net/endpoint.h"
#include "net/service.h"

#include <stdbool.h>
#include <stddef.h>

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
    size_t next_poller; // the accepting thread's
};

// Binds and listens; a port of 0 in the endpoint is replaced by the one that the system chose. No host or 0.0.0.0 is
// every address, IPv6 and IPv4, as in Kafka; a name is all addresses that it resolves to. Returns 0, or -errno with a
// reason for people (free() it).
int listener_open(struct listener *listener, struct service *service, struct endpoint *endpoint,
                  const struct server_config *config, char **reason) __attribute__((warn_unused_result));

// Accepts and spreads the connections over the poll threads, in turn.
int listener_start(struct listener *listener, struct poller *pollers, size_t poller_count)
    __attribute__((warn_unused_result));

// Ends the thread (connection_limits_end first) and closes the sockets. May be called twice.
void listener_close(struct listener *listener);

#endif
