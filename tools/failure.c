// SPDX-License-Identifier: Apache-2.0
#include "tools/failure.h"

#include "base/error.h"
#include "tools/error_text.h"

#include <stdarg.h>
#include <stdio.h>

bool failure_set(struct failure *failure, const char *exception, const char *format, ...)
{
    snprintf(failure->exception, sizeof failure->exception, "%s", exception);
    failure->cause[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->message, sizeof failure->message, format, arguments);
    va_end(arguments);
    return false;
}

bool failure_set_error(struct failure *failure, int16_t error, struct view message)
{
    char exception[sizeof failure->exception];
    snprintf(exception, sizeof exception, "org.apache.kafka.common.errors.%s", kafka_error_exception(error));
    const char *text = error_text(error);
    if (!view_is_null(message))
        return failure_set(failure, exception, "%.*s", VIEW_ARGS(message));
    return failure_set(failure, exception, "%s", text ? text : kafka_error_name(error));
}
