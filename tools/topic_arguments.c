// SPDX-License-Identifier: Apache-2.0
#include "tools/topic_arguments.h"

#include "rules/options.h"
#include "tools/command.h"
#include "tools/topic_filter.h"

#include <stdlib.h>
#include <string.h>

static const struct argument_row topic_rows[] = {
    {"alter", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Adds partitions to topics."},
    {"at-min-isr-partitions", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --describe: only partitions with just as many replicas in sync as min.insync.replicas asks for."},
    {"bootstrap-server", ARGUMENT_REQUIRED, ARGUMENT_STRING, "server to connect to", NULL,
     "Brokers to ask first, HOST:PORT with commas between them."},
    {"command-config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "command config property file", NULL,
     "A properties file for the connection."},
    {"config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "name=value", NULL,
     "With --create: a configuration of the topic. May come several times. (With --zookeeper also for --alter.)"},
    {"create", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Makes a topic."},
    {"delete", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Deletes topics."},
    {"delete-config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "name", NULL,
     "With --zookeeper and --alter: a configuration to take back."},
    {"describe", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows topics and their partitions."},
    {"disable-rack-aware", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --zookeeper: places replicas without regard to racks."},
    {"exclude-internal", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Leaves out Kafka's own topics."},
    {"force", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "With --zookeeper: accepted, there are no prompts."},
    {"help", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows this."},
    {"if-exists", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --alter, --delete or --describe: no topic of that name is fine."},
    {"if-not-exists", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "With --create: a topic of that name is fine."},
    {"list", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Lists topics."},
    {"partition-size-limit-per-response", ARGUMENT_REQUIRED, ARGUMENT_INTEGER,
     "maximum number of partitions in one response.", NULL, "With --describe: how many partitions to ask for at once."},
    {"partitions", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "# of partitions", NULL,
     "How many partitions the topic is to have. More of them send keys elsewhere than before."},
    {"replica-assignment", ARGUMENT_REQUIRED, ARGUMENT_STRING,
     "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , broker_id_for_part2_replica1 : "
     "broker_id_for_part2_replica2 , ...",
     NULL, "Which brokers hold each partition: ids with colons between replicas, commas between partitions."},
    {"replication-factor", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "replication factor", NULL,
     "How many brokers hold each partition."},
    {"topic", ARGUMENT_REQUIRED, ARGUMENT_STRING, "topic", NULL,
     "The topic; but for --create also a list or a regular expression."},
    {"topic-id", ARGUMENT_REQUIRED, ARGUMENT_STRING, "topic-id", NULL, "With --describe: the topic's id."},
    {"topics-with-overrides", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --describe: only topics with configurations of their own."},
    {"unavailable-partitions", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --describe: only partitions without a live leader."},
    {"under-min-isr-partitions", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --describe: only partitions with fewer replicas in sync than min.insync.replicas asks for."},
    {"under-replicated-partitions", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL,
     "With --describe: only partitions with replicas that are not in sync."},
    {"version", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows the version of Kafka that this behaves like."},
    {"zookeeper", ARGUMENT_REQUIRED, ARGUMENT_STRING, "hosts", NULL,
     "Speaks to ZooKeeper instead of a broker: HOST:PORT pairs and the cluster's path."},
};

#define CHECK_EXCLUSIVE(arguments, name, ...)                                                                          \
    command_check_exclusive(arguments, name, (const char *const[]){__VA_ARGS__, NULL})

// Which options go with which action.
static void check_combinations(const struct arguments *arguments, bool uses_zookeeper)
{
    CHECK_EXCLUSIVE(arguments, "config", "delete", "describe", "list");
    if (uses_zookeeper)
        CHECK_EXCLUSIVE(arguments, "delete-config", "create", "delete", "describe", "list");
    else
        CHECK_EXCLUSIVE(arguments, "delete-config", "create", "delete", "describe", "list", "bootstrap-server");
    CHECK_EXCLUSIVE(arguments, "partitions", "delete", "describe", "list");
    CHECK_EXCLUSIVE(arguments, "replication-factor", "alter", "delete", "describe", "list");
    CHECK_EXCLUSIVE(arguments, "replica-assignment", "delete", "describe", "list");
    if (arguments_has(arguments, "create"))
        CHECK_EXCLUSIVE(arguments, "replica-assignment", "partitions", "replication-factor");
    static const char *const reports[] = {"under-replicated-partitions", "under-min-isr-partitions",
                                          "at-min-isr-partitions", "unavailable-partitions"};
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        bool is_min_isr = strstr(reports[i], "min-isr") != NULL;
        CHECK_EXCLUSIVE(arguments, reports[i], "alter", "create", "delete", "list", "topics-with-overrides",
                        uses_zookeeper && is_min_isr ? "zookeeper" : NULL);
    }
    CHECK_EXCLUSIVE(arguments, "topics-with-overrides", "alter", "create", "delete", "list");
    CHECK_EXCLUSIVE(arguments, "if-exists", "create", "list");
    CHECK_EXCLUSIVE(arguments, "if-not-exists", "alter", "delete", "describe", "list");
    CHECK_EXCLUSIVE(arguments, "exclude-internal", "alter", "create", "delete");
}

static void check_brokers_form(const struct arguments *arguments)
{
    if (!arguments_has(arguments, "bootstrap-server")) {
        fprintf(stderr, "--bootstrap-server must be specified\n"
                        "java.lang.IllegalArgumentException: --bootstrap-server must be specified\n");
        exit(1);
    }
    bool is_describe = arguments_has(arguments, "describe");
    if (is_describe && arguments_has(arguments, "if-exists") && !arguments_has(arguments, "topic") &&
        !arguments_has(arguments, "topic-id"))
        command_exit_usage(arguments, "--topic or --topic-id is required to describe a topic");
    if (is_describe && arguments_has(arguments, "if-exists") && arguments_has(arguments, "topic") &&
        arguments_has(arguments, "topic-id"))
        puts("Only topic id will be used when both --topic and --topic-id are specified and topicId is not "
             "Uuid.ZERO_UUID");
    if (!arguments_has(arguments, "list") && !is_describe)
        command_check_required(arguments, "topic");
    if (!arguments_has(arguments, "alter"))
        return;
    if (arguments_has(arguments, "config"))
        command_exit_usage(
            arguments, "Option combination \"[[bootstrap-server], [config]]\" can't be used with option \"[alter]\" "
                       "(the kafka-configs CLI supports altering topic configs with a --bootstrap-server option)");
    command_check_required(arguments, "partitions");
}

static void check_zookeeper_form(const struct arguments *arguments)
{
    if (arguments_has(arguments, "bootstrap-server")) {
        fprintf(stderr, "Exception in thread \"main\" java.lang.IllegalArgumentException: Only one of "
                        "--bootstrap-server or --zookeeper must be specified\n");
        exit(1);
    }
    bool is_describe = arguments_has(arguments, "describe");
    if ((is_describe && arguments_has(arguments, "if-exists")) || (!arguments_has(arguments, "list") && !is_describe))
        command_check_required(arguments, "topic");
    if (arguments_has(arguments, "create") && !arguments_has(arguments, "replica-assignment")) {
        command_check_required(arguments, "partitions");
        command_check_required(arguments, "replication-factor");
    }
}

void topic_arguments_read(struct topic_arguments *topic, int argc, char **argv)
{
    static const char PURPOSE[] = "Makes, deletes, describes and changes topics.";
    struct arguments *arguments = &topic->arguments;
    bool ok = arguments_parse(arguments, topic_rows, sizeof topic_rows / sizeof topic_rows[0], argc, argv);
    topic->uses_zookeeper = arguments_has(arguments, "zookeeper");
    if (!ok) {
        if (topic->uses_zookeeper)
            fprintf(stderr, "Exception in thread \"main\" %s: %s\n", arguments->error_exception, arguments->error);
        else
            fprintf(stderr, "%s\n%s: %s\n", arguments->error, arguments->error_exception, arguments->error);
        exit(1);
    }
    if (argc == 1)
        command_exit_usage(arguments, PURPOSE);
    command_help_or_version(arguments, PURPOSE);
    static const char *const actions[] = {"create", "list", "alter", "describe", "delete"};
    int action_count = 0;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        action_count += arguments_has(arguments, actions[i]);
    if (action_count != 1)
        command_exit_usage(
            arguments, "Command must include exactly one action: --list, --describe, --create, --alter or --delete");
    if (topic->uses_zookeeper)
        check_zookeeper_form(arguments);
    else
        check_brokers_form(arguments);
    check_combinations(arguments, topic->uses_zookeeper);
}

bool topic_arguments_string(struct topic_arguments *topic, const char *name, const char **value,
                            struct failure *failure)
{
    if (arguments_string(&topic->arguments, name, value))
        return true;
    return failure_set(failure, topic->arguments.error_exception, "%s", topic->arguments.error);
}

bool topic_arguments_filter(struct topic_arguments *topic, const char **name, struct topic_filter *filter,
                            struct failure *failure)
{
    if (!topic_arguments_string(topic, "topic", name, failure))
        return false;
    char *error;
    if (!*name || topic_filter_init(filter, *name, &error))
        return true;
    free(error);
    return failure_set(failure, "java.lang.RuntimeException", "%s is an invalid regex.", *name);
}

bool topic_arguments_number(struct topic_arguments *topic, const char *name, int64_t otherwise, int64_t *value,
                            struct failure *failure)
{
    *value = otherwise;
    if (arguments_number(&topic->arguments, name, value))
        return true;
    return failure_set(failure, topic->arguments.error_exception, "%s", topic->arguments.error);
}

bool topic_fail_config(struct failure *failure, const char *message)
{
    bool is_name = strncmp(message, "Unknown topic config name", 25) == 0;
    return failure_set(failure,
                       is_name ? "org.apache.kafka.common.errors.InvalidConfigurationException"
                               : "org.apache.kafka.common.config.ConfigException",
                       "%s", message);
}

// "key = value" with blanks dropped; both sides must be there.
static bool read_config(const char *text, struct properties *configs, struct failure *failure)
{
    const char *equals = strchr(text, '=');
    size_t key_size = equals ? (size_t)(equals - text) : 0;
    const char *value = equals ? equals + 1 + strspn(equals + 1, " \t") : "";
    size_t value_size = strlen(value);
    while (key_size > 0 && strchr(" \t", text[key_size - 1]))
        key_size--;
    while (value_size > 0 && strchr(" \t", value[value_size - 1]))
        value_size--;
    if (!equals || value_size == 0 || strchr(value, '='))
        return failure_set(failure, "java.lang.IllegalArgumentException",
                           "requirement failed: Invalid topic config: all configs to be added must be in the format "
                           "\"key=val\".");
    size_t blanks = strspn(text, " \t");
    char *key = memory_format("%.*s", (int)(key_size - (blanks < key_size ? blanks : key_size)), text + blanks);
    char *trimmed = memory_format("%.*s", (int)value_size, value);
    properties_set(configs, key, trimmed);
    free(key);
    free(trimmed);
    return true;
}

static bool read_configs(struct topic_arguments *topic, struct properties *configs, struct failure *failure)
{
    const char *text;
    for (size_t at = 0; (text = arguments_next(&topic->arguments, "config", &at));) {
        if (!read_config(text, configs, failure))
            return false;
    }
    char *error = options_check_topic(configs);
    if (error)
        topic_fail_config(failure, error);
    free(error);
    return !error;
}

static bool read_assignment(const char *text, struct arena *arena, struct topic_change *change, struct failure *failure)
{
    static const struct {
        const char *begins, *exception;
    } exceptions[] = {
        {"For input string", "java.lang.NumberFormatException"},
        {"Partition replica lists", "org.apache.kafka.server.common.AdminCommandFailedException"},
        {"", "org.apache.kafka.server.common.AdminOperationException"},
    };
    const char *message = NULL;
    if (replica_assignment_parse(arena, text, &change->assignment, &change->assignment_count, &message) == KAFKA_NONE)
        return true;
    size_t i = 0;
    while (strncmp(message ? message : "", exceptions[i].begins, strlen(exceptions[i].begins)) != 0)
        i++;
    return failure_set(failure, exceptions[i].exception, "%s", message ? message : "The assignment is too long");
}

bool topic_change_read(struct topic_arguments *topic, struct arena *arena, struct topic_change *change,
                       struct failure *failure)
{
    *change = (struct topic_change){0};
    const char *assignment;
    if (!topic_arguments_string(topic, "topic", &change->name, failure) ||
        !topic_arguments_number(topic, "partitions", -1, &change->partitions, failure) ||
        !topic_arguments_number(topic, "replication-factor", -1, &change->replication_factor, failure) ||
        !topic_arguments_string(topic, "replica-assignment", &assignment, failure))
        return false;
    if (assignment && assignment[0] && !read_assignment(assignment, arena, change, failure))
        return false;
    if (read_configs(topic, &change->configs, failure))
        return true;
    topic_change_fini(change);
    return false;
}

void topic_change_fini(struct topic_change *change)
{
    properties_fini(&change->configs);
}
