// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include "base/memory.h"
#include "server/config/config_internal.h"

#include <assert.h>
#include <unistd.h>

static bool is_of_broker(enum option option)
{
    enum option_scope scope = option_row(option)->scope;
    return scope == OPTION_SCOPE_BROKER || scope == OPTION_SCOPE_BROKER_DYNAMIC;
}

void config_value_set(struct config_value *value, enum option option, const char *string)
{
    char *message = option_check(option, string, &value->value);
    assert(message == NULL);
    free(message);
    free(value->string);
    value->string = string ? memory_copy_string(string) : NULL;
}

// broker.id and node.id are one setting under two names.
static void fill_synonyms(struct properties *file)
{
    const char *broker_id = properties_get(file, "broker.id"), *node_id = properties_get(file, "node.id");
    if (broker_id != NULL && node_id == NULL)
        properties_set(file, "node.id", broker_id);
    else if (node_id != NULL && broker_id == NULL)
        properties_set(file, "broker.id", node_id);
}

// An empty value of an option whose default is null says nothing, but for log.dirs, where it names no directory, and
// the passwords of stores, which may be empty.
static bool is_unset(enum option option, const char *value)
{
    bool says_something =
        option == OPTION_LOG_DIRS || option == OPTION_SSL_KEYSTORE_PASSWORD || option == OPTION_SSL_TRUSTSTORE_PASSWORD;
    return *value == 0 && !says_something && option_row(option)->default_value == NULL;
}

static char *read_values(struct config *config)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        enum option option = (enum option)i;
        if (is_of_broker(option))
            config_value_set(&config->values[option], option, option_row(option)->default_value);
    }
    for (size_t i = 0; i < config->file.count; i++) {
        const struct property *property = &config->file.items[i];
        enum option option;
        struct view listener;
        if (!option_find(OPTION_SCOPE_BROKER, view_of_string(property->key), &option)) {
            if (!config_listener_key_parse(property->key, &listener, &option))
                properties_set(&config->unknown, property->key, property->value);
            continue;
        }
        if (is_unset(option, property->value))
            continue;
        char *message = option_check(option, property->value, NULL);
        if (message != NULL)
            return message;
        config_value_set(&config->values[option], option, property->value);
    }
    return NULL;
}

static char *absolute_path(struct view path)
{
    if (path.size > 0 && path.data[0] == '/')
        return view_dup(path);
    char *directory = getcwd(NULL, 0);
    char *absolute = memory_format("%s/%.*s", directory ? directory : ".", VIEW_ARGS(path));
    free(directory);
    return absolute;
}

static char *read_log_directories(struct config *config)
{
    const char *list = config->values[OPTION_LOG_DIRS].string;
    if (list == NULL)
        list = config->values[OPTION_LOG_DIR].string;
    struct {
        ARRAY_OF(char *);
    } directories = {0};
    while (*list != 0) {
        size_t size = strcspn(list, ",");
        struct view path = view_of(list, size);
        while (path.size > 0 && path.data[path.size - 1] == ' ')
            path.size--;
        while (path.size > 0 && *path.data == ' ')
            path = view_of(path.data + 1, path.size - 1);
        if (path.size > 0)
            *array_append(&directories) = absolute_path(path);
        list += size + (list[size] == ',');
    }
    config->log_directories = directories.items;
    config->log_directory_count = directories.count;
    if (directories.count == 0)
        return memory_copy_string("At least one log directory must be defined via log.dirs or log.dir.");
    return NULL;
}

struct config *config_create(const struct properties *settings, char **reason)
{
    struct config *config = memory_alloc(sizeof *config);
    lock_init(&config->lock, LOCK_CONFIG);
    for (size_t i = 0; i < settings->count; i++)
        properties_set(&config->file, settings->items[i].key, settings->items[i].value);
    fill_synonyms(&config->file);
    char *message = read_values(config);
    if (message == NULL)
        message = config_check_file(config);
    if (message == NULL)
        message = config_derive_listeners(config);
    if (message == NULL)
        message = read_log_directories(config);
    if (message != NULL) {
        *reason = message;
        config_destroy(&config);
        return NULL;
    }
    config->broker_id = (int32_t)config->values[OPTION_BROKER_ID].value.integer;
    config_warn(config);
    return config;
}

void config_destroy(struct config **config)
{
    struct config *gone = *config;
    if (gone == NULL)
        return;
    size_t at = 0;
    void *overrides;
    while (map_next(&gone->topics, &at, NULL, &overrides)) {
        properties_fini(overrides);
        free(overrides);
    }
    map_fini(&gone->topics);
    for (int i = 0; i < OPTION_COUNT; i++)
        free(gone->values[i].string);
    for (size_t i = 0; i < gone->log_directory_count; i++)
        free(gone->log_directories[i]);
    free(gone->log_directories);
    endpoint_list_fini(&gone->listeners);
    endpoint_list_fini(&gone->advertised_listeners);
    properties_fini(&gone->of_broker);
    properties_fini(&gone->of_cluster);
    properties_fini(&gone->unknown);
    properties_fini(&gone->file);
    array_fini(&gone->observers);
    lock_fini(&gone->lock);
    free(gone);
    *config = NULL;
}

// Reads a value; string, when wanted, is copied under the lock.
static union option_value read_value(const struct config *config, enum option option, bool *is_null, char **string)
{
    assert(is_of_broker(option));
    lock_acquire(config_lock(config));
    const struct config_value *value = &config->values[option];
    union option_value result = value->value;
    if (is_null != NULL)
        *is_null = value->string == NULL;
    if (string != NULL)
        *string = value->string ? memory_copy_string(value->string) : NULL;
    lock_release(config_lock(config));
    return result;
}

bool config_is_null(const struct config *config, enum option option)
{
    bool is_null;
    read_value(config, option, &is_null, NULL);
    return is_null;
}

bool config_boolean(const struct config *config, enum option option)
{
    assert(option_row(option)->type == OPTION_TYPE_BOOLEAN);
    return read_value(config, option, NULL, NULL).boolean;
}

int64_t config_integer(const struct config *config, enum option option)
{
    enum option_type type = option_row(option)->type;
    assert(type == OPTION_TYPE_INT || type == OPTION_TYPE_SHORT || type == OPTION_TYPE_LONG);
    bool is_null;
    int64_t value = read_value(config, option, &is_null, NULL).integer;
    assert(!is_null);
    return value;
}

int32_t config_int(const struct config *config, enum option option)
{
    assert(option_row(option)->type != OPTION_TYPE_LONG);
    return (int32_t)config_integer(config, option);
}

const char *config_string(const struct config *config, enum option option)
{
    assert(is_of_broker(option) && option_row(option)->update == OPTION_UPDATE_READ_ONLY);
    return config->values[option].string;
}

char *config_copy_string(const struct config *config, enum option option)
{
    char *string;
    read_value(config, option, NULL, &string);
    return string;
}

int32_t config_broker_id(const struct config *config)
{
    return config->broker_id;
}

void config_set_broker_id(struct config *config, int32_t id)
{
    config->broker_id = id;
}

const char *const *config_log_directories(const struct config *config, size_t *count)
{
    *count = config->log_directory_count;
    return (const char *const *)config->log_directories;
}

const struct endpoint_list *config_listeners(const struct config *config)
{
    return &config->listeners;
}

const struct endpoint_list *config_advertised_listeners(const struct config *config)
{
    return &config->advertised_listeners;
}

const char *config_inter_broker_listener(const struct config *config)
{
    return config->inter_broker_listener;
}

int64_t config_zookeeper_connection_timeout_ms(const struct config *config)
{
    enum option option = config_is_null(config, OPTION_ZOOKEEPER_CONNECTION_TIMEOUT_MS)
                             ? OPTION_ZOOKEEPER_SESSION_TIMEOUT_MS
                             : OPTION_ZOOKEEPER_CONNECTION_TIMEOUT_MS;
    return config_integer(config, option);
}

const struct properties *config_unknown(const struct config *config)
{
    return &config->unknown;
}

bool config_key_of_source(const struct config *config, enum config_source source, const char *key, char **value)
{
    const struct properties *properties = source == CONFIG_SOURCE_BROKER           ? &config->of_broker
                                          : source == CONFIG_SOURCE_BROKER_DEFAULT ? &config->of_cluster
                                                                                   : &config->file;
    lock_acquire(config_lock(config));
    const char *found = source == CONFIG_SOURCE_DEFAULT ? NULL : properties_get(properties, key);
    *value = found ? memory_copy_string(found) : NULL;
    lock_release(config_lock(config));
    return found != NULL;
}

bool config_value_of_source(const struct config *config, enum config_source source, enum option option, char **value)
{
    const struct option_row *row = option_row(option);
    if (source != CONFIG_SOURCE_DEFAULT)
        return config_key_of_source(config, source, row->name, value);
    *value = row->default_value ? memory_copy_string(row->default_value) : NULL;
    return row->default_value != NULL;
}
