// SPDX-License-Identifier: Apache-2.0
// Time, through a table that tests and the simulator replace. Wall clock times are in milliseconds since 1970 and go
// into files and messages; durations and deadlines use the monotonic clock, which never jumps.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock_calls {
    int64_t (*now_ms)(void);
    int64_t (*monotonic_ns)(void);
};

int64_t clock_now_ms(void);
int64_t clock_monotonic_ns(void);
int64_t clock_monotonic_ms(void);

// Replaces the clock of the whole process (NULL: the system's again). Not while other threads run.
void clock_calls_set(const struct clock_calls *calls);

#endif
