// SPDX-License-Identifier: Apache-2.0
// kafka-console-producer: sends the lines of standard input as records. It stands on librdkafka and behaves as Kafka's
// own does: a record waits for the topic's metadata (and thereby makes the topic) for max.block.ms at most, errors of
// single records are logged and the rest goes on. One thread; librdkafka's callbacks run in it.
#include "base/clock.h"
#include "base/error.h"
#include "tools/client_config.h"
#include "tools/client_session.h"
#include "tools/command.h"
#include "tools/line_input.h"
#include "tools/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct argument_row producer_options[] = {
    {"batch-size", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "size", "16384", "Bytes that one batch of records may hold."},
    {"bootstrap-server", ARGUMENT_REQUIRED, ARGUMENT_STRING, "server to connect to", NULL,
     "Required: brokers to ask first, HOST:PORT with commas between them."},
    {"broker-list", ARGUMENT_REQUIRED, ARGUMENT_STRING, "broker-list", NULL, "The old name of --bootstrap-server."},
    {"compression-codec", ARGUMENT_OPTIONAL, ARGUMENT_STRING, "compression-codec", NULL,
     "none, gzip (also when no codec is named), snappy, lz4 or zstd."},
    {"help", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows this."},
    {"line-reader", ARGUMENT_REQUIRED, ARGUMENT_STRING, "reader_class", "kafka.tools.ConsoleProducer$LineMessageReader",
     "The class that makes records of lines; only the default is there."},
    {"max-block-ms", ARGUMENT_REQUIRED, ARGUMENT_LONG, "max block on send", "60000",
     "How long a record waits for the topic's metadata."},
    {"max-memory-bytes", ARGUMENT_REQUIRED, ARGUMENT_LONG, "total memory in bytes", "33554432",
     "Memory for records that wait to be sent."},
    {"max-partition-memory-bytes", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "memory in bytes per partition", "16384",
     "The older name of --batch-size."},
    {"message-send-max-retries", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "", "3", "How often sending is tried again."},
    {"metadata-expiry-ms", ARGUMENT_REQUIRED, ARGUMENT_LONG, "metadata expiration interval", "300000",
     "After how long metadata are asked for again."},
    {"producer-property", ARGUMENT_REQUIRED, ARGUMENT_STRING, "producer_prop", NULL,
     "KEY=VALUE for the producer; wins over --producer.config. May come several times."},
    {"producer.config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "config file", NULL, "A properties file for the producer."},
    {"property", ARGUMENT_REQUIRED, ARGUMENT_STRING, "prop", NULL,
     "KEY=VALUE for the reader of lines, several times:\nparse.key, parse.headers, ignore.error (true or false), "
     "key.separator, headers.delimiter, headers.separator, headers.key.separator, null.marker."},
    {"reader-config", ARGUMENT_REQUIRED, ARGUMENT_STRING, "config file", NULL,
     "A properties file for the reader of lines."},
    {"request-required-acks", ARGUMENT_REQUIRED, ARGUMENT_STRING, "request required acks", "-1",
     "0, 1 or all (-1): whose acknowledgement is waited for."},
    {"request-timeout-ms", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "request timeout ms", "1500",
     "How long an acknowledgement may take."},
    {"retry-backoff-ms", ARGUMENT_REQUIRED, ARGUMENT_LONG, "", "100", "The pause before another try."},
    {"socket-buffer-size", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "size", "102400", "The kernel's send buffer."},
    {"sync", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Sends one record after the other, each acknowledged."},
    {"timeout", ARGUMENT_REQUIRED, ARGUMENT_LONG, "timeout_ms", "1000",
     "How long a record may wait for others to share its batch."},
    {"topic", ARGUMENT_REQUIRED, ARGUMENT_STRING, "topic", NULL, "Required: the topic to send to."},
    {"version", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "Shows the version of Kafka that this behaves like."},
};

static const char PRODUCER_LOGGER[] = "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback";
static const char SSL_EXCEPTION[] = "SslAuthenticationException";
// What one record can cost on the wire beside its bytes: the batch's header, and lengths of up to five bytes each.
enum { BATCH_OVERHEAD_BYTES = 61, RECORD_OVERHEAD_BYTES_MAX = 21, METADATA_PAUSE_MS_MAX = 100 };

struct producer {
    struct client_session session; // first: client_session.h
    rd_kafka_topic_t *topic;
    const char *topic_name;
    struct line_input input;
    struct line_reader reader;
    int events_fd; // readable when librdkafka has something for us
    int64_t max_block_ms;
    int64_t max_request_size;
    bool is_sync;
    bool is_prompting;
    bool has_metadata;
    bool has_failed; // with --sync: the last record was refused
};

static volatile sig_atomic_t producer_signal;

static void note_signal(int number)
{
    producer_signal = number;
}

static noreturn void exit_with(const char *exception, const char *message)
{
    fprintf(stderr, "%s%s%s\n", exception, exception[0] ? ": " : "", message);
    exit(1);
}

static void log_failure(const struct producer *producer, size_t key_size, bool has_key, size_t value_size,
                        bool has_value, const char *exception, const char *text)
{
    char key[32] = "null", value[32] = "null";
    if (has_key)
        snprintf(key, sizeof key, "%zu bytes", key_size);
    if (has_value)
        snprintf(value, sizeof value, "%zu bytes", value_size);
    command_log("ERROR", PRODUCER_LOGGER,
                "Error when sending message to topic %s with key: %s, value: %s with error:", producer->topic_name, key,
                value);
    fprintf(stderr, "org.apache.kafka.common.errors.%s: %s\n", exception, text);
    if (strcmp(exception, SSL_EXCEPTION) == 0)
        fprintf(stderr, "Caused by: %s\n", producer->session.refusal.cause);
}

static const char *failure_exception(rd_kafka_resp_err_t error)
{
    if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || error == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return "TimeoutException";
    if (error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        return "UnknownTopicOrPartitionException";
    return error > 0 ? kafka_error_exception((int16_t)error) : "KafkaException";
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
    struct producer *producer = context;
    if (message->err) {
        log_failure(producer, message->key_len, message->key != NULL, message->len, message->payload != NULL,
                    failure_exception(message->err), client_config_error_text(message->err));
        producer->has_failed = true;
    }
    (void)client;
}

// Turns the command line into the producer's properties: a file, then single ones, then options, which win over both,
// while their defaults do not.
static void producer_read_properties(struct arguments *options, struct properties *properties)
{
    static const struct {
        const char *option, *key;
    } merged[] = {
        {"timeout", "linger.ms"},
        {"request-required-acks", "acks"},
        {"request-timeout-ms", "request.timeout.ms"},
        {"message-send-max-retries", "retries"},
        {"retry-backoff-ms", "retry.backoff.ms"},
        {"socket-buffer-size", "send.buffer.bytes"},
        {"max-memory-bytes", "buffer.memory"},
        {"max-partition-memory-bytes", "batch.size"},
        {"batch-size", "batch.size"},
        {"metadata-expiry-ms", "metadata.max.age.ms"},
        {"max-block-ms", "max.block.ms"},
    };
    const char *file;
    if (!arguments_string(options, "producer.config", &file))
        exit_with("", options->error);
    if (file && properties_load(properties, file) < 0)
        exit_with("java.nio.file.NoSuchFileException", file);
    command_read_properties(options, "producer-property", properties);
    bool lingers = arguments_has(options, "timeout") || properties_get(properties, "linger.ms");
    for (size_t i = 0; i < sizeof merged / sizeof merged[0]; i++) {
        const char *value;
        int64_t number;
        if (!arguments_string(options, merged[i].option, &value))
            exit_with("", options->error);
        if (strcmp(merged[i].key, "acks") != 0 && !arguments_number(options, merged[i].option, &number))
            exit_with("", options->error);
        if (arguments_has(options, merged[i].option) || !properties_get(properties, merged[i].key))
            properties_set(properties, merged[i].key, value);
    }
    if (arguments_has(options, "compression-codec")) {
        const char *codec;
        if (!arguments_string(options, "compression-codec", &codec))
            exit_with("", options->error);
        properties_set(properties, "compression.type", codec && codec[0] ? codec : "gzip");
    }
    if (!properties_get(properties, "client.id"))
        properties_set(properties, "client.id", "console-producer");
    // Lines that come one by one should not wait for company unless somebody asked for it.
    if (!lingers)
        properties_set(properties, "linger.ms", "2");
}

// An idempotent producer needs acks=all, several tries and few requests in flight. Asked for in so many words that is
// an error, by default it is a producer without idempotence.
static void producer_settle_idempotence(struct properties *properties)
{
    const char *asked = properties_get(properties, "enable.idempotence");
    const char *acks = properties_get(properties, "acks");
    const char *in_flight = properties_get(properties, "max.in.flight.requests.per.connection");
    bool all = strcmp(acks, "all") == 0 || strcmp(acks, "-1") == 0;
    bool is_possible = all && atoi(properties_get(properties, "retries")) > 0 && (!in_flight || atoi(in_flight) <= 5);
    if (asked && strcmp(asked, "true") == 0 && !all)
        exit_with("org.apache.kafka.common.config.ConfigException",
                  "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee "
                  "idempotence.");
    if (!asked && !is_possible)
        properties_set(properties, "enable.idempotence", "false");
}

static int64_t number_property(const struct properties *properties, const char *key, int64_t otherwise)
{
    const char *value = properties_get(properties, key);
    return value ? strtoll(value, NULL, 10) : otherwise;
}

static void producer_connect(struct producer *producer, struct properties *properties)
{
    char *error;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct client_session *session = &producer->session;
    producer_settle_idempotence(properties);
    if (!client_config_apply(CLIENT_PRODUCER, properties, conf, &session->settings, &error)) {
        rd_kafka_conf_destroy(conf);
        exit_with("org.apache.kafka.common.config.ConfigException", error);
    }
    producer->max_block_ms = number_property(properties, "max.block.ms", 60000);
    producer->max_request_size = number_property(properties, "max.request.size", 1048576);
    snprintf(session->who, sizeof session->who, "Producer clientId=%s", properties_get(properties, "client.id"));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, producer);
    char reason[512];
    // A record's own limit is max.request.size, checked before it is handed over.
    if (rd_kafka_conf_set(conf, "message.max.bytes", "1000000000", reason, sizeof reason) != RD_KAFKA_CONF_OK)
        exit_with("org.apache.kafka.common.config.ConfigException", reason);
    if (!client_session_open(session, RD_KAFKA_PRODUCER, properties_get(properties, "bootstrap.servers"), conf,
                             &error)) {
        fprintf(stderr, "org.apache.kafka.common.KafkaException: Failed to construct kafka producer\n");
        exit_with("Caused by", error);
    }
    producer->events_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer->session.client);
    uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, producer->events_fd, &one, sizeof one);
    rd_kafka_queue_destroy(queue);
    producer->topic = rd_kafka_topic_new(producer->session.client, producer->topic_name, NULL);
    if (!producer->topic)
        exit_with("org.apache.kafka.common.KafkaException", rd_kafka_err2str(rd_kafka_last_error()));
}

static void warn_metadata(const struct producer *producer, const char *issue)
{
    command_log("WARN", "org.apache.kafka.clients.NetworkClient",
                "[%s] The metadata response from the cluster reported a recoverable issue with correlation id 1 : "
                "{%s=%s}",
                producer->session.who, producer->topic_name, issue);
}

// What one answer says of the topic: NO_ERROR when there is a partition with a leader to send to.
static rd_kafka_resp_err_t topic_state(const rd_kafka_metadata_t *metadata)
{
    if (metadata->topic_cnt != 1)
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const rd_kafka_metadata_topic_t *topic = &metadata->topics[0];
    if (topic->err)
        return topic->err;
    for (int i = 0; i < topic->partition_cnt; i++) {
        if (topic->partitions[i].leader >= 0)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

// Waits for the topic's metadata, at most max.block.ms. Returns false after it logged why the record cannot be sent.
static bool producer_await_metadata(struct producer *producer, const struct line_record *record)
{
    int64_t deadline_ms = clock_monotonic_ms() + producer->max_block_ms;
    int pause_ms = 2;
    bool has_warned = false;
    char text[512];
    const char *exception = "TimeoutException";
    snprintf(text, sizeof text, "Topic %s not present in metadata after %lld ms.", producer->topic_name,
             (long long)producer->max_block_ms);
    while (!producer_signal) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        const rd_kafka_metadata_t *metadata;
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (left_ms > 0)
            error = rd_kafka_metadata(producer->session.client, 0, producer->topic, &metadata,
                                      left_ms < 100 ? (int)left_ms : 100);
        bool is_answered = error == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (is_answered) {
            error = topic_state(metadata);
            rd_kafka_metadata_destroy(metadata);
        }
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            return producer->has_metadata = true;
        rd_kafka_poll(producer->session.client, 0);
        if (!is_answered && producer->session.refusal.message[0]) {
            exception = SSL_EXCEPTION;
            snprintf(text, sizeof text, "%.100s", producer->session.refusal.message);
            break;
        }
        if (is_answered && !has_warned) {
            warn_metadata(producer, kafka_error_name((int16_t)error));
            has_warned = true;
        }
        if (error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
            command_log("ERROR", "org.apache.kafka.clients.Metadata",
                        "[%s] Metadata response reported invalid topics [%s]", producer->session.who,
                        producer->topic_name);
            exception = "InvalidTopicException";
            snprintf(text, sizeof text, "Invalid topics: [%s]", producer->topic_name);
            break;
        }
        if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            exception = "TopicAuthorizationException";
            snprintf(text, sizeof text, "Not authorized to access topics: [%s]", producer->topic_name);
            break;
        }
        if (left_ms <= 0)
            break;
        if (is_answered) {
            poll(NULL, 0, pause_ms);
            pause_ms = pause_ms * 2 < METADATA_PAUSE_MS_MAX ? pause_ms * 2 : METADATA_PAUSE_MS_MAX;
        }
    }
    if (!producer_signal)
        log_failure(producer, record->key.size, !view_is_null(record->key), record->value.size,
                    !view_is_null(record->value), exception, text);
    return false;
}

static size_t varint_size(size_t value)
{
    size_t size = 1;
    for (uint64_t zigzag = (uint64_t)value << 1; zigzag >= 0x80; zigzag >>= 7)
        size++;
    return size;
}

static size_t field_size(struct view field)
{
    return view_is_null(field) ? 1 : varint_size(field.size) + field.size;
}

// At most what the record alone takes as a batch.
static int64_t record_size_max(const struct line_record *record)
{
    size_t size = BATCH_OVERHEAD_BYTES + RECORD_OVERHEAD_BYTES_MAX + field_size(record->key) +
                  field_size(record->value) + varint_size(record->count);
    for (size_t i = 0; i < record->count; i++)
        size += field_size(record->items[i].name) + field_size(record->items[i].value);
    return (int64_t)size;
}

// Hands the record to librdkafka, which copies it; waits while its memory is full.
static void producer_enqueue(struct producer *producer, const struct line_record *record)
{
    rd_kafka_resp_err_t error;
    do {
        rd_kafka_headers_t *headers = NULL;
        if (record->count > 0) {
            headers = rd_kafka_headers_new(record->count);
            for (size_t i = 0; i < record->count; i++)
                rd_kafka_header_add(headers, (const char *)record->items[i].name.data,
                                    (ssize_t)record->items[i].name.size, record->items[i].value.data,
                                    (ssize_t)record->items[i].value.size);
        }
        // librdkafka takes bytes as changeable but copies them (MSG_F_COPY).
        void *value = (void *)(uintptr_t)record->value.data;
        void *key = (void *)(uintptr_t)record->key.data;
        error = rd_kafka_producev(producer->session.client, RD_KAFKA_V_RKT(producer->topic),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, record->value.size),
                                  RD_KAFKA_V_KEY(key, record->key.size), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (error && headers)
            rd_kafka_headers_destroy(headers);
        rd_kafka_poll(producer->session.client, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && !producer_signal);
    if (error && error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        log_failure(producer, record->key.size, !view_is_null(record->key), record->value.size,
                    !view_is_null(record->value), failure_exception(error), client_config_error_text(error));
}

// Until everything is acknowledged or has failed; a signal ends the wait after a second one.
static void producer_flush(struct producer *producer)
{
    int seen = producer_signal;
    while (rd_kafka_flush(producer->session.client, 500) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        if (producer_signal != seen)
            break;
    }
}

static void producer_send(struct producer *producer, const struct line_record *record)
{
    if (!producer->has_metadata && !producer_await_metadata(producer, record))
        return;
    int64_t size = record_size_max(record);
    if (size > producer->max_request_size) {
        char text[160];
        snprintf(text, sizeof text,
                 "The message is %lld bytes when serialized which is larger than %lld, which is the value of the "
                 "max.request.size configuration.",
                 (long long)size, (long long)producer->max_request_size);
        log_failure(producer, record->key.size, !view_is_null(record->key), record->value.size,
                    !view_is_null(record->value), "RecordTooLargeException", text);
        return;
    }
    producer_enqueue(producer, record);
    if (!producer->is_sync)
        return;
    producer_flush(producer);
    if (producer->has_failed)
        exit(1);
}

static void drain_events(struct producer *producer)
{
    uint64_t events;
    if (read(producer->events_fd, &events, sizeof events) < 0 && errno != EAGAIN)
        producer_signal = SIGTERM;
    rd_kafka_poll(producer->session.client, 0);
}

// Waits for input while errors and acknowledgements are looked after. Returns false at a signal or a broken input.
static bool producer_await_input(struct producer *producer)
{
    while (!producer_signal) {
        struct pollfd polled[] = {{producer->input.fd, POLLIN, 0}, {producer->events_fd, POLLIN, 0}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            return false;
        if (polled[1].revents & POLLIN)
            drain_events(producer);
        if (polled[0].revents)
            return !producer_signal && line_input_fill(&producer->input) == 0;
    }
    return false;
}

static void producer_run(struct producer *producer)
{
    struct line_record record = {0};
    bool is_prompted = false;
    while (!producer_signal) {
        struct view line;
        if (producer->is_prompting && !is_prompted) {
            fputs(">", stdout);
            fflush(stdout);
            is_prompted = true;
        }
        if (!line_input_next(&producer->input, &line)) {
            if (producer->input.is_ended || !producer_await_input(producer))
                break;
            continue;
        }
        is_prompted = false;
        char *error;
        if (!line_reader_read(&producer->reader, line, &record, &error)) {
            fprintf(stderr, "org.apache.kafka.common.KafkaException: %s\n", error);
            free(error);
            producer_flush(producer);
            _exit(1);
        }
        producer_send(producer, &record);
    }
    line_record_fini(&record);
}

static const char *single_string(struct arguments *options, const char *name)
{
    const char *value;
    if (!arguments_string(options, name, &value))
        exit_with("", options->error);
    return value;
}

static void producer_read_reader(struct arguments *options, struct properties *properties)
{
    const char *reader_class = single_string(options, "line-reader");
    if (strcmp(reader_class, "kafka.tools.ConsoleProducer$LineMessageReader") != 0 &&
        strcmp(reader_class, "org.apache.kafka.tools.LineMessageReader") != 0)
        exit_with("java.lang.ClassNotFoundException", reader_class);
    const char *file = single_string(options, "reader-config");
    if (file && properties_load(properties, file) < 0)
        exit_with("java.nio.file.NoSuchFileException", file);
    command_read_properties(options, "property", properties);
}

int main(int argc, char **argv)
{
    struct arguments options;
    if (!arguments_parse(&options, producer_options, sizeof producer_options / sizeof producer_options[0], argc, argv))
        command_exit_usage(&options, options.error);
    command_help_or_version(&options, "Reads lines from the standard input and sends them to a topic.");
    if (!arguments_has(&options, "bootstrap-server") && !arguments_has(&options, "broker-list"))
        command_exit_usage(&options, "Missing required option(s) [bootstrap-server]");
    command_check_required(&options, "topic");
    const char *servers =
        single_string(&options, arguments_has(&options, "bootstrap-server") ? "bootstrap-server" : "broker-list");
    if (!bootstrap_is_valid(servers))
        command_exit_usage(&options, "Please provide valid host:port like host1:9091,host2:9092\n ");

    static struct producer producer;
    struct properties properties = {0}, reader_properties = {0};
    char *error;
    producer.topic_name = single_string(&options, "topic");
    producer.is_sync = arguments_has(&options, "sync");
    producer.is_prompting = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    producer_read_reader(&options, &reader_properties);
    producer_read_properties(&options, &properties);
    properties_set(&properties, "bootstrap.servers", servers);
    if (!line_reader_init(&producer.reader, &reader_properties, &error))
        exit_with("org.apache.kafka.common.KafkaException", error);

    struct sigaction action = {.sa_handler = note_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    producer_connect(&producer, &properties);
    line_input_init(&producer.input, STDIN_FILENO);
    producer_run(&producer);
    int ended_by = producer_signal;
    producer_flush(&producer);
    // All is acknowledged. Taking librdkafka's threads down would only cost time.
    fflush(stdout);
    _exit(ended_by ? 128 + ended_by : 0);
}
