// SPDX-License-Identifier: Apache-2.0
// What an admin changes while the broker runs.
#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config_internal.h"

#include <assert.h>
#include <stdlib.h>

static bool find_dynamic(const char *key, enum option *option)
{
    return option_find(OPTION_SCOPE_BROKER, view_of_string(key), option) ||
           option_find(OPTION_SCOPE_BROKER_DYNAMIC, view_of_string(key), option);
}

// What depends on listeners was worked out when the configuration was read.
static bool is_fixed(enum option option)
{
    return option == OPTION_LISTENERS || option == OPTION_ADVERTISED_LISTENERS ||
           option == OPTION_LISTENER_SECURITY_PROTOCOL_MAP;
}

// Kafka lets an admin change these while the broker runs, but this broker acts on them only when it starts.
static bool needs_restart(enum option option)
{
    static const enum option options[] = {
        OPTION_NUM_IO_THREADS,
        OPTION_NUM_NETWORK_THREADS,
        OPTION_PRODUCER_ID_EXPIRATION_MS,
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i] == option)
            return true;
    }
    return false;
}

// Security keys that Apache Kafka changes while it runs, of one listener each. Others of a listener stay as they were
// when it was opened.
static bool is_reloadable(enum option option)
{
    static const enum option options[] = {
        OPTION_SSL_KEY_PASSWORD,        OPTION_SSL_KEYSTORE_CERTIFICATE_CHAIN,
        OPTION_SSL_KEYSTORE_KEY,        OPTION_SSL_KEYSTORE_LOCATION,
        OPTION_SSL_KEYSTORE_PASSWORD,   OPTION_SSL_KEYSTORE_TYPE,
        OPTION_SSL_TRUSTSTORE_LOCATION, OPTION_SSL_TRUSTSTORE_PASSWORD,
        OPTION_SSL_TRUSTSTORE_TYPE,     OPTION_SSL_TRUSTSTORE_CERTIFICATES,
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i] == option)
            return true;
    }
    return false;
}

// Limits that a listener may have of its own; they may also be set for that listener of all brokers.
static bool is_listener_limit(enum option option)
{
    return option == OPTION_MAX_CONNECTIONS || option == OPTION_MAX_CONNECTION_CREATION_RATE;
}

static char *refuse_cluster_wide(const char *key)
{
    return memory_format("Cannot update these configs at default cluster level, broker id must be specified: Set(%s)",
                         key);
}

static char *check_value(const char *key, enum option option, const char *value)
{
    if (config_is_refused(option, value))
        return memory_format("The configuration %s is not supported yet", key);
    char *message = config_check_named(key, option, value);
    return message != NULL ? message : config_check_minimum(option, value, strtoll(value, NULL, 10));
}

static char *check_listener_entry(const char *key, enum option option, const char *value, bool cluster_wide)
{
    if (!config_listener_has_own(option) && option_row(option)->handling != OPTION_HANDLING_REFUSED)
        return memory_format("The configuration %s cannot be set for one listener yet", key);
    char *message = check_value(key, option, value);
    return message == NULL && cluster_wide && !is_listener_limit(option) ? refuse_cluster_wide(key) : message;
}

// What ZooKeeper may hold.
static char *check_entry(const char *key, const char *value, bool cluster_wide)
{
    enum option option;
    struct view listener;
    if (config_listener_key_parse(key, &listener, &option))
        return check_listener_entry(key, option, value, cluster_wide);
    if (!find_dynamic(key, &option) || option_row(option)->update == OPTION_UPDATE_READ_ONLY)
        return memory_format("Cannot update these configs dynamically: Set(%s)", key);
    if (is_reloadable(option))
        return memory_format("These security configs can be dynamically updated only per-listener using the listener "
                             "prefix: HashSet(%s)",
                             key);
    const struct option_row *row = option_row(option);
    if (row->update == OPTION_UPDATE_PER_BROKER && cluster_wide)
        return refuse_cluster_wide(key);
    if (row->handling == OPTION_HANDLING_REFUSED && !config_is_of_tls(option))
        return memory_format("The configuration %s is not supported yet", key);
    if (is_fixed(option))
        return memory_format("The configuration %s cannot be changed while the broker runs yet", key);
    return check_value(key, option, value);
}

// Of a listener that is open.
static char *check_listener_change(const struct config *config, const char *key, struct view listener,
                                   enum option option, const char *value)
{
    const char *name = config_find_listener(config, listener);
    if (is_reloadable(option) || is_listener_limit(option) || name == NULL)
        return NULL;
    lock_acquire(config_lock(config));
    const char *now = properties_get(&config->of_broker, key);
    if (now == NULL)
        now = properties_get(&config->file, key);
    bool is_same = now != NULL && strcmp(now, value) == 0;
    lock_release(config_lock(config));
    if (is_same)
        return NULL;
    return memory_format("Invalid dynamic configuration: Configs cannot be updated dynamically for existing listener "
                         "ListenerName(%s), restart broker or create a new listener for update: %s",
                         name, key);
}

// What an admin may ask for: also nothing that would silently wait for a restart.
static char *check_change(const struct config *config, const char *key, const char *value, bool cluster_wide)
{
    enum option option;
    struct view listener;
    char *message = check_entry(key, value, cluster_wide);
    if (message != NULL)
        return message;
    if (config_listener_key_parse(key, &listener, &option))
        return check_listener_change(config, key, listener, option, value);
    if (find_dynamic(key, &option) && (needs_restart(option) || config_is_of_tls(option)))
        return memory_format("The configuration %s cannot be changed while the broker runs yet: set it in "
                             "server.properties and start the broker again",
                             key);
    return NULL;
}

char *config_check_broker(const struct config *config, const struct properties *overrides, bool cluster_wide)
{
    for (size_t i = 0; i < overrides->count; i++) {
        char *message = check_change(config, overrides->items[i].key, overrides->items[i].value, cluster_wide);
        if (message != NULL)
            return message;
    }
    return NULL;
}

// The string in force by all sources. It lives until one of them changes.
static const char *string_in_force(const struct config *config, enum option option)
{
    const char *name = option_row(option)->name;
    const struct properties *const sources[] = {&config->of_broker, &config->of_cluster, &config->file};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        const char *value = properties_get(sources[i], name);
        if (value != NULL && (*value != 0 || option_row(option)->default_value != NULL))
            return value;
    }
    return option_row(option)->default_value;
}

static bool apply(struct config *config)
{
    bool changed = false;
    for (int i = 0; i < OPTION_COUNT; i++) {
        enum option option = (enum option)i;
        const struct option_row *row = option_row(option);
        bool is_broker = row->scope == OPTION_SCOPE_BROKER || row->scope == OPTION_SCOPE_BROKER_DYNAMIC;
        if (!is_broker || row->update == OPTION_UPDATE_READ_ONLY)
            continue;
        const char *string = string_in_force(config, option), *before = config->values[option].string;
        if (string == NULL ? before == NULL : before != NULL && strcmp(string, before) == 0)
            continue;
        config_value_set(&config->values[option], option, string);
        changed = true;
    }
    return changed;
}

static bool has_listener_key_missing_in(const struct properties *one, const struct properties *other)
{
    struct view listener;
    enum option option;
    for (size_t i = 0; i < one->count; i++) {
        const char *value = properties_get(other, one->items[i].key);
        if (config_listener_key_parse(one->items[i].key, &listener, &option) &&
            (value == NULL || strcmp(value, one->items[i].value) != 0))
            return true;
    }
    return false;
}

static bool listener_keys_differ(const struct properties *one, const struct properties *other)
{
    return has_listener_key_missing_in(one, other) || has_listener_key_missing_in(other, one);
}

// An administrator may set what Apache Kafka lets him set; that it has no effect here is said where he looks next.
static void warn_if_idle(const struct property *property, bool cluster_wide)
{
    enum option option;
    if (find_dynamic(property->key, &option) && option_row(option)->handling == OPTION_HANDLING_WARNED)
        logger_warn("The configuration key %s of %s is not acted on yet: its value in ZooKeeper has no effect.",
                    property->key, cluster_wide ? "all brokers" : "this broker");
}

void config_set_broker(struct config *config, const struct properties *overrides, bool cluster_wide)
{
    struct properties valid = {0};
    for (size_t i = 0; i < overrides->count; i++) {
        const struct property *property = &overrides->items[i];
        char *message = check_entry(property->key, property->value, cluster_wide);
        if (message == NULL) {
            properties_set(&valid, property->key, property->value);
            warn_if_idle(property, cluster_wide);
        } else {
            logger_warn("The configuration of %s in ZooKeeper has an entry that is left out: %s",
                        cluster_wide ? "all brokers" : "this broker", message);
        }
        free(message);
    }
    lock_acquire(&config->lock);
    struct properties *target = cluster_wide ? &config->of_cluster : &config->of_broker;
    struct properties before = *target;
    *target = valid;
    bool changed = apply(config);
    changed |= listener_keys_differ(&before, target);
    lock_release(&config->lock);
    properties_fini(&before);
    for (size_t i = 0; changed && i < config->observers.count; i++)
        config->observers.items[i].changed(config->observers.items[i].context);
}

void config_observe(struct config *config, void (*changed)(void *context), void *context)
{
    *array_append(&config->observers) = (struct config_observer){changed, context};
}
