// SPDX-License-Identifier: Apache-2.0
#include "tools/message_formatter.h"

#include "tools/command.h"

#include <inttypes.h>
#include <string.h>

static const char FORMATTER_PACKAGE[] = "org.apache.kafka.tools.consumer.";
static const char FORMATTER_PACKAGE_OLD[] = "kafka.tools.";

static const struct deserializer *deserializer_property(const struct properties *properties, const char *key)
{
    const char *name = properties_get(properties, key);
    if (!name)
        return NULL;
    const struct deserializer *deserializer = deserializer_find(name);
    if (!deserializer) {
        command_log("ERROR", "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
                    "Unable to instantiate a deserializer from %s", name);
        fprintf(stderr, "java.lang.ClassNotFoundException: %s\n", name);
    }
    return deserializer;
}

// The class behind its package, NULL for another package; warns of the old one.
static const char *formatter_name(const char *class_name)
{
    size_t size = sizeof FORMATTER_PACKAGE - 1, old_size = sizeof FORMATTER_PACKAGE_OLD - 1;
    if (strncmp(class_name, FORMATTER_PACKAGE, size) == 0)
        return class_name + size;
    if (strncmp(class_name, FORMATTER_PACKAGE_OLD, old_size) != 0)
        return NULL;
    fprintf(stderr,
            "WARNING: %s is deprecated and will be removed in the next major release. Please use %s%s instead\n",
            class_name, FORMATTER_PACKAGE, class_name + old_size);
    return class_name + old_size;
}

bool message_formatter_init(struct message_formatter *formatter, const char *class_name,
                            const struct properties *properties)
{
    const struct internal_records *internal = internal_records_find(class_name);
    const char *name = internal ? NULL : formatter_name(class_name);
    bool is_silent = name && strcmp(name, "NoOpMessageFormatter") == 0;
    bool is_default =
        name && (strcmp(name, "DefaultMessageFormatter") == 0 || strcmp(name, "LoggingMessageFormatter") == 0);
    if (!internal && !is_silent && !is_default)
        return false;
    *formatter = (struct message_formatter){
        .is_silent = is_silent,
        .internal = internal,
        .print_timestamp = command_flag_property(properties, "print.timestamp", false),
        .print_partition = command_flag_property(properties, "print.partition", false),
        .print_offset = command_flag_property(properties, "print.offset", false),
        .print_headers = command_flag_property(properties, "print.headers", false),
        .print_key = command_flag_property(properties, "print.key", false),
        .print_value = command_flag_property(properties, "print.value", true),
        .key_separator = command_text_property(properties, "key.separator", "\t"),
        .line_separator = command_text_property(properties, "line.separator", "\n"),
        .headers_separator = command_text_property(properties, "headers.separator", ","),
        .null_literal = command_text_property(properties, "null.literal", "null"),
        .key_deserializer = deserializer_property(properties, "key.deserializer"),
        .value_deserializer = deserializer_property(properties, "value.deserializer"),
        .headers_deserializer = deserializer_property(properties, "headers.deserializer"),
    };
    return true;
}

static void add_string(struct message_formatter *formatter, const char *string)
{
    for (; *string; string++)
        *array_append(&formatter->text) = *string;
}

static void add_separator(struct message_formatter *formatter, bool more_follows)
{
    add_string(formatter, more_follows ? formatter->key_separator : formatter->line_separator);
}

static bool add_field(struct message_formatter *formatter, const struct deserializer *deserializer, const void *data,
                      size_t size, char **error)
{
    struct view bytes = data ? view_of(data, size) : view_of_string(formatter->null_literal);
    if (deserializer)
        return deserializer_append(deserializer, bytes, &formatter->text, error);
    for (size_t i = 0; i < bytes.size; i++)
        *array_append(&formatter->text) = (char)bytes.data[i];
    return true;
}

static void add_timestamp(struct message_formatter *formatter, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    char string[64] = "NO_TIMESTAMP";
    if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
        snprintf(string, sizeof string, "%s:%" PRId64,
                 type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime", timestamp_ms);
    add_string(formatter, string);
}

static bool add_headers(struct message_formatter *formatter, const rd_kafka_message_t *message, char **error)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_cnt(headers) == 0) {
        add_string(formatter, "NO_HEADERS");
        return true;
    }
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        if (i > 0)
            add_string(formatter, formatter->headers_separator);
        add_string(formatter, name);
        add_string(formatter, ":");
        if (!add_field(formatter, formatter->headers_deserializer, value, size, error))
            return false;
    }
    return true;
}

static bool add_record(struct message_formatter *formatter, const rd_kafka_message_t *message, char **error)
{
    const struct message_formatter *f = formatter;
    char string[64];
    if (f->print_timestamp) {
        add_timestamp(formatter, message);
        add_separator(formatter,
                      f->print_partition || f->print_offset || f->print_headers || f->print_key || f->print_value);
    }
    if (f->print_partition) {
        snprintf(string, sizeof string, "Partition:%" PRId32, message->partition);
        add_string(formatter, string);
        add_separator(formatter, f->print_offset || f->print_headers || f->print_key || f->print_value);
    }
    if (f->print_offset) {
        snprintf(string, sizeof string, "Offset:%" PRId64, message->offset);
        add_string(formatter, string);
        add_separator(formatter, f->print_headers || f->print_key || f->print_value);
    }
    if (f->print_headers) {
        if (!add_headers(formatter, message, error))
            return false;
        add_separator(formatter, f->print_key || f->print_value);
    }
    if (f->print_key) {
        if (!add_field(formatter, f->key_deserializer, message->key, message->key_len, error))
            return false;
        add_separator(formatter, f->print_value);
    }
    if (f->print_value) {
        if (!add_field(formatter, f->value_deserializer, message->payload, message->len, error))
            return false;
        add_string(formatter, f->line_separator);
    }
    return true;
}

bool message_formatter_format(struct message_formatter *formatter, const rd_kafka_message_t *message, struct view *text,
                              char **error)
{
    formatter->text.count = 0;
    bool ok = true;
    if (formatter->internal)
        ok = internal_records_append(formatter->internal, view_of(message->key, message->key_len),
                                     view_of(message->payload, message->len), &formatter->text, error);
    else if (!formatter->is_silent)
        ok = add_record(formatter, message, error);
    *text = view_of(formatter->text.items, formatter->text.count);
    return ok;
}
