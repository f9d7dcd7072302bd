// SPDX-License-Identifier: Apache-2.0
// Keys of one listener: listener.name.NAME.KEY goes before KEY.
#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config_internal.h"

#include <ctype.h>
#include <strings.h>

#define LISTENER_PREFIX "listener.name."

// What a listener may have of its own besides TLS.
static const enum option own_options[] = {OPTION_MAX_CONNECTIONS, OPTION_MAX_CONNECTION_CREATION_RATE};

char *config_listener_key(const char *listener_name, enum option option)
{
    char *key = memory_format(LISTENER_PREFIX "%s.%s", listener_name, option_row(option)->name);
    size_t start = strlen(LISTENER_PREFIX), end = start + strlen(listener_name);
    for (size_t i = start; i < end; i++)
        key[i] = (char)tolower((unsigned char)key[i]);
    return key;
}

bool config_is_of_tls(enum option option)
{
    static const char *const prefixes[] = {"ssl.", "barnabas.ssl."};
    const char *name = option_row(option)->name;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

bool config_listener_has_own(enum option option)
{
    if (config_is_of_tls(option))
        return true;
    for (size_t i = 0; i < sizeof own_options / sizeof own_options[0]; i++) {
        if (own_options[i] == option)
            return true;
    }
    return false;
}

bool config_listener_key_parse(const char *key, struct view *listener_name, enum option *option)
{
    if (strncmp(key, LISTENER_PREFIX, strlen(LISTENER_PREFIX)) != 0)
        return false;
    const char *name = key + strlen(LISTENER_PREFIX);
    // A mechanism of SASL may stand between the two.
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (!option_find(OPTION_SCOPE_BROKER, view_of_string(dot + 1), option))
            continue;
        *listener_name = view_of(name, strcspn(name, "."));
        return dot == strchr(name, '.') || !config_listener_has_own(*option);
    }
    return false;
}

char *config_listener_string(const struct config *config, const struct properties *overrides, const char *listener_name,
                             enum option option)
{
    char *key = config_listener_key(listener_name, option);
    lock_acquire(config_lock(config));
    const char *value = properties_get(overrides ? overrides : &config->of_broker, key);
    if (value == NULL)
        value = properties_get(&config->of_cluster, key);
    if (value == NULL)
        value = properties_get(&config->file, key);
    if (value == NULL)
        value = config->values[option].string;
    char *string = value ? memory_copy_string(value) : NULL;
    lock_release(config_lock(config));
    free(key);
    return string;
}

static void add_listener_keys(const struct properties *from, struct properties *keys)
{
    enum option option;
    for (size_t i = 0; i < from->count; i++) {
        if (config_listener_key_option(from->items[i].key, &option))
            properties_set(keys, from->items[i].key, from->items[i].value);
    }
}

void config_copy_listener_keys(const struct config *config, bool cluster_wide, struct properties *keys)
{
    lock_acquire(config_lock(config));
    if (!cluster_wide)
        add_listener_keys(&config->file, keys);
    add_listener_keys(&config->of_cluster, keys);
    if (!cluster_wide)
        add_listener_keys(&config->of_broker, keys);
    lock_release(config_lock(config));
}

bool config_listener_key_option(const char *key, enum option *option)
{
    struct view listener;
    return config_listener_key_parse(key, &listener, option);
}

char *config_check_named(const char *key, enum option option, const char *value)
{
    // Nothing unsets a value that the broker's key has.
    if (*value == 0 && option_row(option)->default_value == NULL)
        return NULL;
    char *message = option_check(option, value, NULL);
    const char *name = option_row(option)->name, *at = message ? strstr(message, name) : NULL;
    if (at == NULL || strcmp(key, name) == 0)
        return message;
    char *named = memory_format("%.*s%s%s", (int)(at - message), message, key, at + strlen(name));
    free(message);
    return named;
}

const char *config_find_listener(const struct config *config, struct view name)
{
    for (size_t i = 0; i < config->listeners.count; i++) {
        const char *known = config->listeners.items[i].listener_name;
        if (strlen(known) == name.size && strncasecmp(known, (const char *)name.data, name.size) == 0)
            return known;
    }
    return NULL;
}

char *config_check_listener_keys(const struct config *config)
{
    for (size_t i = 0; i < config->file.count; i++) {
        const struct property *property = &config->file.items[i];
        struct view name;
        enum option option;
        if (!config_listener_key_parse(property->key, &name, &option) || !config_listener_has_own(option))
            continue;
        char *message = config_check_named(property->key, option, property->value);
        if (message != NULL)
            return message;
    }
    return NULL;
}

void config_warn_of_listener_key(const struct config *config, const char *key, struct view name, enum option option)
{
    bool is_small = true;
    for (size_t i = 0; i < name.size; i++)
        is_small &= !isupper(name.data[i]);
    if (!is_small)
        logger_warn("The configuration key %s has no effect: the listener's name must be in small letters there.", key);
    else if (config_find_listener(config, name) == NULL)
        logger_warn("The configuration key %s has no effect: listeners has no listener of that name.", key);
    else if (!config_listener_has_own(option))
        logger_warn("The configuration key %s is not acted on yet: %s counts for all listeners alike.", key,
                    option_row(option)->name);
}
