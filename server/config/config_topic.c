// SPDX-License-Identifier: Apache-2.0
// What topics add to the broker's values, and what both mean to a log.
#include "base/logger.h"
#include "base/memory.h"
#include "log/log_config.h"
#include "server/config/config_internal.h"
#include "server/config/config_synonyms.h"

#include <assert.h>

static void copy_properties(const struct properties *from, struct properties *to)
{
    for (size_t i = 0; i < from->count; i++)
        properties_set(to, from->items[i].key, from->items[i].value);
}

static void destroy_properties(struct properties *properties)
{
    if (properties == NULL)
        return;
    properties_fini(properties);
    free(properties);
}

void config_set_topic(struct config *config, struct view topic, const struct properties *overrides)
{
    struct properties *copy = memory_alloc(sizeof *copy);
    for (size_t i = 0; overrides != NULL && i < overrides->count; i++) {
        const struct property *property = &overrides->items[i];
        enum option option;
        char *message = option_find(OPTION_SCOPE_TOPIC, view_of_string(property->key), &option)
                            ? option_check(option, property->value, NULL)
                            : memory_format("Unknown topic config name: %s", property->key);
        if (message == NULL)
            properties_set(copy, property->key, property->value);
        else
            logger_warn("The configuration of topic %.*s in ZooKeeper has an entry that is left out: %s",
                        VIEW_ARGS(topic), message);
        free(message);
    }
    lock_acquire(&config->lock);
    struct properties *before;
    if (copy->count > 0)
        before = map_put(&config->topics, topic, copy);
    else
        before = map_remove(&config->topics, topic);
    lock_release(&config->lock);
    if (copy->count == 0)
        destroy_properties(copy);
    destroy_properties(before);
}

void config_copy_topic(const struct config *config, struct view topic, struct properties *overrides)
{
    lock_acquire(config_lock(config));
    const struct properties *found = map_get(&config->topics, topic);
    if (found != NULL)
        copy_properties(found, overrides);
    lock_release(config_lock(config));
}

// What one of the topic key's synonyms says in the key's own unit; false when it is null.
static bool synonym_value(const struct config *config, enum option synonym, struct config_value *result)
{
    const struct config_value *value = &config->values[synonym];
    if (value->string == NULL)
        return false;
    *result = *value;
    int64_t unit_ms = 1;
    if (synonym == OPTION_LOG_RETENTION_MINUTES)
        unit_ms = INT64_C(60) * 1000;
    else if (synonym == OPTION_LOG_RETENTION_HOURS || synonym == OPTION_LOG_ROLL_HOURS ||
             synonym == OPTION_LOG_ROLL_JITTER_HOURS)
        unit_ms = INT64_C(60) * 60 * 1000;
    if (unit_ms != 1)
        result->value.integer *= unit_ms;
    bool is_retention = synonym == OPTION_LOG_RETENTION_MS || synonym == OPTION_LOG_RETENTION_MINUTES ||
                        synonym == OPTION_LOG_RETENTION_HOURS;
    if (is_retention && result->value.integer < 0)
        result->value.integer = -1;
    return true;
}

// The broker's value for a topic key. The string is the broker's own, under the lock.
static struct config_value broker_value(const struct config *config, enum option option)
{
    struct config_value result = {0};
    const char *names = option_row(option)->synonyms;
    while (names != NULL && *names != 0) {
        size_t size = strcspn(names, ",");
        enum option synonym;
        bool is_known = option_find(OPTION_SCOPE_BROKER, view_of(names, size), &synonym);
        assert(is_known);
        if (synonym_value(config, synonym, &result))
            return result;
        names += size + (names[size] == ',');
    }
    union {
        const char *constant;
        char *writable;
    } text = {option_row(option)->default_value};
    result.string = text.writable;
    char *message = option_check(option, text.constant, &result.value);
    assert(message == NULL);
    return result;
}

static struct config_value value_in_force(const struct config *config, const struct properties *overrides,
                                          enum option option)
{
    assert(option_row(option)->scope == OPTION_SCOPE_TOPIC);
    char *string = NULL;
    for (size_t i = 0; overrides != NULL && string == NULL && i < overrides->count; i++) {
        if (strcmp(overrides->items[i].key, option_row(option)->name) == 0)
            string = overrides->items[i].value;
    }
    if (string == NULL)
        return broker_value(config, option);
    struct config_value value = {.string = string};
    char *message = option_check(option, string, &value.value);
    assert(message == NULL);
    return value;
}

int64_t config_topic_integer(const struct config *config, struct view topic, enum option option)
{
    lock_acquire(config_lock(config));
    int64_t value = value_in_force(config, map_get(&config->topics, topic), option).value.integer;
    lock_release(config_lock(config));
    return value;
}

bool config_topic_boolean(const struct config *config, struct view topic, enum option option)
{
    lock_acquire(config_lock(config));
    bool value = value_in_force(config, map_get(&config->topics, topic), option).value.boolean;
    lock_release(config_lock(config));
    return value;
}

char *config_topic_value(const struct config *config, const struct properties *overrides, enum option option,
                         enum config_source *source)
{
    enum option_type type = option_row(option)->type;
    bool is_integer = type == OPTION_TYPE_LONG || type == OPTION_TYPE_INT;
    lock_acquire(config_lock(config));
    // Of an integer the value counts, not its text: a synonym may be in another unit.
    struct config_value value = value_in_force(config, overrides, option);
    char *string =
        is_integer ? memory_format("%lld", (long long)value.value.integer) : option_format(option, value.string);
    lock_release(config_lock(config));
    struct config_synonyms synonyms = {0};
    config_synonyms_of_topic(config, option, overrides, &synonyms);
    *source = synonyms.count > 0 ? synonyms.items[0].source : CONFIG_SOURCE_DEFAULT;
    config_synonyms_fini(&synonyms);
    return string;
}

static void read_compression(const struct config *config, const struct properties *overrides,
                             struct log_config *log_config)
{
    static const struct {
        const char *name;
        enum compression_codec codec;
        enum option level; // OPTION_COUNT: none
    } codecs[] = {
        {"uncompressed", COMPRESSION_NONE, OPTION_COUNT},
        {"gzip", COMPRESSION_GZIP, OPTION_TOPIC_COMPRESSION_GZIP_LEVEL},
        {"snappy", COMPRESSION_SNAPPY, OPTION_COUNT},
        {"lz4", COMPRESSION_LZ4, OPTION_TOPIC_COMPRESSION_LZ4_LEVEL},
        {"zstd", COMPRESSION_ZSTD, OPTION_TOPIC_COMPRESSION_ZSTD_LEVEL},
    };
    const char *name = value_in_force(config, overrides, OPTION_TOPIC_COMPRESSION_TYPE).string;
    log_config->compression_is_set = false;
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (!option_list_has(name, codecs[i].name))
            continue;
        log_config->compression_is_set = true;
        log_config->compression = codecs[i].codec;
        log_config->compression_level = COMPRESSION_LEVEL_DEFAULT;
        if (codecs[i].level != OPTION_COUNT)
            log_config->compression_level = (int32_t)value_in_force(config, overrides, codecs[i].level).value.integer;
    }
}

void config_topic_log(const struct config *config, struct view topic, struct log_config *log_config)
{
    *log_config = log_config_default();
    lock_acquire(config_lock(config));
    const struct properties *overrides = map_get(&config->topics, topic);
#define INTEGER(id) value_in_force(config, overrides, OPTION_TOPIC_##id).value.integer
    log_config->segment_size_max = INTEGER(SEGMENT_BYTES);
    log_config->segment_ms = INTEGER(SEGMENT_MS);
    log_config->segment_jitter_ms = INTEGER(SEGMENT_JITTER_MS);
    log_config->index_size_max = (int32_t)INTEGER(SEGMENT_INDEX_BYTES);
    log_config->index_interval = (int32_t)INTEGER(INDEX_INTERVAL_BYTES);
    log_config->preallocate = value_in_force(config, overrides, OPTION_TOPIC_PREALLOCATE).value.boolean;
    log_config->flush_messages = INTEGER(FLUSH_MESSAGES);
    log_config->flush_ms = INTEGER(FLUSH_MS);
    log_config->retention_size = INTEGER(RETENTION_BYTES);
    log_config->retention_ms = INTEGER(RETENTION_MS);
    log_config->file_delete_delay_ms = INTEGER(FILE_DELETE_DELAY_MS);
    const char *policy = value_in_force(config, overrides, OPTION_TOPIC_CLEANUP_POLICY).string;
    log_config->cleanup_delete = option_list_has(policy, "delete");
    log_config->cleanup_compact = option_list_has(policy, "compact");
    log_config->message_size_max = (int32_t)INTEGER(MAX_MESSAGE_BYTES);
    log_config->log_append_time =
        option_list_has(value_in_force(config, overrides, OPTION_TOPIC_MESSAGE_TIMESTAMP_TYPE).string, "LogAppendTime");
    int64_t difference_ms = INTEGER(MESSAGE_TIMESTAMP_DIFFERENCE_MAX_MS);
    int64_t before_ms = INTEGER(MESSAGE_TIMESTAMP_BEFORE_MAX_MS), after_ms = INTEGER(MESSAGE_TIMESTAMP_AFTER_MAX_MS);
    log_config->timestamp_before_max_ms = before_ms != INT64_MAX ? before_ms : difference_ms;
    log_config->timestamp_after_max_ms = after_ms != INT64_MAX ? after_ms : difference_ms;
#undef INTEGER
    read_compression(config, overrides, log_config);
    lock_release(config_lock(config));
}
