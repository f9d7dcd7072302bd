// SPDX-License-Identifier: Apache-2.0
// How the console consumer writes a record: DefaultMessageFormatter with its print.* properties, separators and
// deserializers, LoggingMessageFormatter (the same), NoOpMessageFormatter, and those of internal topics. Confined to
// one thread.
#ifndef TOOLS_MESSAGE_FORMATTER_H
#define TOOLS_MESSAGE_FORMATTER_H

#include "base/properties.h"
#include "tools/deserializer.h"
#include "tools/internal_records.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

// Strings belong to the properties that it was made of, or are constants.
struct message_formatter {
    bool is_silent;
    const struct internal_records *internal; // NULL but for the formatters of internal topics
    bool print_timestamp, print_partition, print_offset, print_headers, print_key, print_value;
    const char *key_separator, *line_separator, *headers_separator, *null_literal;
    const struct deserializer *key_deserializer, *value_deserializer, *headers_deserializer; // NULL: bytes as they are
    struct deserializer_text text;
};

// Returns false when there is no formatter class of that name. A deserializer of an unknown name is logged and ignored,
// as Kafka does.
bool message_formatter_init(struct message_formatter *formatter, const char *class_name,
                            const struct properties *properties) __attribute__((warn_unused_result));

// The record as text, valid until the next call. A record whose bytes do not fit a deserializer gives false with a
// message in error, to be freed; what stood before them in the line is in *text all the same, as Kafka has written it
// by then.
bool message_formatter_format(struct message_formatter *formatter, const rd_kafka_message_t *message, struct view *text,
                              char **error) __attribute__((warn_unused_result));

#endif
