// SPDX-License-Identifier: Apache-2.0
// Why a command did not succeed, in the words of Kafka's programs: the exception's class, which goes to the log, and
// its message, which people read. A plain value; confined to one thread.
#ifndef TOOLS_FAILURE_H
#define TOOLS_FAILURE_H

#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct failure {
    char exception[128];
    char message[1024]; // cut off when it is longer
    char cause[512];    // another exception and its message, or ""
};

// Both always return false, so that a function can end with return failure_set(…).
bool failure_set(struct failure *failure, const char *exception, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// An error that a broker answered; without a message (null) the words of the Java clients.
bool failure_set_error(struct failure *failure, int16_t error, struct view message);

#endif
