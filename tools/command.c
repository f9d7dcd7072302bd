// SPDX-License-Identifier: Apache-2.0
#include "tools/command.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

void command_log(const char *level, const char *logger, const char *format, ...)
{
    char message[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    int64_t now_ms = clock_now_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm local;
    char when[32] = "";
    if (localtime_r(&seconds, &local))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    char line[4096 + 256];
    int size =
        snprintf(line, sizeof line, "[%s,%03d] %s %s (%s)\n", when, (int)(now_ms % 1000), level, message, logger);
    if (size < 0 || write(STDERR_FILENO, line, (size_t)size) < 0)
        return; // standard error is closed: nobody is left to tell
}

noreturn void command_exit_usage(const struct arguments *options, const char *message)
{
    fprintf(stderr, "%s\n", message);
    arguments_print(options, stderr);
    exit(1);
}

void command_help_or_version(const struct arguments *options, const char *purpose)
{
    if (arguments_has(options, "help"))
        command_exit_usage(options, purpose);
    if (arguments_has(options, "version")) {
        puts(COMMAND_KAFKA_VERSION);
        exit(0);
    }
}

void command_check_required(const struct arguments *options, const char *name)
{
    if (arguments_has(options, name))
        return;
    char message[128];
    snprintf(message, sizeof message, "Missing required argument \"[%s]\"", name);
    command_exit_usage(options, message);
}

void command_check_exclusive(const struct arguments *options, const char *name, const char *const *others)
{
    if (!arguments_has(options, name))
        return;
    for (; *others; others++) {
        if (arguments_has(options, *others)) {
            char message[128];
            snprintf(message, sizeof message, "Option \"[%s]\" can't be used with option \"[%s]\"", name, *others);
            command_exit_usage(options, message);
        }
    }
}

void command_read_properties(const struct arguments *options, const char *name, struct properties *properties)
{
    const char *argument;
    for (size_t at = 0; (argument = arguments_next(options, name, &at));) {
        const char *equals = strchr(argument, '=');
        size_t key_size = equals ? (size_t)(equals - argument) : strlen(argument);
        if (key_size == 0) {
            fprintf(stderr, "Invalid command line properties: %s\n", argument);
            exit(1);
        }
        char *key = memory_format("%.*s", (int)key_size, argument);
        properties_set(properties, key, equals ? equals + 1 : "");
        free(key);
    }
}

const char *command_text_property(const struct properties *properties, const char *key, const char *otherwise)
{
    const char *value = properties_get(properties, key);
    return value ? value : otherwise;
}

bool command_flag_property(const struct properties *properties, const char *key, bool otherwise)
{
    const char *value = properties_get(properties, key);
    if (!value)
        return otherwise;
    value += strspn(value, " \t");
    size_t size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    return size == 4 && strncasecmp(value, "true", 4) == 0;
}
