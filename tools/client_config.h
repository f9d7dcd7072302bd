// SPDX-License-Identifier: Apache-2.0
// Translates the configuration of Kafka's Java clients into librdkafka's. Keys that no client knows are warned about
// by name; those that would secure the connection are refused, since librdkafka would otherwise go on without.
#ifndef TOOLS_CLIENT_CONFIG_H
#define TOOLS_CLIENT_CONFIG_H

#include "base/properties.h"
#include "tools/bootstrap.h"

#include <librdkafka/rdkafka.h>
#include <netdb.h>

enum client_kind { CLIENT_PRODUCER = 1, CLIENT_CONSUMER = 2 };

// Sets everything that differs from librdkafka's own defaults: first what Java's clients have as default, then the
// properties. Returns false with a message for people in error, to be freed, when a value is bad or a key refused.
bool client_config_apply(enum client_kind kind, const struct properties *properties, rd_kafka_conf_t *conf,
                         char **error) __attribute__((warn_unused_result));

// For rd_kafka_conf_set_resolve_cb: looks a name up. As with Java, a name's IPv4 addresses are tried alone first; after
// an odd number of failed connections all of its addresses are. From any thread.
int client_config_resolve(unsigned failed_connections, const char *node, const char *service,
                          const struct addrinfo *hints, struct addrinfo **result);

// Warns that a server did not answer, as Java's clients do, from librdkafka's own words. who: "Producer clientId=…".
void client_config_warn_connection(const char *who, const struct bootstrap *bootstrap, const char *reason);

// What Java's clients say of an error that a broker answered: "RecordTooLargeException: The request …".
const char *client_config_error_text(rd_kafka_resp_err_t error);

#endif
