// SPDX-License-Identifier: Apache-2.0
// Bytes that the frames of many connections may take together, as Kafka's queued.max.request.bytes has it: a frame gets
// all that its length says as long as anything is left, so that whoever got some can finish, and the whole exceeds its
// bound by one frame at most. Who gets none waits and is told when there is some again. Safe from every thread.
#ifndef NET_MEMORY_BUDGET_H
#define NET_MEMORY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_budget {
    bool is_limited;
    atomic_int_fast64_t available; // below 0 by one frame at most
    atomic_bool was_short;         // someone waits, or did since the last bytes came back
    void (*changed)(void *context);
    void *context;
};

// size_max below 0: no limit. changed(context) is called when it has become short, and when it has some again; maybe in
// vain.
void memory_budget_init(struct memory_budget *budget, int64_t size_max, void (*changed)(void *context), void *context);

// False when nothing is left.
bool memory_budget_take(struct memory_budget *budget, size_t size);
void memory_budget_give_back(struct memory_budget *budget, size_t size);

// Whether someone would get some; who asks in vain is told when there is some, as by memory_budget_take.
bool memory_budget_has_some(struct memory_budget *budget);

// Whether someone asked in vain since the last bytes came back.
bool memory_budget_is_short(const struct memory_budget *budget);

#endif
