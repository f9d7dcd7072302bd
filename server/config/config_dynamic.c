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

static char *check_entry(const char *key, const char *value, bool cluster_wide)
{
    enum option option;
    if (!find_dynamic(key, &option) || option_row(option)->update == OPTION_UPDATE_READ_ONLY)
        return memory_format("Cannot update these configs dynamically: Set(%s)", key);
    const struct option_row *row = option_row(option);
    if (row->update == OPTION_UPDATE_PER_BROKER && cluster_wide)
        return memory_format("Cannot update these configs at default cluster level, they must be defined per-broker: "
                             "Set(%s)",
                             key);
    if (row->handling == OPTION_HANDLING_REFUSED)
        return memory_format("The configuration %s is not supported yet", key);
    if (is_fixed(option))
        return memory_format("The configuration %s cannot be changed while the broker runs yet", key);
    char *message = option_check(option, value, NULL);
    return message != NULL ? message : config_check_minimum(option, value, strtoll(value, NULL, 10));
}

// What an admin may ask for: also nothing that would silently wait for a restart.
static char *check_change(const char *key, const char *value, bool cluster_wide)
{
    enum option option;
    if (find_dynamic(key, &option) && needs_restart(option))
        return memory_format("The configuration %s cannot be changed while the broker runs yet: set it in "
                             "server.properties and start the broker again",
                             key);
    return check_entry(key, value, cluster_wide);
}

char *config_check_broker(const struct config *config, const struct properties *overrides, bool cluster_wide)
{
    (void)config;
    for (size_t i = 0; i < overrides->count; i++) {
        char *message = check_change(overrides->items[i].key, overrides->items[i].value, cluster_wide);
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
    lock_release(&config->lock);
    properties_fini(&before);
    for (size_t i = 0; changed && i < config->observers.count; i++)
        config->observers.items[i].changed(config->observers.items[i].context);
}

void config_observe(struct config *config, void (*changed)(void *context), void *context)
{
    *array_append(&config->observers) = (struct config_observer){changed, context};
}
