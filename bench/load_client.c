// SPDX-License-Identifier: Apache-2.0
#include "bench/load_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _Exit(1);
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        give_up("out of memory");
    return memory;
}

long long number(const char *text, long long min, long long max)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < min || value > max)
        give_up("%s is not a number from %lld to %lld", text, min, max);
    return value;
}

static int64_t broker_cpu_ns(const struct load *load)
{
    struct timespec time;
    if (clock_gettime(load->broker_cpu, &time) != 0)
        give_up("the broker is gone");
    return time.tv_sec * second_ns + time.tv_nsec;
}

void load_begin(struct load *load)
{
    load->begin_ns = clock_monotonic_ns();
    load->begin_cpu_ns = broker_cpu_ns(load);
}

void load_report(const struct load *load, long long record_count, const char *more)
{
    printf("{\"records\": %lld, \"seconds\": %.6f, \"cpu_seconds\": %.6f%s}\n", record_count,
           (double)(clock_monotonic_ns() - load->begin_ns) / (double)second_ns,
           (double)(broker_cpu_ns(load) - load->begin_cpu_ns) / (double)second_ns, more);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, key, value, reason, sizeof reason) != RD_KAFKA_CONF_OK)
        give_up("%s", reason);
}

static rd_kafka_conf_t *conf_create(const struct load *load, const char *const *settings)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", load->address);
    set(conf, "socket.nagle.disable", "true");
    set(conf, "log_level", "3");
    for (size_t i = 0; settings[i] != NULL; i += 2)
        set(conf, settings[i], settings[i + 1]);
    for (size_t i = 0; load->settings[i] != NULL; i++) {
        char key[64];
        const char *value = strchr(load->settings[i], '=');
        if (value == NULL || (size_t)(value - load->settings[i]) >= sizeof key)
            give_up("%s is not KEY=VALUE", load->settings[i]);
        snprintf(key, sizeof key, "%.*s", (int)(value - load->settings[i]), load->settings[i]);
        set(conf, key, value + 1);
    }
    return conf;
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

static rd_kafka_t *client_create(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char reason[512];
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (client == NULL)
        give_up("%s", reason);
    return client;
}

rd_kafka_t *producer_create(const struct load *load, const char *const *settings, struct deliveries *deliveries)
{
    rd_kafka_conf_t *conf = conf_create(load, settings);
    rd_kafka_conf_set_opaque(conf, deliveries);
    rd_kafka_conf_set_dr_msg_cb(conf, count_delivery);
    return client_create(RD_KAFKA_PRODUCER, conf);
}

rd_kafka_t *consumer_create(const struct load *load, const char *const *settings)
{
    return client_create(RD_KAFKA_CONSUMER, conf_create(load, settings));
}

rd_kafka_topic_t *topic_create(const struct load *load, rd_kafka_t *client)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, load->topic, NULL);
    if (topic == NULL)
        give_up("%s: %s", load->topic, rd_kafka_err2str(rd_kafka_last_error()));
    return topic;
}

void connect_client(rd_kafka_t *client, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &metadata, GIVE_UP_S * 1000);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("no metadata: %s", rd_kafka_err2str(error));
    rd_kafka_metadata_destroy(metadata);
}

char *pool_create(void)
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

void produce_one(rd_kafka_t *client, rd_kafka_topic_t *topic, char *pool, size_t size, long long index)
{
    char *payload = pool + (uint64_t)index * 4099 % POOL_SIZE;
    while (rd_kafka_produce(topic, 0, 0, payload, size, NULL, 0, (void *)(uintptr_t)index) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            give_up("cannot produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(client, 10);
    }
}

void finish(rd_kafka_t *client)
{
    if (rd_kafka_flush(client, GIVE_UP_S * 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("not everything was acknowledged in %d s", GIVE_UP_S);
}

void check(struct deliveries *deliveries, long long expected)
{
    if (atomic_load(&deliveries->failed_count) > 0 || atomic_load(&deliveries->done_count) != expected)
        give_up("%lld of %lld records were delivered, %lld failed", atomic_load(&deliveries->done_count), expected,
                atomic_load(&deliveries->failed_count));
}
