// SPDX-License-Identifier: Apache-2.0
#include "tools/client_session.h"

#include "net/tls/tls_context.h"
#include "tools/command.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char NETWORK_LOGGER[] = "org.apache.kafka.clients.NetworkClient";

// A broker in one of librdkafka's messages: "localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: …",
// "ssl://localhost:9092/0: …".
struct broker_name {
    int id;
    bool is_bootstrap;
    char name[400];   // HOST/ADDRESS:PORT
    char server[300]; // HOST:PORT
};

static void name_bootstrap(const struct client_session *session, const char *server, size_t size,
                           struct broker_name *name)
{
    size_t index = 0;
    for (size_t i = 0; i < session->bootstrap.count; i++) {
        const struct bootstrap_server *item = &session->bootstrap.items[i];
        snprintf(name->server, sizeof name->server, "%s:%u", item->host, item->port);
        if (strlen(name->server) == size && strncmp(name->server, server, size) == 0)
            index = i;
    }
    const struct bootstrap_server *item = &session->bootstrap.items[index];
    name->is_bootstrap = true;
    name->id = -1 - (int)index;
    snprintf(name->server, sizeof name->server, "%s:%u", item->host, item->port);
    snprintf(name->name, sizeof name->name, "%s/%s:%u", item->host, item->address, item->port);
}

static void read_broker(const struct client_session *session, const char *reason, struct broker_name *name)
{
    const char *scheme = strstr(reason, "://");
    const char *host = scheme && scheme < reason + strcspn(reason, "/") ? scheme + 3 : reason;
    const char *slash = strchr(host, '/');
    const char *address = strchr(host, '#');
    *name = (struct broker_name){0};
    if (!slash || strncmp(slash, "/bootstrap", 10) == 0 || slash[1] < '0' || slash[1] > '9') {
        name_bootstrap(session, host, slash ? (size_t)(slash - host) : 0, name);
        return;
    }
    name->id = atoi(slash + 1);
    snprintf(name->server, sizeof name->server, "%.*s", (int)(slash - host), host);
    if (address)
        snprintf(name->name, sizeof name->name, "%.*s/%.*s", (int)strcspn(host, ":/"), host,
                 (int)strcspn(address + 1, " "), address + 1);
    else
        snprintf(name->name, sizeof name->name, "%s", name->server);
}

static void warn_disconnected(const struct client_session *session, const struct broker_name *name)
{
    if (name->is_bootstrap)
        command_log("WARN", NETWORK_LOGGER, "[%s] Bootstrap broker %s (id: %d rack: null) disconnected", session->who,
                    name->server, name->id);
}

static bool is_handshake(const char *reason)
{
    return strstr(reason, "in state SSL_HANDSHAKE") != NULL;
}

// The broker went away, or speaks no TLS and closes: OpenSSL counts that among its own errors.
static bool is_end(const char *reason)
{
    return strstr(reason, "unexpected eof while reading") || strstr(reason, "system library") ||
           strstr(reason, "SSL transport error");
}

static void warn_connection(const struct client_session *session, const char *reason)
{
    static const char UNREACHABLE[] = "could not be established. Node may not be available.";
    static const char TERMINATED[] =
        "terminated during authentication. This may happen due to any of the following reasons: (1) Firewall blocking "
        "Kafka TLS traffic (eg it may only allow HTTPS traffic), (2) Transient network issue.";
    struct broker_name name;
    read_broker(session, reason, &name);
    command_log("WARN", NETWORK_LOGGER, "[%s] Connection to node %d (%s) %s", session->who, name.id, name.name,
                is_handshake(reason) ? TERMINATED : UNREACHABLE);
    warn_disconnected(session, &name);
}

// What went wrong by OpenSSL's code in "…: error:0A000410:SSL routines::…". To be freed.
static char *library_words(const char *reason)
{
    const char *code = strstr(reason, "error:");
    return code ? tls_error_reason(strtoul(code + strlen("error:"), NULL, 16)) : memory_copy_string(reason);
}

// A broker did not take us or we not it: trying again would not help.
static void refuse(struct client_session *session, const char *reason)
{
    struct broker_name name;
    read_broker(session, reason, &name);
    char *words = client_tls_take_complaint(&session->tls);
    // In TLS 1.3 a broker judges our certificate after our handshake has ended.
    const char *what =
        words || is_handshake(reason) ? "SSL handshake failed" : "Failed to process post-handshake messages";
    command_log("ERROR", NETWORK_LOGGER, "[%s] Connection to node %d (%s) failed authentication due to: %s",
                session->who, name.id, name.name, what);
    warn_disconnected(session, &name);
    if (!words)
        words = library_words(reason);
    failure_set(&session->refusal, "org.apache.kafka.common.errors.SslAuthenticationException", "%s", what);
    snprintf(session->refusal.cause, sizeof session->refusal.cause, "javax.net.ssl.SSLHandshakeException: %s: %s",
             name.server, words);
    free(words);
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *context)
{
    struct client_session *session = context;
    (void)client;
    bool is_transport = error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__RESOLVE;
    bool is_tls = error == RD_KAFKA_RESP_ERR__SSL || (is_transport && strstr(reason, "SSL routines:"));
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        command_log("ERROR", "barnabas.tools", "[%s] %s", session->who, reason);
    } else if (is_tls && !is_end(reason)) {
        if (!session->refusal.message[0])
            refuse(session, reason);
    } else if (is_tls || is_transport) {
        atomic_fetch_add(&session->failed_connections, 1);
        warn_connection(session, reason);
    }
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client, (void)level, (void)facility, (void)text; // errors come to on_error
}

// As with Java, a name's IPv4 addresses are tried alone first; after an odd number of failed connections all of its
// addresses are.
static int on_resolve(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result,
                      void *context)
{
    const struct client_session *session = context;
    if (!node && !service) {
        freeaddrinfo(*result); // librdkafka gives an answer back this way
        return 0;
    }
    if (atomic_load(&session->failed_connections) % 2 == 0 && hints->ai_family == AF_UNSPEC) {
        struct addrinfo narrowed = *hints;
        narrowed.ai_family = AF_INET;
        if (getaddrinfo(node, service, &narrowed, result) == 0)
            return 0;
    }
    return getaddrinfo(node, service, hints, result);
}

static int on_verify(rd_kafka_t *client, const char *broker, int32_t id, int *x509_error, int depth, const char *der,
                     size_t size, char *reason, size_t reason_size, void *context)
{
    struct client_session *session = context;
    (void)client, (void)broker, (void)id, (void)depth;
    snprintf(reason, reason_size, "the certificate was not accepted");
    if (*x509_error != 0)
        client_tls_note_certificate(&session->tls, *x509_error, der, size);
    return *x509_error == 0;
}

static bool prepare(struct client_session *session, const char *servers, rd_kafka_conf_t *conf, char **cause)
{
    char *error;
    bool ok = bootstrap_parse(&session->bootstrap, servers, &error);
    const char *exception = ok ? "KafkaException" : "config.ConfigException";
    ok = ok && client_tls_apply(&session->settings, conf, &session->tls, &error);
    if (!ok) {
        *cause = memory_format("org.apache.kafka.common.%s: %s", exception, error);
        free(error);
    }
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_resolve_cb(conf, on_resolve);
    if (session->settings.is_secured)
        rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_verify);
    tls_client_settings_fini(&session->settings);
    return ok;
}

bool client_session_open(struct client_session *session, rd_kafka_type_t type, const char *servers,
                         rd_kafka_conf_t *conf, char **cause)
{
    char reason[512];
    session->tls.certificates_fd = -1;
    bool ok = prepare(session, servers, conf, cause);
    if (ok) {
        session->client = rd_kafka_new(type, conf, reason, sizeof reason);
        ok = session->client != NULL;
        if (!ok)
            *cause = memory_format("org.apache.kafka.common.config.ConfigException: %s", reason);
    }
    if (!ok)
        rd_kafka_conf_destroy(conf);
    if (session->tls.certificates_fd >= 0)
        close(session->tls.certificates_fd); // librdkafka has read them
    session->tls.certificates_fd = -1;
    return ok;
}
