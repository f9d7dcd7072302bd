// SPDX-License-Identifier: Apache-2.0
#include "server/security/principal_mapper.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/array.h"
#include "base/memory.h"
#include "base/view.h"

#include <locale.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wctype.h>

// How far one match may go: many times what any honest name needs.
enum { MATCH_STEPS_MAX = 100000, MATCH_HEAP_KB_MAX = 1024, GROUP_NUMBER_MAX = 65535 };

enum letter_case { CASE_KEPT, CASE_LOWER, CASE_UPPER };

struct rule {
    pcre2_code *pattern; // NULL: DEFAULT
    char *pattern_text;
    char *replacement; // as it is written
    char *expanded;    // with references to groups that the pattern lacks made literal
    uint32_t group_count;
    enum letter_case letter_case;
};

struct principal_mapper {
    ARRAY_OF(struct rule);
    pcre2_compile_context *compiling;
    pcre2_match_context *matching;
    locale_t unicode;
};

struct text {
    ARRAY_OF(char);
};

static void text_append(struct text *text, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *array_append(text) = bytes[i];
}

static char *text_finish(struct text *text)
{
    char *string = view_dup(view_of(text->items ? text->items : "", text->count));
    array_fini(text);
    return string;
}

// ---- Rules

#define RULE_PATTERN "(DEFAULT)|RULE:((?:\\\\.|[^\\\\/])*+)/((?:\\\\.|[^\\\\/])*+)/([LU]?).*?|(.*?)"
enum { GROUP_DEFAULT = 1, GROUP_PATTERN = 2, GROUP_REPLACEMENT = 3, GROUP_CASE = 4 };

static char *describe_error(int error)
{
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    return memory_copy_string((const char *)text);
}

static pcre2_code *compile(const struct principal_mapper *mapper, const char *pattern, char **reason)
{
    int error;
    size_t at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error,
                                     &at, mapper->compiling);
    if (code == NULL) {
        char *why = describe_error(error);
        *reason = memory_format("%s near index %zu", why, at);
        free(why);
    }
    return code;
}

static int match(const struct principal_mapper *mapper, const pcre2_code *code, const char *subject, size_t start,
                 uint32_t options, pcre2_match_data *data)
{
    return pcre2_match(code, (PCRE2_SPTR)subject, strlen(subject), start, options, data, mapper->matching);
}

static struct view group(const char *subject, pcre2_match_data *data, uint32_t number)
{
    const size_t *ends = pcre2_get_ovector_pointer(data);
    if (number >= pcre2_get_ovector_count(data) || ends[2 * number] == PCRE2_UNSET)
        return VIEW_NULL;
    return view_of(subject + ends[2 * number], ends[2 * number + 1] - ends[2 * number]);
}

// A number after $ that no group has is meant literally, as Apache Kafka sees it: it looks for such numbers in what was
// written, and puts its backslashes where they would stand there.
static char *escape_references(const char *replacement, uint32_t group_count)
{
    char *value = memory_copy_string(replacement);
    if (group_count == 0)
        return value;
    for (size_t i = 0; replacement[i] != 0; i++) {
        size_t digits = replacement[i] == '$' ? strspn(replacement + i + 1, "0123456789") : 0;
        if (digits == 0)
            continue;
        if (replacement[i + 1] != '0') {
            unsigned long number = 0;
            for (size_t d = 0; d < digits && number <= GROUP_NUMBER_MAX; d++)
                number = number * 10 + (unsigned long)(replacement[i + 1 + d] - '0');
            while (number > group_count && number >= 10)
                number /= 10;
            if (number > group_count) {
                char *escaped = memory_format("%.*s\\%s", (int)i, value, value + i);
                free(value);
                value = escaped;
            }
        }
        i += digits;
    }
    return value;
}

static char *add_rule(struct principal_mapper *mapper, const char *text, pcre2_match_data *data)
{
    struct view pattern = group(text, data, GROUP_PATTERN), letter = group(text, data, GROUP_CASE);
    if (!view_is_null(group(text, data, GROUP_DEFAULT))) {
        *array_append(mapper) = (struct rule){0};
        return NULL;
    }
    if (view_is_null(pattern))
        return NULL;
    struct rule *rule = array_append(mapper);
    *rule = (struct rule){.pattern_text = view_dup(pattern),
                          .replacement = view_dup(group(text, data, GROUP_REPLACEMENT)),
                          .letter_case = view_equal_string(letter, "L")   ? CASE_LOWER
                                         : view_equal_string(letter, "U") ? CASE_UPPER
                                                                          : CASE_KEPT};
    char *why = NULL;
    rule->pattern = compile(mapper, rule->pattern_text, &why);
    if (rule->pattern == NULL) {
        char *message = memory_format("Invalid rule: `%s`: %s", text, why);
        free(why);
        return message;
    }
    pcre2_pattern_info(rule->pattern, PCRE2_INFO_CAPTURECOUNT, &rule->group_count);
    rule->expanded = escape_references(rule->replacement, rule->group_count);
    return NULL;
}

static char *parse_rule(struct principal_mapper *mapper, const pcre2_code *parser, struct view written)
{
    char *text = view_dup(written), *message = NULL;
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(parser, NULL);
    if (match(mapper, parser, text, 0, PCRE2_ANCHORED, data) < 0) {
        message = memory_format("Invalid rule: %s", text);
    } else {
        size_t end = pcre2_get_ovector_pointer(data)[1];
        if (end != written.size)
            message = memory_format("Invalid rule: `%s`, unmatched substring: `%s`", text, text + end);
        else
            message = add_rule(mapper, text, data);
    }
    pcre2_match_data_free(data);
    free(text);
    return message;
}

static char *parse_rules(struct principal_mapper *mapper, const char *rules)
{
    char *message = NULL;
    pcre2_code *splitter = compile(mapper, "\\s*(" RULE_PATTERN ")\\s*(?:,\\s*|$)", &message);
    pcre2_code *parser = splitter ? compile(mapper, RULE_PATTERN, &message) : NULL;
    pcre2_match_data *data = splitter ? pcre2_match_data_create_from_pattern(splitter, NULL) : NULL;
    for (size_t start = 0; message == NULL && start <= strlen(rules);) {
        int count = match(mapper, splitter, rules, start, 0, data);
        if (count < 0) {
            if (count != PCRE2_ERROR_NOMATCH)
                message = describe_error(count);
            break;
        }
        const size_t *ends = pcre2_get_ovector_pointer(data);
        message = parse_rule(mapper, parser, group(rules, data, 1));
        start = ends[1] == ends[0] ? ends[1] + 1 : ends[1];
    }
    pcre2_match_data_free(data);
    pcre2_code_free(parser);
    pcre2_code_free(splitter);
    return message;
}

struct principal_mapper *principal_mapper_create(const char *rules, char **reason)
{
    struct principal_mapper *mapper = memory_alloc(sizeof *mapper);
    mapper->compiling = pcre2_compile_context_create(NULL);
    mapper->matching = pcre2_match_context_create(NULL);
    mapper->unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (mapper->compiling == NULL || mapper->matching == NULL) {
        *reason = memory_copy_string("there is no memory for rules");
        principal_mapper_destroy(&mapper);
        return NULL;
    }
    pcre2_set_newline(mapper->compiling, PCRE2_NEWLINE_ANY);
    pcre2_set_match_limit(mapper->matching, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(mapper->matching, MATCH_HEAP_KB_MAX);
    char *message = parse_rules(mapper, rules);
    if (message != NULL) {
        *reason = message;
        principal_mapper_destroy(&mapper);
    }
    return mapper;
}

void principal_mapper_destroy(struct principal_mapper **mapper)
{
    struct principal_mapper *gone = *mapper;
    if (gone == NULL)
        return;
    for (size_t i = 0; i < gone->count; i++) {
        pcre2_code_free(gone->items[i].pattern);
        free(gone->items[i].pattern_text);
        free(gone->items[i].replacement);
        free(gone->items[i].expanded);
    }
    array_fini(gone);
    pcre2_compile_context_free(gone->compiling);
    pcre2_match_context_free(gone->matching);
    if (gone->unicode != (locale_t)0)
        freelocale(gone->unicode);
    free(gone);
    *mapper = NULL;
}

// ---- Names

// One reference behind the $ at *at, which moves on. The longest number that is a group's counts.
static char *append_reference(const struct rule *rule, const char *subject, pcre2_match_data *data, const char **at,
                              struct text *text)
{
    const char *rest = *at;
    if (*rest == '{') {
        size_t size = strcspn(rest + 1, "}");
        char *name = view_dup(view_of(rest + 1, size));
        int number = pcre2_substring_number_from_name(rule->pattern, (PCRE2_SPTR)name);
        char *message = rest[1 + size] == '}' && number > 0 ? NULL : memory_format("No group with name {%s}", name);
        free(name);
        if (message != NULL)
            return message;
        struct view value = group(subject, data, (uint32_t)number);
        text_append(text, (const char *)value.data, value.size);
        *at = rest + size + 2;
        return NULL;
    }
    if (*rest < '0' || *rest > '9')
        return memory_copy_string("Illegal group reference");
    uint32_t number = (uint32_t)(*rest++ - '0');
    while (*rest >= '0' && *rest <= '9' && number * 10 + (uint32_t)(*rest - '0') <= rule->group_count)
        number = number * 10 + (uint32_t)(*rest++ - '0');
    if (number > rule->group_count)
        return memory_format("No group %u", number);
    struct view value = group(subject, data, number);
    text_append(text, (const char *)value.data, value.size);
    *at = rest;
    return NULL;
}

static char *append_replacement(const struct rule *rule, const char *subject, pcre2_match_data *data, struct text *text)
{
    for (const char *at = rule->expanded; *at != 0;) {
        char c = *at++;
        if (c == '$') {
            char *message = append_reference(rule, subject, data, &at, text);
            if (message != NULL)
                return message;
            continue;
        }
        if (c == '\\') {
            if (*at == 0)
                return memory_copy_string("character to be escaped is missing");
            c = *at++;
        }
        *array_append(text) = c;
    }
    return NULL;
}

static char *replace_all(const struct principal_mapper *mapper, const struct rule *rule, const char *subject,
                         pcre2_match_data *data, char **reason)
{
    struct text text = {0};
    size_t size = strlen(subject), copied = 0;
    char *message = NULL;
    for (size_t start = 0; message == NULL && start <= size;) {
        // That the subject is UTF-8 was found out by the match of the whole of it.
        int count = match(mapper, rule->pattern, subject, start, PCRE2_NO_UTF_CHECK, data);
        if (count == PCRE2_ERROR_NOMATCH)
            break;
        if (count < 0) {
            message = describe_error(count);
            break;
        }
        const size_t *ends = pcre2_get_ovector_pointer(data);
        size_t from = ends[0], to = ends[1];
        text_append(&text, subject + copied, from - copied);
        message = append_replacement(rule, subject, data, &text);
        copied = to;
        start = to;
        if (from == to) {
            // Past the next character, all its bytes.
            do
                start++;
            while (start < size && ((unsigned char)subject[start] & 0xC0) == 0x80);
        }
    }
    text_append(&text, subject + copied, size - copied);
    char *result = text_finish(&text);
    if (message != NULL) {
        free(result);
        result = NULL;
        *reason = message;
    }
    return result;
}

static size_t decode(const char *bytes, wint_t *character)
{
    unsigned char lead = (unsigned char)*bytes;
    size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    *character = size == 1 ? lead : lead & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++)
        *character = *character << 6 | ((unsigned char)bytes[i] & 0x3F);
    return size;
}

static void append_character(struct text *text, wint_t character)
{
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    int more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    *array_append(text) = (char)(leads[more] | character >> (6 * more));
    while (more-- > 0)
        *array_append(text) = (char)(0x80 | (character >> (6 * more) & 0x3F));
}

// The string is valid UTF-8: PCRE2 has matched the name, and the rules.
static char *change_case(const struct principal_mapper *mapper, enum letter_case letter_case, char *string)
{
    if (letter_case == CASE_KEPT)
        return string;
    struct text text = {0};
    for (const char *at = string; *at != 0;) {
        wint_t character;
        at += decode(at, &character);
        if (mapper->unicode == (locale_t)0)
            append_character(&text, character);
        else if (letter_case == CASE_UPPER)
            append_character(&text, towupper_l(character, mapper->unicode));
        else
            append_character(&text, towlower_l(character, mapper->unicode));
    }
    free(string);
    return text_finish(&text);
}

// Returns the name, or NULL: with *reason when it failed, without when the rule does not match.
static char *apply_rule(const struct principal_mapper *mapper, const struct rule *rule, const char *name, char **reason)
{
    if (rule->pattern == NULL)
        return memory_copy_string(name);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(rule->pattern, NULL);
    char *result = NULL;
    int count = match(mapper, rule->pattern, name, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data);
    if (count >= 0)
        result = replace_all(mapper, rule, name, data, reason);
    else if (count != PCRE2_ERROR_NOMATCH)
        *reason = describe_error(count);
    pcre2_match_data_free(data);
    return result ? change_case(mapper, rule->letter_case, result) : NULL;
}

static char *describe_rules(const struct principal_mapper *mapper)
{
    char *list = memory_copy_string("");
    for (size_t i = 0; i < mapper->count; i++) {
        const struct rule *rule = &mapper->items[i];
        const char *letter = rule->letter_case == CASE_LOWER ? "/L" : rule->letter_case == CASE_UPPER ? "/U" : "";
        char *longer = rule->pattern ? memory_format("%s%sRULE:%s/%s%s", list, i > 0 ? ", " : "", rule->pattern_text,
                                                     rule->replacement, letter)
                                     : memory_format("%s%sDEFAULT", list, i > 0 ? ", " : "");
        free(list);
        list = longer;
    }
    return list;
}

char *principal_mapper_apply(const struct principal_mapper *mapper, const char *distinguished_name, char **reason)
{
    char *why = NULL, *result = NULL;
    for (size_t i = 0; result == NULL && why == NULL && i < mapper->count; i++)
        result = apply_rule(mapper, &mapper->items[i], distinguished_name, &why);
    if (result != NULL)
        return result;
    char *rules = describe_rules(mapper);
    *reason = why ? memory_format("Failed to map name for '%s' based on SSL principal mapping rules [%s]: %s",
                                  distinguished_name, rules, why)
                  : memory_format("No rules apply to %s, rules [%s]", distinguished_name, rules);
    free(rules);
    free(why);
    return NULL;
}
