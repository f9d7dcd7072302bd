// SPDX-License-Identifier: Apache-2.0
// Endpoints: the values of listeners, advertised.listeners and listener.security.protocol.map. Immutable once parsed.
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The numbers are those of Kafka's messages (LeaderAndIsr, UpdateMetadata).
enum security_protocol {
    SECURITY_PROTOCOL_PLAINTEXT = 0,
    SECURITY_PROTOCOL_SSL = 1,
    SECURITY_PROTOCOL_SASL_PLAINTEXT = 2,
    SECURITY_PROTOCOL_SASL_SSL = 3,
};

// "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL".
const char *security_protocol_name(enum security_protocol protocol);

struct endpoint {
    char *listener_name; // in capitals, as Kafka normalizes it
    char *host;          // without brackets; "" for every address of the machine
    uint16_t port;       // 0: any free one; server_open replaces it by the real one
    enum security_protocol security_protocol;
};

struct endpoint_list {
    struct endpoint *items;
    size_t count;
};

// Parses "NAME://host:port,NAME2://[::1]:9093" with the map "NAME:PLAINTEXT,NAME2:SSL" (NULL or "": each protocol's own
// name). Names must be unique and, if ports_unique (listeners, not advertised.listeners), ports but 0 too, unless one
// host is an IPv4 and the other an IPv6 address (KIP-797). Returns 0; or -EINVAL with a reason for people in *reason
// (free() it) and an empty list.
int endpoint_list_parse(const char *listeners, const char *protocol_map, bool ports_unique,
                        struct endpoint_list *endpoints, char **reason) __attribute__((warn_unused_result));
void endpoint_list_fini(struct endpoint_list *endpoints);

// The endpoint of that listener name (in any case), or NULL.
const struct endpoint *endpoint_list_find(const struct endpoint_list *endpoints, const char *listener_name);

// "PLAINTEXT://[::1]:9092" (free() it).
char *endpoint_to_string(const struct endpoint *endpoint);

// "host:port" or "[::1]:9092", as in --bootstrap-server; host without brackets is a new string (free() it). -EINVAL
// when it has no port or a bad one.
int endpoint_parse_address(const char *address, char **host, uint16_t *port) __attribute__((warn_unused_result));

#endif
