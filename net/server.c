// SPDX-License-Identifier: Apache-2.0
#include "net/server.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/connection.h"
#include "net/handler.h"
#include "net/listener.h"
#include "net/poller.h"
#include "net/service.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

// What waits in the pool of receive buffers for reuse, at most.
#define BUFFERS_KEPT_SIZE_MAX ((size_t)8 * 1024 * 1024)
#define HANDSHAKE_DEFAULT_MS_MAX 10000
#define REQUEST_ARENA_DEFAULT_MAX ((size_t)128 * 1024 * 1024)

// Confined to the thread that opens, starts and stops it, but for the service.
struct server {
    struct service service;
    struct endpoint_list endpoints;
    struct listener *listeners; // one per endpoint
    size_t listener_count;      // opened
    struct poller *pollers;     // pollers_per_listener for each listener, in its order
    size_t poller_count;        // initialized
    size_t pollers_per_listener;
    struct handler *handlers;
    size_t handler_count;
    bool stopped;
    size_t unanswered; // once stopped
};

void server_config_init(struct server_config *config)
{
    *config = (struct server_config){
        .network_threads = 3,
        .io_threads = 8,
        .queued_requests_max = 500,
        .request_size_max = 100 * 1024 * 1024,
        .send_buffer_bytes = 100 * 1024,
        .receive_buffer_bytes = 100 * 1024,
        .listen_backlog = 50,
        .idle_ms_max = 600000,
        .limits = {.connections_max = INT_MAX,
                   .connection_creation_rate_max = INT_MAX,
                   .connections_per_ip_max = INT_MAX},
        .queued_request_bytes_max = -1,
    };
}

// Room in the queue again: those that stopped reading go on.
static void wake_pollers(void *context)
{
    struct server *server = context;
    for (size_t i = 0; i < server->poller_count; i++)
        poller_wake(&server->pollers[i]);
}

static void copy_endpoints(const struct endpoint_list *from, struct endpoint_list *to)
{
    to->items = memory_alloc_array(from->count, sizeof *to->items);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = from->items[i];
        to->items[i].listener_name = memory_copy_string(from->items[i].listener_name);
        to->items[i].host = memory_copy_string(from->items[i].host);
    }
}

static int service_init(struct server *server, const struct server_config *config, char **reason)
{
    struct service *service = &server->service;
    copy_endpoints(config->listeners, &server->endpoints);
    service->request_size_max = config->request_size_max;
    service->request_arena_max = config->request_arena_max > 0 ? config->request_arena_max : REQUEST_ARENA_DEFAULT_MAX;
    service->idle_ms_max = config->idle_ms_max;
    service->is_quick = config->is_quick;
    service->handshake_ms_max = config->handshake_ms_max > 0 ? config->handshake_ms_max : HANDSHAKE_DEFAULT_MS_MAX;
    service->principal = config->principal;
    service->principal_context = config->principal_context;
    service->first_request_ms_max = config->first_request_ms_max;
    memory_budget_init(&service->queued_memory,
                       config->queued_request_bytes_max > 0 ? config->queued_request_bytes_max : -1, wake_pollers,
                       server);
    // Enough for one request as large as any may be; the peers that begin with one take turns.
    memory_budget_init(&service->first_memory, config->request_size_max, wake_pollers, server);
    service->buffers = buffer_pool_create(BUFFERS_KEPT_SIZE_MAX);
    request_queue_init(&service->queue, (size_t)config->queued_requests_max, wake_pollers, server);
    connection_limits_init(&service->limits, &server->endpoints, config->inter_broker_listener);
    return connection_limits_set(&service->limits, &config->limits, reason);
}

static int open_listeners(struct server *server, const struct server_config *config, char **reason)
{
    server->listeners = memory_alloc_array(server->endpoints.count, sizeof *server->listeners);
    for (size_t i = 0; i < server->endpoints.count; i++) {
        struct endpoint *endpoint = &server->endpoints.items[i];
        struct listener *listener = &server->listeners[server->listener_count++];
        struct tls_context *tls = config->tls_contexts != NULL ? config->tls_contexts[i] : NULL;
        int result = listener_open(listener, &server->service, endpoint, config, tls, reason);
        if (result != 0)
            return result;
    }
    return 0;
}

int server_open(const struct server_config *config, struct server **server, char **reason)
{
    struct server *opened = memory_alloc(sizeof *opened);
    int result = service_init(opened, config, reason);
    opened->pollers_per_listener = (size_t)config->network_threads;
    opened->pollers =
        memory_alloc_array(config->listeners->count, opened->pollers_per_listener * sizeof *opened->pollers);
    opened->handler_count = (size_t)config->io_threads;
    opened->handlers = memory_alloc_array(opened->handler_count, sizeof *opened->handlers);
    if (result == 0)
        result = open_listeners(opened, config, reason);
    if (result != 0) {
        server_destroy(&opened);
        return result;
    }
    *server = opened;
    return 0;
}

const struct endpoint_list *server_endpoints(const struct server *server)
{
    return &server->endpoints;
}

static int start_pollers(struct server *server)
{
    for (size_t i = 0; i < server->endpoints.count; i++) {
        for (size_t j = 0; j < server->pollers_per_listener; j++) {
            struct poller *poller = &server->pollers[server->poller_count++];
            int result = poller_init(poller, &server->service);
            if (result == 0)
                result = poller_start(poller, server->endpoints.items[i].listener_name, (int)j);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

int server_start(struct server *server, void (*handle)(void *context, struct request *request), void *context)
{
    server->service.handle = handle;
    server->service.handle_context = context;
    int result = start_pollers(server);
    for (size_t i = 0; result == 0 && i < server->handler_count; i++)
        result = handler_start(&server->handlers[i], &server->service, (int)i);
    for (size_t i = 0; result == 0 && i < server->listener_count; i++)
        result = listener_start(&server->listeners[i], &server->pollers[i * server->pollers_per_listener],
                                server->pollers_per_listener);
    return result;
}

void server_replace_tls(struct server *server, const char *listener_name, struct tls_context *context)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (strcasecmp(server->endpoints.items[i].listener_name, listener_name) == 0)
            listener_replace_tls(&server->listeners[i], context);
    }
}

int server_set_limits(struct server *server, const struct server_limits *limits, char **reason)
{
    return connection_limits_set(&server->service.limits, limits, reason);
}

// Requests that no handler has seen yet are given up.
static void close_queued(struct server *server)
{
    struct list waiting;
    list_init(&waiting);
    request_queue_take_all(&server->service.queue, &waiting);
    for (struct list *link; (link = list_take_first(&waiting)) != NULL;) {
        struct connection *connection = connection_of_link(link);
        connection->end = REQUEST_CLOSED;
        poller_give(connection->poller, connection);
    }
}

size_t server_stop(struct server *server, int64_t deadline_ms)
{
    if (server->stopped)
        return server->unanswered;
    server->stopped = true;
    struct service *service = &server->service;
    connection_limits_end(&service->limits);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
    atomic_store(&service->stop, SERVICE_DRAINS);
    wake_pollers(server);
    if (!connection_limits_wait_empty(&service->limits, deadline_ms))
        close_queued(server);
    request_queue_close(&service->queue);
    for (size_t i = 0; i < server->handler_count; i++)
        handler_join(&server->handlers[i]);
    atomic_store(&service->stop, SERVICE_ENDS);
    wake_pollers(server);
    for (size_t i = 0; i < server->poller_count; i++)
        poller_join(&server->pollers[i]);
    close_queued(server); // what a poll thread had received while the queue was being closed
    for (size_t i = 0; i < server->poller_count; i++)
        server->unanswered += poller_destroy_connections(&server->pollers[i]);
    return server->unanswered;
}

void server_destroy(struct server **server)
{
    struct server *gone = *server;
    *server = NULL;
    if (gone == NULL)
        return;
    server_stop(gone, clock_monotonic_ms());
    size_t unanswered = 0;
    for (size_t i = 0; i < gone->poller_count; i++)
        unanswered += poller_destroy_connections(&gone->pollers[i]);
    if (unanswered > 0)
        logger_error("%zu requests were never answered; their memory is lost.", unanswered);
    for (size_t i = 0; i < gone->poller_count; i++)
        poller_fini(&gone->pollers[i]);
    request_queue_fini(&gone->service.queue);
    buffer_pool_destroy(&gone->service.buffers);
    connection_limits_fini(&gone->service.limits);
    endpoint_list_fini(&gone->endpoints);
    free(gone->listeners);
    free(gone->pollers);
    free(gone->handlers);
    free(gone);
}

size_t server_connection_count(struct server *server)
{
    return connection_limits_count(&server->service.limits);
}

size_t server_queued_request_count(struct server *server)
{
    return atomic_load(&server->service.queue.count);
}
