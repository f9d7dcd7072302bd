// SPDX-License-Identifier: Apache-2.0
// A librdkafka client of a console program: how it is named in messages, the servers that it begins with, its TLS, and
// what became of its connections, told in the words of Java's clients. Confined to one thread, but for what
// librdkafka's callbacks of connections need, which is atomic.
#ifndef TOOLS_CLIENT_SESSION_H
#define TOOLS_CLIENT_SESSION_H

#include "base/properties.h"
#include "tools/bootstrap.h"
#include "tools/client_tls.h"
#include "tools/failure.h"

#include <stdatomic.h>

// Zeroed before client_session_open.
struct client_session {
    rd_kafka_t *client;
    char who[512]; // "Producer clientId=…"
    struct bootstrap bootstrap;
    struct tls_client_settings settings; // client_config_apply fills them in
    struct client_tls tls;
    atomic_uint failed_connections;
    struct failure refusal; // message: why TLS came about with no broker, which is final; empty while it may
};

// Makes the client from the configuration, which it takes in any case, the settings of TLS and the list of servers. The
// session must be the first member of what is the configuration's opaque. Returns false with the cause for people in
// *cause (an exception and its message), to be freed.
bool client_session_open(struct client_session *session, rd_kafka_type_t type, const char *servers,
                         rd_kafka_conf_t *conf, char **cause) __attribute__((warn_unused_result));

#endif
