// SPDX-License-Identifier: Apache-2.0
// Diagnostics: one greppable line per event, "[2026-11-21 12:00:00,123] INFO Shutting down. (broker)", as Kafka's log4j
// writes them; the word in brackets is the source file. Safe from every thread, each line is one write().
#ifndef BASE_LOGGER_H
#define BASE_LOGGER_H

#include <stdbool.h>

enum logger_level { LOGGER_TRACE, LOGGER_DEBUG, LOGGER_INFO, LOGGER_WARN, LOGGER_ERROR, LOGGER_FATAL };

// Lines below the level are dropped before they are formatted. INFO at start.
void logger_set_level(enum logger_level level);
bool logger_is_enabled(enum logger_level level);

// "debug", "INFO" … in any case. Returns false for another word and leaves *level.
bool logger_level_of_string(const char *string, enum logger_level *level);

// Where lines go; standard output at start. The tools log to standard error, as Kafka's do.
void logger_set_output(int fd);

// Called with each line (without its end) besides the output; for tests. NULL ends that.
void logger_set_observer(void (*observe)(void *context, enum logger_level level, const char *line), void *context);

void logger_write(enum logger_level level, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define logger_log(level, ...)                                                                                         \
    do {                                                                                                               \
        if (logger_is_enabled(level))                                                                                  \
            logger_write(level, __FILE__, __VA_ARGS__);                                                                \
    } while (0)
#define logger_trace(...) logger_log(LOGGER_TRACE, __VA_ARGS__)
#define logger_debug(...) logger_log(LOGGER_DEBUG, __VA_ARGS__)
#define logger_info(...) logger_log(LOGGER_INFO, __VA_ARGS__)
#define logger_warn(...) logger_log(LOGGER_WARN, __VA_ARGS__)
#define logger_error(...) logger_log(LOGGER_ERROR, __VA_ARGS__)
#define logger_fatal(...) logger_log(LOGGER_FATAL, __VA_ARGS__)

#endif
