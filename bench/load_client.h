// SPDX-License-Identifier: Apache-2.0
// What every load of bench/compare is made of: clients of one broker by way of librdkafka, records to send, deliveries
// to count, and what the broker's process used meanwhile. Whatever goes wrong ends the program with 1 and a reason.
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { GIVE_UP_S = 300, POOL_SIZE = 1 << 20, RECORD_SIZE_MAX = 1 << 16 };

static const int64_t second_ns = 1000000000;

// One load on one topic. Immutable once its work has begun.
struct load {
    const char *address, *topic;
    char **settings; // librdkafka's, as KEY=VALUE, after those of the workload; ends with NULL
    clockid_t broker_cpu;
    int64_t begin_ns, begin_cpu_ns;
};

// What delivery reports are counted into; a producer's opaque.
struct deliveries {
    atomic_llong done_count, failed_count;
    // Where latencies are asked for, else NULL: when record i was due, and then how long after that it was
    // acknowledged.
    int64_t *times_ns;
};

void give_up(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *allocate(size_t count, size_t size);
long long number(const char *text, long long min, long long max);

// The broker's CPU time is measured from here on.
void load_begin(struct load *load);
// Prints the line of JSON, with what `more` holds (", " first, or ""). Safe while other threads still run.
void load_report(const struct load *load, long long record_count, const char *more);

// `settings` are pairs of key and value that end with NULL. Destroyed with rd_kafka_destroy.
rd_kafka_t *producer_create(const struct load *load, const char *const *settings, struct deliveries *deliveries);
rd_kafka_t *consumer_create(const struct load *load, const char *const *settings);
rd_kafka_topic_t *topic_create(const struct load *load, rd_kafka_t *client);
// Returns once the client is connected and knows the topic.
void connect_client(rd_kafka_t *client, rd_kafka_topic_t *topic);

// Text that compresses about as well as JSON does, POOL_SIZE + RECORD_SIZE_MAX bytes, the same in every run.
char *pool_create(void);
// Sends record number `index`, a piece of the pool; waits for delivery reports while the queue is full.
void produce_one(rd_kafka_t *client, rd_kafka_topic_t *topic, char *pool, size_t size, long long index);
// Returns once all is acknowledged.
void finish(rd_kafka_t *client);
void check(struct deliveries *deliveries, long long expected);

#endif
