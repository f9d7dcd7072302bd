// SPDX-License-Identifier: Apache-2.0
#include "rules/options.h"

#include "base/memory.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

// What the column `valid` of the table says.
#define ANY                                                                                                            \
    {                                                                                                                  \
        OPTION_VALID_ANY, false, 0, 0, NULL                                                                            \
    }
#define AT_LEAST(low)                                                                                                  \
    {                                                                                                                  \
        OPTION_VALID_RANGE, false, low, 0, NULL                                                                        \
    }
#define BETWEEN(low, high)                                                                                             \
    {                                                                                                                  \
        OPTION_VALID_RANGE, true, low, high, NULL                                                                      \
    }
#define ONE_OF(list)                                                                                                   \
    {                                                                                                                  \
        OPTION_VALID_ONE_OF, false, 0, 0, list                                                                         \
    }
#define ONE_OF_ANY_CASE(list)                                                                                          \
    {                                                                                                                  \
        OPTION_VALID_ONE_OF_ANY_CASE, false, 0, 0, list                                                                \
    }
#define EACH_OF(list)                                                                                                  \
    {                                                                                                                  \
        OPTION_VALID_EACH_OF, false, 0, 0, list                                                                        \
    }
#define NON_EMPTY                                                                                                      \
    {                                                                                                                  \
        OPTION_VALID_NON_EMPTY, false, 0, 0, NULL                                                                      \
    }
#define VERSION                                                                                                        \
    {                                                                                                                  \
        OPTION_VALID_VERSION, false, 0, 0, NULL                                                                        \
    }
#define GZIP_LEVEL                                                                                                     \
    {                                                                                                                  \
        OPTION_VALID_GZIP_LEVEL, false, 0, 0, NULL                                                                     \
    }
#define THROTTLED_REPLICAS                                                                                             \
    {                                                                                                                  \
        OPTION_VALID_THROTTLED_REPLICAS, false, 0, 0, NULL                                                             \
    }

static const struct option_row rows[OPTION_COUNT] = {
#define ROW(scope, id, name, type, default, valid, importance, update, internal, synonyms, handling, text)             \
    [OPTION_##id] = {OPTION_SCOPE_##scope,                                                                             \
                     name,                                                                                             \
                     OPTION_TYPE_##type,                                                                               \
                     default,                                                                                          \
                     valid,                                                                                            \
                     OPTION_IMPORTANCE_##importance,                                                                   \
                     OPTION_UPDATE_##update,                                                                           \
                     internal,                                                                                         \
                     synonyms,                                                                                         \
                     OPTION_HANDLING_##handling,                                                                       \
                     text},
#include "rules/options.def"
#undef ROW
};

static const char versions[] = "0.8.0, 0.8.1, 0.8.2, 0.9.0, 0.10.0-IV0, 0.10.0-IV1, 0.10.1-IV0, 0.10.1-IV1, "
                               "0.10.1-IV2, 0.10.2-IV0, 0.11.0-IV0, 0.11.0-IV1, 0.11.0-IV2, 1.0-IV0, 1.1-IV0, 2.0-IV0, "
                               "2.0-IV1, 2.1-IV0, 2.1-IV1, 2.1-IV2, 2.2-IV0, 2.2-IV1, 2.3-IV0, 2.3-IV1, 2.4-IV0, "
                               "2.4-IV1, 2.5-IV0, 2.6-IV0, 2.7-IV0, 2.7-IV1, 2.7-IV2, 2.8-IV0, 2.8-IV1, 3.0-IV0, "
                               "3.0-IV1, 3.1-IV0, 3.2-IV0, 3.3-IV0, 3.3-IV1, 3.3-IV2, 3.3-IV3, 3.4-IV0, 3.5-IV0, "
                               "3.5-IV1, 3.5-IV2, 3.6-IV0, 3.6-IV1, 3.6-IV2, 3.7-IV0, 3.7-IV1, 3.7-IV2, 3.7-IV3, "
                               "3.7-IV4, 3.8-IV0, 3.9-IV0, 4.0-IV0, 4.0-IV1";

const struct option_row *option_row(enum option option)
{
    assert(option >= 0 && option < OPTION_COUNT);
    return &rows[option];
}

bool option_find(enum option_scope scope, struct view name, enum option *option)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (rows[i].scope == scope && view_equal_string(name, rows[i].name)) {
            *option = (enum option)i;
            return true;
        }
    }
    return false;
}

static struct view trimmed(const char *string)
{
    size_t size = strlen(string);
    while (size > 0 && (unsigned char)string[size - 1] <= ' ')
        size--;
    while (size > 0 && (unsigned char)*string <= ' ') {
        string++;
        size--;
    }
    return view_of(string, size);
}

// The next word of a comma separated list, without blanks around it; NULL at the end. *rest moves on.
static bool next_word(const char **rest, struct view *word)
{
    if (*rest == NULL)
        return false;
    const char *comma = strchr(*rest, ',');
    size_t size = comma ? (size_t)(comma - *rest) : strlen(*rest);
    const char *start = *rest;
    while (size > 0 && (unsigned char)start[size - 1] <= ' ')
        size--;
    while (size > 0 && (unsigned char)*start <= ' ') {
        start++;
        size--;
    }
    *word = view_of(start, size);
    *rest = comma ? comma + 1 : NULL;
    return true;
}

static bool words_have(const char *words, struct view word, bool any_case)
{
    struct view known;
    while (next_word(&words, &known)) {
        if (known.size != word.size)
            continue;
        const char *a = (const char *)known.data, *b = (const char *)word.data;
        if (any_case ? strncasecmp(a, b, word.size) == 0 : memcmp(a, b, word.size) == 0)
            return true;
    }
    return false;
}

bool option_list_has(const char *list, const char *word)
{
    return list != NULL && words_have(list, view_of_string(word), false);
}

static char *invalid(const struct option_row *row, struct view value, const char *why)
{
    return memory_format("Invalid value %.*s for configuration %s: %s", VIEW_ARGS(value), row->name, why);
}

static bool parse_integer(struct view digits, int64_t minimum, int64_t maximum, int64_t *value)
{
    char text[24];
    if (digits.size == 0 || digits.size >= sizeof text)
        return false;
    memcpy(text, digits.data, digits.size);
    text[digits.size] = 0;
    if (!isdigit((unsigned char)text[0]) && text[0] != '-' && text[0] != '+')
        return false;
    errno = 0;
    char *end;
    long long parsed = strtoll(text, &end, 10);
    if (errno != 0 || *end != 0 || end == text || parsed < minimum || parsed > maximum)
        return false;
    *value = parsed;
    return true;
}

static bool parse_double(struct view digits, double *value)
{
    char text[64];
    if (digits.size == 0 || digits.size >= sizeof text)
        return false;
    memcpy(text, digits.data, digits.size);
    text[digits.size] = 0;
    char *end;
    *value = strtod(text, &end);
    return *end == 0;
}

static bool parse(const struct option_row *row, struct view text, union option_value *value, const char **why)
{
    switch (row->type) {
    case OPTION_TYPE_BOOLEAN:
        *why = "Expected value to be either true or false";
        value->boolean = words_have("true", text, true);
        return value->boolean || words_have("false", text, true);
    case OPTION_TYPE_INT:
        *why = "Not a number of type INT";
        return parse_integer(text, INT32_MIN, INT32_MAX, &value->integer);
    case OPTION_TYPE_SHORT:
        *why = "Not a number of type SHORT";
        return parse_integer(text, INT16_MIN, INT16_MAX, &value->integer);
    case OPTION_TYPE_LONG:
        *why = "Not a number of type LONG";
        return parse_integer(text, INT64_MIN, INT64_MAX, &value->integer);
    case OPTION_TYPE_DOUBLE:
        *why = "Not a number of type DOUBLE";
        return parse_double(text, &value->real);
    case OPTION_TYPE_STRING:
    case OPTION_TYPE_LIST:
    case OPTION_TYPE_CLASS:
    case OPTION_TYPE_PASSWORD:
        return true;
    }
    return false;
}

static bool version_is_known(struct view version)
{
    if (words_have(versions, version, false))
        return true;
    // "3.9" and "3.9.1" stand for the newest of 3.9-IV….
    const char *rest = versions;
    struct view known;
    while (next_word(&rest, &known)) {
        const uint8_t *dash = memchr(known.data, '-', known.size);
        size_t size = dash ? (size_t)(dash - known.data) : known.size;
        if (version.size >= size && memcmp(version.data, known.data, size) == 0 &&
            (version.size == size || version.data[size] == '.'))
            return true;
    }
    return false;
}

static bool throttled_replicas_are_valid(const char *list)
{
    struct view word;
    if (trimmed(list).size == 0 || view_equal_string(trimmed(list), "*") || option_list_has("none", list))
        return true;
    while (next_word(&list, &word)) {
        size_t colons = 0;
        for (size_t i = 0; i < word.size; i++) {
            bool is_colon = word.data[i] == ':';
            colons += is_colon;
            if (!is_colon && !isdigit(word.data[i]))
                return false;
        }
        if (colons != 1 || word.data[0] == ':' || word.data[word.size - 1] == ':')
            return false;
    }
    return true;
}

static char *number_text(double number)
{
    return memory_format("%.17g", number);
}

static char *check_range(const struct option_row *row, struct view text, const union option_value *value)
{
    bool is_real = row->type == OPTION_TYPE_DOUBLE;
    bool low = is_real ? !(value->real >= row->valid.minimum) : value->integer < (int64_t)row->valid.minimum;
    bool high = row->valid.has_maximum &&
                (is_real ? value->real > row->valid.maximum : value->integer > (int64_t)row->valid.maximum);
    if (!low && !high)
        return NULL;
    char *bound = number_text(low ? row->valid.minimum : row->valid.maximum);
    char *why = memory_format("Value must be %s %s", low ? "at least" : "no more than", bound);
    char *message = invalid(row, text, why);
    free(bound);
    free(why);
    return message;
}

static char *check_words(const struct option_row *row, const char *string)
{
    char *why =
        memory_format("String must be one of%s: %s",
                      row->valid.kind == OPTION_VALID_ONE_OF_ANY_CASE ? " (case insensitive)" : "", row->valid.words);
    char *message = NULL;
    if (row->valid.kind == OPTION_VALID_EACH_OF) {
        struct view word;
        if (trimmed(string).size == 0)
            string = NULL;
        while (message == NULL && next_word(&string, &word)) {
            if (!words_have(row->valid.words, word, false))
                message = invalid(row, word, why);
        }
    } else if (!words_have(row->valid.words, trimmed(string), row->valid.kind == OPTION_VALID_ONE_OF_ANY_CASE)) {
        message = invalid(row, trimmed(string), why);
    }
    free(why);
    return message;
}

static char *check_bounds(const struct option_row *row, const char *string, const union option_value *value)
{
    struct view text = trimmed(string);
    switch (row->valid.kind) {
    case OPTION_VALID_ANY:
        return NULL;
    case OPTION_VALID_RANGE:
        return check_range(row, text, value);
    case OPTION_VALID_ONE_OF:
    case OPTION_VALID_ONE_OF_ANY_CASE:
    case OPTION_VALID_EACH_OF:
        return check_words(row, string);
    case OPTION_VALID_NON_EMPTY:
        return text.size > 0 || row->type == OPTION_TYPE_LIST ? NULL : invalid(row, text, "String must be non-empty");
    case OPTION_VALID_VERSION:
        return version_is_known(text) ? NULL : invalid(row, text, "Version is not a known version of Kafka");
    case OPTION_VALID_GZIP_LEVEL:
        if (value->integer == -1 || (value->integer >= 1 && value->integer <= 9))
            return NULL;
        return invalid(row, text, "Value must be between 1 and 9 or equal to -1");
    case OPTION_VALID_THROTTLED_REPLICAS:
        if (throttled_replicas_are_valid(string))
            return NULL;
        return memory_format(
            "Invalid value %s for configuration %s: %s must be the literal '*' or a list of replicas in "
            "the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
            string, row->name, row->name);
    }
    return NULL;
}

char *option_check(enum option option, const char *string, union option_value *value)
{
    const struct option_row *row = option_row(option);
    if (string == NULL) {
        if (row->default_value == NULL)
            return NULL;
        return memory_format("Invalid value null for configuration %s: entry must be non null", row->name);
    }
    union option_value parsed = {.integer = 0};
    const char *why = "";
    if (!parse(row, trimmed(string), &parsed, &why))
        return invalid(row, trimmed(string), why);
    char *message = check_bounds(row, string, &parsed);
    if (message == NULL && value != NULL)
        *value = parsed;
    return message;
}

static int64_t topic_value(const struct properties *overrides, enum option option)
{
    union option_value value = {.integer = 0};
    const char *string = properties_get(overrides, option_row(option)->name);
    char *message = option_check(option, string ? string : option_row(option)->default_value, &value);
    assert(message == NULL);
    return value.integer;
}

char *options_check_topic(const struct properties *overrides)
{
    for (size_t i = 0; i < overrides->count; i++) {
        enum option option;
        if (!option_find(OPTION_SCOPE_TOPIC, view_of_string(overrides->items[i].key), &option))
            return memory_format("Unknown topic config name: %s", overrides->items[i].key);
    }
    for (size_t i = 0; i < overrides->count; i++) {
        enum option option;
        if (!option_find(OPTION_SCOPE_TOPIC, view_of_string(overrides->items[i].key), &option))
            continue;
        char *message = option_check(option, overrides->items[i].value, NULL);
        if (message != NULL)
            return message;
    }
    int64_t lag_min = topic_value(overrides, OPTION_TOPIC_MIN_COMPACTION_LAG_MS);
    int64_t lag_max = topic_value(overrides, OPTION_TOPIC_MAX_COMPACTION_LAG_MS);
    if (lag_min > lag_max)
        return memory_format(
            "conflict topic config setting min.compaction.lag.ms (%lld) > max.compaction.lag.ms (%lld)",
            (long long)lag_min, (long long)lag_max);
    const char *remote = properties_get(overrides, "remote.storage.enable");
    if (remote != NULL && words_have("true", trimmed(remote), true))
        return memory_copy_string("Tiered Storage functionality is disabled in the broker. Topic cannot be configured "
                                  "with remote log storage.");
    return NULL;
}

static char *format_double(double real)
{
    // The shortest digits that read back as the same number, with a point, as Java prints.
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real)
            break;
    }
    if (fabs(real) >= 1e7 && isfinite(real)) {
        snprintf(digits, sizeof digits, "%.17e", real);
        for (int precision = 1; precision <= 17; precision++) {
            snprintf(digits, sizeof digits, "%.*e", precision, real);
            if (strtod(digits, NULL) == real)
                break;
        }
        char *exponent = strchr(digits, 'e');
        return memory_format("%.*sE%d", (int)(exponent - digits), digits, atoi(exponent + 1));
    }
    return memory_format("%s%s", digits, strpbrk(digits, ".eni") ? "" : ".0");
}

static char *format_list(const char *list)
{
    char *words = memory_alloc(strlen(list) + 1), *end = words;
    struct view word;
    for (bool is_first = true; next_word(&list, &word); is_first = false) {
        if (!is_first)
            *end++ = ',';
        memcpy(end, word.data, word.size);
        end += word.size;
    }
    *end = 0;
    return words;
}

char *option_format(enum option option, const char *string)
{
    const struct option_row *row = option_row(option);
    if (string == NULL)
        return NULL;
    union option_value value = {.integer = 0};
    const char *why = "";
    struct view text = trimmed(string);
    if (!parse(row, text, &value, &why))
        return memory_copy_string(string);
    switch (row->type) {
    case OPTION_TYPE_BOOLEAN:
        return memory_copy_string(value.boolean ? "true" : "false");
    case OPTION_TYPE_INT:
    case OPTION_TYPE_SHORT:
    case OPTION_TYPE_LONG:
        return memory_format("%lld", (long long)value.integer);
    case OPTION_TYPE_DOUBLE:
        return format_double(value.real);
    case OPTION_TYPE_LIST:
        return format_list(string);
    case OPTION_TYPE_STRING:
    case OPTION_TYPE_CLASS:
    case OPTION_TYPE_PASSWORD:
        break;
    }
    return view_dup(text);
}
