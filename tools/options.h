// SPDX-License-Identifier: Apache-2.0
// The command line as Kafka's programs read it (they use jopt-simple without abbreviations): "--name value" and
// "--name=value", whole names only, "--" ends the options, words that are no options are ignored, an option that needs
// an argument takes the next word whatever it is. That a single-valued option came twice, or a number is none, is
// found when the value is asked for, not before. Confined to the main thread; strings live as long as argv.
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum option_argument { OPTION_NO_ARGUMENT, OPTION_REQUIRED_ARGUMENT, OPTION_OPTIONAL_ARGUMENT };
enum option_type { OPTION_STRING, OPTION_INTEGER, OPTION_LONG };

// One row of a program's table. The text is for the help.
struct option {
    const char *name;
    enum option_argument argument;
    enum option_type type;
    const char *argument_name; // "" when the help shows only the type
    const char *default_value; // or NULL
    const char *text;
};

struct option_given {
    const struct option *option;
    const char *value; // NULL without an argument
};

// error and error_exception (the name that Kafka's programs print with a stack trace) are set when a call returned
// false. Zeroed is empty.
struct options {
    const struct option *table;
    size_t table_size;
    struct option_given *given;
    size_t given_count;
    char *error;
    const char *error_exception;
};

// Reads argv[1…]. The table stays the caller's. Returns false with error set.
bool options_parse(struct options *options, const struct option *table, size_t table_size, int argc, char **argv)
    __attribute__((warn_unused_result));
void options_fini(struct options *options);

bool options_has(const struct options *options, const char *name);

// The single value, or the default, or NULL. Returns false with error set when there are several.
bool options_string(struct options *options, const char *name, const char **value) __attribute__((warn_unused_result));

// The same as a number within the type's range. *value stays when the option is not given and has no default.
bool options_number(struct options *options, const char *name, int64_t *value) __attribute__((warn_unused_result));

// The values of an option that may come several times: for (size_t at = 0; (value = options_next(options, name, &at));)
const char *options_next(const struct options *options, const char *name, size_t *at);

// The table of the options, 80 columns wide.
void options_print(const struct options *options, FILE *stream);

#endif
