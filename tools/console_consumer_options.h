// SPDX-License-Identifier: Apache-2.0
// The command line of the console consumer: checked, and turned into the properties of a consumer and of a formatter.
// A bad command line ends the process with code 1 and Kafka's words. Confined to the main thread.
#ifndef TOOLS_CONSOLE_CONSUMER_OPTIONS_H
#define TOOLS_CONSOLE_CONSUMER_OPTIONS_H

#include "base/properties.h"
#include "tools/arguments.h"
#include "tools/message_formatter.h"

#include <stdbool.h>
#include <stdint.h>

struct console_consumer_options {
    struct arguments options;
    struct properties consumer;             // Java's keys
    struct properties formatter_properties; // what formatter's strings belong to
    struct message_formatter formatter;
    const char *topic;    // or NULL
    const char *include;  // a Java expression, or NULL
    int32_t partition;    // or -1
    int64_t offset;       // for the partition: an offset, RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END
    int64_t messages_max; // or -1
    int64_t timeout_ms;   // or -1
    bool skips_errors;
    bool shows_events;
};

void console_consumer_options_read(struct console_consumer_options *options, int argc, char **argv);

#endif
