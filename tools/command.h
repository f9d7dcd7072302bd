// SPDX-License-Identifier: Apache-2.0
// What Kafka's programs share besides the parser: log lines on standard error, the ends with a message and the table of
// the options, checks of combinations, KEY=VALUE arguments. Ends of the process are with code 1 unless said. Confined
// to the main thread, but for command_log.
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "base/properties.h"
#include "tools/arguments.h"

#include <stdnoreturn.h>

// The version of Apache Kafka that command lines and output are those of.
#define COMMAND_KAFKA_VERSION "3.9.1"

// One line "[2026-11-21 12:00:00,123] LEVEL message (logger)" on standard error, written whole; from any thread.
void command_log(const char *level, const char *logger, const char *format, ...) __attribute__((format(printf, 3, 4)));

// The message and the table of the options on standard error.
noreturn void command_exit_usage(const struct arguments *options, const char *message);

// --help (ends with 1) and --version (ends with 0).
void command_help_or_version(const struct arguments *options, const char *purpose);

// Ends unless the option is given.
void command_check_required(const struct arguments *options, const char *name);

// Ends when name is given together with one of the others (a NULL-ended list).
void command_check_exclusive(const struct arguments *options, const char *name, const char *const *others);

// Adds the values KEY=VALUE of an option to the properties; without "=" the value is empty. Ends for an empty key.
void command_read_properties(const struct arguments *options, const char *name, struct properties *properties);

// The value of a key or what it is otherwise; and whether it is "true", in any case and with blanks around it.
const char *command_text_property(const struct properties *properties, const char *key, const char *otherwise);
bool command_flag_property(const struct properties *properties, const char *key, bool otherwise);

#endif
