// SPDX-License-Identifier: Apache-2.0
#include "tools/client_config.h"

#include "tools/command.h"
#include "tools/error_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum key_type {
    KEY_TEXT,
    KEY_INT,     // clamped to what librdkafka allows
    KEY_LONG,    // the same
    KEY_BOOLEAN, //
    KEY_CHOICE,  // one of choices
    KEY_CLASS,   // a Java class that has a counterpart: choices is CLASS=value pairs
    KEY_KBYTES,  // bytes in Java, thousands of them in librdkafka
    KEY_IGNORED  // has no meaning for librdkafka, or the program itself heeds it
};

struct client_key {
    const char *name;
    int kinds; // of enum client_kind
    enum key_type type;
    const char *target; // librdkafka's name, NULL: the same
    int64_t min, max;   // librdkafka's bounds
    const char *choices;
};

enum { BOTH = CLIENT_PRODUCER | CLIENT_CONSUMER };

static const struct client_key client_keys[] = {
    {"bootstrap.servers", BOTH, KEY_TEXT, NULL, 0, 0, NULL},
    {"client.id", BOTH, KEY_TEXT, NULL, 0, 0, NULL},
    {"client.dns.lookup", BOTH, KEY_CHOICE, NULL, 0, 0, "use_all_dns_ips, resolve_canonical_bootstrap_servers_only"},
    {"connections.max.idle.ms", BOTH, KEY_LONG, NULL, 0, INT32_MAX, NULL},
    {"metadata.max.age.ms", BOTH, KEY_LONG, "topic.metadata.refresh.interval.ms", 1, 3600000, NULL},
    {"receive.buffer.bytes", BOTH, KEY_INT, "socket.receive.buffer.bytes", 0, 100000000, NULL},
    {"send.buffer.bytes", BOTH, KEY_INT, "socket.send.buffer.bytes", 0, 100000000, NULL},
    {"reconnect.backoff.ms", BOTH, KEY_LONG, NULL, 0, 3600000, NULL},
    {"reconnect.backoff.max.ms", BOTH, KEY_LONG, NULL, 0, 3600000, NULL},
    {"retry.backoff.ms", BOTH, KEY_LONG, NULL, 1, 300000, NULL},
    {"retry.backoff.max.ms", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"socket.connection.setup.timeout.ms", BOTH, KEY_LONG, NULL, 1000, INT32_MAX, NULL},
    {"socket.connection.setup.timeout.max.ms", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"metric.reporters", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"metrics.num.samples", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"metrics.recording.level", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"metrics.sample.window.ms", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"auto.include.jmx.reporter", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"enable.metrics.push", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},
    {"metadata.recovery.strategy", BOTH, KEY_IGNORED, NULL, 0, 0, NULL},

    {"acks", CLIENT_PRODUCER, KEY_CHOICE, NULL, 0, 0, "all, -1, 0, 1"},
    {"batch.size", CLIENT_PRODUCER, KEY_INT, NULL, 1, INT32_MAX, NULL},
    {"buffer.memory", CLIENT_PRODUCER, KEY_KBYTES, "queue.buffering.max.kbytes", 1, 2147483647, NULL},
    {"compression.type", CLIENT_PRODUCER, KEY_CHOICE, "compression.codec", 0, 0, "none, gzip, snappy, lz4, zstd"},
    {"compression.gzip.level", CLIENT_PRODUCER, KEY_INT, "compression.level", -1, 9, NULL},
    {"compression.lz4.level", CLIENT_PRODUCER, KEY_INT, "compression.level", -1, 12, NULL},
    {"compression.zstd.level", CLIENT_PRODUCER, KEY_INT, "compression.level", -1, 12, NULL},
    {"delivery.timeout.ms", CLIENT_PRODUCER, KEY_INT, "message.timeout.ms", 0, INT32_MAX, NULL},
    {"enable.idempotence", CLIENT_PRODUCER, KEY_BOOLEAN, NULL, 0, 0, NULL},
    {"key.serializer", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"value.serializer", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"linger.ms", CLIENT_PRODUCER, KEY_LONG, NULL, 0, 900000, NULL},
    {"max.block.ms", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"max.in.flight.requests.per.connection", CLIENT_PRODUCER, KEY_INT, NULL, 1, 1000000, NULL},
    {"max.request.size", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"metadata.max.idle.ms", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"partitioner.adaptive.partitioning.enable", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"partitioner.availability.timeout.ms", CLIENT_PRODUCER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"partitioner.class", CLIENT_PRODUCER, KEY_CLASS, "partitioner", 0, 0,
     "org.apache.kafka.clients.producer.internals.DefaultPartitioner=murmur2_random "
     "org.apache.kafka.clients.producer.UniformStickyPartitioner=random "
     "org.apache.kafka.clients.producer.RoundRobinPartitioner=random"},
    {"request.timeout.ms", CLIENT_PRODUCER, KEY_INT, NULL, 1, 900000, NULL},
    {"retries", CLIENT_PRODUCER, KEY_INT, NULL, 0, INT32_MAX, NULL},

    {"allow.auto.create.topics", CLIENT_CONSUMER, KEY_BOOLEAN, NULL, 0, 0, NULL},
    {"auto.commit.interval.ms", CLIENT_CONSUMER, KEY_INT, NULL, 0, 86400000, NULL},
    {"auto.offset.reset", CLIENT_CONSUMER, KEY_CLASS, NULL, 0, 0,
     "earliest=earliest latest=latest none=error smallest=smallest largest=largest"},
    {"check.crcs", CLIENT_CONSUMER, KEY_BOOLEAN, NULL, 0, 0, NULL},
    {"client.rack", CLIENT_CONSUMER, KEY_TEXT, NULL, 0, 0, NULL},
    {"default.api.timeout.ms", CLIENT_CONSUMER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"enable.auto.commit", CLIENT_CONSUMER, KEY_BOOLEAN, NULL, 0, 0, NULL},
    {"exclude.internal.topics", CLIENT_CONSUMER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"fetch.max.bytes", CLIENT_CONSUMER, KEY_INT, NULL, 0, 2147483135, NULL},
    {"fetch.max.wait.ms", CLIENT_CONSUMER, KEY_INT, "fetch.wait.max.ms", 0, 300000, NULL},
    {"fetch.min.bytes", CLIENT_CONSUMER, KEY_INT, NULL, 1, 100000000, NULL},
    {"group.id", CLIENT_CONSUMER, KEY_TEXT, NULL, 0, 0, NULL},
    {"group.instance.id", CLIENT_CONSUMER, KEY_TEXT, NULL, 0, 0, NULL},
    {"group.protocol", CLIENT_CONSUMER, KEY_CHOICE, "", 0, 0, "classic"},
    {"heartbeat.interval.ms", CLIENT_CONSUMER, KEY_INT, NULL, 1, 3600000, NULL},
    {"isolation.level", CLIENT_CONSUMER, KEY_CHOICE, NULL, 0, 0, "read_committed, read_uncommitted"},
    {"key.deserializer", CLIENT_CONSUMER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"value.deserializer", CLIENT_CONSUMER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"max.partition.fetch.bytes", CLIENT_CONSUMER, KEY_INT, NULL, 1, 1000000000, NULL},
    {"max.poll.interval.ms", CLIENT_CONSUMER, KEY_INT, NULL, 1, 86400000, NULL},
    {"max.poll.records", CLIENT_CONSUMER, KEY_IGNORED, NULL, 0, 0, NULL},
    {"partition.assignment.strategy", CLIENT_CONSUMER, KEY_CLASS, NULL, 0, 0,
     "org.apache.kafka.clients.consumer.RangeAssignor=range "
     "org.apache.kafka.clients.consumer.RoundRobinAssignor=roundrobin "
     "org.apache.kafka.clients.consumer.StickyAssignor=range "
     "org.apache.kafka.clients.consumer.CooperativeStickyAssignor=cooperative-sticky"},
    {"request.timeout.ms", CLIENT_CONSUMER, KEY_INT, "socket.timeout.ms", 10, 300000, NULL},
    {"session.timeout.ms", CLIENT_CONSUMER, KEY_INT, NULL, 1, 3600000, NULL},
};

// What Java's clients have as default where librdkafka's differs, or where waiting would be felt by people.
static const struct {
    int kinds;
    const char *name, *value;
} client_defaults[] = {
    {BOTH, "reconnect.backoff.ms", "50"},
    {BOTH, "reconnect.backoff.max.ms", "1000"},
    {CLIENT_CONSUMER, "allow.auto.create.topics", "true"},
    {CLIENT_PRODUCER, "topic.metadata.refresh.fast.interval.ms", "20"},
    {CLIENT_CONSUMER, "topic.metadata.refresh.fast.interval.ms", "100"},
    {BOTH, "socket.nagle.disable", "true"},
    {BOTH, "broker.address.ttl", "20"},
    {BOTH, "connections.max.idle.ms", "540000"},
    {CLIENT_PRODUCER, "partitioner", "murmur2_random"},
    {CLIENT_PRODUCER, "enable.idempotence", "true"},
    {CLIENT_PRODUCER, "message.timeout.ms", "120000"},
    {CLIENT_PRODUCER, "max.in.flight.requests.per.connection", "5"},
    {CLIENT_CONSUMER, "isolation.level", "read_uncommitted"},
    {CLIENT_CONSUMER, "check.crcs", "true"},
    {CLIENT_CONSUMER, "enable.auto.offset.store", "false"},
    {CLIENT_CONSUMER, "enable.partition.eof", "false"},
    {CLIENT_CONSUMER, "fetch.error.backoff.ms", "100"},
    // A full queue pauses fetching for a second: let bytes alone (64 MB) be its limit.
    {CLIENT_CONSUMER, "queued.min.messages", "10000000"},
};

static bool set_target(rd_kafka_conf_t *conf, const char *name, const char *value, char **error)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK)
        return true;
    *error = memory_format("Invalid value %s for configuration %s: %s", value, name, reason);
    return false;
}

static bool apply_number(const struct client_key *key, const char *value, rd_kafka_conf_t *conf, char **error)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool is_int = key->type == KEY_INT;
    if (end == value || *end != '\0' || errno != 0 || (is_int && (number > INT32_MAX || number < INT32_MIN))) {
        *error = memory_format("Invalid value %s for configuration %s: Not a number of type %s", value, key->name,
                               is_int ? "INT" : "LONG");
        return false;
    }
    if (key->type == KEY_KBYTES)
        number /= 1024;
    number = number < key->min ? key->min : number > key->max ? key->max : number;
    char text[32];
    snprintf(text, sizeof text, "%lld", number);
    return set_target(conf, key->target ? key->target : key->name, text, error);
}

// Is the word one of a list that commas separate?
static bool is_choice(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = choices; size > 0 && (at = strstr(at, word)); at += size) {
        bool begins = at == choices || at[-1] == ' ';
        if (begins && (at[size] == ',' || at[size] == '\0'))
            return true;
    }
    return false;
}

// The counterpart of one Java class, as a view into choices; size 0 when there is none.
static struct view class_counterpart(const char *choices, struct view name)
{
    for (const char *at = choices; *at;) {
        const char *equals = strchr(at, '=');
        size_t value_size = strcspn(equals + 1, " ");
        if ((size_t)(equals - at) == name.size && memcmp(at, name.data, name.size) == 0)
            return view_of(equals + 1, value_size);
        at = equals + 1 + value_size;
        at += strspn(at, " ");
    }
    return VIEW_NULL;
}

// One or several classes with commas between them.
static bool apply_classes(const struct client_key *key, const char *value, rd_kafka_conf_t *conf, char **error)
{
    char text[256];
    size_t used = 0;
    for (const char *at = value; *at;) {
        size_t size = strcspn(at, ", ");
        struct view counterpart = class_counterpart(key->choices, view_of(at, size));
        if (counterpart.size == 0 || used + counterpart.size + 2 > sizeof text) {
            *error = memory_format("Invalid value %s for configuration %s: has no counterpart here", value, key->name);
            return false;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", used ? "," : "", VIEW_ARGS(counterpart));
        at += size;
        at += strspn(at, ", ");
    }
    return used == 0 || set_target(conf, key->target ? key->target : key->name, text, error);
}

static bool apply_key(const struct client_key *key, const char *value, rd_kafka_conf_t *conf, char **error)
{
    const char *target = key->target ? key->target : key->name;
    switch (key->type) {
    case KEY_TEXT:
        return set_target(conf, target, value, error);
    case KEY_INT:
    case KEY_LONG:
    case KEY_KBYTES:
        return apply_number(key, value, conf, error);
    case KEY_BOOLEAN:
        if (is_choice("true, false", value))
            return set_target(conf, target, value, error);
        *error = memory_format("Invalid value %s for configuration %s: Expected value to be either true or false",
                               value, key->name);
        return false;
    case KEY_CHOICE:
        if (is_choice(key->choices, value))
            return target[0] == '\0' || set_target(conf, target, value, error);
        *error = memory_format("Invalid value %s for configuration %s: String must be one of: %s", value, key->name,
                               key->choices);
        return false;
    case KEY_CLASS:
        return apply_classes(key, value, conf, error);
    case KEY_IGNORED:
        return true;
    }
    return true;
}

static const struct client_key *find_key(enum client_kind kind, const char *name, bool *is_known)
{
    *is_known = false;
    for (size_t i = 0; i < sizeof client_keys / sizeof client_keys[0]; i++) {
        if (strcmp(client_keys[i].name, name) != 0)
            continue;
        *is_known = true;
        if (client_keys[i].kinds & kind)
            return &client_keys[i];
    }
    return NULL;
}

bool client_config_apply(enum client_kind kind, const struct properties *properties, rd_kafka_conf_t *conf,
                         struct tls_client_settings *tls, char **error)
{
    if (!tls_client_settings_read(properties, tls, error))
        return false;
    for (size_t i = 0; i < sizeof client_defaults / sizeof client_defaults[0]; i++) {
        if ((client_defaults[i].kinds & kind) &&
            !set_target(conf, client_defaults[i].name, client_defaults[i].value, error))
            return false;
    }
    for (size_t i = 0; i < properties->count; i++) {
        const struct property *property = &properties->items[i];
        if (tls_client_settings_has(property->key))
            continue;
        bool is_known;
        const struct client_key *key = find_key(kind, property->key, &is_known);
        if (!key) {
            if (!is_known)
                command_log("WARN", "barnabas.tools", "The configuration '%s' is not known and has no effect.",
                            property->key);
            continue;
        }
        if (!apply_key(key, property->value, conf, error))
            return false;
    }
    return true;
}

const char *client_config_error_text(rd_kafka_resp_err_t error)
{
    const char *text = error > 0 ? error_text((int16_t)error) : NULL;
    return text ? text : rd_kafka_err2str(error);
}
