// SPDX-License-Identifier: Apache-2.0
// The load that bench/compare puts on a broker, by way of librdkafka. Prints one line of JSON when all of it is done
// and acknowledged; ends with 1 and a reason when it is not. Records go to partition 0 of a topic that exists already.
//
//   load produce ADDRESS TOPIC RECORDS SIZE CODEC ACKS     full batches from one connection
//   load consume ADDRESS TOPIC RECORDS                     from the beginning
//   load fanout  ADDRESS TOPIC RECORDS SIZE CONSUMERS      consumers wait at the end, then the records are produced
//   load single  ADDRESS TOPIC REQUESTS CONNECTIONS        one record of 100 bytes per request, one request in flight
//   each load latency ADDRESS TOPIC RECORDS SIZE RATE           RATE records per second, each sent at its own time
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"

enum { GIVE_UP_S = 300, POOL_SIZE = 1 << 20, RECORD_SIZE_MAX = 1 << 16, PARALLEL_MAX = 1000, BATCH_COUNT = 1000 };

static const int64_t second_ns = 1000000000;

// What delivery reports are counted into; a producer's opaque.
struct deliveries {
    atomic_llong done_count, failed_count;
    // For `latency`, else NULL: when record i was due, and then how long after that it was acknowledged.
    int64_t *times_ns;
};

struct consumer {
    const char *address, *topic;
    long long record_count;
    atomic_int *ready_count; // counted up at the end of the empty log; NULL: nobody waits for that
    struct thread thread;
    rd_kafka_t *client;
};

static void give_up(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _Exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        give_up("out of memory");
    return memory;
}

static long long number(const char *text, long long min, long long max)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < min || value > max)
        give_up("%s is not a number from %lld to %lld", text, min, max);
    return value;
}

static rd_kafka_t *client_create(rd_kafka_type_t type, const char *address, const char *const *settings,
                                 struct deliveries *deliveries,
                                 void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *))
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const common[] = {"bootstrap.servers", address, "socket.nagle.disable", "true", "log_level", "3", NULL};
    for (const char *const *list = common; list != NULL; list = list == common ? settings : NULL) {
        for (size_t i = 0; list[i] != NULL; i += 2) {
            if (rd_kafka_conf_set(conf, list[i], list[i + 1], reason, sizeof reason) != RD_KAFKA_CONF_OK)
                give_up("%s", reason);
        }
    }
    rd_kafka_conf_set_opaque(conf, deliveries);
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (client == NULL)
        give_up("%s", reason);
    return client;
}

static rd_kafka_topic_t *topic_create(rd_kafka_t *client, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (topic == NULL)
        give_up("%s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
    return topic;
}

// Text that compresses about as well as JSON does: words from a small vocabulary, the same ones in every run.
static char *pool_create(void)
{
    char *pool = allocate(1, POOL_SIZE + RECORD_SIZE_MAX);
    uint64_t state = 88172645463325252;
    for (size_t at = 0; at < POOL_SIZE + RECORD_SIZE_MAX;) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char word[24];
        int length = snprintf(word, sizeof word, "\"%llx\":%llu,", (unsigned long long)(state % 512) * 2654435761,
                              (unsigned long long)(state >> 40) % 100000);
        for (int i = 0; i < length && at < POOL_SIZE + RECORD_SIZE_MAX; i++)
            pool[at++] = word[i];
    }
    return pool;
}

static void count_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct deliveries *deliveries = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        atomic_fetch_add(&deliveries->failed_count, 1);
        fprintf(stderr, "load: a record was not delivered: %s\n", rd_kafka_err2str(message->err));
    } else if (deliveries->times_ns != NULL) {
        int64_t *time_ns = &deliveries->times_ns[(uintptr_t)message->_private];
        *time_ns = clock_monotonic_ns() - *time_ns;
    }
    atomic_fetch_add(&deliveries->done_count, 1);
}

// While the queue is full it waits for delivery reports, which make room.
static void produce_one(rd_kafka_t *client, rd_kafka_topic_t *topic, char *pool, size_t size, long long index)
{
    char *payload = pool + (uint64_t)index * 4099 % POOL_SIZE;
    while (rd_kafka_produce(topic, 0, 0, payload, size, NULL, 0, (void *)(uintptr_t)index) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            give_up("cannot produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(client, 10);
    }
}

static void finish(rd_kafka_t *client)
{
    if (rd_kafka_flush(client, GIVE_UP_S * 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("not everything was acknowledged in %d s", GIVE_UP_S);
}

static void check(struct deliveries *deliveries, long long expected)
{
    if (atomic_load(&deliveries->failed_count) > 0 || atomic_load(&deliveries->done_count) != expected)
        give_up("%lld of %lld records were delivered, %lld failed", atomic_load(&deliveries->done_count), expected,
                atomic_load(&deliveries->failed_count));
}

static void report(long long record_count, int64_t begin_ns)
{
    printf("{\"records\": %lld, \"seconds\": %.6f}\n", record_count,
           (double)(clock_monotonic_ns() - begin_ns) / (double)second_ns);
}

static void produce_all(const char *address, const char *topic_name, long long record_count, size_t size,
                        const char *codec, const char *acks)
{
    struct deliveries deliveries = {0};
    const char *const settings[] = {"linger.ms",
                                    "20",
                                    "batch.num.messages",
                                    "100000",
                                    "queue.buffering.max.messages",
                                    "200000",
                                    "compression.codec",
                                    codec,
                                    "acks",
                                    acks,
                                    NULL};
    rd_kafka_t *client = client_create(RD_KAFKA_PRODUCER, address, settings, &deliveries, count_delivery);
    rd_kafka_topic_t *topic = topic_create(client, topic_name);
    char *pool = pool_create();
    for (long long i = 0; i < record_count; i++) {
        produce_one(client, topic, pool, size, i);
        if (i % 1000 == 0)
            rd_kafka_poll(client, 0);
    }
    finish(client);
    check(&deliveries, record_count);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    free(pool);
}

// Whether the message is a record; the end of the log makes the consumer ready.
static bool is_record(struct consumer *consumer, rd_kafka_message_t *message, bool *is_ready)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!*is_ready && consumer->ready_count != NULL)
            atomic_fetch_add(consumer->ready_count, 1);
        *is_ready = true;
        return false;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("cannot consume: %s", rd_kafka_message_errstr(message));
    return true;
}

static void consume_all(void *context)
{
    struct consumer *consumer = context;
    const char *const settings[] = {"enable.partition.eof", "true", "queued.max.messages.kbytes", "16384", NULL};
    consumer->client = client_create(RD_KAFKA_CONSUMER, consumer->address, settings, NULL, NULL);
    rd_kafka_topic_t *topic = topic_create(consumer->client, consumer->topic);
    if (rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
        give_up("cannot consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_message_t **messages = allocate(BATCH_COUNT, sizeof(rd_kafka_message_t *));
    bool is_ready = false;
    int64_t deadline_ns = clock_monotonic_ns() + GIVE_UP_S * second_ns;
    for (long long left = consumer->record_count; left > 0;) {
        ssize_t count = rd_kafka_consume_batch(topic, 0, 100, messages, BATCH_COUNT);
        for (ssize_t i = 0; i < count; i++) {
            left -= is_record(consumer, messages[i], &is_ready);
            rd_kafka_message_destroy(messages[i]);
        }
        if (clock_monotonic_ns() > deadline_ns)
            give_up("%lld records were still to come after %d s", left, GIVE_UP_S);
    }
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_topic_destroy(topic);
    free(messages);
}

static void consume(char **arguments)
{
    struct consumer consumer = {
        .address = arguments[0], .topic = arguments[1], .record_count = number(arguments[2], 1, INT64_MAX)};
    int64_t begin_ns = clock_monotonic_ns();
    consume_all(&consumer);
    report(consumer.record_count, begin_ns);
    rd_kafka_destroy(consumer.client);
}

static void produce(char **arguments)
{
    long long record_count = number(arguments[2], 1, INT64_MAX);
    int64_t begin_ns = clock_monotonic_ns();
    produce_all(arguments[0], arguments[1], record_count, (size_t)number(arguments[3], 1, RECORD_SIZE_MAX),
                arguments[4], arguments[5]);
    report(record_count, begin_ns);
}

static void fan_out(char **arguments)
{
    long long record_count = number(arguments[2], 1, INT64_MAX);
    int consumer_count = (int)number(arguments[4], 1, PARALLEL_MAX);
    struct consumer *consumers = allocate((size_t)consumer_count, sizeof *consumers);
    atomic_int ready_count = 0;
    for (int i = 0; i < consumer_count; i++) {
        consumers[i].address = arguments[0];
        consumers[i].topic = arguments[1];
        consumers[i].record_count = record_count;
        consumers[i].ready_count = &ready_count;
        if (thread_start(&consumers[i].thread, consume_all, &consumers[i], "consumer-%d", i) != 0)
            give_up("cannot start a thread");
    }
    int64_t deadline_ns = clock_monotonic_ns() + GIVE_UP_S * second_ns;
    while (atomic_load(&ready_count) < consumer_count) {
        if (clock_monotonic_ns() > deadline_ns)
            give_up("%d of %d consumers got to the log", atomic_load(&ready_count), consumer_count);
        nanosleep(&(struct timespec){.tv_nsec = second_ns / 1000}, NULL);
    }
    int64_t begin_ns = clock_monotonic_ns();
    produce_all(arguments[0], arguments[1], record_count, (size_t)number(arguments[3], 1, RECORD_SIZE_MAX), "none",
                "1");
    for (int i = 0; i < consumer_count; i++)
        thread_join(&consumers[i].thread);
    report(record_count * consumer_count, begin_ns);
    for (int i = 0; i < consumer_count; i++)
        rd_kafka_destroy(consumers[i].client);
    free(consumers);
}

static void single(char **arguments)
{
    long long request_count = number(arguments[2], 1, 10000000);
    int connection_count = (int)number(arguments[3], 1, PARALLEL_MAX);
    long long each_count = request_count / connection_count;
    struct deliveries deliveries = {0};
    const char *const settings[] = {
        "linger.ms", "0", "batch.num.messages", "1", "max.in.flight", "1", "acks", "1", "queue.buffering.max.messages",
        "10000000",  NULL};
    rd_kafka_t **clients = allocate((size_t)connection_count, sizeof(rd_kafka_t *));
    rd_kafka_topic_t **topics = allocate((size_t)connection_count, sizeof(rd_kafka_topic_t *));
    char *pool = pool_create();
    int64_t begin_ns = clock_monotonic_ns();
    for (int i = 0; i < connection_count; i++) {
        clients[i] = client_create(RD_KAFKA_PRODUCER, arguments[0], settings, &deliveries, count_delivery);
        topics[i] = topic_create(clients[i], arguments[1]);
        for (long long j = 0; j < each_count; j++)
            produce_one(clients[i], topics[i], pool, 100, j);
    }
    for (int i = 0; i < connection_count; i++)
        finish(clients[i]);
    report(each_count * connection_count, begin_ns);
    check(&deliveries, each_count * connection_count);
    for (int i = 0; i < connection_count; i++) {
        rd_kafka_topic_destroy(topics[i]);
        rd_kafka_destroy(clients[i]);
    }
    free(topics);
    free(clients);
    free(pool);
}

static void poll_deliveries(void *context)
{
    rd_kafka_t *client = context;
    struct deliveries *deliveries = rd_kafka_opaque(client);
    // 0 when all are in: whoever sends sets it below that many first.
    while (atomic_load(&deliveries->done_count) < 0)
        rd_kafka_poll(client, 100);
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(const int64_t *sorted_ns, long long count, double share)
{
    long long index = (long long)((double)count * share);
    return (double)sorted_ns[index < count ? index : count - 1] / 1e6;
}

// A record's time begins when it was due, not when it could be sent: what a stall holds back counts as late, too.
static void latency(char **arguments)
{
    long long record_count = number(arguments[2], 1, 10000000);
    size_t size = (size_t)number(arguments[3], 1, RECORD_SIZE_MAX);
    int64_t interval_ns = second_ns / number(arguments[4], 1, 1000000);
    struct deliveries deliveries = {.times_ns = allocate((size_t)record_count, sizeof(int64_t))};
    atomic_store(&deliveries.done_count, -record_count);
    const char *const settings[] = {"linger.ms", "0", "acks", "1", NULL};
    rd_kafka_t *client = client_create(RD_KAFKA_PRODUCER, arguments[0], settings, &deliveries, count_delivery);
    rd_kafka_topic_t *topic = topic_create(client, arguments[1]);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client, 0, topic, &metadata, GIVE_UP_S * 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("no metadata");
    rd_kafka_metadata_destroy(metadata);
    char *pool = pool_create();
    struct thread thread;
    if (thread_start(&thread, poll_deliveries, client, "deliveries") != 0)
        give_up("cannot start a thread");
    int64_t begin_ns = clock_monotonic_ns() + second_ns / 10;
    for (long long i = 0; i < record_count; i++) {
        int64_t due_ns = begin_ns + i * interval_ns;
        struct timespec due = {.tv_sec = due_ns / second_ns, .tv_nsec = due_ns % second_ns};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        deliveries.times_ns[i] = due_ns;
        produce_one(client, topic, pool, size, i);
    }
    finish(client);
    thread_join(&thread);
    check(&deliveries, 0);
    qsort(deliveries.times_ns, (size_t)record_count, sizeof(int64_t), compare_times);
    printf("{\"records\": %lld, \"seconds\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p99.9_ms\": %.3f}\n",
           record_count, (double)(clock_monotonic_ns() - begin_ns) / (double)second_ns,
           percentile_ms(deliveries.times_ns, record_count, 0.5),
           percentile_ms(deliveries.times_ns, record_count, 0.99),
           percentile_ms(deliveries.times_ns, record_count, 0.999));
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    free(deliveries.times_ns);
    free(pool);
}

int main(int argument_count, char **arguments)
{
    static const struct {
        const char *name;
        int argument_count;
        void (*run)(char **arguments);
    } commands[] = {{"produce", 6, produce},
                    {"consume", 3, consume},
                    {"fanout", 5, fan_out},
                    {"single", 4, single},
                    {"latency", 5, latency}};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (argument_count == commands[i].argument_count + 2 && strcmp(arguments[1], commands[i].name) == 0) {
            commands[i].run(arguments + 2);
            return 0;
        }
    }
    fputs("Usage: load produce|consume|fanout|single|latency ADDRESS TOPIC RECORDS ... (see bench/load.c)\n", stderr);
    return 2;
}
