// SPDX-License-Identifier: Apache-2.0
// How many connections there may be, and how quickly they may come: max.connections and max.connection.creation.rate
// (KIP-612) of the server and of each listener, max.connections.per.ip and its overrides. The listener of other brokers
// is not held back by what holds for the whole server. Safe from every thread, but for init and fini.
#ifndef NET_CONNECTION_LIMITS_H
#define NET_CONNECTION_LIMITS_H

#include "base/lock.h"
#include "base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;
struct endpoint_list;
struct server_limits;

// Connections per second: an allowance that fills up with time.
struct creation_rate {
    int64_t rate_max;    // INT_MAX: none
    int64_t interval_ns; // one connection's share of time
    int64_t next_ns;     // clock_monotonic_ns() from which on nothing would be saved up
};

struct listener_limit {
    size_t count, count_max;
    struct creation_rate rate;
    bool is_exempt;
};

struct connection_limits {
    struct lock lock;
    struct condition changed; // a connection went, the limits changed, or waiting is over
    const struct endpoint_list *endpoints;
    size_t count LOCK_GUARDED, count_max LOCK_GUARDED, per_address_max LOCK_GUARDED;
    struct creation_rate rate LOCK_GUARDED;
    struct listener_limit *listeners LOCK_GUARDED; // one per endpoint
    struct map addresses LOCK_GUARDED;             // 16 bytes to struct address_count, while it has connections
    struct map overrides LOCK_GUARDED;             // 16 bytes to struct address_count, whose count_max it gives
    bool is_over LOCK_GUARDED;
    int64_t warned_ms
        LOCK_GUARDED; // clock_monotonic_ms() of the last line about a full broker or listener; 0: none yet
};

// Without limits. The endpoints stay where they are as long as the limits live; exempt_listener is a name of theirs or
// NULL, and counts only beside another listener.
void connection_limits_init(struct connection_limits *limits, const struct endpoint_list *endpoints,
                            const char *exempt_listener);
void connection_limits_fini(struct connection_limits *limits);

// Replaces all limits; connections beyond them stay. Resolves the hosts of the overrides. Returns 0, or -EINVAL with a
// reason for people (free() it) and nothing changed.
int connection_limits_set(struct connection_limits *limits, const struct server_limits *wanted, char **reason)
    __attribute__((warn_unused_result));

// Waits until one more connection is allowed on that listener, and says so in the log, once a minute at most. False:
// connection_limits_end was called.
bool connection_limits_wait(struct connection_limits *limits, const struct endpoint *listener);

// Counts a connection. False: its address has as many as it may; it is not counted.
bool connection_limits_enter(struct connection_limits *limits, const struct endpoint *listener,
                             const uint8_t address[16]);
void connection_limits_leave(struct connection_limits *limits, const struct endpoint *listener,
                             const uint8_t address[16]);

size_t connection_limits_count(struct connection_limits *limits);

// Nobody is made to wait any more.
void connection_limits_end(struct connection_limits *limits);

// Waits until no connection is left; false when the deadline (clock_monotonic_ms) came first.
bool connection_limits_wait_empty(struct connection_limits *limits, int64_t deadline_ms);

#endif
