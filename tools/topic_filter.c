// SPDX-License-Identifier: Apache-2.0
#include "tools/topic_filter.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

struct text {
    ARRAY_OF(char);
};

static void text_add(struct text *text, const char *string)
{
    for (; *string; string++)
        *array_append(text) = *string;
}

// What an escaped letter means inside or outside of brackets; NULL when it has no counterpart.
static const char *escape_class(char letter, bool in_brackets)
{
    switch (letter) {
    case 'd':
        return in_brackets ? "0-9" : "[0-9]";
    case 'w':
        return in_brackets ? "A-Za-z0-9_" : "[A-Za-z0-9_]";
    case 's':
        return in_brackets ? " \t\n\r\f\v" : "[ \t\n\r\f\v]";
    case 'D':
        return in_brackets ? NULL : "[^0-9]";
    case 'W':
        return in_brackets ? NULL : "[^A-Za-z0-9_]";
    case 'S':
        return in_brackets ? NULL : "[^ \t\n\r\f\v]";
    default:
        return NULL;
    }
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// An escape; *at stands on the letter behind the backslash.
static bool translate_escape(const char **at, bool in_brackets, struct text *text)
{
    char letter = **at;
    const char *meaning = escape_class(letter, in_brackets);
    if (meaning) {
        text_add(text, meaning);
    } else if (letter == '\0' || is_letter_or_digit(letter)) {
        return false;
    } else {
        // A bracket expression takes every other character as it is.
        if (!in_brackets)
            *array_append(text) = '\\';
        *array_append(text) = letter;
    }
    return true;
}

// A bracket expression; *at stands behind "[", afterwards behind "]".
static bool translate_brackets(const char **at, struct text *text)
{
    *array_append(text) = '[';
    if (**at == '^')
        *array_append(text) = *(*at)++;
    bool is_first = true;
    for (; **at && (**at != ']' || is_first); (*at)++, is_first = false) {
        if (**at == '\\') {
            (*at)++;
            if (!translate_escape(at, true, text))
                return false;
        } else if (**at == '[' || (**at == '&' && (*at)[1] == '&')) {
            return false; // unions and intersections of classes
        } else {
            *array_append(text) = **at;
        }
    }
    if (**at != ']')
        return false;
    *array_append(text) = *(*at)++;
    return true;
}

// One step of the expression outside of brackets.
static bool translate_step(const char **at, struct text *text)
{
    char c = *(*at)++;
    if (c == '\\') {
        if (!translate_escape(at, false, text))
            return false;
        (*at)++;
    } else if (c == '[') {
        return translate_brackets(at, text);
    } else if (c == '(' && **at == '?') {
        if ((*at)[1] != ':')
            return false;
        *array_append(text) = '(';
        *at += 2;
    } else if (strchr("*+?}", c) && (**at == '?' || **at == '+')) {
        // Reluctant or possessive: for a match of the whole name a greedy one finds the same.
        *array_append(text) = c;
        (*at)++;
    } else {
        *array_append(text) = c;
    }
    return true;
}

char *topic_filter_translate(const char *expression, char **error)
{
    struct text text = {0};
    const char *at = expression, *step = expression;
    text_add(&text, "^(");
    bool ok = true;
    while (*at && ok) {
        step = at;
        ok = translate_step(&at, &text);
    }
    text_add(&text, ")$");
    *array_append(&text) = '\0';
    regex_t regex;
    if (ok && regcomp(&regex, text.items, REG_EXTENDED | REG_NOSUB) == 0) {
        regfree(&regex);
        return text.items;
    }
    bool is_unclosed = *step == '[' && !strchr(step, ']');
    *error = memory_format("%s near index %td\n%s", is_unclosed ? "Unclosed character class" : "Unsupported expression",
                           is_unclosed ? (ptrdiff_t)strlen(expression) - 1 : step - expression, expression);
    array_fini(&text);
    return NULL;
}

bool topic_filter_init(struct topic_filter *filter, const char *list, char **error)
{
    char *expression = memory_copy_string(list);
    char *out = expression + strspn(expression, " \t\"'"), *kept = expression;
    for (; *out; out++) {
        if (*out != ' ')
            *kept++ = *out == ',' ? '|' : *out;
    }
    while (kept > expression && (kept[-1] == '"' || kept[-1] == '\''))
        kept--;
    *kept = '\0';
    char *translated = topic_filter_translate(expression, error);
    free(expression);
    if (!translated)
        return false;
    bool ok = regcomp(&filter->regex, translated, REG_EXTENDED | REG_NOSUB) == 0;
    if (!ok)
        *error = memory_format("Unsupported expression near index 0\n%s", list);
    free(translated);
    return ok;
}

void topic_filter_fini(struct topic_filter *filter)
{
    regfree(&filter->regex);
}

bool topic_filter_matches(const struct topic_filter *filter, const char *topic)
{
    return regexec(&filter->regex, topic, 0, NULL, 0) == 0;
}
