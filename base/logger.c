// SPDX-License-Identifier: Apache-2.0
#include "base/logger.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 2048

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
static atomic_int level_min = LOGGER_INFO;
static atomic_int output_fd = STDOUT_FILENO;

// Below every lock of the table of locks, so it is a plain mutex: a line may be written under any of them.
static pthread_mutex_t observer_mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*observer)(void *context, enum logger_level level, const char *line);
static void *observer_context;
static atomic_bool observer_is_set;

void logger_set_level(enum logger_level level)
{
    atomic_store_explicit(&level_min, level, memory_order_relaxed);
}

bool logger_is_enabled(enum logger_level level)
{
    return (int)level >= atomic_load_explicit(&level_min, memory_order_relaxed);
}

bool logger_level_of_string(const char *string, enum logger_level *level)
{
    for (int i = LOGGER_TRACE; i <= LOGGER_FATAL; i++) {
        if (strcasecmp(string, level_names[i]) == 0) {
            *level = (enum logger_level)i;
            return true;
        }
    }
    return false;
}

void logger_set_output(int fd)
{
    atomic_store(&output_fd, fd);
}

void logger_set_observer(void (*observe)(void *context, enum logger_level level, const char *line), void *context)
{
    pthread_mutex_lock(&observer_mutex);
    observer = observe;
    observer_context = context;
    atomic_store(&observer_is_set, observe != NULL);
    pthread_mutex_unlock(&observer_mutex);
}

static void observe_line(enum logger_level level, const char *line)
{
    pthread_mutex_lock(&observer_mutex);
    if (observer != NULL)
        observer(observer_context, level, line);
    pthread_mutex_unlock(&observer_mutex);
}

// "server/broker.c" → "broker".
static void source_name(const char *file, char *name, size_t size)
{
    const char *slash = strrchr(file, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : file);
    char *dot = strrchr(name, '.');
    if (dot != NULL)
        *dot = '\0';
}

// A line stays one line, whatever a peer put into a name that it carries.
static void mask_control_characters(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
    }
}

void logger_write(enum logger_level level, const char *file, const char *format, ...)
{
    char stack[LINE_SIZE], name[64];
    int64_t now_ms = clock_now_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    source_name(file, name, sizeof name);

    va_list arguments;
    va_start(arguments, format);
    char *message = NULL;
    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    va_end(arguments);
    if (message != NULL)
        mask_control_characters(message);

    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
    char *line = stack;
    int length = snprintf(stack, sizeof stack, "[%s,%03d] %s %s (%s)\n", stamp, (int)(now_ms % 1000),
                          level_names[level], message ? message : format, name);
    if (length >= (int)sizeof stack) {
        line = NULL;
        length = asprintf(&line, "[%s,%03d] %s %s (%s)\n", stamp, (int)(now_ms % 1000), level_names[level],
                          message ? message : format, name);
    }
    if (length > 0 && line != NULL) {
        // A log that cannot be written must not stop the broker.
        ssize_t written = write(atomic_load(&output_fd), line, (size_t)length);
        (void)written;
        line[length - 1] = '\0';
        if (atomic_load(&observer_is_set))
            observe_line(level, line);
    }
    if (line != stack)
        free(line);
    free(message);
}
