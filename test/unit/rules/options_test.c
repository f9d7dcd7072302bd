// SPDX-License-Identifier: Apache-2.0
#include "rules/options.h"

#include "test/unit/suite.h"

#include <stdlib.h>
#include <string.h>

static void expect(enum option option, const char *value, const char *message)
{
    char *found = option_check(option, value, NULL);
    if (message == NULL) {
        CU_ASSERT_PTR_NULL(found);
    } else {
        CU_ASSERT_PTR_NOT_NULL_FATAL(found);
        CU_ASSERT_STRING_EQUAL(found, message);
    }
    free(found);
}

// Every default satisfies its own row; names are unique in their scope; synonyms exist.
static void has_a_sound_table(void)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = option_row((enum option)i);
        char *message = option_check((enum option)i, row->default_value, NULL);
        CU_ASSERT_PTR_NULL(message);
        free(message);
        enum option found;
        CU_ASSERT_TRUE(option_find(row->scope, view_of_string(row->name), &found));
        CU_ASSERT_EQUAL(found, (enum option)i);
        CU_ASSERT_TRUE(strlen(row->text) > 10);
        for (const char *name = row->synonyms; name != NULL && *name != 0;) {
            size_t size = strcspn(name, ",");
            enum option_scope other = row->scope == OPTION_SCOPE_TOPIC ? OPTION_SCOPE_BROKER : OPTION_SCOPE_TOPIC;
            CU_ASSERT_TRUE(option_find(other, view_of(name, size), &found));
            name += size + (name[size] == ',');
        }
    }
}

static void says_what_is_wrong_as_kafka_does(void)
{
    expect(OPTION_BROKER_ID, "abc", "Invalid value abc for configuration broker.id: Not a number of type INT");
    expect(OPTION_BROKER_ID, "2147483648",
           "Invalid value 2147483648 for configuration broker.id: Not a number of type INT");
    expect(
        OPTION_AUTO_CREATE_TOPICS_ENABLE, "maybe",
        "Invalid value maybe for configuration auto.create.topics.enable: Expected value to be either true or false");
    expect(OPTION_NUM_PARTITIONS, "0", "Invalid value 0 for configuration num.partitions: Value must be at least 1");
    expect(OPTION_COMPRESSION_ZSTD_LEVEL, "23",
           "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22");
    expect(
        OPTION_COMPRESSION_TYPE, "rar",
        "Invalid value rar for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, "
        "gzip, producer");
    expect(OPTION_LOG_CLEANUP_POLICY, "delete,never",
           "Invalid value never for configuration log.cleanup.policy: String must be one of: compact, delete");
    expect(OPTION_LOG_RETENTION_BYTES, "",
           "Invalid value  for configuration log.retention.bytes: Not a number of type "
           "LONG");
    expect(OPTION_NUM_PARTITIONS, NULL, "Invalid value null for configuration num.partitions: entry must be non null");
}

static void takes_what_kafka_takes(void)
{
    expect(OPTION_LOG_CLEANUP_POLICY, " compact , delete", NULL);
    expect(OPTION_AUTO_CREATE_TOPICS_ENABLE, " TRUE ", NULL);
    expect(OPTION_NUM_PARTITIONS, " 7 ", NULL);
    expect(OPTION_LOG_RETENTION_MS, "-1", NULL);
    expect(OPTION_LOG_DIRS, NULL, NULL);
    expect(OPTION_COMPRESSION_GZIP_LEVEL, "-1", NULL);
    expect(OPTION_INTER_BROKER_PROTOCOL_VERSION, "3.9", NULL);
    expect(OPTION_INTER_BROKER_PROTOCOL_VERSION, "2.8-IV1", NULL);
    expect(OPTION_TOPIC_FOLLOWER_REPLICATION_THROTTLED_REPLICAS, "0:1,12:3", NULL);
    expect(OPTION_TOPIC_FOLLOWER_REPLICATION_THROTTLED_REPLICAS, "*", NULL);
    union option_value value;
    CU_ASSERT_PTR_NULL(option_check(OPTION_LOG_SEGMENT_BYTES, "+14", &value));
    CU_ASSERT_EQUAL(value.integer, 14);
}

static void checks_topics(void)
{
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"retention.ms", "1000", NULL},
        {"nosuch", "1", "Unknown topic config name: nosuch"},
        {"log.retention.ms", "1", "Unknown topic config name: log.retention.ms"},
        {"retention.ms", "soon", "Invalid value soon for configuration retention.ms: Not a number of type LONG"},
        {"segment.bytes", "13", "Invalid value 13 for configuration segment.bytes: Value must be at least 14"},
        {"max.compaction.lag.ms", "5",
         "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct properties overrides = {0};
        properties_set(&overrides, "min.compaction.lag.ms", "10");
        properties_set(&overrides, cases[i].key, cases[i].value);
        char *message = options_check_topic(&overrides);
        if (cases[i].message == NULL) {
            CU_ASSERT_PTR_NULL(message);
        } else {
            CU_ASSERT_STRING_EQUAL(message, cases[i].message);
        }
        free(message);
        properties_fini(&overrides);
    }
}

static void prints_values_as_java_does(void)
{
    static const struct {
        enum option option;
        const char *value, *text;
    } cases[] = {
        {OPTION_LOG_CLEANER_IO_MAX_BYTES_PER_SECOND, "1.7976931348623157E308", "1.7976931348623157E308"},
        {OPTION_LOG_CLEANER_MIN_CLEANABLE_RATIO, "0.5", "0.5"},
        {OPTION_LOG_CLEANER_MIN_CLEANABLE_RATIO, "1", "1.0"},
        {OPTION_NUM_PARTITIONS, " 007 ", "7"},
        {OPTION_AUTO_CREATE_TOPICS_ENABLE, "True", "true"},
        {OPTION_LOG_CLEANUP_POLICY, " compact ,delete ", "compact,delete"},
        {OPTION_SSL_CIPHER_SUITES, "", ""},
        {OPTION_CLIENT_QUOTA_REQUEST_PERCENTAGE, "2.147483647E9", "2.147483647E9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = option_format(cases[i].option, cases[i].value);
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
        free(text);
    }
}

SUITE_MAIN("rules/options", {"has a sound table", has_a_sound_table},
           {"says what is wrong as Kafka does", says_what_is_wrong_as_kafka_does},
           {"takes what Kafka takes", takes_what_kafka_takes}, {"checks topics", checks_topics},
           {"prints values as Java does", prints_values_as_java_does})
