// SPDX-License-Identifier: Apache-2.0
// DescribeConfigs: every key of a topic or of this broker, with the sources that say something about it, the one in
// force first.
#include "base/error.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/request.h"
#include "rules/options.h"
#include "rules/topic_name.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/config/config_synonyms.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"

#include <errno.h>
#include <stdlib.h>

// The numbers of resources in this API (KIP-133, KIP-412).
enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, RESOURCE_BROKER_LOGGER = 8 };
enum { CONFIG_SOURCE_BROKER_LOGGER = 6 };

struct description {
    struct broker *broker;
    struct request *request;
    const struct describe_configs_request *wanted;
    const struct describe_configs_request_resource *resource;
    struct describe_configs_response_result *result;
    const struct properties *topic_overrides; // of a topic
    bool is_complete;                         // false: memory is gone
};

static bool refuse(struct description *description, enum kafka_error error, const char *text)
{
    description->result->error_code = (int16_t)error;
    description->result->error_message = view_of_string(text);
    return text != NULL;
}

// Whether the key is asked for; no keys ask for all.
static bool is_wanted(const struct description *description, const char *name)
{
    const struct string_array *keys = &description->resource->configuration_keys;
    for (int32_t i = 0; i < keys->count; i++) {
        if (view_equal_string(keys->items[i], name))
            return true;
    }
    return keys->count <= 0;
}

// Moves a heap string into the request's arena.
static struct view keep(struct description *description, char *string)
{
    struct view kept = view_copy(&description->request->arena, view_of_string(string));
    description->is_complete &= string == NULL || !view_is_null(kept);
    free(string);
    return kept;
}

static struct describe_configs_response_config *add_row(struct description *description)
{
    return &description->result->configs.items[description->result->configs.count++];
}

static bool alloc_rows(struct description *description, size_t count)
{
    description->result->configs.items =
        message_alloc_array(&description->request->arena, &describe_configs_response_config_schema, (int32_t)count);
    return description->result->configs.items != NULL;
}

// Synonyms of one row are collected here before they are put into the arena.
static void fill_synonyms(struct description *description, struct describe_configs_response_config *row,
                          const struct config_synonyms *synonyms)
{
    row->config_source = synonyms->count > 0 ? synonyms->items[0].source : CONFIG_SOURCE_DEFAULT;
    row->is_default = description->request->api_version == 0 && row->config_source == CONFIG_SOURCE_DEFAULT;
    if (!description->wanted->include_synonyms)
        return;
    row->synonyms.items = message_alloc_array(&description->request->arena, &describe_configs_response_synonym_schema,
                                              (int32_t)synonyms->count);
    if (row->synonyms.items == NULL) {
        description->is_complete = false;
        return;
    }
    for (size_t i = 0; i < synonyms->count; i++) {
        struct describe_configs_response_synonym *to = &row->synonyms.items[row->synonyms.count++];
        to->name = view_copy(&description->request->arena, view_of_string(synonyms->items[i].name));
        description->is_complete &= !view_is_null(to->name);
        to->source = (int8_t)synonyms->items[i].source;
        to->value = VIEW_NULL;
        if (!row->is_sensitive)
            to->value = view_copy(&description->request->arena, view_of_string(synonyms->items[i].value));
    }
}

static void fill_row(struct description *description, struct describe_configs_response_config *row, enum option option)
{
    const struct option_row *table_row = option_row(option);
    row->name = view_of_string(table_row->name);
    row->is_sensitive = table_row->type == OPTION_TYPE_PASSWORD;
    row->config_type = (int8_t)table_row->type;
    row->value = VIEW_NULL;
    if (description->wanted->include_documentation)
        row->documentation = view_of_string(table_row->text);
}

// ---- A topic

static void describe_topic_option(struct description *description, enum option option)
{
    struct describe_configs_response_config *row = add_row(description);
    fill_row(description, row, option);
    const struct config *config = description->broker->config;
    enum config_source source;
    row->value = keep(description, config_topic_value(config, description->topic_overrides, option, &source));
    struct config_synonyms synonyms = {0};
    config_synonyms_of_topic(config, option, description->topic_overrides, &synonyms);
    fill_synonyms(description, row, &synonyms);
    config_synonyms_fini(&synonyms);
}

static bool describe_topic(struct description *description)
{
    struct view name = description->resource->resource_name;
    char *invalid = topic_name_check(name);
    if (invalid != NULL)
        return refuse(description, KAFKA_INVALID_TOPIC_EXCEPTION, (const char *)keep(description, invalid).data);
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(description->broker->metadata_cache);
    bool exists = metadata_snapshot_topic(snapshot, name) != NULL;
    metadata_snapshot_unref(snapshot);
    if (!exists) {
        description->result->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return true;
    }
    if (!alloc_rows(description, OPTION_COUNT))
        return false;
    struct properties overrides = {0};
    config_copy_topic(description->broker->config, name, &overrides);
    description->topic_overrides = &overrides;
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = option_row((enum option)i);
        if (row->scope == OPTION_SCOPE_TOPIC && !row->internal && is_wanted(description, row->name))
            describe_topic_option(description, (enum option)i);
    }
    properties_fini(&overrides);
    return description->is_complete;
}

// ---- A broker

static void describe_broker_option(struct description *description, enum option option, bool defaults_only)
{
    struct describe_configs_response_config *row = add_row(description);
    fill_row(description, row, option);
    row->read_only = option_row(option)->update == OPTION_UPDATE_READ_ONLY;
    const struct config *config = description->broker->config;
    struct config_synonyms synonyms = {0};
    config_synonyms_of_broker(config, option, defaults_only, &synonyms);
    if (!row->is_sensitive) {
        char *string = defaults_only ? memory_copy_string(synonyms.items[0].value) : config_copy_string(config, option);
        row->value = keep(description, option_format(option, string));
        free(string);
    }
    fill_synonyms(description, row, &synonyms);
    config_synonyms_fini(&synonyms);
}

// A key of one listener. As in Apache Kafka it is called read-only, though an admin may change some of them.
static void describe_listener_key(struct description *description, const struct property *property, bool defaults_only)
{
    enum option option;
    if (!is_wanted(description, property->key) || !config_listener_key_option(property->key, &option))
        return;
    struct describe_configs_response_config *row = add_row(description);
    fill_row(description, row, option);
    row->name = keep(description, memory_copy_string(property->key));
    row->documentation = VIEW_NULL;
    row->read_only = true;
    if (!row->is_sensitive)
        row->value = keep(description, memory_copy_string(property->value));
    struct config_synonyms synonyms = {0};
    config_synonyms_of_listener_key(description->broker->config, property->key, option, defaults_only, &synonyms);
    fill_synonyms(description, row, &synonyms);
    config_synonyms_fini(&synonyms);
}

// A key of the file that no table has: nobody knows whether it is secret, so it is treated as such.
static void describe_unknown(struct description *description, const struct property *property)
{
    struct describe_configs_response_config *row = add_row(description);
    row->name = view_of_string(property->key);
    row->value = VIEW_NULL;
    row->is_sensitive = true;
    row->read_only = true;
    struct config_synonyms synonyms = {0};
    config_synonyms_add(&synonyms, property->key, CONFIG_SOURCE_FILE, memory_copy_string(property->value));
    fill_synonyms(description, row, &synonyms);
    config_synonyms_fini(&synonyms);
}

static bool describe_all_of_broker(struct description *description)
{
    const struct properties *unknown = config_unknown(description->broker->config);
    struct properties of_listeners = {0};
    config_copy_listener_keys(description->broker->config, false, &of_listeners);
    if (!alloc_rows(description, OPTION_COUNT + unknown->count + of_listeners.count)) {
        properties_fini(&of_listeners);
        return false;
    }
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = option_row((enum option)i);
        if (row->scope == OPTION_SCOPE_BROKER && !row->internal && is_wanted(description, row->name))
            describe_broker_option(description, (enum option)i, false);
    }
    for (size_t i = 0; i < unknown->count; i++) {
        if (is_wanted(description, unknown->items[i].key))
            describe_unknown(description, &unknown->items[i]);
    }
    for (size_t i = 0; i < of_listeners.count; i++)
        describe_listener_key(description, &of_listeners.items[i], false);
    properties_fini(&of_listeners);
    return description->is_complete;
}

// The empty name stands for what is set for all brokers at run time.
static bool describe_cluster_defaults(struct description *description)
{
    struct properties of_listeners = {0};
    config_copy_listener_keys(description->broker->config, true, &of_listeners);
    if (!alloc_rows(description, OPTION_COUNT + of_listeners.count)) {
        properties_fini(&of_listeners);
        return false;
    }
    for (size_t i = 0; i < of_listeners.count; i++)
        describe_listener_key(description, &of_listeners.items[i], true);
    properties_fini(&of_listeners);
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = option_row((enum option)i);
        char *value = NULL;
        bool is_set =
            row->scope == OPTION_SCOPE_BROKER && is_wanted(description, row->name) &&
            config_value_of_source(description->broker->config, CONFIG_SOURCE_BROKER_DEFAULT, (enum option)i, &value);
        free(value);
        if (is_set)
            describe_broker_option(description, (enum option)i, true);
    }
    return description->is_complete;
}

static bool parse_id(struct view name, int32_t *id)
{
    char text[12], *end;
    if (name.size == 0 || name.size >= sizeof text)
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = 0;
    errno = 0;
    long value = strtol(text, &end, 10);
    *id = (int32_t)value;
    return errno == 0 && *end == 0 && value >= INT32_MIN && value <= INT32_MAX;
}

// Whether the resource names this broker; else it is refused, with *go_on saying whether there is an answer.
static bool is_own_name(struct description *description, const char *or_empty, bool *go_on)
{
    struct arena *arena = &description->request->arena;
    struct view name = description->resource->resource_name;
    int32_t id;
    const char *text;
    if (!parse_id(name, &id))
        text = arena_format(arena, "Broker id must be an integer, but it is: %.*s", VIEW_ARGS(name));
    else if (id != description->broker->id)
        text = arena_format(arena, "Unexpected broker id, expected %d%s, but received %.*s", description->broker->id,
                            or_empty, VIEW_ARGS(name));
    else
        return true;
    *go_on = refuse(description, KAFKA_INVALID_REQUEST, text);
    return false;
}

static bool describe_broker(struct description *description)
{
    bool go_on;
    if (description->resource->resource_name.size == 0)
        return describe_cluster_defaults(description);
    return is_own_name(description, " or empty string", &go_on) ? describe_all_of_broker(description) : go_on;
}

static const char *root_level(void)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    int level = LOGGER_TRACE;
    while (level < LOGGER_FATAL && !logger_is_enabled((enum logger_level)level))
        level++;
    return names[level];
}

static bool describe_logger(struct description *description)
{
    bool go_on;
    if (description->resource->resource_name.size == 0)
        return refuse(description, KAFKA_INVALID_REQUEST, "Broker id must not be empty");
    if (!is_own_name(description, "", &go_on))
        return go_on;
    if (!alloc_rows(description, 1))
        return false;
    if (is_wanted(description, "root")) {
        struct describe_configs_response_config *row = add_row(description);
        row->name = view_of_string("root");
        row->value = view_of_string(root_level());
        row->config_source = CONFIG_SOURCE_BROKER_LOGGER;
        row->config_type = OPTION_TYPE_STRING;
    }
    return true;
}

static bool describe(struct description *description)
{
    switch (description->resource->resource_type) {
    case RESOURCE_TOPIC:
        return describe_topic(description);
    case RESOURCE_BROKER:
        return describe_broker(description);
    case RESOURCE_BROKER_LOGGER:
        return describe_logger(description);
    default:
        return refuse(description, KAFKA_INVALID_REQUEST,
                      arena_format(&description->request->arena, "Unsupported resource type: %d",
                                   description->resource->resource_type));
    }
}

void describe_configs_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct describe_configs_request *wanted = message;
    struct describe_configs_response response = describe_configs_response_default;
    response.results.items =
        message_alloc_array(&request->arena, &describe_configs_response_result_schema, wanted->resources.count);
    bool is_complete = response.results.items != NULL;
    for (int32_t i = 0; is_complete && i < wanted->resources.count; i++) {
        struct description description = {
            .broker = broker,
            .request = request,
            .wanted = wanted,
            .resource = &wanted->resources.items[i],
            .result = &response.results.items[response.results.count++],
            .is_complete = true,
        };
        description.result->resource_type = description.resource->resource_type;
        description.result->resource_name = description.resource->resource_name;
        description.result->error_message = view_of_string("");
        is_complete = describe(&description);
    }
    if (is_complete)
        dispatch_respond(request, &response);
    else
        dispatch_close(request);
}
