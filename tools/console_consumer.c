// SPDX-License-Identifier: Apache-2.0
// kafka-console-consumer: writes the records of topics to standard output. It stands on librdkafka and behaves as
// Kafka's own does, also in how and when it ends. One thread; librdkafka's callbacks run in it.
#include "base/clock.h"
#include "base/error.h"
#include "tools/client_config.h"
#include "tools/client_session.h"
#include "tools/command.h"
#include "tools/console_consumer_options.h"
#include "tools/topic_filter.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char CONSUMER_LOGGER[] = "org.apache.kafka.tools.consumer.ConsoleConsumer";
// How long one wait may last before a signal is looked for.
enum { WAIT_MS_MAX = 100, ASK_MS_MAX = 200 };

struct consumer {
    struct client_session session; // first: client_session.h
    struct console_consumer_options options;
    int64_t processed;
    int64_t unstored; // records whose offset could not be kept for the commit
    bool has_warned_topic;
};

enum outcome { CONSUMER_ENDS, CONSUMER_FAILS, CONSUMER_GOES_ON };

static volatile sig_atomic_t consumer_signal;

static void note_signal(int number)
{
    consumer_signal = number;
}

static noreturn void exit_unknown_error(const char *text, const char *cause)
{
    command_log("ERROR", CONSUMER_LOGGER, "Unknown error when running consumer: ");
    fprintf(stderr, "%s\n", text);
    if (cause)
        fprintf(stderr, "Caused by: %s\n", cause);
    exit(1);
}

static noreturn void exit_config(const char *reason)
{
    char text[1024];
    snprintf(text, sizeof text, "org.apache.kafka.common.config.ConfigException: %s", reason);
    exit_unknown_error(text, NULL);
}

static void consumer_connect(struct consumer *consumer)
{
    const struct properties *properties = &consumer->options.consumer;
    char *error;
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct client_session *session = &consumer->session;
    if (!client_config_apply(CLIENT_CONSUMER, properties, conf, &session->settings, &error)) {
        rd_kafka_conf_destroy(conf);
        exit_config(error);
    }
    snprintf(session->who, sizeof session->who, "Consumer clientId=%s, groupId=%s",
             properties_get(properties, "client.id"), properties_get(properties, "group.id"));
    const char *excludes = properties_get(properties, "exclude.internal.topics");
    if (consumer->options.include && (!excludes || strcmp(excludes, "false") != 0) &&
        rd_kafka_conf_set(conf, "topic.blacklist", "^__consumer_offsets$,^__transaction_state$", reason,
                          sizeof reason) != RD_KAFKA_CONF_OK)
        exit_config(reason);
    rd_kafka_conf_set_opaque(conf, consumer);
    if (!client_session_open(session, RD_KAFKA_CONSUMER, properties_get(properties, "bootstrap.servers"), conf, &error))
        exit_unknown_error("org.apache.kafka.common.KafkaException: Failed to construct kafka consumer", error);
    rd_kafka_poll_set_consumer(consumer->session.client);
}

// One partition is assigned; a topic or an expression is subscribed to, as a member of the group.
static void consumer_begin(struct consumer *consumer)
{
    const struct console_consumer_options *options = &consumer->options;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t error;
    if (options->partition >= 0) {
        rd_kafka_topic_partition_list_add(list, options->topic, options->partition)->offset = options->offset;
        error = rd_kafka_assign(consumer->session.client, list);
    } else {
        char *expression = NULL;
        if (options->include) {
            char *reason;
            expression = topic_filter_translate(options->include, &reason);
            if (!expression) {
                char *text = memory_format("java.util.regex.PatternSyntaxException: %s", reason);
                exit_unknown_error(text, NULL);
            }
        }
        rd_kafka_topic_partition_list_add(list, expression ? expression : options->topic, RD_KAFKA_PARTITION_UA);
        error = rd_kafka_subscribe(consumer->session.client, list);
        free(expression);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (error)
        exit_config(rd_kafka_err2str(error));
}

static void log_end(const char *exception)
{
    command_log("ERROR", CONSUMER_LOGGER, "Error processing message, terminating consumer process: ");
    fprintf(stderr, "%s\n", exception);
}

static void warn_metadata(struct consumer *consumer, const char *issue)
{
    const char *topic = consumer->options.topic ? consumer->options.topic : consumer->options.include;
    command_log("WARN", "org.apache.kafka.clients.NetworkClient",
                "[%s] The metadata response from the cluster reported a recoverable issue with correlation id 2 : "
                "{%s=%s}",
                consumer->session.who, topic, issue);
}

// What an error about the topic, the group or its offsets means for going on.
static enum outcome consumer_judge(struct consumer *consumer, rd_kafka_resp_err_t error, const char *reason)
{
    const char *topic = consumer->options.topic ? consumer->options.topic : "";
    char text[1024];
    switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        warn_metadata(consumer, "INVALID_TOPIC_EXCEPTION");
        command_log("ERROR", "org.apache.kafka.clients.Metadata", "[%s] Metadata response reported invalid topics [%s]",
                    consumer->session.who, topic);
        snprintf(text, sizeof text, "org.apache.kafka.common.errors.InvalidTopicException: Invalid topics: [%s]",
                 topic);
        log_end(text);
        return CONSUMER_ENDS;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        log_end(
            "org.apache.kafka.clients.consumer.NoOffsetForPartitionException: Undefined offset with no reset policy "
            "for partitions");
        return CONSUMER_ENDS;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        snprintf(text, sizeof text, "org.apache.kafka.common.errors.%s: %s", kafka_error_exception((int16_t)error),
                 reason);
        log_end(text);
        return CONSUMER_ENDS;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        if (!consumer->has_warned_topic)
            warn_metadata(consumer, kafka_error_name((int16_t)error));
        consumer->has_warned_topic = true;
        return CONSUMER_GOES_ON;
    default:
        return CONSUMER_GOES_ON; // librdkafka goes on by itself
    }
}

// Asks for the topic's metadata. It makes a topic that is not there, and saves librdkafka a pause of half a second
// before it looks for the partition's leader. Not being answered is no reason to end.
static enum outcome consumer_ask_topic(struct consumer *consumer)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->session.client, consumer->options.topic, NULL);
    if (!topic)
        return CONSUMER_GOES_ON;
    enum outcome outcome = CONSUMER_GOES_ON;
    const rd_kafka_metadata_t *metadata;
    if (rd_kafka_metadata(consumer->session.client, 0, topic, &metadata, ASK_MS_MAX) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (metadata->topic_cnt == 1)
            outcome = consumer_judge(consumer, metadata->topics[0].err, "");
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return outcome;
}

static void log_refusal(const struct consumer *consumer)
{
    const struct failure *refusal = &consumer->session.refusal;
    char text[sizeof refusal->exception + sizeof refusal->message + 2];
    snprintf(text, sizeof text, "%s: %s", refusal->exception, refusal->message);
    log_end(text);
    fprintf(stderr, "Caused by: %s\n", refusal->cause);
}

// What came instead of a record.
static enum outcome consumer_take_error(struct consumer *consumer, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && consumer->options.topic)
        return consumer_ask_topic(consumer);
    return consumer_judge(consumer, message->err, rd_kafka_message_errstr(message));
}

// Writes one record. The offset is kept for the group's commit once the record was taken.
static enum outcome consumer_take(struct consumer *consumer, const rd_kafka_message_t *message)
{
    consumer->processed++;
    struct view text;
    char *error;
    bool ok = message_formatter_format(&consumer->options.formatter, message, &text, &error);
    if (text.size > 0)
        fwrite(text.data, 1, text.size, stdout);
    if (rd_kafka_offset_store(message->rkt, message->partition, message->offset))
        consumer->unstored++; // the partition was just revoked: its next owner reads the record again
    if (ok)
        return CONSUMER_GOES_ON;
    if (consumer->options.skips_errors) {
        command_log("ERROR", CONSUMER_LOGGER, "Error processing message, skipping this message: ");
        fprintf(stderr, "org.apache.kafka.common.errors.SerializationException: %s\n", error);
        free(error);
        return CONSUMER_GOES_ON;
    }
    fflush(stdout);
    fprintf(stderr, "Processed a total of %" PRId64 " messages\n", consumer->processed);
    command_log("ERROR", CONSUMER_LOGGER, "Unknown error when running consumer: ");
    fprintf(stderr, "org.apache.kafka.common.errors.SerializationException: %s\n", error);
    free(error);
    return CONSUMER_FAILS;
}

// The next record, or NULL at a signal, a time-out (logged) or when nobody reads the output any more.
static rd_kafka_message_t *consumer_receive(struct consumer *consumer)
{
    int64_t timeout_ms = consumer->options.timeout_ms;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->session.client, 0);
    if (!message)
        fflush(stdout); // nothing more for now: let people see what there is
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    while (!message && !consumer_signal && !ferror(stdout)) {
        int64_t left_ms = timeout_ms < 0 ? WAIT_MS_MAX : deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0) {
            log_end("org.apache.kafka.common.errors.TimeoutException");
            return NULL;
        }
        message = rd_kafka_consumer_poll(consumer->session.client, left_ms < WAIT_MS_MAX ? (int)left_ms : WAIT_MS_MAX);
        if (!message && consumer->session.refusal.message[0]) {
            log_refusal(consumer);
            return NULL;
        }
        if (message && message->err) {
            enum outcome outcome = consumer_take_error(consumer, message);
            rd_kafka_message_destroy(message);
            message = NULL;
            if (outcome == CONSUMER_ENDS)
                return NULL;
        }
    }
    return message;
}

static enum outcome consumer_run(struct consumer *consumer)
{
    const struct console_consumer_options *options = &consumer->options;
    enum outcome outcome = CONSUMER_GOES_ON;
    while (outcome == CONSUMER_GOES_ON && (options->messages_max < 0 || consumer->processed < options->messages_max)) {
        rd_kafka_message_t *message = consumer_receive(consumer);
        if (!message || consumer_signal || ferror(stdout)) {
            outcome = CONSUMER_ENDS;
            if (ferror(stdout))
                fprintf(stderr, "Unable to write to standard out, closing consumer.\n");
        } else if (message->err) {
            outcome = consumer_take_error(consumer, message);
        } else {
            outcome = consumer_take(consumer, message);
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    return outcome;
}

int main(int argc, char **argv)
{
    static struct consumer consumer;
    console_consumer_options_read(&consumer.options, argc, argv);
    struct sigaction action = {.sa_handler = note_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    consumer_connect(&consumer);
    enum outcome outcome = consumer.options.topic ? consumer_ask_topic(&consumer) : CONSUMER_GOES_ON;
    if (outcome == CONSUMER_GOES_ON) {
        consumer_begin(&consumer);
        outcome = consumer_run(&consumer);
    }
    int ended_by = consumer_signal;
    fflush(stdout);
    if (outcome != CONSUMER_FAILS)
        fprintf(stderr, "Processed a total of %" PRId64 " messages\n", consumer.processed);
    // Commits what was written and leaves the group. Taking librdkafka's threads down would only cost time.
    rd_kafka_consumer_close(consumer.session.client);
    if (consumer.options.shows_events)
        puts("shutdown_complete");
    fflush(stdout);
    _exit(ended_by ? 128 + ended_by : outcome == CONSUMER_FAILS);
}
