// SPDX-License-Identifier: Apache-2.0
#include "net/memory_budget.h"

void memory_budget_init(struct memory_budget *budget, int64_t size_max, void (*changed)(void *context), void *context)
{
    *budget = (struct memory_budget){.is_limited = size_max >= 0, .changed = changed, .context = context};
    atomic_init(&budget->available, size_max);
}

static bool take(struct memory_budget *budget, size_t size)
{
    int_fast64_t available = atomic_load(&budget->available);
    while (available > 0) {
        if (atomic_compare_exchange_weak(&budget->available, &available, available - (int_fast64_t)size))
            return true;
    }
    return false;
}

bool memory_budget_has_some(struct memory_budget *budget)
{
    if (!budget->is_limited || atomic_load(&budget->available) > 0)
        return true;
    // Announce first, look again after: who gives back in between sees the announcement.
    bool was_short = atomic_exchange(&budget->was_short, true);
    if (atomic_load(&budget->available) > 0)
        return true;
    if (!was_short)
        budget->changed(budget->context);
    return false;
}

bool memory_budget_take(struct memory_budget *budget, size_t size)
{
    do {
        if (!budget->is_limited || take(budget, size))
            return true;
    } while (memory_budget_has_some(budget));
    return false;
}

void memory_budget_give_back(struct memory_budget *budget, size_t size)
{
    if (!budget->is_limited)
        return;
    int_fast64_t available = atomic_fetch_add(&budget->available, (int_fast64_t)size) + (int_fast64_t)size;
    if (available > 0 && atomic_load(&budget->was_short) && atomic_exchange(&budget->was_short, false))
        budget->changed(budget->context);
}

bool memory_budget_is_short(const struct memory_budget *budget)
{
    return atomic_load_explicit(&budget->was_short, memory_order_relaxed);
}
