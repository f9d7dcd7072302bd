// SPDX-License-Identifier: Apache-2.0
// Every configuration key of Kafka 3.9 with its type, default, bounds and what Barnabas does with it: the one table
// (rules/options.def) that the broker, DescribeConfigs, the tools and docs/configuration.md share. Immutable data;
// every function is safe from every thread.
#ifndef RULES_OPTIONS_H
#define RULES_OPTIONS_H

#include "base/error.h"
#include "base/properties.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

// OPTION_NUM_PARTITIONS for a broker's key, OPTION_TOPIC_RETENTION_MS for a topic's, OPTION_DYNAMIC_… for those that
// exist only in ZooKeeper, OPTION_CLIENT_QUOTA_…, OPTION_USER_…, OPTION_IP_QUOTA_…, OPTION_CLIENT_METRICS_….
enum option {
#define ROW(scope, id, name, type, default, valid, importance, update, internal, synonyms, handling, text) OPTION_##id,
#include "rules/options.def"
#undef ROW
    OPTION_COUNT
};

enum option_scope {
    OPTION_SCOPE_BROKER,
    OPTION_SCOPE_TOPIC,
    OPTION_SCOPE_BROKER_DYNAMIC, // only in /config/brokers
    OPTION_SCOPE_CLIENT_QUOTA,
    OPTION_SCOPE_USER,
    OPTION_SCOPE_IP_QUOTA,
    OPTION_SCOPE_CLIENT_METRICS,
};

// The numbers are those of DescribeConfigs.
enum option_type {
    OPTION_TYPE_BOOLEAN = 1,
    OPTION_TYPE_STRING = 2,
    OPTION_TYPE_INT = 3,
    OPTION_TYPE_SHORT = 4,
    OPTION_TYPE_LONG = 5,
    OPTION_TYPE_DOUBLE = 6,
    OPTION_TYPE_LIST = 7,
    OPTION_TYPE_CLASS = 8,
    OPTION_TYPE_PASSWORD = 9, // sensitive: never shown
};

enum option_importance { OPTION_IMPORTANCE_HIGH, OPTION_IMPORTANCE_MEDIUM, OPTION_IMPORTANCE_LOW };

enum option_update {
    OPTION_UPDATE_READ_ONLY,    // at a restart
    OPTION_UPDATE_PER_BROKER,   // at run time, in /config/brokers/N
    OPTION_UPDATE_CLUSTER_WIDE, // at run time, in /config/brokers/<default> or /config/brokers/N
    OPTION_UPDATE_DYNAMIC,      // only at run time
};

enum option_handling {
    OPTION_HANDLING_ACTED_ON, // Barnabas does what the key says
    OPTION_HANDLING_WARNED,   // known; a value other than the default is warned about
    OPTION_HANDLING_REFUSED,  // known; a value other than the default stops the start
};

enum option_valid_kind {
    OPTION_VALID_ANY,
    OPTION_VALID_RANGE,
    OPTION_VALID_ONE_OF,
    OPTION_VALID_ONE_OF_ANY_CASE,
    OPTION_VALID_EACH_OF, // of a list
    OPTION_VALID_NON_EMPTY,
    OPTION_VALID_VERSION,
    OPTION_VALID_GZIP_LEVEL,
    OPTION_VALID_THROTTLED_REPLICAS,
};

struct option_valid {
    enum option_valid_kind kind;
    bool has_maximum;
    double minimum, maximum; // exact for every bound in the table
    const char *words;       // "a, b, c"
};

struct option_row {
    enum option_scope scope;
    const char *name;
    enum option_type type;
    const char *default_value; // NULL: null
    struct option_valid valid;
    enum option_importance importance;
    enum option_update update;
    bool internal;
    const char *synonyms; // broker: the topic key it is the default of; topic: broker keys, highest first; NULL
    enum option_handling handling;
    const char *text;
};

const struct option_row *option_row(enum option option);

// The option of that name in the scope; false when there is none.
bool option_find(enum option_scope scope, struct view name, enum option *option);

// A value as its type has it. strings are the caller's; lists stay strings.
union option_value {
    bool boolean;
    int64_t integer; // INT, SHORT, LONG
    double real;
};

// Checks the type and the bounds of a value; NULL is allowed only where the default is NULL. Fills *value (may be NULL)
// for types other than strings. Returns NULL, or a new text for people in Kafka's words, as "Invalid value abc for
// configuration broker.id: Not a number of type INT" (free() it).
char *option_check(enum option option, const char *string, union option_value *value);

// Checks a topic's overrides: every key known, every value within its bounds, and the bounds between keys. Returns
// NULL, or a new text in Kafka's words: "Unknown topic config name: foo", …
char *options_check_topic(const struct properties *overrides);

// The value as DescribeConfigs and the log show it: numbers and booleans in their canonical form. A new string, or NULL
// for null.
char *option_format(enum option option, const char *string);

// Whether the list (comma separated, blanks around the words do not count) has the word.
bool option_list_has(const char *list, const char *word);

#endif
