// SPDX-License-Identifier: Apache-2.0
#include "net/service.h"

#include "base/clock.h"
#include "base/logger.h"

enum { REFUSALS_LOGGED_PER_SECOND = 10 };

bool service_logs_refusal(struct service *service)
{
    int64_t second = clock_monotonic_ms() / 1000;
    int64_t before = atomic_load(&service->refusals_second);
    if (before != second && atomic_compare_exchange_strong(&service->refusals_second, &before, second)) {
        unsigned count = atomic_exchange(&service->refusals_count, 0);
        if (count > REFUSALS_LOGGED_PER_SECOND)
            logger_info("%u more connections were closed or refused.", count - REFUSALS_LOGGED_PER_SECOND);
    }
    return atomic_fetch_add(&service->refusals_count, 1) < REFUSALS_LOGGED_PER_SECOND;
}
