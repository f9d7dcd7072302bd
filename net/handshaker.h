// SPDX-License-Identifier: Apache-2.0
// A handshake thread of one listener: takes accepted connections through their TLS handshake, then gives them to a poll
// thread. A peer that has sent no whole ClientHello costs its struct connection, no more; one that does not get done in
// service->handshake_ms_max is closed. Once its ClientHello has come it costs some 45 kB: of more than
// HANDSHAKES_BEGUN_MAX such peers the one that has taken longest is closed, unless the next of its bytes are there.
// Functions belong to the server's thread, but for those that say otherwise.
#ifndef NET_HANDSHAKER_H
#define NET_HANDSHAKER_H

#include "base/list.h"
#include "base/lock.h"
#include "base/thread.h"
#include "net/tls/tls_context.h"

#include <stdbool.h>
#include <stddef.h>

struct connection;
struct endpoint;
struct poller;
struct service;

enum { HANDSHAKES_BEGUN_MAX = 500 };

struct handshaker {
    struct service *service;
    const struct endpoint *endpoint;
    struct thread thread;
    bool started;
    int epoll_fd, wake_fd;
    struct lock lock;
    struct list inbox LOCK_GUARDED; // accepted connections, by their `link`
    struct tls_context *context LOCK_GUARDED;
    bool stops LOCK_GUARDED;

    // Confined to its thread.
    struct list all;   // connections that shake hands, by their `all_link`, oldest first
    struct list begun; // those of them whose ClientHello has come, by their `link`, in the order of that
    size_t begun_count;
    struct poller *pollers;
    size_t poller_count, next_poller;
};

// Takes a reference of the context. Returns 0 or -errno; handshaker_fini is needed in any case.
int handshaker_init(struct handshaker *handshaker, struct service *service, const struct endpoint *endpoint,
                    struct tls_context *context) __attribute__((warn_unused_result));
void handshaker_fini(struct handshaker *handshaker);

// Thread "tls-LISTENER-number". Connections go to the poll threads in turn, beginning with that number.
int handshaker_start(struct handshaker *handshaker, struct poller *pollers, size_t poller_count, int number)
    __attribute__((warn_unused_result));

// Ends the thread and closes what has not shaken hands. Nothing may be given any more. May be called twice.
void handshaker_stop(struct handshaker *handshaker);

// Gives it a connection over a plain transport, without a poller. From any thread.
void handshaker_give(struct handshaker *handshaker, struct connection *connection);

// The context of handshakes that begin from now on. Takes a reference. From any thread.
void handshaker_replace_context(struct handshaker *handshaker, struct tls_context *context);

// The context in force, with a reference for the caller. From any thread.
struct tls_context *handshaker_share_context(struct handshaker *handshaker);

#endif
