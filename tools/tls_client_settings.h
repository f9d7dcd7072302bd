// SPDX-License-Identifier: Apache-2.0
// What the properties of a Java client say about securing its connections: security.protocol and ssl.*. The one place
// where the programs' configuration files become the settings of net/tls; what has no counterpart is refused by name,
// since going on without it would be worse.
#ifndef TOOLS_TLS_CLIENT_SETTINGS_H
#define TOOLS_TLS_CLIENT_SETTINGS_H

#include "base/properties.h"
#include "net/tls/tls_settings.h"

#include <stdbool.h>

struct tls_client_settings {
    bool is_secured;         // security.protocol is SSL
    struct tls_settings tls; // its strings are those of values
    struct properties values;
};

// Checks the values that can be checked without opening a file. Returns false with a message in *error, to be freed,
// that Kafka's programs print behind "org.apache.kafka.common.config.ConfigException: ". Warns about ssl.* keys that
// have no effect since the connection is not secured.
bool tls_client_settings_read(const struct properties *properties, struct tls_client_settings *settings, char **error)
    __attribute__((warn_unused_result));
void tls_client_settings_fini(struct tls_client_settings *settings);

// Whether the key is looked after here.
bool tls_client_settings_has(const char *key);

#endif
