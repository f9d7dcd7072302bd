// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_now_ms(void)
{
    return read_clock_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t system_monotonic_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

static const struct clock_calls system_calls = {system_now_ms, system_monotonic_ns};
static const struct clock_calls *current = &system_calls;

int64_t clock_now_ms(void)
{
    return current->now_ms();
}

int64_t clock_monotonic_ns(void)
{
    return current->monotonic_ns();
}

int64_t clock_monotonic_ms(void)
{
    return current->monotonic_ns() / 1000000;
}

void clock_calls_set(const struct clock_calls *calls)
{
    current = calls ? calls : &system_calls;
}
