// SPDX-License-Identifier: Apache-2.0
#include "tools/admin_client.h"

#include "base/clock.h"
#include "net/peer.h"
#include "net/protocol/api.h"
#include "tools/bootstrap.h"
#include "tools/command.h"
#include "tools/tls_client_settings.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const char NETWORK_LOGGER[] = "org.apache.kafka.clients.NetworkClient";
// A broken broker cannot make one look for the controller cost more than this.
static const size_t METADATA_MEMORY_MAX = 64 << 20;
static const char SSL_EXCEPTION[] = "org.apache.kafka.common.errors.SslAuthenticationException";
static const char HANDSHAKE_EXCEPTION[] = "javax.net.ssl.SSLHandshakeException";
static const char UNREACHABLE_TEXT[] = "could not be established. Node may not be available.";
static const char TERMINATED_TEXT[] = "terminated during authentication. This may happen due to any of the following "
                                      "reasons: (1) Firewall blocking Kafka "
                                      "TLS traffic (eg it may only allow HTTPS traffic), (2) Transient network issue.";
static const char TIMEOUT_EXCEPTION[] = "org.apache.kafka.common.errors.TimeoutException";

// One broker that is spoken to.
struct node {
    struct peer *peer; // NULL: not connected
    char *host;
    uint16_t port;
};

struct admin_client {
    struct bootstrap bootstrap;
    size_t bootstrap_next; // which server is tried next
    struct node any;
    struct node controller; // only when it is another broker than any
    bool knows_controller;
    bool any_is_controller;
    char *client_id;
    int64_t api_timeout_ms, request_timeout_ms, retry_backoff_ms;
    int64_t reconnect_backoff_ms, reconnect_backoff_max_ms, connect_timeout_ms;
    const char *call_name;
    int64_t deadline_ms;
    int tries;               // failed ones in a row
    struct tls_context *tls; // NULL: connections are not encrypted
    struct failure refusal;  // why TLS came about with no broker
};

// What the client heeds, and the other keys of Kafka's AdminClient, which mean nothing here.
static const char *const admin_keys[] = {
    "bootstrap.servers",
    "client.id",
    "default.api.timeout.ms",
    "request.timeout.ms",
    "retry.backoff.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "client.dns.lookup",
    "connections.max.idle.ms",
    "metadata.max.age.ms",
    "receive.buffer.bytes",
    "send.buffer.bytes",
    "retries",
    "retry.backoff.max.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "auto.include.jmx.reporter",
    "enable.metrics.push",
    "bootstrap.controllers",
    "metadata.recovery.strategy",
};

static bool is_admin_key(const char *name)
{
    for (size_t i = 0; i < sizeof admin_keys / sizeof admin_keys[0]; i++) {
        if (strcmp(admin_keys[i], name) == 0)
            return true;
    }
    return false;
}

static bool number_property(const struct properties *properties, const char *key, int64_t otherwise, int64_t *value,
                            struct failure *failure)
{
    const char *text = properties_get(properties, key);
    *value = otherwise;
    if (!text)
        return true;
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && errno == 0 && *value >= 0 && *value <= INT32_MAX)
        return true;
    return failure_set(failure, "org.apache.kafka.common.config.ConfigException",
                       "Invalid value %s for configuration %s: Not a number of type INT", text, key);
}

static bool read_properties(struct admin_client *client, const struct properties *properties, struct failure *failure)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (!is_admin_key(properties->items[i].key) && !tls_client_settings_has(properties->items[i].key))
            command_log("WARN", "barnabas.tools", "The configuration '%s' is not known and has no effect.",
                        properties->items[i].key);
    }
    const char *client_id = properties_get(properties, "client.id");
    client->client_id = memory_copy_string(client_id ? client_id : "adminclient-1");
    const struct {
        const char *key;
        int64_t otherwise;
        int64_t *value;
    } numbers[] = {
        {"default.api.timeout.ms", 60000, &client->api_timeout_ms},
        {"request.timeout.ms", 30000, &client->request_timeout_ms},
        {"retry.backoff.ms", 100, &client->retry_backoff_ms},
        {"reconnect.backoff.ms", 50, &client->reconnect_backoff_ms},
        {"reconnect.backoff.max.ms", 1000, &client->reconnect_backoff_max_ms},
        {"socket.connection.setup.timeout.ms", 10000, &client->connect_timeout_ms},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!number_property(properties, numbers[i].key, numbers[i].otherwise, numbers[i].value, failure))
            return false;
    }
    return true;
}

static bool fail_to_open(struct failure *failure, const char *exception, char *error)
{
    failure_set(failure, "org.apache.kafka.common.KafkaException", "Failed to create new KafkaAdminClient");
    snprintf(failure->cause, sizeof failure->cause, "%s: %s", exception, error);
    free(error);
    return false;
}

// Loads the stores that the properties name.
static bool secure(struct admin_client *client, const struct tls_client_settings *settings, struct failure *failure)
{
    char *reason;
    if (!settings->is_secured || tls_context_create(&settings->tls, TLS_CLIENT, &client->tls, &reason) == 0)
        return true;
    return fail_to_open(failure, "org.apache.kafka.common.KafkaException", reason);
}

bool admin_client_open(struct admin_client **result, const char *servers, const struct properties *properties,
                       struct failure *failure)
{
    struct admin_client *client = memory_alloc(sizeof *client);
    struct tls_client_settings settings = {0};
    char *error;
    bool ok = tls_client_settings_read(properties, &settings, &error);
    if (!ok) {
        failure_set(failure, "org.apache.kafka.common.config.ConfigException", "%s", error);
        free(error);
    }
    ok = ok && read_properties(client, properties, failure);
    if (ok && !bootstrap_parse(&client->bootstrap, servers, &error))
        ok = fail_to_open(failure, "org.apache.kafka.common.config.ConfigException", error);
    ok = ok && secure(client, &settings, failure);
    tls_client_settings_fini(&settings);
    if (ok)
        *result = client;
    else
        admin_client_close(&client);
    return ok;
}

static void node_forget(struct node *node)
{
    peer_destroy(&node->peer);
    free(node->host);
    *node = (struct node){0};
}

void admin_client_close(struct admin_client **client)
{
    if (!*client)
        return;
    node_forget(&(*client)->any);
    node_forget(&(*client)->controller);
    bootstrap_fini(&(*client)->bootstrap);
    tls_context_release(&(*client)->tls);
    free((*client)->client_id);
    free(*client);
    *client = NULL;
}

void admin_client_begin(struct admin_client *client, const char *call_name)
{
    client->call_name = call_name;
    client->deadline_ms = clock_monotonic_ms() + client->api_timeout_ms;
}

int32_t admin_client_timeout_ms(const struct admin_client *client)
{
    int64_t left_ms = client->deadline_ms - clock_monotonic_ms();
    int64_t timeout_ms = left_ms < client->request_timeout_ms ? left_ms : client->request_timeout_ms;
    return timeout_ms < 1 ? 1 : (int32_t)timeout_ms;
}

// Pauses before another try, longer each time; false when the deadline comes first.
static bool pause_before_retry(struct admin_client *client, int64_t first_ms, int64_t most_ms)
{
    int64_t pause_ms = first_ms;
    for (int i = 0; i < client->tries && pause_ms < most_ms; i++)
        pause_ms *= 2;
    client->tries++;
    pause_ms = pause_ms < most_ms ? pause_ms : most_ms;
    int64_t left_ms = client->deadline_ms - clock_monotonic_ms();
    if (left_ms > 0)
        poll(NULL, 0, (int)(pause_ms < left_ms ? pause_ms : left_ms));
    return pause_ms < left_ms;
}

static bool fail_at_deadline(const struct admin_client *client, struct failure *failure)
{
    return failure_set(failure, TIMEOUT_EXCEPTION, "Timed out waiting for a node assignment. Call: %s",
                       client->call_name);
}

// A broker as messages name it.
struct node_name {
    int32_t id;
    const char *host, *address;
    uint16_t port;
};

// Logs that a broker did not take us or we not it, and keeps why as the call's failure. after: the handshake had ended
// when the broker said so, as it does about a client's certificate in TLS 1.3.
static void refuse_node(struct admin_client *client, const struct node_name *name, bool after, const char *reason)
{
    const char *what = after ? "Failed to process post-handshake messages" : "SSL handshake failed";
    failure_set(&client->refusal, SSL_EXCEPTION, "%s", what);
    snprintf(client->refusal.cause, sizeof client->refusal.cause, "%s: %s:%u: %s", HANDSHAKE_EXCEPTION, name->host,
             name->port, reason);
    command_log("ERROR", NETWORK_LOGGER,
                "[AdminClient clientId=%s] Connection to node %d (%s/%s:%u) failed authentication due to: %s",
                client->client_id, name->id, name->host, name->address, name->port, what);
}

static void warn_node(const struct admin_client *client, const struct node_name *name, int result)
{
    // A broker that speaks no TLS closes when it sees the beginning of a handshake.
    const char *text = client->tls && result == -ECONNRESET ? TERMINATED_TEXT : UNREACHABLE_TEXT;
    command_log("WARN", NETWORK_LOGGER, "[AdminClient clientId=%s] Connection to node %d (%s/%s:%u) %s",
                client->client_id, name->id, name->host, name->address, name->port, text);
}

// Returns 0 or -errno; when it was TLS, the failure is in client->refusal. Whatever went wrong is logged.
static int node_connect(struct admin_client *client, struct node *node, const struct node_name *name)
{
    struct peer_config config = {
        .host = name->host,
        .port = name->port,
        .security_protocol = client->tls ? SECURITY_PROTOCOL_SSL : SECURITY_PROTOCOL_PLAINTEXT,
        .tls = client->tls,
        .client_id = client->client_id,
        .connect_timeout_ms = client->connect_timeout_ms,
    };
    struct peer *peer = NULL;
    char *reason = NULL;
    int result = peer_connect(&config, client->deadline_ms, &peer, &reason);
    bool is_connected = result == 0;
    if (is_connected)
        result = peer_negotiate(peer, client->deadline_ms);
    const char *refusal = is_connected ? peer_tls_failure(peer) : reason;
    if (result == -EPROTO && refusal)
        refuse_node(client, name, is_connected, refusal);
    else if (result < 0)
        warn_node(client, name, result);
    free(reason);
    if (result < 0) {
        peer_destroy(&peer);
        return result;
    }
    node_forget(node);
    node->peer = peer;
    node->host = memory_copy_string(name->host);
    node->port = name->port;
    client->tries = 0;
    return 0;
}

// Goes round the bootstrap servers until one answers.
static bool connect_any(struct admin_client *client, struct failure *failure)
{
    while (!client->any.peer) {
        size_t index = client->bootstrap_next % client->bootstrap.count;
        const struct bootstrap_server *server = &client->bootstrap.items[index];
        struct node_name name = {-1 - (int32_t)index, server->host, server->address, server->port};
        if (node_connect(client, &client->any, &name) == 0)
            break;
        if (client->refusal.message[0]) {
            command_log("WARN", "org.apache.kafka.clients.admin.internals.AdminMetadataManager",
                        "[AdminClient clientId=%s] Metadata update failed due to authentication error",
                        client->client_id);
            *failure = client->refusal;
            return false;
        }
        client->bootstrap_next++;
        bool went_round = client->bootstrap_next % client->bootstrap.count == 0;
        if (went_round && !pause_before_retry(client, client->reconnect_backoff_ms, client->reconnect_backoff_max_ms))
            return fail_at_deadline(client, failure);
        if (clock_monotonic_ms() >= client->deadline_ms)
            return fail_at_deadline(client, failure);
    }
    return true;
}

// One request to a node that is connected. On any error the connection is given up.
static int node_call(struct admin_client *client, struct node *node, int16_t api_key, const void *request,
                     struct arena *arena, const void **response)
{
    int16_t version = peer_version(node->peer, api_key, 0, INT16_MAX);
    if (version < 0)
        return -EOPNOTSUPP;
    int64_t deadline_ms = clock_monotonic_ms() + client->request_timeout_ms;
    int result = peer_call(node->peer, api_key, version, request, arena, response,
                           deadline_ms < client->deadline_ms ? deadline_ms : client->deadline_ms);
    if (result < 0)
        node_forget(node);
    return result;
}

static const struct metadata_response_broker *find_broker(const struct metadata_response *metadata, int32_t id)
{
    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        if (metadata->brokers.items[i].node_id == id)
            return &metadata->brokers.items[i];
    }
    return NULL;
}

static bool same_address(const struct node *node, struct view host, int32_t port)
{
    return node->port == port && view_equal_string(host, node->host);
}

// Asks any broker who the controller is and connects to it, unless it is that broker itself.
static int find_controller(struct admin_client *client)
{
    struct arena arena;
    arena_init(&arena, METADATA_MEMORY_MAX);
    struct metadata_request request = metadata_request_default;
    request.allow_auto_topic_creation = false;
    const void *answer;
    int result = node_call(client, &client->any, API_METADATA, &request, &arena, &answer);
    if (result == 0) {
        const struct metadata_response *metadata = answer;
        const struct metadata_response_broker *broker = find_broker(metadata, metadata->controller_id);
        char *host = broker ? view_dup(broker->host) : NULL;
        result = -EAGAIN; // no controller at this moment
        if (host && broker->port > 0 && broker->port <= UINT16_MAX) {
            client->any_is_controller = same_address(&client->any, broker->host, broker->port);
            struct node_name name = {broker->node_id, host, host, (uint16_t)broker->port};
            result = client->any_is_controller ? 0 : node_connect(client, &client->controller, &name);
            client->knows_controller = result == 0;
        }
        free(host);
    }
    arena_fini(&arena);
    return result;
}

static int send_once(struct admin_client *client, enum admin_target target, int16_t api_key, const void *request,
                     struct arena *arena, const void **response)
{
    if (target == ADMIN_ANY_BROKER)
        return node_call(client, &client->any, api_key, request, arena, response);
    int result = client->knows_controller ? 0 : find_controller(client);
    if (result < 0)
        return result;
    struct node *node = client->any_is_controller ? &client->any : &client->controller;
    result = node_call(client, node, api_key, request, arena, response);
    if (result < 0 && result != -EOPNOTSUPP)
        client->knows_controller = false;
    return result;
}

bool admin_client_send(struct admin_client *client, enum admin_target target, int16_t api_key, const void *request,
                       struct arena *arena, const void **response, struct failure *failure)
{
    while (true) {
        if (!client->any.peer)
            client->knows_controller = client->knows_controller && !client->any_is_controller;
        if (!connect_any(client, failure))
            return false;
        int result = send_once(client, target, api_key, request, arena, response);
        if (result == 0) {
            client->tries = 0;
            return true;
        }
        if (client->refusal.message[0]) {
            *failure = client->refusal;
            return false;
        }
        if (result == -EOPNOTSUPP)
            return failure_set(failure, "org.apache.kafka.common.errors.UnsupportedVersionException",
                               "The node does not support %s", api_by_key(api_key)->name);
        if (result == -EINVAL)
            return failure_set(failure, "org.apache.kafka.common.errors.UnsupportedVersionException",
                               "The broker's version of %s cannot carry what is asked for", api_by_key(api_key)->name);
        if (clock_monotonic_ms() >= client->deadline_ms ||
            !pause_before_retry(client, client->retry_backoff_ms, client->reconnect_backoff_max_ms))
            return failure_set(failure, TIMEOUT_EXCEPTION, "Call(callName=%s) timed out after %d attempt(s)",
                               client->call_name, client->tries);
    }
}

bool admin_client_retry(struct admin_client *client, struct failure *failure)
{
    client->knows_controller = false;
    return pause_before_retry(client, client->retry_backoff_ms, client->reconnect_backoff_max_ms)
               ? true
               : fail_at_deadline(client, failure);
}
