// SPDX-License-Identifier: Apache-2.0
#include "net/endpoint.h"

#include "base/array.h"
#include "base/memory.h"
#include "base/view.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const protocol_names[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
enum { PROTOCOL_COUNT = sizeof protocol_names / sizeof protocol_names[0] };

const char *security_protocol_name(enum security_protocol protocol)
{
    return protocol_names[protocol];
}

// Cuts the next part off *rest, without the blanks around it; NULL at the end.
static char *next_part(char **rest, const char *separators)
{
    char *part = strsep(rest, separators);
    if (part == NULL)
        return NULL;
    part += strspn(part, " \t");
    size_t length = strlen(part);
    while (length > 0 && strchr(" \t", part[length - 1]) != NULL)
        length--;
    part[length] = 0;
    return part;
}

static bool protocol_of_name(const char *name, enum security_protocol *protocol)
{
    for (int i = 0; i < PROTOCOL_COUNT; i++) {
        if (strcasecmp(name, protocol_names[i]) == 0) {
            *protocol = (enum security_protocol)i;
            return true;
        }
    }
    return false;
}

static int refuse(char **reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(char **reason, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    *reason = memory_copy_string(text);
    return -EINVAL;
}

// The protocol of a listener name; the map is "NAME:PROTOCOL,…".
static int map_lookup(const char *map, const char *listener_name, enum security_protocol *protocol, char **reason)
{
    if (map == NULL || map[0] == 0) {
        if (protocol_of_name(listener_name, protocol))
            return 0;
        return refuse(reason, "No security protocol defined for listener %s", listener_name);
    }
    char *copy = memory_copy_string(map), *rest = copy;
    int result = 1;
    for (char *entry; result == 1 && (entry = next_part(&rest, ",")) != NULL;) {
        if (entry[0] == 0)
            continue;
        char *value = entry, *name = next_part(&value, ":");
        value = value != NULL ? next_part(&value, "") : NULL;
        enum security_protocol named;
        if (value == NULL || !protocol_of_name(value, &named)) {
            result =
                refuse(reason, "listener.security.protocol.map has no security protocol for %s in '%s'", name, map);
        } else if (strcasecmp(name, listener_name) == 0) {
            *protocol = named;
            result = 0;
        }
    }
    free(copy);
    return result == 1 ? refuse(reason, "No security protocol defined for listener %s", listener_name) : result;
}

// 0 to 65535, digits only.
static bool parse_port(const char *text, uint16_t *port)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != 0)
        return false;
    unsigned long value = strtoul(text, NULL, 10);
    if (value > UINT16_MAX)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool is_host(const char *host, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr("-%._:", host[i]) == NULL)
            return false;
    }
    return true;
}

int endpoint_parse_address(const char *address, char **host, uint16_t *port)
{
    const char *colon = strrchr(address, ':');
    uint16_t parsed;
    if (colon == NULL || !parse_port(colon + 1, &parsed))
        return -EINVAL;
    const char *start = address;
    size_t length = (size_t)(colon - address);
    if (length >= 2 && start[0] == '[' && start[length - 1] == ']') {
        start++;
        length -= 2;
    } else if (memchr(start, ':', length) != NULL) {
        return -EINVAL; // an IPv6 address needs its brackets, or its last group is taken for a port
    }
    if (!is_host(start, length))
        return -EINVAL;
    *host = view_dup(view_of(start, length));
    *port = parsed;
    return 0;
}

static int parse_one(char *entry, const char *protocol_map, struct endpoint *endpoint, char **reason)
{
    char *address = strstr(entry, "://");
    if (address == NULL || address == entry)
        return refuse(reason, "'%s' is not NAME://host:port", entry);
    *address = 0;
    address += strlen("://");
    for (char *c = entry; *c != 0; c++)
        *c = (char)toupper((unsigned char)*c);
    char *host;
    uint16_t port;
    if (endpoint_parse_address(address, &host, &port) != 0)
        return refuse(reason, "'%s://%s' is not NAME://host:port with a port from 0 to 65535", entry, address);
    enum security_protocol protocol = SECURITY_PROTOCOL_PLAINTEXT;
    int result = map_lookup(protocol_map, entry, &protocol, reason);
    if (result != 0) {
        free(host);
        return result;
    }
    *endpoint = (struct endpoint){memory_copy_string(entry), host, port, protocol};
    return 0;
}

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

static bool is_ipv4(const char *host)
{
    return host[0] != 0 && host[strspn(host, "0123456789.")] == 0;
}

// One port for an IPv4 and an IPv6 address is fine (KIP-797).
static bool ports_clash(const struct endpoint *a, const struct endpoint *b)
{
    if (a->port != b->port || a->port == 0)
        return false;
    return !(is_ipv4(a->host) && is_ipv6(b->host)) && !(is_ipv6(a->host) && is_ipv4(b->host));
}

static int check_unique(const struct endpoint_list *endpoints, bool ports_unique, char **reason)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct endpoint *a = &endpoints->items[i], *b = &endpoints->items[j];
            if (strcmp(a->listener_name, b->listener_name) == 0)
                return refuse(reason, "each listener must have a different name, but %s is there twice",
                              a->listener_name);
            if (ports_unique && ports_clash(a, b))
                return refuse(reason, "each listener must have a different port, but %u is there twice", a->port);
        }
    }
    return 0;
}

int endpoint_list_parse(const char *listeners, const char *protocol_map, bool ports_unique,
                        struct endpoint_list *endpoints, char **reason)
{
    struct {
        ARRAY_OF(struct endpoint);
    } parsed = {NULL, 0, 0};
    char *copy = memory_copy_string(listeners), *rest = copy;
    int result = 0;
    for (char *entry; result == 0 && (entry = next_part(&rest, ",")) != NULL;) {
        struct endpoint endpoint;
        if (entry[0] == 0)
            continue;
        result = parse_one(entry, protocol_map, &endpoint, reason);
        if (result == 0)
            *array_append(&parsed) = endpoint;
    }
    free(copy);
    *endpoints = (struct endpoint_list){parsed.items, parsed.count};
    if (result == 0 && endpoints->count == 0)
        result = refuse(reason, "no listener is given");
    if (result == 0)
        result = check_unique(endpoints, ports_unique, reason);
    if (result != 0)
        endpoint_list_fini(endpoints);
    return result;
}

void endpoint_list_fini(struct endpoint_list *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        free(endpoints->items[i].listener_name);
        free(endpoints->items[i].host);
    }
    free(endpoints->items);
    *endpoints = (struct endpoint_list){NULL, 0};
}

const struct endpoint *endpoint_list_find(const struct endpoint_list *endpoints, const char *listener_name)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        if (strcasecmp(endpoints->items[i].listener_name, listener_name) == 0)
            return &endpoints->items[i];
    }
    return NULL;
}

char *endpoint_to_string(const struct endpoint *endpoint)
{
    bool brackets = is_ipv6(endpoint->host);
    return memory_format("%s://%s%s%s:%u", endpoint->listener_name, brackets ? "[" : "", endpoint->host,
                         brackets ? "]" : "", endpoint->port);
}
