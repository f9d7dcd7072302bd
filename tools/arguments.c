// SPDX-License-Identifier: Apache-2.0
#include "tools/arguments.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct argument_row *arguments_find(const struct arguments *options, const char *name, size_t size)
{
    for (size_t i = 0; i < options->table_size; i++) {
        if (strlen(options->table[i].name) == size && memcmp(options->table[i].name, name, size) == 0)
            return &options->table[i];
    }
    return NULL;
}

static const struct argument_row *arguments_known(const struct arguments *options, const char *name)
{
    const struct argument_row *option = arguments_find(options, name, strlen(name));
    assert(option && "a program asks for options of its own table only");
    return option;
}

static bool arguments_fail(struct arguments *options, const char *exception, char *message)
{
    free(options->error);
    options->error = message;
    options->error_exception = exception;
    return false;
}

static bool looks_like_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

// The option named in a word without its dashes, and the value behind an equals sign ("" counts as none). A single
// dash is for options of one letter, which no program here has: the first letter is what is not known.
static bool arguments_take(struct arguments *options, const char *word, char **words, int *at, int count)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t name_size = equals ? (size_t)(equals - name) : strlen(name);
    if (word[1] != '-')
        name_size = 1;
    const struct argument_row *option = arguments_find(options, name, name_size);
    if (!option)
        return arguments_fail(options, "joptsimple.UnrecognizedOptionException",
                              memory_format("%.*s is not a recognized option", (int)name_size, name));
    const char *value = NULL;
    if (option->argument != ARGUMENT_NONE && equals && equals[1] != '\0') {
        value = equals + 1;
    } else if (option->argument == ARGUMENT_REQUIRED) {
        if (*at == count)
            return arguments_fail(options, "joptsimple.OptionMissingRequiredArgumentException",
                                  memory_format("Option %s requires an argument", option->name));
        value = words[(*at)++];
    } else if (option->argument == ARGUMENT_OPTIONAL && *at < count && !looks_like_option(words[*at])) {
        value = words[(*at)++];
    }
    options->given[options->given_count++] = (struct argument_given){option, value};
    return true;
}

bool arguments_parse(struct arguments *options, const struct argument_row *table, size_t table_size, int argc,
                     char **argv)
{
    *options = (struct arguments){.table = table, .table_size = table_size};
    options->given = memory_alloc_array((size_t)argc + 1, sizeof *options->given);
    int at = 1;
    while (at < argc) {
        const char *word = argv[at++];
        if (strcmp(word, "--") == 0)
            break;
        if (looks_like_option(word) && !arguments_take(options, word, argv, &at, argc))
            return false;
    }
    return true;
}

void arguments_fini(struct arguments *options)
{
    free(options->given);
    free(options->error);
    *options = (struct arguments){0};
}

bool arguments_has(const struct arguments *options, const char *name)
{
    const struct argument_row *option = arguments_known(options, name);
    for (size_t i = 0; i < options->given_count; i++) {
        if (options->given[i].option == option)
            return true;
    }
    return false;
}

bool arguments_string(struct arguments *options, const char *name, const char **value)
{
    size_t at = 0;
    const char *found = arguments_next(options, name, &at);
    if (found && arguments_next(options, name, &at))
        return arguments_fail(
            options, "joptsimple.MultipleArgumentsForOptionException",
            memory_format("Found multiple arguments for option %s, but you asked for only one", name));
    *value = found ? found : arguments_known(options, name)->default_value;
    return true;
}

bool arguments_number(struct arguments *options, const char *name, int64_t *value)
{
    const char *string;
    if (!arguments_string(options, name, &string))
        return false;
    if (!string)
        return true;
    char *end;
    errno = 0;
    long long number = strtoll(string, &end, 10);
    bool is_number = end != string && *end == '\0' && errno == 0 && strchr("+-0123456789", string[0]);
    if (arguments_known(options, name)->type == ARGUMENT_INTEGER && (number > INT32_MAX || number < INT32_MIN))
        is_number = false;
    if (!is_number)
        return arguments_fail(options, "joptsimple.OptionArgumentConversionException",
                              memory_format("Cannot parse argument '%s' of option %s", string, name));
    *value = number;
    return true;
}

const char *arguments_next(const struct arguments *options, const char *name, size_t *at)
{
    const struct argument_row *option = arguments_known(options, name);
    while (*at < options->given_count) {
        const struct argument_given *given = &options->given[(*at)++];
        if (given->option == option && given->value)
            return given->value;
    }
    return NULL;
}

enum { ARGUMENTS_PRINT_WIDTH = 80, ARGUMENTS_PRINT_COLUMN_MAX = 40 };

static int print_name(const struct argument_row *option, char *buffer, size_t size)
{
    static const char *const types[] = {"String", "Integer", "Long"};
    if (option->argument == ARGUMENT_NONE)
        return snprintf(buffer, size, "--%s", option->name);
    bool is_required = option->argument == ARGUMENT_REQUIRED;
    return snprintf(buffer, size, "--%s %s%s%s%s%s", option->name, is_required ? "<" : "[", types[option->type],
                    option->argument_name[0] ? ": " : "", option->argument_name, is_required ? ">" : "]");
}

// Prints words from *text until the width is used up; returns false at the end of the text.
static bool print_piece(FILE *stream, const char **text, int width)
{
    const char *start = *text;
    size_t size = strcspn(start, "\n");
    if (size > (size_t)width) {
        size = (size_t)width;
        while (size > 0 && start[size] != ' ')
            size--;
        if (size == 0)
            size = strcspn(start, " \n");
    }
    fprintf(stream, "%.*s\n", (int)size, start);
    *text = start + size + (start[size] != '\0');
    return **text != '\0';
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct argument_row *const *)a)->name, (*(const struct argument_row *const *)b)->name);
}

void arguments_print(const struct arguments *options, FILE *stream)
{
    const struct argument_row **sorted = memory_alloc_array(options->table_size + 1, sizeof *sorted);
    int column = 0;
    char name[256];
    for (size_t i = 0; i < options->table_size; i++) {
        sorted[i] = &options->table[i];
        int size = print_name(sorted[i], name, sizeof name);
        if (size > column && size <= ARGUMENTS_PRINT_COLUMN_MAX)
            column = size;
    }
    qsort(sorted, options->table_size, sizeof *sorted, compare_names);
    fprintf(stream, "%-*s  %s\n%-*s  %s\n", column, "Option", "Description", column, "------", "-----------");
    for (size_t i = 0; i < options->table_size; i++) {
        int size = print_name(sorted[i], name, sizeof name);
        if (size > column)
            fprintf(stream, "%s\n%*s  ", name, column, "");
        else
            fprintf(stream, "%-*s  ", column, name);
        char *text = sorted[i]->default_value
                         ? memory_format("%s (default: %s)", sorted[i]->text, sorted[i]->default_value)
                         : memory_copy_string(sorted[i]->text);
        const char *rest = text;
        while (print_piece(stream, &rest, ARGUMENTS_PRINT_WIDTH - column - 2))
            fprintf(stream, "%*s  ", column, "");
        free(text);
    }
    free(sorted);
}
