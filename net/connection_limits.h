// SPDX-License-Identifier: Apache-2.0
// max.connections, max.connections.per.ip and its overrides, for all listeners together. Safe from every thread.
#ifndef NET_CONNECTION_LIMITS_H
#define NET_CONNECTION_LIMITS_H

#include "base/lock.h"
#include "base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_count;

struct connection_limits {
    struct lock lock;
    struct condition changed; // a connection went, or waiting is over
    size_t count LOCK_GUARDED;
    struct map by_address LOCK_GUARDED; // 16 bytes to struct address_count, while it has connections or an override
    bool is_over LOCK_GUARDED;
    size_t count_max;
    size_t per_address_max;
    bool counts_addresses; // only when some limit asks for it
};

// Resolves the hosts of the overrides. Returns 0, or -EINVAL with a reason for people (free() it).
int connection_limits_init(struct connection_limits *limits, size_t count_max, size_t per_address_max,
                           const char *overrides, char **reason) __attribute__((warn_unused_result));
void connection_limits_fini(struct connection_limits *limits);

// Waits until one more connection is allowed. False: connection_limits_end was called.
bool connection_limits_wait(struct connection_limits *limits);

// Counts a connection from the address. False: that address has as many as it may; it is not counted.
bool connection_limits_enter(struct connection_limits *limits, const uint8_t address[16]);
void connection_limits_leave(struct connection_limits *limits, const uint8_t address[16]);

size_t connection_limits_count(struct connection_limits *limits);

// Nobody is made to wait any more.
void connection_limits_end(struct connection_limits *limits);

// Waits until no connection is left; false when the deadline (clock_monotonic_ms) came first.
bool connection_limits_wait_empty(struct connection_limits *limits, int64_t deadline_ms);

#endif
