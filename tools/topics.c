// SPDX-License-Identifier: Apache-2.0
// kafka-topics: makes, deletes, describes and changes topics, through the brokers (--bootstrap-server, as Kafka 3.9's
// program does) or by writing to ZooKeeper (--zookeeper, as 2.8's does). One thread.
#include "base/logger.h"
#include "tools/command.h"
#include "tools/topics_brokers.h"
#include "tools/topics_zookeeper.h"

#include <stdlib.h>
#include <unistd.h>

static noreturn void exit_before_work(const char *message, const char *exception)
{
    fprintf(stderr, "%s\n%s: %s\n", message, exception, message);
    exit(1);
}

static const char *single_string(struct topic_arguments *arguments, const char *name)
{
    const char *value;
    if (!arguments_string(&arguments->arguments, name, &value))
        exit_before_work(arguments->arguments.error, arguments->arguments.error_exception);
    return value;
}

static bool run_brokers(struct topic_arguments *arguments, struct failure *failure)
{
    struct properties properties = {0};
    const char *file = single_string(arguments, "command-config");
    if (file && properties_load(&properties, file) < 0)
        exit_before_work(file, "java.nio.file.NoSuchFileException");
    struct admin_client *client;
    if (!admin_client_open(&client, single_string(arguments, "bootstrap-server"), &properties, failure)) {
        fprintf(stderr, "%s\n%s: %s\n", failure->message, failure->exception, failure->message);
        if (failure->cause[0])
            fprintf(stderr, "Caused by: %s\n", failure->cause);
        exit(1);
    }
    bool ok = topics_brokers_run(client, arguments, failure);
    admin_client_close(&client);
    properties_fini(&properties);
    return ok;
}

int main(int argc, char **argv)
{
    struct topic_arguments arguments;
    struct failure failure = {0};
    logger_set_output(STDERR_FILENO);
    logger_set_level(LOGGER_FATAL); // what goes wrong is told once, at the end
    topic_arguments_read(&arguments, argc, argv);
    const char *servers = arguments.uses_zookeeper ? single_string(&arguments, "zookeeper") : NULL;
    bool ok = servers ? topics_zookeeper_run(servers, &arguments, &failure) : run_brokers(&arguments, &failure);
    if (!ok) {
        printf("Error while executing topic command : %s\n", failure.message);
        fflush(stdout);
        command_log("ERROR",
                    arguments.uses_zookeeper ? "kafka.admin.TopicCommand$" : "org.apache.kafka.tools.TopicCommand",
                    "%s: %s\n%s%s%s", failure.exception, failure.message, failure.cause[0] ? "Caused by: " : "",
                    failure.cause, failure.cause[0] ? "\n" : "");
    }
    arguments_fini(&arguments.arguments);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
