// SPDX-License-Identifier: Apache-2.0
#include "base/timer.h"

#include "base/lock.h"
#include "test/unit/suite.h"

enum { TASK_COUNT = 200 };

// What the tasks' callbacks tell the test.
struct record {
    struct lock lock;
    struct condition changed;
    int order[TASK_COUNT];
    int count;
};

struct noted_task {
    struct timer_task task;
    struct record *record;
    int number;
};

static void note(void *context)
{
    struct noted_task *noted = context;
    lock_acquire(&noted->record->lock);
    noted->record->order[noted->record->count++] = noted->number;
    condition_signal(&noted->record->changed);
    lock_release(&noted->record->lock);
}

static void wait_for(struct record *record, int count)
{
    lock_acquire(&record->lock);
    while (record->count < count)
        condition_wait(&record->changed, &record->lock);
    lock_release(&record->lock);
}

static void record_init(struct record *record)
{
    *record = (struct record){.count = 0};
    lock_init(&record->lock, LOCK_TEST);
    condition_init(&record->changed);
}

static void record_fini(struct record *record)
{
    condition_fini(&record->changed);
    lock_fini(&record->lock);
}

static void runs_in_the_order_of_deadlines(void)
{
    struct timer *timer;
    struct record record;
    struct noted_task tasks[TASK_COUNT], last = {.record = &record, .number = -1};
    record_init(&record);
    CU_ASSERT_EQUAL_FATAL(timer_start("test-timer", &timer), 0);
    // Far away first, so that all are in the heap before any is due; then each is moved to its place.
    for (int i = 0; i < TASK_COUNT; i++) {
        tasks[i].record = &record;
        tasks[i].number = (i * 37) % TASK_COUNT;
        timer_task_init(&tasks[i].task, note, &tasks[i]);
        timer_schedule(timer, &tasks[i].task, 1000000 + tasks[i].number);
    }
    CU_ASSERT_EQUAL(timer_count(timer), TASK_COUNT);
    // Every second one is cancelled; the rest is let go.
    for (int i = 0; i < TASK_COUNT; i++) {
        if (tasks[i].number % 2 == 1) {
            CU_ASSERT_TRUE(timer_cancel(timer, &tasks[i].task));
        } else {
            timer_schedule(timer, &tasks[i].task, 20 + tasks[i].number);
        }
    }
    timer_task_init(&last.task, note, &last);
    timer_schedule(timer, &last.task, 20 + TASK_COUNT);
    wait_for(&record, TASK_COUNT / 2 + 1);
    timer_destroy(&timer);
    CU_ASSERT_PTR_NULL(timer);
    for (int i = 0; i < TASK_COUNT / 2; i++)
        CU_ASSERT_EQUAL(record.order[i], i * 2);
    CU_ASSERT_EQUAL(record.order[TASK_COUNT / 2], -1);
    record_fini(&record);
}

static void runs_what_is_due_at_once(void)
{
    struct timer *timer;
    struct record record;
    record_init(&record);
    struct noted_task task = {.record = &record, .number = 1};
    CU_ASSERT_EQUAL_FATAL(timer_start("test-timer", &timer), 0);
    timer_task_init(&task.task, note, &task);
    timer_schedule(timer, &task.task, -5);
    wait_for(&record, 1);
    CU_ASSERT_FALSE(timer_cancel(timer, &task.task));
    timer_schedule(timer, &task.task, 0);
    wait_for(&record, 2);
    timer_schedule(timer, &task.task, INT64_MAX);
    CU_ASSERT_TRUE(timer_cancel(timer, &task.task));
    timer_schedule(timer, &task.task, INT64_MAX);
    timer_destroy(&timer);
    CU_ASSERT_EQUAL(record.count, 2);
    record_fini(&record);
}

SUITE_MAIN("base/timer", {"runs in the order of deadlines", runs_in_the_order_of_deadlines},
           {"runs what is due at once", runs_what_is_due_at_once})
