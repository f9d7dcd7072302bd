// SPDX-License-Identifier: Apache-2.0
// The ssl.* keys of one listener as net/tls takes them. Plain values of one thread.
#ifndef SERVER_CONFIG_CONFIG_TLS_H
#define SERVER_CONFIG_CONFIG_TLS_H

#include "net/tls/tls_settings.h"

#include <stdbool.h>

struct config;
struct properties;

enum { CONFIG_TLS_STRING_COUNT = 15 };

struct config_tls {
    struct tls_settings settings;           // its strings are the ones below
    char *strings[CONFIG_TLS_STRING_COUNT]; // what was read, in the order of a table in config_tls.c
};

// Reads what is in force for the listener; overrides, if not NULL, stand in for what ZooKeeper says of this broker now.
void config_tls_read(const struct config *config, const struct properties *overrides, const char *listener_name,
                     struct config_tls *tls);
void config_tls_fini(struct config_tls *tls); // also forgets the passwords

bool config_tls_is_equal(const struct config_tls *a, const struct config_tls *b);

#endif
