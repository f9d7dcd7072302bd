// SPDX-License-Identifier: Apache-2.0
// Where the broker listens, and what it tells others to connect to.
#include "base/logger.h"
#include "base/memory.h"
#include "net/protocol/api.h"
#include "net/server.h"
#include "server/broker.h"
#include "server/broker_parts.h"
#include "server/config/config.h"
#include "server/security/tls_listeners.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool name_resolves(const char *host, char **canonical)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *addresses;
    if (getaddrinfo(host, NULL, &hints, &addresses) != 0)
        return false;
    if (canonical != NULL)
        *canonical = memory_copy_string(addresses->ai_canonname ? addresses->ai_canonname : host);
    freeaddrinfo(addresses);
    return true;
}

// The machine's own name, which an empty host stands for; localhost when nobody could find it by that name.
static char *own_name(void)
{
    char host[256] = "";
    char *canonical;
    if (gethostname(host, sizeof host - 1) == 0 && name_resolves(host, &canonical))
        return canonical;
    logger_warn(
        "This machine's name, %s, does not resolve: localhost is advertised instead, which only clients on this "
        "machine can reach. Set advertised.listeners for others.",
        host);
    return memory_copy_string("localhost");
}

static void advertise(struct broker *broker)
{
    const struct endpoint_list *configured = config_advertised_listeners(broker->config);
    struct endpoint_list *list = memory_alloc(sizeof *list);
    list->items = memory_alloc_array(configured->count, sizeof *list->items);
    list->count = configured->count;
    char *name = NULL;
    for (size_t i = 0; i < configured->count; i++) {
        const struct endpoint *from = &configured->items[i];
        struct endpoint *to = &list->items[i];
        *to = *from;
        to->listener_name = memory_copy_string(from->listener_name);
        if (*from->host == 0 && name == NULL)
            name = own_name();
        to->host = memory_copy_string(*from->host ? from->host : name);
        const struct endpoint *bound = endpoint_list_find(server_endpoints(broker->server), from->listener_name);
        if (from->port == 0 && bound != NULL)
            to->port = bound->port;
    }
    free(name);
    broker->advertised_listeners = list;
}

// What clients send most, and what never waits for more than memory and the page cache.
static bool is_quick(const struct request *request)
{
    switch (request->api_key) {
    case API_PRODUCE:
    case API_FETCH:
    case API_LIST_OFFSETS:
    case API_HEARTBEAT:
    case API_API_VERSIONS:
        return true;
    default:
        return false;
    }
}

static int listener_limit(const struct config *config, const struct endpoint *endpoint, enum option option)
{
    char *value = config_listener_string(config, NULL, endpoint->listener_name, option);
    int limit = (int)strtol(value, NULL, 10);
    free(value);
    return limit;
}

// What is configured now. The overrides' text and the listeners' limits are the caller's to free.
static void read_limits(const struct config *config, struct server_limits *limits, char **overrides,
                        struct listener_limits **listeners)
{
    const struct endpoint_list *endpoints = config_listeners(config);
    *listeners = memory_alloc_array(endpoints->count, sizeof **listeners);
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        (*listeners)[i] = (struct listener_limits){
            .connections_max = listener_limit(config, endpoint, OPTION_MAX_CONNECTIONS),
            .connection_creation_rate_max = listener_limit(config, endpoint, OPTION_MAX_CONNECTION_CREATION_RATE),
        };
    }
    *overrides = config_copy_string(config, OPTION_MAX_CONNECTIONS_PER_IP_OVERRIDES);
    *limits = (struct server_limits){
        .connections_max = config_int(config, OPTION_MAX_CONNECTIONS),
        .connection_creation_rate_max = config_int(config, OPTION_MAX_CONNECTION_CREATION_RATE),
        .connections_per_ip_max = config_int(config, OPTION_MAX_CONNECTIONS_PER_IP),
        .connections_per_ip_overrides = *overrides,
        .listeners = *listeners,
    };
}

static void limits_changed(void *context)
{
    struct broker *broker = context;
    struct server_limits limits;
    struct listener_limits *listeners;
    char *overrides, *reason = NULL;
    read_limits(broker->config, &limits, &overrides, &listeners);
    if (server_set_limits(broker->server, &limits, &reason) != 0)
        logger_error("The limits of connections stay as they are: %s", reason);
    free(reason);
    free(overrides);
    free(listeners);
}

void broker_follow_limits(struct broker *broker)
{
    config_observe(broker->config, limits_changed, broker);
    limits_changed(broker); // what ZooKeeper said before anybody followed
}

bool broker_open_tls(struct broker *broker)
{
    char *reason = NULL;
    broker->tls_listeners = tls_listeners_create(broker->config, &reason);
    if (broker->tls_listeners == NULL)
        logger_fatal("%s", reason);
    free(reason);
    return broker->tls_listeners != NULL;
}

// Whether nobody has set the option.
static bool is_default(const struct config *config, enum option option)
{
    char *value;
    if (!config_value_of_source(config, CONFIG_SOURCE_FILE, option, &value))
        return true;
    free(value);
    return false;
}

bool broker_open_listeners(struct broker *broker)
{
    const struct config *config = broker->config;
    struct server_config settings;
    server_config_init(&settings);
    settings.listeners = config_listeners(config);
    settings.inter_broker_listener = config_inter_broker_listener(config);
    settings.network_threads = config_int(config, OPTION_NUM_NETWORK_THREADS);
    settings.is_quick = is_quick;
    settings.io_threads = config_int(config, OPTION_NUM_IO_THREADS);
    settings.queued_requests_max = config_int(config, OPTION_QUEUED_MAX_REQUESTS);
    settings.request_size_max = config_int(config, OPTION_SOCKET_REQUEST_MAX_BYTES);
    settings.send_buffer_bytes = config_int(config, OPTION_SOCKET_SEND_BUFFER_BYTES);
    settings.send_buffer_grows = is_default(config, OPTION_SOCKET_SEND_BUFFER_BYTES);
    settings.receive_buffer_bytes = config_int(config, OPTION_SOCKET_RECEIVE_BUFFER_BYTES);
    settings.receive_buffer_grows = is_default(config, OPTION_SOCKET_RECEIVE_BUFFER_BYTES);
    settings.listen_backlog = config_int(config, OPTION_SOCKET_LISTEN_BACKLOG_SIZE);
    settings.idle_ms_max = config_integer(config, OPTION_CONNECTIONS_MAX_IDLE_MS);
    settings.queued_request_bytes_max = config_integer(config, OPTION_QUEUED_MAX_REQUEST_BYTES);
    struct listener_limits *listeners;
    char *overrides;
    read_limits(config, &settings.limits, &overrides, &listeners);
    settings.tls_contexts = tls_listeners_contexts(broker->tls_listeners);
    settings.principal = tls_listeners_principal;
    settings.principal_context = broker->tls_listeners;
    char *reason = NULL;
    int result = server_open(&settings, &broker->server, &reason);
    free(overrides);
    free(listeners);
    if (result != 0) {
        logger_fatal("%s", reason ? reason : strerror(-result));
        free(reason);
        return false;
    }
    advertise(broker);
    tls_listeners_publish(broker->tls_listeners, broker->server);
    return true;
}

void broker_check_advertised(void *context)
{
    struct broker *broker = context;
    for (size_t i = 0; i < broker->advertised_listeners->count; i++) {
        const struct endpoint *endpoint = &broker->advertised_listeners->items[i];
        if (!name_resolves(endpoint->host, NULL))
            logger_warn("The advertised name %s of listener %s does not resolve on this machine: clients that cannot "
                        "resolve it either will not get through to this broker. Correct advertised.listeners.",
                        endpoint->host, endpoint->listener_name);
    }
}

void broker_close_listeners(struct broker *broker)
{
    server_destroy(&broker->server);
    tls_listeners_destroy(&broker->tls_listeners);
    if (broker->advertised_listeners == NULL)
        return;
    union {
        const struct endpoint_list *constant;
        struct endpoint_list *writable;
    } list = {broker->advertised_listeners};
    endpoint_list_fini(list.writable);
    free(list.writable);
    broker->advertised_listeners = NULL;
}
