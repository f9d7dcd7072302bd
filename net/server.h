// SPDX-License-Identifier: Apache-2.0
// The broker's front door: listeners, and the threads that turn their connections into requests. Per listener one
// acceptor ("acceptor-NAME") and network_threads poll threads ("net-NAME-0"); for all of them one bounded queue of
// requests and io_threads handler threads ("handler-0"), which call one function. A full queue stops reading from
// sockets. Order of calls, all on one thread: server_open, server_start, server_stop, server_destroy.
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "net/endpoint.h"
#include "net/request.h"
#include "net/tls/tls_context.h"

#include <stddef.h>
#include <stdint.h>

struct server;

// How many connections there may be and how quickly they may come; Kafka's keys. INT_MAX: no limit.
struct listener_limits {
    int connections_max;              // listener.name.NAME.max.connections
    int connection_creation_rate_max; // listener.name.NAME.max.connection.creation.rate, per second
};

struct server_limits {
    int connections_max;                      // max.connections; not of the inter-broker listener, beside another
    int connection_creation_rate_max;         // max.connection.creation.rate, per second; likewise
    int connections_per_ip_max;               // max.connections.per.ip
    const char *connections_per_ip_overrides; // max.connections.per.ip.overrides, "host:5,10.0.0.1:7", NULL or ""
    const struct listener_limits *listeners;  // one per listener, in their order; NULL: no limits of their own
};

// Kafka's keys; the caller keeps the strings and the list until server_open returns.
struct server_config {
    const struct endpoint_list *listeners;
    const char *inter_broker_listener; // its connections are taken beyond the limits of all, or NULL
    int network_threads;               // num.network.threads, per listener
    int io_threads;                    // num.io.threads
    int queued_requests_max;           // queued.max.requests
    int32_t request_size_max;          // socket.request.max.bytes
    size_t request_arena_max;          // bytes that decoding and answering one request may take; 0: 128 MB
    int send_buffer_bytes;             // socket.send.buffer.bytes, -1: the system's
    int receive_buffer_bytes;          // socket.receive.buffer.bytes, -1: the system's
    // What a connection begins with; the system enlarges it for one that receives, or sends, much.
    bool send_buffer_grows, receive_buffer_grows;
    int listen_backlog;  // socket.listen.backlog.size
    int64_t idle_ms_max; // connections.max.idle.ms, -1: never closed
    struct server_limits limits;
    int64_t handshake_ms_max;         // how long a TLS handshake may take; 0: 10 s
    int64_t queued_request_bytes_max; // queued.max.request.bytes, -1: no limit
    int64_t first_request_ms_max;     // how long a peer may take for the frame of its first request, once it has begun;
                                      // 0: 30 s and a second for each 16 kB of it
    // Which requests the poll threads may hand to the server's function themselves, when they are small and the
    // function has been quick of late, since waking a handler thread costs more than such a request. Called on poll
    // threads; NULL: none.
    bool (*is_quick)(const struct request *request);
    // One context per listener, in the order of `listeners`, NULL for those without TLS; server_open takes references
    // of its own. NULL when no listener has TLS.
    struct tls_context *const *tls_contexts;
    // Who a client of a TLS listener is, once its handshake is done: a new string ("User:CN=…"), which net frees. The
    // distinguished name is that of its certificate's subject as X500Principal.getName() writes it, NULL when it sent
    // none. *reason: a new string, which net logs, when NULL is returned; then the connection is closed. Called on
    // handshake threads. NULL: "User:" and the name, or "User:ANONYMOUS".
    char *(*principal)(void *context, const struct endpoint *listener, const char *distinguished_name, char **reason);
    void *principal_context;
};

// Kafka's defaults, with no listeners.
void server_config_init(struct server_config *config);

// Binds and listens on every listener, so that ports are known and clients queue up, but serves nobody yet. Returns 0,
// or -errno with a reason for people in *reason (free() it), naming the listener.
int server_open(const struct server_config *config, struct server **server, char **reason)
    __attribute__((warn_unused_result));

// The listeners with their real ports; lives as long as the server.
const struct endpoint_list *server_endpoints(const struct server *server);

// Starts the threads. handle(context, request) runs on the handler threads (and, for quick requests, on poll threads),
// several at a time, and owns the request (net/request.h). Returns 0 or -errno; after an error server_destroy is the
// only call left.
int server_start(struct server *server, void (*handle)(void *context, struct request *request), void *context)
    __attribute__((warn_unused_result));

// Gives connections accepted from now on the new context; those that are open, or shaking hands, keep theirs. Takes a
// reference of its own. The listener must be one with TLS. From any thread, between server_open and server_stop.
void server_replace_tls(struct server *server, const char *listener_name, struct tls_context *context);

// Replaces the limits; connections that are beyond them stay. Returns 0, or -EINVAL with a reason for people in *reason
// (free() it) and nothing changed. From any thread, between server_open and server_destroy; may take time for names to
// resolve.
int server_set_limits(struct server *server, const struct server_limits *limits, char **reason)
    __attribute__((warn_unused_result));

// Orderly end: closes the listeners and all connections without a request, lets those that were accepted be answered
// until the deadline (clock_monotonic_ms), then closes the rest. When it returns the handler runs no more and will not
// be called again. Returns how many requests still wait for their owner's answer; each of them must still be ended
// (request_close is best, nothing is sent any more) before server_destroy.
size_t server_stop(struct server *server, int64_t deadline_ms);

// Stops first if need be, at once. NULL is fine.
void server_destroy(struct server **server);

// For metrics: connections open now, requests waiting in the queue.
size_t server_connection_count(struct server *server);
size_t server_queued_request_count(struct server *server);

#endif
