// SPDX-License-Identifier: Apache-2.0
// What the connections of one server share. Immutable while it runs, but for the parts that say otherwise.
#ifndef NET_SERVICE_H
#define NET_SERVICE_H

#include "net/buffer_pool.h"
#include "net/connection_limits.h"
#include "net/memory_budget.h"
#include "net/request_queue.h"

#include <stdatomic.h>

struct endpoint;
struct request;

enum service_stop {
    SERVICE_RUNS,
    SERVICE_DRAINS, // nothing more is received; requests are answered, then their connections closed
    SERVICE_ENDS,   // connections are closed as they are, but for those whose request is still with its handler
};

struct service {
    int32_t request_size_max;
    size_t request_arena_max;
    int64_t idle_ms_max;      // -1: never
    int64_t handshake_ms_max; // what a TLS handshake may take
    char *(*principal)(void *context, const struct endpoint *listener, const char *distinguished_name, char **reason);
    void *principal_context;
    int64_t first_request_ms_max; // as in struct server_config
    void (*handle)(void *context, struct request *request);
    void *handle_context;
    bool (*is_quick)(const struct request *request); // or NULL
    struct buffer_pool *buffers;                     // safe from every thread
    struct request_queue queue;                      // safe from every thread
    struct connection_limits limits;                 // safe from every thread
    struct memory_budget queued_memory;              // safe from every thread: of frames of proven peers
    struct memory_budget first_memory;               // safe from every thread: of frames of others
    atomic_int stop;                                 // enum service_stop; only rises
    atomic_uint_fast64_t next_connection_id;
    atomic_int_fast64_t refusals_second; // clock_monotonic_ms() / 1000 of what refusals_count counts
    atomic_uint refusals_count;
};

// Whether a connection that is refused is worth a line in the log: some a second are, so that no peer can fill a disk.
// Safe from every thread.
bool service_logs_refusal(struct service *service);

#endif
