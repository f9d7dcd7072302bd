// SPDX-License-Identifier: Apache-2.0
#include "net/connection_limits.h"

#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/endpoint.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND_NS ((int64_t)1000 * 1000 * 1000)

// As in Apache Kafka with its defaults: the rate is that of the last ten seconds, so that a burst may take as many
// connections as belong to them; and none is held back for longer than a second.
enum { BURST_S = 10, HELD_BACK_MS_MAX = 1000 };

enum { WARNING_INTERVAL_MS = 60 * 1000 };

struct address_count {
    size_t count;
    size_t count_max; // of an override
};

static struct view address_key(const uint8_t address[16])
{
    return view_of(address, 16);
}

static void address_of_sockaddr(const struct sockaddr *from, uint8_t address[16])
{
    if (from->sa_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    } else {
        memset(address, 0, 10);
        memset(address + 10, 0xff, 2);
        memcpy(address + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    }
}

// The override holds for every address of the host.
static bool override_add(struct map *overrides, const char *host, size_t count_max)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        uint8_t address[16];
        address_of_sockaddr(at->ai_addr, address);
        struct address_count *entry = memory_alloc(sizeof *entry);
        entry->count_max = count_max;
        free(map_put(overrides, address_key(address), entry));
    }
    freeaddrinfo(found);
    return true;
}

// One "host:count"; the host may be an IPv6 address, so the last colon counts.
static bool override_parse(struct map *overrides, char *entry)
{
    while (*entry == ' ')
        entry++;
    char *colon = strrchr(entry, ':');
    if (colon == NULL || colon == entry)
        return false;
    *colon = 0;
    char *end;
    errno = 0;
    long count_max = strtol(colon + 1, &end, 10);
    while (*end == ' ')
        end++;
    if (errno != 0 || end == colon + 1 || *end != 0 || count_max < 0 || count_max > INT_MAX)
        return false;
    return override_add(overrides, entry, (size_t)count_max);
}

static void counts_fini(struct map *counts)
{
    size_t at = 0;
    void *entry;
    while (map_next(counts, &at, NULL, &entry))
        free(entry);
    map_fini(counts);
}

static int overrides_parse(const char *text, struct map *overrides, char **reason)
{
    int result = 0;
    char *copy = memory_copy_string(text ? text : ""), *rest = NULL;
    for (char *entry = strtok_r(copy, ",", &rest); entry != NULL && result == 0; entry = strtok_r(NULL, ",", &rest)) {
        if (strspn(entry, " ") < strlen(entry) && !override_parse(overrides, entry)) {
            *reason = memory_format("Invalid value %s for configuration max.connections.per.ip.overrides: it is a list "
                                    "of host:count, separated by commas, of hosts that resolve.",
                                    text);
            result = -EINVAL;
        }
    }
    free(copy);
    return result;
}

static void rate_set(struct creation_rate *rate, int rate_max)
{
    rate->rate_max = rate_max;
    // A rate of 0 is as slow as any is: see HELD_BACK_MS_MAX.
    rate->interval_ns = rate_max > 0 ? SECOND_NS / rate_max : BURST_S * SECOND_NS;
}

// When the next connection may come, clock_monotonic_ns().
static int64_t rate_due_ns(const struct creation_rate *rate)
{
    return rate->rate_max == INT_MAX ? 0 : rate->next_ns - BURST_S * SECOND_NS + rate->interval_ns;
}

static void rate_count(struct creation_rate *rate, int64_t now_ns)
{
    if (rate->next_ns < now_ns)
        rate->next_ns = now_ns;
    // One that came although its time had not, after HELD_BACK_MS_MAX, does not make others wait for longer.
    rate->next_ns += rate->interval_ns;
    if (rate->next_ns > now_ns + BURST_S * SECOND_NS)
        rate->next_ns = now_ns + BURST_S * SECOND_NS;
}

LOCK_UNCHECKED void connection_limits_init(struct connection_limits *limits, const struct endpoint_list *endpoints,
                                           const char *exempt_listener)
{
    *limits = (struct connection_limits){.endpoints = endpoints, .count_max = INT_MAX, .per_address_max = INT_MAX};
    lock_init(&limits->lock, LOCK_CONNECTION_LIMITS);
    condition_init(&limits->changed);
    rate_set(&limits->rate, INT_MAX);
    limits->listeners = memory_alloc_array(endpoints->count, sizeof *limits->listeners);
    for (size_t i = 0; i < endpoints->count; i++) {
        struct listener_limit *listener = &limits->listeners[i];
        listener->count_max = INT_MAX;
        rate_set(&listener->rate, INT_MAX);
        listener->is_exempt = endpoints->count > 1 && exempt_listener != NULL &&
                              strcasecmp(endpoints->items[i].listener_name, exempt_listener) == 0;
    }
}

LOCK_UNCHECKED void connection_limits_fini(struct connection_limits *limits)
{
    counts_fini(&limits->addresses);
    counts_fini(&limits->overrides);
    free(limits->listeners);
    condition_fini(&limits->changed);
    lock_fini(&limits->lock);
}

int connection_limits_set(struct connection_limits *limits, const struct server_limits *wanted, char **reason)
{
    struct map overrides = MAP_EMPTY;
    int result = overrides_parse(wanted->connections_per_ip_overrides, &overrides, reason);
    if (result == 0) {
        lock_acquire(&limits->lock);
        limits->count_max = (size_t)wanted->connections_max;
        limits->per_address_max = (size_t)wanted->connections_per_ip_max;
        rate_set(&limits->rate, wanted->connection_creation_rate_max);
        for (size_t i = 0; i < limits->endpoints->count && wanted->listeners != NULL; i++) {
            limits->listeners[i].count_max = (size_t)wanted->listeners[i].connections_max;
            rate_set(&limits->listeners[i].rate, wanted->listeners[i].connection_creation_rate_max);
        }
        struct map before = limits->overrides;
        limits->overrides = overrides;
        overrides = before;
        condition_broadcast(&limits->changed);
        lock_release(&limits->lock);
    }
    counts_fini(&overrides);
    return result;
}

static struct listener_limit *find_listener(struct connection_limits *limits, const struct endpoint *endpoint)
    LOCK_REQUIRES(limits->lock)
{
    return &limits->listeners[endpoint - limits->endpoints->items];
}

// When the rates allow one more.
static int64_t due_ns(struct connection_limits *limits, const struct listener_limit *listener)
    LOCK_REQUIRES(limits->lock)
{
    int64_t due = rate_due_ns(&listener->rate), due_of_all = rate_due_ns(&limits->rate);
    return listener->is_exempt || due > due_of_all ? due : due_of_all;
}

static bool is_full(struct connection_limits *limits, const struct listener_limit *listener) LOCK_REQUIRES(limits->lock)
{
    return listener->count >= listener->count_max || (!listener->is_exempt && limits->count >= limits->count_max);
}

static void warn_that_full(struct connection_limits *limits, const struct endpoint *endpoint)
    LOCK_REQUIRES(limits->lock)
{
    int64_t now_ms = clock_monotonic_ms();
    if (limits->warned_ms != 0 && now_ms - limits->warned_ms < WARNING_INTERVAL_MS)
        return;
    limits->warned_ms = now_ms;
    logger_warn("Listener %s accepts no more connections until others end: there are as many as max.connections "
                "allows, of the broker or of this listener.",
                endpoint->listener_name);
}

bool connection_limits_wait(struct connection_limits *limits, const struct endpoint *endpoint)
{
    int64_t held_back_until_ms = clock_monotonic_ms() + HELD_BACK_MS_MAX;
    lock_acquire(&limits->lock);
    const struct listener_limit *listener = find_listener(limits, endpoint);
    while (!limits->is_over) {
        int64_t due_ms = due_ns(limits, listener) / 1000000 + 1;
        if (due_ms > held_back_until_ms)
            due_ms = held_back_until_ms;
        if (is_full(limits, listener)) {
            warn_that_full(limits, endpoint);
            condition_wait(&limits->changed, &limits->lock);
        } else if (clock_monotonic_ms() >= due_ms) {
            break;
        } else {
            condition_wait_until(&limits->changed, &limits->lock, due_ms);
        }
    }
    bool allowed = !limits->is_over;
    lock_release(&limits->lock);
    return allowed;
}

static bool address_enter(struct connection_limits *limits, const uint8_t address[16]) LOCK_REQUIRES(limits->lock)
{
    const struct address_count *override = map_get(&limits->overrides, address_key(address));
    size_t count_max = override ? override->count_max : limits->per_address_max;
    struct address_count *entry = map_get(&limits->addresses, address_key(address));
    if ((entry ? entry->count : 0) >= count_max)
        return false;
    if (entry == NULL) {
        entry = memory_alloc(sizeof *entry);
        void *replaced = map_put(&limits->addresses, address_key(address), entry);
        (void)replaced;
    }
    entry->count++;
    return true;
}

static void address_leave(struct connection_limits *limits, const uint8_t address[16]) LOCK_REQUIRES(limits->lock)
{
    struct address_count *entry = map_get(&limits->addresses, address_key(address));
    if (entry != NULL && --entry->count == 0) {
        map_remove(&limits->addresses, address_key(address));
        free(entry);
    }
}

bool connection_limits_enter(struct connection_limits *limits, const struct endpoint *endpoint,
                             const uint8_t address[16])
{
    int64_t now_ns = clock_monotonic_ns();
    lock_acquire(&limits->lock);
    struct listener_limit *listener = find_listener(limits, endpoint);
    // Those that are refused count for the rate too, as in Apache Kafka.
    rate_count(&listener->rate, now_ns);
    if (!listener->is_exempt)
        rate_count(&limits->rate, now_ns);
    bool allowed = address_enter(limits, address);
    limits->count += allowed;
    listener->count += allowed;
    lock_release(&limits->lock);
    return allowed;
}

void connection_limits_leave(struct connection_limits *limits, const struct endpoint *endpoint,
                             const uint8_t address[16])
{
    lock_acquire(&limits->lock);
    address_leave(limits, address);
    limits->count--;
    find_listener(limits, endpoint)->count--;
    condition_broadcast(&limits->changed);
    lock_release(&limits->lock);
}

size_t connection_limits_count(struct connection_limits *limits)
{
    lock_acquire(&limits->lock);
    size_t count = limits->count;
    lock_release(&limits->lock);
    return count;
}

void connection_limits_end(struct connection_limits *limits)
{
    lock_acquire(&limits->lock);
    limits->is_over = true;
    condition_broadcast(&limits->changed);
    lock_release(&limits->lock);
}

bool connection_limits_wait_empty(struct connection_limits *limits, int64_t deadline_ms)
{
    lock_acquire(&limits->lock);
    bool in_time = true;
    while (limits->count > 0 && in_time)
        in_time = condition_wait_until(&limits->changed, &limits->lock, deadline_ms);
    bool empty = limits->count == 0;
    lock_release(&limits->lock);
    return empty;
}
