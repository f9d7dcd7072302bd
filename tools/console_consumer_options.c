// SPDX-License-Identifier: Apache-2.0
#include "tools/console_consumer_options.h"

#include "base/clock.h"
#include "tools/command.h"
#include "tools/java_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

static const struct argument_row consumer_options[] = {
    {"bootstrap-server", ARGUMENT_REQUIRED, ARGUMENT_STRING, "server to connect to", NULL,
     "Required: brokers to ask first, HOST:PORT with commas between them."},
    {"consumer-property", ARGUMENT_REQUIRED, ARGUMENT_STRING, "consumer_prop", NULL,
     "KEY=VALUE for the consumer; wins over --consumer.config. May come several times."},
    {"consumer.config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "config file", NULL, "A properties file for the consumer."},
    {"enable-systest-events", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Tells when it has shut down."},
    {"formatter", ARGUMENT_REQUIRED, ARGUMENT_STRING, "class",
     "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
     "How records are written: DefaultMessageFormatter, LoggingMessageFormatter, NoOpMessageFormatter, "
     "OffsetsMessageFormatter, GroupMetadataMessageFormatter, TransactionLogMessageFormatter."},
    {"formatter-config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "config file", NULL,
     "A properties file for the formatter."},
    {"from-beginning", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "Begins with the oldest record when the group has no offset yet."},
    {"group", ARGUMENT_REQUIRED, ARGUMENT_STRING, "consumer group id", NULL, "The group to read as."},
    {"help", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows this."},
    {"include", ARGUMENT_REQUIRED, ARGUMENT_STRING, "Java regex (String)", NULL,
     "Reads the topics whose whole name matches."},
    {"isolation-level", ARGUMENT_REQUIRED, ARGUMENT_STRING, "", "read_uncommitted",
     "read_committed leaves out records of transactions that are not committed."},
    {"key-deserializer", ARGUMENT_REQUIRED, ARGUMENT_STRING, "deserializer for keys", NULL,
     "The Java class that tells what keys are."},
    {"max-messages", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "num_messages", NULL, "Ends after that many records."},
    {"offset", ARGUMENT_REQUIRED, ARGUMENT_STRING, "consume offset", "latest",
     "Where to begin in the partition: an offset, earliest or latest."},
    {"partition", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "partition", NULL,
     "Reads this partition alone, without a group."},
    {"property", ARGUMENT_REQUIRED, ARGUMENT_STRING, "prop", NULL,
     "KEY=VALUE for the formatter, several times:\nprint.timestamp, print.key, print.offset, print.partition, "
     "print.headers, print.value (true or false), key.separator, line.separator, headers.separator, null.literal, "
     "key.deserializer, value.deserializer, headers.deserializer."},
    {"skip-message-on-error", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "Goes on after a record that cannot be written."},
    {"timeout-ms", ARGUMENT_REQUIRED, ARGUMENT_LONG, "timeout_ms", NULL, "Ends when no record comes for so long."},
    {"topic", ARGUMENT_REQUIRED, ARGUMENT_STRING, "topic", NULL, "The topic to read."},
    {"value-deserializer", ARGUMENT_REQUIRED, ARGUMENT_STRING, "deserializer for values", NULL,
     "The Java class that tells what values are."},
    {"version", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows the version of Kafka that this behaves like."},
    {"whitelist", ARGUMENT_REQUIRED, ARGUMENT_STRING, "Java regex (String)", NULL, "The old name of --include."},
};

static noreturn void exit_with_exception(const char *exception, const char *message)
{
    fprintf(stderr, "Exception in thread \"main\" %s: %s\n", exception, message);
    exit(1);
}

static const char *single_string(struct arguments *options, const char *name)
{
    const char *value;
    if (!arguments_string(options, name, &value))
        exit_with_exception(options->error_exception, options->error);
    return value;
}

static int64_t single_number(struct arguments *options, const char *name)
{
    int64_t value = -1;
    if (!arguments_number(options, name, &value))
        exit_with_exception(options->error_exception, options->error);
    return value;
}

static void load_properties(struct arguments *options, const char *name, struct properties *properties)
{
    const char *file = single_string(options, name);
    if (file && properties_load(properties, file) < 0)
        exit_with_exception("java.nio.file.NoSuchFileException", file);
}

static void check_combinations(struct arguments *options)
{
    bool has_include = arguments_has(options, "include") || arguments_has(options, "whitelist");
    bool has_offset = arguments_has(options, "offset");
    if (arguments_has(options, "topic") == has_include)
        command_exit_usage(options, "Exactly one of --include/--topic is required. ");
    if (arguments_has(options, "partition")) {
        if (!arguments_has(options, "topic"))
            command_exit_usage(options, "The topic is required when partition is specified.");
        if (arguments_has(options, "from-beginning") && has_offset)
            command_exit_usage(options, "Options from-beginning and offset cannot be specified together.");
    } else if (has_offset) {
        command_exit_usage(options, "The partition is required when offset is specified.");
    }
    command_check_required(options, "bootstrap-server");
}

// The group may be named in three places, but only in one way. Returns it, or NULL.
static const char *settle_group(struct arguments *options, const struct properties *file,
                                const struct properties *arguments)
{
    const char *places[] = {single_string(options, "group"), properties_get(file, "group.id"),
                            properties_get(arguments, "group.id")};
    const char *names[3];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        bool is_new = places[i] != NULL;
        for (size_t j = 0; is_new && j < count; j++)
            is_new = strcmp(places[i], names[j]) != 0;
        if (is_new)
            names[count++] = places[i];
    }
    if (count > 1) {
        // As a HashSet prints them.
        java_hash_sort(names, count, sizeof *names, 0, java_hash_capacity(16, count));
        char message[1024];
        snprintf(message, sizeof message,
                 "The group ids provided in different places (directly using '--group', via '--consumer-property', or "
                 "via '--consumer.config') do not match. Detected group ids: '%s', '%s'%s%s%s",
                 names[0], names[1], count > 2 ? ", '" : "", count > 2 ? names[2] : "", count > 2 ? "'" : "");
        command_exit_usage(options, message);
    }
    if (count == 1 && arguments_has(options, "partition"))
        command_exit_usage(options, "Options group and partition cannot be specified together.");
    return count == 1 ? names[0] : NULL;
}

static void settle_offset_reset(const struct arguments *options, struct properties *consumer)
{
    const char *reset = properties_get(consumer, "auto.offset.reset");
    bool from_beginning = arguments_has(options, "from-beginning");
    if (!reset) {
        properties_set(consumer, "auto.offset.reset", from_beginning ? "earliest" : "latest");
    } else if (from_beginning && strcmp(reset, "earliest") != 0) {
        fprintf(stderr,
                "Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option\n",
                reset);
        exit(1);
    }
}

static void read_consumer_properties(struct arguments *options, struct properties *consumer)
{
    struct properties arguments = {0};
    load_properties(options, "consumer.config", consumer);
    command_read_properties(options, "consumer-property", &arguments);
    const char *group = settle_group(options, consumer, &arguments);
    for (size_t i = 0; i < arguments.count; i++)
        properties_set(consumer, arguments.items[i].key, arguments.items[i].value);
    settle_offset_reset(options, consumer);
    properties_set(consumer, "bootstrap.servers", single_string(options, "bootstrap-server"));
    if (!properties_get(consumer, "client.id"))
        properties_set(consumer, "client.id", "console-consumer");
    if (arguments_has(options, "isolation-level") || !properties_get(consumer, "isolation.level"))
        properties_set(consumer, "isolation.level", single_string(options, "isolation-level"));
    if (group) {
        char *settled = memory_copy_string(group);
        properties_set(consumer, "group.id", settled);
        free(settled);
    } else {
        // A group for this run only; its offsets are of no use to anybody.
        unsigned number = (unsigned)getpid();
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            number ^= (unsigned)clock_monotonic_ns();
        char own_group[64];
        snprintf(own_group, sizeof own_group, "console-consumer-%u", number % 100000);
        properties_set(consumer, "group.id", own_group);
        if (!properties_get(consumer, "enable.auto.commit"))
            properties_set(consumer, "enable.auto.commit", "false");
    }
    properties_fini(&arguments);
}

static int64_t read_offset(struct arguments *options)
{
    if (!arguments_has(options, "offset"))
        return arguments_has(options, "from-beginning") ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
    const char *text = single_string(options, "offset");
    if (strcasecmp(text, "earliest") == 0)
        return RD_KAFKA_OFFSET_BEGINNING;
    if (strcasecmp(text, "latest") == 0)
        return RD_KAFKA_OFFSET_END;
    char *end;
    errno = 0;
    long long offset = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || offset < 0) {
        char message[256];
        snprintf(message, sizeof message,
                 "The provided offset value '%s' is incorrect. Valid values are 'earliest', 'latest', or a "
                 "non-negative long.",
                 text);
        command_exit_usage(options, message);
    }
    return offset;
}

static void read_formatter(struct console_consumer_options *read)
{
    struct arguments *options = &read->options;
    load_properties(options, "formatter-config", &read->formatter_properties);
    const char *deserializer = single_string(options, "key-deserializer");
    if (deserializer && deserializer[0])
        properties_set(&read->formatter_properties, "key.deserializer", deserializer);
    deserializer = single_string(options, "value-deserializer");
    if (deserializer && deserializer[0])
        properties_set(&read->formatter_properties, "value.deserializer", deserializer);
    command_read_properties(options, "property", &read->formatter_properties);
    const char *formatter = single_string(options, "formatter");
    if (!message_formatter_init(&read->formatter, formatter, &read->formatter_properties))
        command_exit_usage(options, formatter);
}

void console_consumer_options_read(struct console_consumer_options *read, int argc, char **argv)
{
    static const char PURPOSE[] = "Reads records of topics and writes them to the standard output.";
    *read = (struct console_consumer_options){0};
    struct arguments *options = &read->options;
    if (!arguments_parse(options, consumer_options, sizeof consumer_options / sizeof consumer_options[0], argc, argv))
        command_exit_usage(options, options->error);
    if (argc == 1)
        command_exit_usage(options, PURPOSE);
    command_help_or_version(options, PURPOSE);
    check_combinations(options);
    read->topic = single_string(options, "topic");
    read->include = single_string(options, arguments_has(options, "include") ? "include" : "whitelist");
    read->partition = (int32_t)single_number(options, "partition");
    read_consumer_properties(options, &read->consumer);
    read->offset = read_offset(options);
    read->timeout_ms = single_number(options, "timeout-ms");
    read_formatter(read);
    read->skips_errors = arguments_has(options, "skip-message-on-error");
    read->shows_events = arguments_has(options, "enable-systest-events");
    read->messages_max = -1;
    if (!arguments_number(options, "max-messages", &read->messages_max)) {
        fprintf(stderr, "Processed a total of 0 messages\n");
        command_log("ERROR", "org.apache.kafka.tools.consumer.ConsoleConsumer",
                    "Unknown error when running consumer: ");
        fprintf(stderr, "%s: %s\n", options->error_exception, options->error);
        exit(1);
    }
}
