// SPDX-License-Identifier: Apache-2.0
// The load that bench/compare puts on a broker, by way of librdkafka. Prints one line of JSON when all of it is done
// and acknowledged, with the CPU seconds of the broker's process PID meanwhile; ends with 1 and a reason when it is
// not. Records go to partition 0 of a topic that exists already.
//
//   load produce ADDRESS PID TOPIC RECORDS SIZE [SETTING...]             full batches from one connection
//   load consume ADDRESS PID TOPIC RECORDS [SETTING...]                  from the beginning
//   load fanout  ADDRESS PID TOPIC RECORDS SIZE CONSUMERS [SETTING...]   they wait at the end, then it is produced
//   load single  ADDRESS PID TOPIC REQUESTS CONNECTIONS [SETTING...]     a record of 100 bytes per request, one
//                                                                        request in flight on each connection
//   load latency ADDRESS PID TOPIC RECORDS SIZE RATE [SETTING...]        RATE records per second, each sent at its
//                                                                        own time
// A SETTING is librdkafka's, as KEY=VALUE.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "bench/load_client.h"

enum { PARALLEL_MAX = 1000, BATCH_COUNT = 1000 };

struct consumer {
    const struct load *load;
    long long record_count;
    atomic_int *ready_count; // counted up at the end of the empty log; NULL: nobody waits for that
    struct thread thread;
    rd_kafka_t *client;
};

static void produce_all(const struct load *load, long long record_count, size_t size)
{
    static const char *const settings[] = {
        "linger.ms", "20", "batch.num.messages", "100000", "queue.buffering.max.messages", "200000", NULL};
    struct deliveries deliveries = {0};
    rd_kafka_t *client = producer_create(load, settings, &deliveries);
    rd_kafka_topic_t *topic = topic_create(load, client);
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
    static const char *const settings[] = {"enable.partition.eof", "true", "queued.max.messages.kbytes", "16384", NULL};
    struct consumer *consumer = context;
    consumer->client = consumer_create(consumer->load, settings);
    rd_kafka_topic_t *topic = topic_create(consumer->load, consumer->client);
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

static void consume(struct load *load, char **arguments)
{
    struct consumer consumer = {.load = load, .record_count = number(arguments[0], 1, INT64_MAX)};
    load_begin(load);
    consume_all(&consumer);
    load_report(load, consumer.record_count, "");
    rd_kafka_destroy(consumer.client);
}

static void produce(struct load *load, char **arguments)
{
    long long record_count = number(arguments[0], 1, INT64_MAX);
    size_t size = (size_t)number(arguments[1], 1, RECORD_SIZE_MAX);
    load_begin(load);
    produce_all(load, record_count, size);
    load_report(load, record_count, "");
}

static void fan_out(struct load *load, char **arguments)
{
    long long record_count = number(arguments[0], 1, INT64_MAX);
    size_t size = (size_t)number(arguments[1], 1, RECORD_SIZE_MAX);
    int consumer_count = (int)number(arguments[2], 1, PARALLEL_MAX);
    struct consumer *consumers = allocate((size_t)consumer_count, sizeof *consumers);
    atomic_int ready_count = 0;
    for (int i = 0; i < consumer_count; i++) {
        consumers[i].load = load;
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
    struct load measured = *load; // the consumers' threads read the other
    load_begin(&measured);
    produce_all(load, record_count, size);
    for (int i = 0; i < consumer_count; i++)
        thread_join(&consumers[i].thread);
    load_report(&measured, record_count * consumer_count, "");
    for (int i = 0; i < consumer_count; i++)
        rd_kafka_destroy(consumers[i].client);
    free(consumers);
}

static void single(struct load *load, char **arguments)
{
    static const char *const settings[] = {
        "linger.ms", "0", "batch.num.messages", "1", "max.in.flight", "1", "queue.buffering.max.messages",
        "10000000",  NULL};
    long long request_count = number(arguments[0], 1, 10000000);
    int connection_count = (int)number(arguments[1], 1, PARALLEL_MAX);
    long long each_count = request_count / connection_count;
    struct deliveries deliveries = {0};
    rd_kafka_t **clients = allocate((size_t)connection_count, sizeof(rd_kafka_t *));
    rd_kafka_topic_t **topics = allocate((size_t)connection_count, sizeof(rd_kafka_topic_t *));
    char *pool = pool_create();
    for (int i = 0; i < connection_count; i++) {
        clients[i] = producer_create(load, settings, &deliveries);
        topics[i] = topic_create(load, clients[i]);
        connect_client(clients[i], topics[i]);
    }
    load_begin(load);
    for (int i = 0; i < connection_count; i++) {
        for (long long j = 0; j < each_count; j++)
            produce_one(clients[i], topics[i], pool, 100, j);
    }
    for (int i = 0; i < connection_count; i++)
        finish(clients[i]);
    load_report(load, each_count * connection_count, "");
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
static void latency(struct load *load, char **arguments)
{
    static const char *const settings[] = {"linger.ms", "0", NULL};
    long long record_count = number(arguments[0], 1, 10000000);
    size_t size = (size_t)number(arguments[1], 1, RECORD_SIZE_MAX);
    int64_t interval_ns = second_ns / number(arguments[2], 1, 1000000);
    struct deliveries deliveries = {.times_ns = allocate((size_t)record_count, sizeof(int64_t))};
    atomic_store(&deliveries.done_count, -record_count);
    rd_kafka_t *client = producer_create(load, settings, &deliveries);
    rd_kafka_topic_t *topic = topic_create(load, client);
    connect_client(client, topic);
    char *pool = pool_create();
    struct thread thread;
    if (thread_start(&thread, poll_deliveries, client, "deliveries") != 0)
        give_up("cannot start a thread");
    load_begin(load);
    int64_t begin_ns = load->begin_ns + second_ns / 10;
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
    char percentiles[128];
    snprintf(percentiles, sizeof percentiles, ", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p99.9_ms\": %.3f",
             percentile_ms(deliveries.times_ns, record_count, 0.5),
             percentile_ms(deliveries.times_ns, record_count, 0.99),
             percentile_ms(deliveries.times_ns, record_count, 0.999));
    load_report(load, record_count, percentiles);
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
        void (*run)(struct load *load, char **arguments);
    } commands[] = {{"produce", 2, produce},
                    {"consume", 1, consume},
                    {"fanout", 3, fan_out},
                    {"single", 2, single},
                    {"latency", 3, latency}};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (argument_count >= commands[i].argument_count + 5 && strcmp(arguments[1], commands[i].name) == 0) {
            struct load load = {
                .address = arguments[2], .topic = arguments[4], .settings = arguments + 5 + commands[i].argument_count};
            if (clock_getcpuclockid((pid_t)number(arguments[3], 1, INT32_MAX), &load.broker_cpu) != 0)
                give_up("there is no process %s", arguments[3]);
            commands[i].run(&load, arguments + 5);
            return 0;
        }
    }
    fputs("Usage: load produce|consume|fanout|single|latency ADDRESS PID TOPIC RECORDS ... (see bench/load.c)\n",
          stderr);
    return 2;
}
