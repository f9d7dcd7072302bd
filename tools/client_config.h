// SPDX-License-Identifier: Apache-2.0
// Translates the configuration of Kafka's Java clients into librdkafka's. Keys that no client knows are warned about
// by name; what secures the connection is for client_session to set.
#ifndef TOOLS_CLIENT_CONFIG_H
#define TOOLS_CLIENT_CONFIG_H

#include "base/properties.h"
#include "tools/tls_client_settings.h"

#include <librdkafka/rdkafka.h>

enum client_kind { CLIENT_PRODUCER = 1, CLIENT_CONSUMER = 2 };

// Sets everything that differs from librdkafka's own defaults: first what Java's clients have as default, then the
// properties; those about TLS go into *tls (fini it). Returns false with a message for people in error, to be freed,
// when a value is bad or a key refused.
bool client_config_apply(enum client_kind kind, const struct properties *properties, rd_kafka_conf_t *conf,
                         struct tls_client_settings *tls, char **error) __attribute__((warn_unused_result));

// What Java's clients say of an error that a broker answered: "RecordTooLargeException: The request …".
const char *client_config_error_text(rd_kafka_resp_err_t error);

#endif
