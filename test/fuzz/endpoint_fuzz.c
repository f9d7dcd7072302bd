// SPDX-License-Identifier: Apache-2.0
// What names addresses in a configuration, one a line: listeners, listener.security.protocol.map, a bootstrap server,
// max.connections.per.ip.overrides. Names are resolved here, so that no name server is asked.
#include "base/memory.h"
#include "net/connection_limits.h"
#include "net/endpoint.h"
#include "net/server.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

// Stands in for the C library's: a name that begins with "x" is not known, all others have an address of their own.
int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict result)
{
    (void)service;
    (void)hints;
    if (name[0] == 'x')
        return EAI_NONAME;
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } *found = memory_alloc(sizeof *found);
    found->address.sin_family = AF_INET;
    found->address.sin_addr.s_addr = (in_addr_t)strlen(name);
    found->info.ai_family = AF_INET;
    found->info.ai_addr = (struct sockaddr *)&found->address;
    *result = &found->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info);
}

static void run_listeners(const char *listeners, const char *map, bool ports_unique)
{
    struct endpoint_list endpoints, again;
    char *reason = NULL;
    if (endpoint_list_parse(listeners, map, ports_unique, &endpoints, &reason) != 0) {
        assert(reason != NULL && endpoints.count == 0);
        free(reason);
        return;
    }
    for (size_t i = 0; i < endpoints.count; i++) {
        assert(endpoint_list_find(&endpoints, endpoints.items[i].listener_name) == &endpoints.items[i]);
        char *text = endpoint_to_string(&endpoints.items[i]);
        int result = endpoint_list_parse(text, map, ports_unique, &again, &reason);
        assert(result == 0 && again.count == 1 && again.items[0].port == endpoints.items[i].port);
        assert(strcmp(again.items[0].host, endpoints.items[i].host) == 0);
        (void)result;
        endpoint_list_fini(&again);
        free(text);
    }
    endpoint_list_fini(&endpoints);
}

static void run_overrides(const char *overrides)
{
    static const uint8_t address[16] = {[10] = 0xff, 0xff, 4, 0, 0, 0};
    struct endpoint listener = {.listener_name = NULL};
    struct endpoint_list endpoints = {&listener, 1};
    struct listener_limits listener_limits = {10, INT_MAX};
    struct server_limits wanted = {10, INT_MAX, INT_MAX, overrides, &listener_limits};
    struct connection_limits limits;
    char *reason = NULL;
    connection_limits_init(&limits, &endpoints, NULL);
    if (connection_limits_set(&limits, &wanted, &reason) != 0)
        assert(reason != NULL);
    free(reason);
    if (connection_limits_enter(&limits, &listener, address))
        connection_limits_leave(&limits, &listener, address);
    assert(connection_limits_count(&limits) == 0);
    connection_limits_fini(&limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LINES = 4 };
    char *text = view_dup(view_of(size > 0 ? data : (const uint8_t *)"", size)), *rest = text, *lines[LINES];
    char *host;
    uint16_t port;
    for (int i = 0; i < LINES; i++)
        lines[i] = rest != NULL ? strsep(&rest, "\n") : NULL;
    run_listeners(lines[0], lines[1], true);
    run_listeners(lines[0], NULL, false);
    if (lines[2] != NULL && endpoint_parse_address(lines[2], &host, &port) == 0)
        free(host);
    if (lines[3] != NULL)
        run_overrides(lines[3]);
    free(text);
    return 0;
}
