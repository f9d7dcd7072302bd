// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler.h"

#include "base/lock.h"
#include "test/unit/suite.h"

#include <stdbool.h>

static struct lock lock;
static struct condition changed;
static int runs, running;
static bool overlapped;

static void count_run(void *context)
{
    lock_acquire(&lock);
    overlapped |= ++running > 1;
    (*(int *)context)++;
    running--;
    condition_broadcast(&changed);
    lock_release(&lock);
}

static void wait_for(const int *count, int wanted)
{
    lock_acquire(&lock);
    while (*count < wanted)
        condition_wait(&changed, &lock);
    lock_release(&lock);
}

static void runs_jobs(void)
{
    struct scheduler *scheduler;
    int once = 0, never = 0;
    lock_init(&lock, LOCK_TEST);
    condition_init(&changed);
    CU_ASSERT_EQUAL_FATAL(scheduler_create(3, &scheduler), 0);
    scheduler_repeat(scheduler, "again", count_run, &runs, 0, 1);
    scheduler_run_after(scheduler, "once", count_run, &once, 5);
    scheduler_repeat(scheduler, "never", count_run, &never, INT64_MAX, INT64_MAX);
    wait_for(&runs, 20);
    wait_for(&once, 1);
    CU_ASSERT_EQUAL(scheduler_resize(scheduler, 1), 0);
    wait_for(&runs, 40);
    CU_ASSERT_EQUAL(scheduler_resize(scheduler, 4), 0);
    wait_for(&runs, 60);
    scheduler_stop(scheduler);
    int before = runs; // no thread runs any more
    CU_ASSERT_EQUAL(once, 1);
    CU_ASSERT_EQUAL(never, 0);
    CU_ASSERT_FALSE(overlapped);
    scheduler_destroy(&scheduler);
    CU_ASSERT_EQUAL(runs, before);
    condition_fini(&changed);
    lock_fini(&lock);
}

SUITE_MAIN("server/scheduler", {"runs jobs", runs_jobs})
