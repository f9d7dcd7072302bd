// SPDX-License-Identifier: Apache-2.0
#include "net/connection_limits.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

struct address_count {
    size_t count;
    size_t count_max;
    bool is_override;
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
LOCK_UNCHECKED static bool override_add(struct connection_limits *limits, const char *host, size_t count_max)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        uint8_t address[16];
        address_of_sockaddr(at->ai_addr, address);
        struct address_count *entry = memory_alloc(sizeof *entry);
        *entry = (struct address_count){.count_max = count_max, .is_override = true};
        free(map_put(&limits->by_address, address_key(address), entry));
    }
    freeaddrinfo(found);
    return true;
}

// One "host:count"; the host may be an IPv6 address, so the last colon counts.
static bool override_parse(struct connection_limits *limits, char *entry)
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
    return override_add(limits, entry, (size_t)count_max);
}

int connection_limits_init(struct connection_limits *limits, size_t count_max, size_t per_address_max,
                           const char *overrides, char **reason)
{
    *limits = (struct connection_limits){
        .count_max = count_max, .per_address_max = per_address_max, .counts_addresses = per_address_max < INT_MAX};
    lock_init(&limits->lock, LOCK_CONNECTION_LIMITS);
    condition_init(&limits->changed);
    if (overrides == NULL || overrides[0] == 0)
        return 0;
    limits->counts_addresses = true;
    char *copy = memory_copy_string(overrides), *rest = copy;
    int result = 0;
    for (char *entry; result == 0 && (entry = strsep(&rest, ",")) != NULL;) {
        if (!override_parse(limits, entry)) {
            *reason = memory_format("'%s' in max.connections.per.ip.overrides is not host:count with a host that "
                                    "resolves",
                                    entry);
            result = -EINVAL;
        }
    }
    free(copy);
    if (result != 0)
        connection_limits_fini(limits);
    return result;
}

LOCK_UNCHECKED void connection_limits_fini(struct connection_limits *limits)
{
    size_t at = 0;
    void *entry;
    while (map_next(&limits->by_address, &at, NULL, &entry))
        free(entry);
    map_fini(&limits->by_address);
    condition_fini(&limits->changed);
    lock_fini(&limits->lock);
}

bool connection_limits_wait(struct connection_limits *limits)
{
    lock_acquire(&limits->lock);
    while (limits->count >= limits->count_max && !limits->is_over)
        condition_wait(&limits->changed, &limits->lock);
    bool allowed = !limits->is_over;
    lock_release(&limits->lock);
    return allowed;
}

static bool address_enter(struct connection_limits *limits, const uint8_t address[16]) LOCK_REQUIRES(limits->lock)
{
    if (!limits->counts_addresses)
        return true;
    struct address_count *entry = map_get(&limits->by_address, address_key(address));
    if (entry == NULL) {
        if (limits->per_address_max == 0)
            return false;
        entry = memory_alloc(sizeof *entry);
        entry->count_max = limits->per_address_max;
        void *replaced = map_put(&limits->by_address, address_key(address), entry);
        (void)replaced;
    }
    if (entry->count >= entry->count_max)
        return false;
    entry->count++;
    return true;
}

static void address_leave(struct connection_limits *limits, const uint8_t address[16]) LOCK_REQUIRES(limits->lock)
{
    if (!limits->counts_addresses)
        return;
    struct address_count *entry = map_get(&limits->by_address, address_key(address));
    if (entry != NULL && --entry->count == 0 && !entry->is_override) {
        map_remove(&limits->by_address, address_key(address));
        free(entry);
    }
}

bool connection_limits_enter(struct connection_limits *limits, const uint8_t address[16])
{
    lock_acquire(&limits->lock);
    bool allowed = address_enter(limits, address);
    limits->count += allowed;
    lock_release(&limits->lock);
    return allowed;
}

void connection_limits_leave(struct connection_limits *limits, const uint8_t address[16])
{
    lock_acquire(&limits->lock);
    address_leave(limits, address);
    limits->count--;
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
