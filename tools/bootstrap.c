// SPDX-License-Identifier: Apache-2.0
#include "tools/bootstrap.h"

#include "tools/command.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

// Splits "PROTOCOL://host:port", "[::1]:port" or "host:port" in place.
static bool split_entry(char *entry, char **host, uint16_t *port)
{
    char *scheme = strstr(entry, "://");
    char *begin = scheme ? scheme + 3 : entry;
    char *colon = strrchr(begin, ':');
    if (!colon || colon == begin || colon[1] == '\0')
        return false;
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || colon[1] < '0' || colon[1] > '9' || number > UINT16_MAX)
        return false;
    *colon = '\0';
    if (begin[0] == '[' && colon[-1] == ']') {
        begin++;
        colon[-1] = '\0';
    }
    *host = begin;
    *port = (uint16_t)number;
    return true;
}

// The next entry of the list without blanks around it, as a new string; NULL at the end.
static char *next_entry(const char **list)
{
    while (**list != '\0') {
        *list += strspn(*list, " \t,");
        size_t size = strcspn(*list, ",");
        const char *entry = *list;
        *list += size;
        while (size > 0 && (entry[size - 1] == ' ' || entry[size - 1] == '\t'))
            size--;
        if (size > 0)
            return memory_format("%.*s", (int)size, entry);
    }
    return NULL;
}

static bool resolve(struct bootstrap_server *server)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(server->host, NULL, &hints, &found) != 0 || !found)
        return false;
    // As Java does, an IPv4 address is preferred.
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *each = found; each; each = each->ai_next) {
        if (each->ai_family == AF_INET) {
            chosen = each;
            break;
        }
    }
    bool ok = getnameinfo(chosen->ai_addr, chosen->ai_addrlen, server->address, sizeof server->address, NULL, 0,
                          NI_NUMERICHOST) == 0;
    freeaddrinfo(found);
    return ok;
}

bool bootstrap_parse(struct bootstrap *bootstrap, const char *list, char **error)
{
    *bootstrap = (struct bootstrap){0};
    char *entry;
    while ((entry = next_entry(&list))) {
        char *host;
        char *shown = memory_copy_string(entry);
        struct bootstrap_server server = {0};
        if (!split_entry(entry, &host, &server.port)) {
            *error = memory_format("Invalid url in bootstrap.servers: %s", shown);
            free(entry);
            free(shown);
            bootstrap_fini(bootstrap);
            return false;
        }
        server.host = memory_copy_string(host);
        if (resolve(&server)) {
            *array_append(bootstrap) = server;
        } else {
            command_log("WARN", "org.apache.kafka.clients.ClientUtils",
                        "Couldn't resolve server %s from bootstrap.servers as DNS resolution failed for %s", shown,
                        server.host);
            free(server.host);
        }
        free(entry);
        free(shown);
    }
    if (bootstrap->count > 0)
        return true;
    *error = memory_copy_string("No resolvable bootstrap urls given in bootstrap.servers");
    bootstrap_fini(bootstrap);
    return false;
}

void bootstrap_fini(struct bootstrap *bootstrap)
{
    for (size_t i = 0; i < bootstrap->count; i++)
        free(bootstrap->items[i].host);
    array_fini(bootstrap);
}

bool bootstrap_is_valid(const char *list)
{
    bool valid = true;
    char *entry;
    size_t count = 0;
    while ((entry = next_entry(&list))) {
        char *host;
        uint16_t port;
        valid = valid && split_entry(entry, &host, &port);
        count++;
        free(entry);
    }
    return valid && count > 0;
}
