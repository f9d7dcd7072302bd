// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_synonyms.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void config_synonyms_add(struct config_synonyms *synonyms, const char *name, enum config_source source, char *value)
{
    *array_append(synonyms) = (struct config_synonym){name, source, value};
}

void config_synonyms_fini(struct config_synonyms *synonyms)
{
    for (size_t i = 0; i < synonyms->count; i++)
        free(synonyms->items[i].value);
    array_fini(synonyms);
}

// Keys that mean one thing in several units, the first that is set counts.
static const enum option *family(enum option option, size_t *count)
{
    static const enum option retention[] = {OPTION_LOG_RETENTION_MS, OPTION_LOG_RETENTION_MINUTES,
                                            OPTION_LOG_RETENTION_HOURS};
    static const enum option roll[] = {OPTION_LOG_ROLL_MS, OPTION_LOG_ROLL_HOURS};
    static const enum option jitter[] = {OPTION_LOG_ROLL_JITTER_MS, OPTION_LOG_ROLL_JITTER_HOURS};
    static const enum option flush[] = {OPTION_LOG_FLUSH_INTERVAL_MS, OPTION_LOG_FLUSH_SCHEDULER_INTERVAL_MS};
    switch (option) {
    case OPTION_LOG_RETENTION_MS:
    case OPTION_LOG_RETENTION_MINUTES:
    case OPTION_LOG_RETENTION_HOURS:
        *count = sizeof retention / sizeof retention[0];
        return retention;
    case OPTION_LOG_ROLL_MS:
    case OPTION_LOG_ROLL_HOURS:
        *count = sizeof roll / sizeof roll[0];
        return roll;
    case OPTION_LOG_ROLL_JITTER_MS:
    case OPTION_LOG_ROLL_JITTER_HOURS:
        *count = sizeof jitter / sizeof jitter[0];
        return jitter;
    case OPTION_LOG_FLUSH_INTERVAL_MS:
        *count = sizeof flush / sizeof flush[0];
        return flush;
    default:
        *count = 0;
        return NULL;
    }
}

static void add_source(const struct config *config, enum config_source source, enum option option,
                       const char *described, struct config_synonyms *synonyms)
{
    const char *name = option_row(option)->name;
    char *value;
    // Stand-ins count only behind the key itself.
    if (synonyms->count == 0 && strcmp(name, described) != 0)
        return;
    if (config_value_of_source(config, source, option, &value))
        config_synonyms_add(synonyms, name, source, value);
}

static const enum config_source sources[] = {CONFIG_SOURCE_BROKER, CONFIG_SOURCE_BROKER_DEFAULT, CONFIG_SOURCE_FILE,
                                             CONFIG_SOURCE_DEFAULT};

void config_synonyms_of_listener_key(const struct config *config, const char *key, enum option option,
                                     bool cluster_wide, struct config_synonyms *synonyms)
{
    char *value;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (cluster_wide && sources[i] != CONFIG_SOURCE_BROKER_DEFAULT)
            continue;
        if (config_key_of_source(config, sources[i], key, &value))
            config_synonyms_add(synonyms, key, sources[i], value);
        add_source(config, sources[i], option, key, synonyms);
    }
}

void config_synonyms_of_broker(const struct config *config, enum option option, bool cluster_wide,
                               struct config_synonyms *synonyms)
{
    const char *described = option_row(option)->name;
    size_t count;
    const enum option *options = family(option, &count);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (cluster_wide && sources[i] != CONFIG_SOURCE_BROKER_DEFAULT)
            continue;
        for (size_t j = 0; j < count; j++)
            add_source(config, sources[i], options[j], described, synonyms);
        if (count == 0)
            add_source(config, sources[i], option, described, synonyms);
    }
}

void config_synonyms_of_topic(const struct config *config, enum option option, const struct properties *overrides,
                              struct config_synonyms *synonyms)
{
    const struct option_row *row = option_row(option);
    const char *override = overrides ? properties_get(overrides, row->name) : NULL;
    if (override != NULL)
        config_synonyms_add(synonyms, row->name, CONFIG_SOURCE_TOPIC, option_format(option, override));
    if (row->synonyms == NULL)
        return;
    enum option first;
    struct config_synonyms of_broker = {0};
    if (option_find(OPTION_SCOPE_BROKER, view_of(row->synonyms, strcspn(row->synonyms, ",")), &first))
        config_synonyms_of_broker(config, first, false, &of_broker);
    for (size_t i = 0; i < of_broker.count; i++)
        *array_append(synonyms) = of_broker.items[i]; // the values move
    array_fini(&of_broker);
}
