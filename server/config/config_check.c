// SPDX-License-Identifier: Apache-2.0
// What a configuration must satisfy before a broker starts with it, and what is worth a warning.
#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config_internal.h"

#include <strings.h>

static bool is_default(enum option option, const char *value)
{
    const struct option_row *row = option_row(option);
    if (row->default_value == NULL)
        return *value == 0;
    if (option == OPTION_INTER_BROKER_PROTOCOL_VERSION)
        return strncmp(value, "3.9", 3) == 0 && (value[3] == 0 || value[3] == '-' || value[3] == '.');
    char *a = option_format(option, value), *b = option_format(option, row->default_value);
    bool same = strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}

static char *refusal(const char *key, const char *value, enum option option)
{
    bool is_secret = option_row(option)->type == OPTION_TYPE_PASSWORD;
    return memory_format("Invalid value %s for configuration %s: Barnabas does not support it yet and does not start "
                         "rather than ignore it (%s)",
                         is_secret ? "[hidden]" : value, key, option_row(option)->text);
}

static bool find_option(const char *key, enum option *option)
{
    struct view listener;
    return option_find(OPTION_SCOPE_BROKER, view_of_string(key), option) ||
           config_listener_key_parse(key, &listener, option);
}

// Words that mean no more than what Barnabas does anyway; others are refused.
static const struct {
    enum option option;
    const char *values;
} accepted[] = {
    {OPTION_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM, "https, HTTPS,"},
    {OPTION_SSL_ENGINE_FACTORY_CLASS, "org.apache.kafka.common.security.ssl.DefaultSslEngineFactory"},
    {OPTION_SSL_KEYMANAGER_ALGORITHM, "SunX509, NewSunX509, PKIX"},
    {OPTION_SSL_SECURE_RANDOM_IMPLEMENTATION, "NativePRNG, NativePRNGBlocking, NativePRNGNonBlocking, DRBG, SHA1PRNG"},
    {OPTION_SSL_TRUSTMANAGER_ALGORITHM, "PKIX, SunPKIX, X509, X.509"},
};

bool config_is_refused(enum option option, const char *value)
{
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        if (accepted[i].option == option)
            return !is_default(option, value) && !option_list_has(accepted[i].values, value);
    }
    return option_row(option)->handling == OPTION_HANDLING_REFUSED && !is_default(option, value);
}

static char *check_refused(const struct config *config)
{
    for (size_t i = 0; i < config->file.count; i++) {
        const struct property *property = &config->file.items[i];
        enum option option;
        if (find_option(property->key, &option) && config_is_refused(option, property->value))
            return refusal(property->key, property->value, option);
    }
    return NULL;
}

static char *check_broker_id(const struct config *config)
{
    int64_t id = config->values[OPTION_BROKER_ID].value.integer;
    if (!config->values[OPTION_BROKER_ID_GENERATION_ENABLE].value.boolean) {
        if (id < 0)
            return memory_copy_string("requirement failed: broker.id must be greater than or equal to 0");
    } else if (id < -1 || id > config->values[OPTION_RESERVED_BROKER_MAX_ID].value.integer) {
        return memory_copy_string("requirement failed: broker.id must be greater than or equal to -1 and not greater "
                                  "than reserved.broker.max.id");
    }
    if (id != config->values[OPTION_NODE_ID].value.integer)
        return memory_format("You must set `node.id` to the same value as `broker.id` (%lld and %lld).",
                             (long long)config->values[OPTION_NODE_ID].value.integer, (long long)id);
    return NULL;
}

static const struct {
    enum option option;
    int64_t minimum;
    bool unlimited; // -1 is fine too
} bounds[] = {
    {OPTION_LOG_ROLL_MS, 1, false},
    {OPTION_LOG_ROLL_JITTER_MS, 0, false},
    {OPTION_LOG_RETENTION_MS, 1, true},
    {OPTION_LOG_RETENTION_MINUTES, 1, true},
    {OPTION_LOG_RETENTION_HOURS, 1, true},
    {OPTION_LOG_CLEANER_THREADS, 1, false},
    {OPTION_DEFAULT_REPLICATION_FACTOR, 1, true},
    {OPTION_ZOOKEEPER_SESSION_TIMEOUT_MS, 1, false},
};

char *config_check_minimum(enum option option, const char *string, int64_t number)
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        if (bounds[i].option != option || number >= bounds[i].minimum || (bounds[i].unlimited && number == -1))
            continue;
        const char *name = option_row(option)->name;
        return bounds[i].unlimited
                   ? memory_format("Invalid value %s for configuration %s: %s must be unlimited (-1) or, equal or "
                                   "greater than %lld",
                                   string, name, name, (long long)bounds[i].minimum)
                   : memory_format("Invalid value %s for configuration %s: Value must be at least %lld", string, name,
                                   (long long)bounds[i].minimum);
    }
    return NULL;
}

static char *check_minimum(const struct config *config)
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const struct config_value *value = &config->values[bounds[i].option];
        char *message =
            value->string ? config_check_minimum(bounds[i].option, value->string, value->value.integer) : NULL;
        if (message != NULL)
            return message;
    }
    return NULL;
}

char *config_check_file(const struct config *config)
{
    const char *zookeeper = config->values[OPTION_ZOOKEEPER_CONNECT].string;
    char *message = check_refused(config);
    if (message != NULL)
        return message;
    if (zookeeper == NULL || *zookeeper == 0)
        return memory_copy_string("Missing required configuration `zookeeper.connect` which has no default value.");
    message = check_broker_id(config);
    if (message != NULL)
        return message;
    message = check_minimum(config);
    if (message == NULL)
        message = config_check_listener_keys(config);
    if (message == NULL)
        message = config_check_encoder(config);
    if (message != NULL)
        return message;
    int64_t acks = config->values[OPTION_OFFSETS_COMMIT_REQUIRED_ACKS].value.integer;
    if (acks < -1 || acks > config->values[OPTION_OFFSETS_TOPIC_REPLICATION_FACTOR].value.integer)
        return memory_copy_string("requirement failed: offsets.commit.required.acks must be greater or equal -1 and "
                                  "less or equal to offsets.topic.replication.factor");
    int64_t queued = config->values[OPTION_QUEUED_MAX_REQUEST_BYTES].value.integer;
    if (queued > 0 && queued < config->values[OPTION_SOCKET_REQUEST_MAX_BYTES].value.integer)
        return memory_copy_string("requirement failed: queued.max.request.bytes must be larger or equal to "
                                  "socket.request.max.bytes");
    return NULL;
}

void config_warn(const struct config *config)
{
    for (size_t i = 0; i < config->file.count; i++) {
        const struct property *property = &config->file.items[i];
        struct view listener;
        enum option option;
        if (config_listener_key_parse(property->key, &listener, &option))
            config_warn_of_listener_key(config, property->key, listener, option);
        else if (!option_find(OPTION_SCOPE_BROKER, view_of_string(property->key), &option))
            logger_warn("The configuration key %s is not known and has no effect.", property->key);
        else if (option_row(option)->handling == OPTION_HANDLING_WARNED && !is_default(option, property->value))
            logger_warn("The configuration key %s is not acted on yet: its value %s has no effect. %s", property->key,
                        option_row(option)->type == OPTION_TYPE_PASSWORD ? "[hidden]" : property->value,
                        option_row(option)->text);
    }
}

static char *listener_names(const struct endpoint_list *list)
{
    char *names = memory_copy_string("");
    for (size_t i = 0; i < list->count; i++) {
        char *longer = memory_format("%s%s%s", names, i > 0 ? "," : "", list->items[i].listener_name);
        free(names);
        names = longer;
    }
    return names;
}

static char *check_protocols(const struct endpoint_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        enum security_protocol protocol = list->items[i].security_protocol;
        if (protocol != SECURITY_PROTOCOL_PLAINTEXT && protocol != SECURITY_PROTOCOL_SSL)
            return memory_format(
                "Invalid value %s for configuration listeners: the security protocol %s of listener %s "
                "is not supported yet; only PLAINTEXT and SSL are",
                list->items[i].listener_name, security_protocol_name(protocol), list->items[i].listener_name);
    }
    return NULL;
}

static char *check_advertised(const struct config *config)
{
    for (size_t i = 0; i < config->advertised_listeners.count; i++) {
        const struct endpoint *endpoint = &config->advertised_listeners.items[i];
        if (strcmp(endpoint->host, "0.0.0.0") == 0 || strcmp(endpoint->host, "::") == 0)
            return memory_format("requirement failed: advertised.listeners cannot use the nonroutable meta-address %s. "
                                 "Use a routable IP address.",
                                 endpoint->host);
        if (endpoint_list_find(&config->listeners, endpoint->listener_name) != NULL)
            continue;
        char *found = listener_names(&config->advertised_listeners), *valid = listener_names(&config->listeners);
        char *message = memory_format(
            "requirement failed: advertised.listeners listener names must be equal to or a subset of the ones defined "
            "in listeners. Found %s. The valid options based on the current configuration are %s",
            found, valid);
        free(found);
        free(valid);
        return message;
    }
    return NULL;
}

static char *derive_inter_broker_listener(struct config *config)
{
    const char *name = config->values[OPTION_INTER_BROKER_LISTENER_NAME].string;
    bool has_protocol = properties_get(&config->file, "security.inter.broker.protocol") != NULL;
    if (name != NULL && has_protocol)
        return memory_copy_string("Only one of inter.broker.listener.name and security.inter.broker.protocol should be "
                                  "set.");
    const char *protocol = config->values[OPTION_SECURITY_INTER_BROKER_PROTOCOL].string;
    if (strcmp(protocol, "PLAINTEXT") != 0 && strcmp(protocol, "SSL") != 0)
        return refusal("security.inter.broker.protocol", protocol, OPTION_SECURITY_INTER_BROKER_PROTOCOL);
    const struct endpoint *endpoint = endpoint_list_find(&config->advertised_listeners, name ? name : protocol);
    if (endpoint != NULL && endpoint_list_find(&config->listeners, endpoint->listener_name) != NULL) {
        config->inter_broker_listener = endpoint->listener_name;
        return NULL;
    }
    char *valid = listener_names(&config->advertised_listeners);
    char *message = memory_format("requirement failed: %s must be a listener name defined in advertised.listeners. The "
                                  "valid options based on currently configured listeners are %s",
                                  name ? "inter.broker.listener.name" : "security.inter.broker.protocol", valid);
    free(valid);
    return message;
}

static char *parse_listeners(const struct config *config, enum option option, bool ports_unique,
                             struct endpoint_list *list)
{
    char *why;
    const char *value = config->values[option].string;
    if (endpoint_list_parse(value, config->values[OPTION_LISTENER_SECURITY_PROTOCOL_MAP].string, ports_unique, list,
                            &why) == 0)
        return NULL;
    char *message = memory_format("Error creating broker listeners from '%s': %s", value, why);
    free(why);
    return message;
}

char *config_derive_listeners(struct config *config)
{
    char *message = parse_listeners(config, OPTION_LISTENERS, true, &config->listeners);
    if (message != NULL)
        return message;
    enum option advertised =
        config->values[OPTION_ADVERTISED_LISTENERS].string ? OPTION_ADVERTISED_LISTENERS : OPTION_LISTENERS;
    message = parse_listeners(config, advertised, false, &config->advertised_listeners);
    if (message == NULL)
        message = check_protocols(&config->listeners);
    if (message == NULL)
        message = check_advertised(config);
    if (message == NULL)
        message = derive_inter_broker_listener(config);
    return message;
}
