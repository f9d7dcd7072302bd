// SPDX-License-Identifier: Apache-2.0
// Configuration. The first byte says what the rest is: one option (two bytes) and its value; overrides of a topic; the
// broker's file, and behind an empty line what is set at run time. An option's canonical form is a valid value that
// means the same.
#include "base/logger.h"
#include "base/properties.h"
#include "log/log_config.h"
#include "rules/options.h"
#include "server/config/config.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <stdlib.h>

static void run_option(struct view input)
{
    unsigned high = input_byte(&input);
    enum option option = (enum option)((high << 8 | input_byte(&input)) % OPTION_COUNT);
    char *string = view_dup(input.size > 0 ? input : view_of("", 0));
    union option_value value = {0}, again = {0};
    char *reason = option_check(option, string, &value);
    if (reason == NULL) {
        char *canonical = option_format(option, string);
        assert(canonical != NULL);
        reason = option_check(option, canonical, &again);
        enum option_type type = option_row(option)->type;
        if (type != OPTION_TYPE_PASSWORD) {
            assert(reason == NULL);
            assert(type != OPTION_TYPE_BOOLEAN || value.boolean == again.boolean);
            if (type == OPTION_TYPE_INT || type == OPTION_TYPE_SHORT || type == OPTION_TYPE_LONG)
                assert(value.integer == again.integer);
            if (type == OPTION_TYPE_DOUBLE)
                assert(memcmp(&value.real, &again.real, sizeof value.real) == 0);
        }
        free(canonical);
    }
    free(reason);
    option_list_has(string, "delete");
    free(string);
}

static void run_topic(struct view input)
{
    struct properties overrides = {0};
    (void)!properties_parse(&overrides, input);
    free(options_check_topic(&overrides));
    properties_fini(&overrides);
}

static void set_if_missing(struct properties *properties, const char *key, const char *value)
{
    if (properties_get(properties, key) == NULL)
        properties_set(properties, key, value);
}

static void run_changes(struct config *config, struct view input)
{
    struct properties changes = {0};
    struct log_config log_config;
    enum config_source source;
    (void)!properties_parse(&changes, input);
    for (int cluster_wide = 0; cluster_wide < 2; cluster_wide++) {
        free(config_check_broker(config, &changes, cluster_wide));
        config_set_broker(config, &changes, cluster_wide);
    }
    config_set_topic(config, view_of_string("t"), &changes);
    properties_fini(&changes);
    config_copy_topic(config, view_of_string("t"), &changes);
    config_topic_log(config, view_of_string("t"), &log_config);
    for (int option = 0; option < OPTION_COUNT; option++) {
        char *value = NULL;
        if (option_row((enum option)option)->scope == OPTION_SCOPE_TOPIC)
            value = config_topic_value(config, &changes, (enum option)option, &source);
        free(value);
    }
    properties_fini(&changes);
}

static void run_broker(struct view input)
{
    struct properties properties = {0};
    const uint8_t *end = input.size > 0 ? memmem(input.data, input.size, "\n\n", 2) : NULL;
    struct view file = end != NULL ? view_of(input.data, (size_t)(end - input.data)) : input;
    char *reason = NULL;
    (void)!properties_parse(&properties, file);
    set_if_missing(&properties, "broker.id", "1");
    set_if_missing(&properties, "zookeeper.connect", "localhost:2181");
    struct config *config = config_create(&properties, &reason);
    assert((config == NULL) == (reason != NULL));
    free(reason);
    if (config != NULL)
        run_changes(config, view_of(input.data + file.size, input.size - file.size));
    config_destroy(&config);
    properties_fini(&properties);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_of(data, size);
    logger_set_level(LOGGER_FATAL);
    switch (input_byte(&input) % 3) {
    case 0:
        run_option(input);
        break;
    case 1:
        run_topic(input);
        break;
    default:
        run_broker(input);
        break;
    }
    return 0;
}
