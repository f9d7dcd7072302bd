// SPDX-License-Identifier: Apache-2.0
// The command line as Kafka's programs read it (they use jopt-simple without abbreviations): "--name value" and
// "--name=value", whole names only, "--" ends the options, words that are no options are ignored, an option that needs
// an argument takes the next word whatever it is. That a single-valued option came twice, or a number is none, is
// found when the value is asked for, not before. Confined to the main thread; strings live as long as argv.
#ifndef TOOLS_ARGUMENTS_H
#define TOOLS_ARGUMENTS_H

#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum argument_need { ARGUMENT_NONE, ARGUMENT_REQUIRED, ARGUMENT_OPTIONAL };
enum argument_type { ARGUMENT_STRING, ARGUMENT_INTEGER, ARGUMENT_LONG };

// One row of a program's table. The text is for the help.
struct argument_row {
    const char *name;
    enum argument_need argument;
    enum argument_type type;
    const char *argument_name; // "" when the help shows only the type
    const char *default_value; // or NULL
    const char *text;
};

struct argument_given {
    const struct argument_row *option;
    const char *value; // NULL without an argument
};

// error and error_exception (the name that Kafka's programs print with a stack trace) are set when a call returned
// false. Zeroed is empty.
struct arguments {
    const struct argument_row *table;
    size_t table_size;
    struct argument_given *given;
    size_t given_count;
    char *error;
    const char *error_exception;
};

// Reads argv[1…]. The table stays the caller's. Returns false with error set.
bool arguments_parse(struct arguments *options, const struct argument_row *table, size_t table_size, int argc,
                     char **argv) __attribute__((warn_unused_result));
void arguments_fini(struct arguments *options);

bool arguments_has(const struct arguments *options, const char *name);

// The single value, or the default, or NULL. Returns false with error set when there are several.
bool arguments_string(struct arguments *options, const char *name, const char **value)
    __attribute__((warn_unused_result));

// The same as a number within the type's range. *value stays when the option is not given and has no default.
bool arguments_number(struct arguments *options, const char *name, int64_t *value) __attribute__((warn_unused_result));

// The values of an option that may come several times: for (size_t at = 0; (value = arguments_next(options, name,
// &at));)
const char *arguments_next(const struct arguments *options, const char *name, size_t *at);

// The table of the options, 80 columns wide.
void arguments_print(const struct arguments *options, FILE *stream);

#endif
