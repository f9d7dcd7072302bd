// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include "base/lock.h"
#include "test/unit/suite.h"

#include <stdbool.h>

struct gate {
    struct lock lock;
    struct condition opened;
    bool is_open;
};

static void open_gate(void *context)
{
    struct gate *gate = context;
    lock_acquire(&gate->lock);
    gate->is_open = true;
    condition_signal(&gate->opened);
    lock_release(&gate->lock);
}

static void tells_what_a_thread_has_used(void)
{
    struct thread_use before, after;
    thread_get_use(&before);
    volatile uint64_t sum = 0;
    do {
        for (uint64_t i = 0; i < 1000; i++)
            sum += i;
        thread_get_use(&after);
    } while (after.cpu_ns == before.cpu_ns);
    CU_ASSERT_TRUE(after.cpu_ns > before.cpu_ns && sum > 0);

    struct gate gate = {.is_open = false};
    lock_init(&gate.lock, LOCK_TIMER);
    condition_init(&gate.opened);
    thread_get_use(&before);
    struct thread thread;
    lock_acquire(&gate.lock);
    int result = thread_start(&thread, open_gate, &gate, "opener");
    CU_ASSERT_EQUAL_FATAL(result, 0);
    while (!gate.is_open)
        condition_wait(&gate.opened, &gate.lock); // the other thread cannot open it before this one waits
    lock_release(&gate.lock);
    thread_get_use(&after);
    CU_ASSERT_TRUE(after.wait_count > before.wait_count);
    CU_ASSERT_EQUAL(after.lock_wait_count, before.lock_wait_count); // the lock was not taken when it asked for it
    thread_join(&thread);
    condition_fini(&gate.opened);
    lock_fini(&gate.lock);
}

SUITE_MAIN("base/thread", {"tells what a thread has used", tells_what_a_thread_has_used})
