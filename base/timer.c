// SPDX-License-Identifier: Apache-2.0
#include "base/timer.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/thread.h"

#include <assert.h>

struct timer {
    struct lock lock;
    struct condition changed; // the earliest deadline, or is_ending
    bool is_ending;
    struct {
        ARRAY_OF(struct timer_task *); // a heap by deadline, element 0 unused
    } heap;
    struct thread thread;
};

static void put(struct timer *timer, size_t position, struct timer_task *task)
{
    timer->heap.items[position] = task;
    task->position = position;
}

static void move_up(struct timer *timer, struct timer_task *task, size_t position)
{
    while (position > 1 && timer->heap.items[position / 2]->deadline_ms > task->deadline_ms) {
        put(timer, position, timer->heap.items[position / 2]);
        position /= 2;
    }
    put(timer, position, task);
}

static void move_down(struct timer *timer, struct timer_task *task, size_t position)
{
    for (;;) {
        size_t child = position * 2;
        if (child >= timer->heap.count)
            break;
        if (child + 1 < timer->heap.count &&
            timer->heap.items[child + 1]->deadline_ms < timer->heap.items[child]->deadline_ms)
            child++;
        if (timer->heap.items[child]->deadline_ms >= task->deadline_ms)
            break;
        put(timer, position, timer->heap.items[child]);
        position = child;
    }
    put(timer, position, task);
}

static void remove_task(struct timer *timer, struct timer_task *task)
{
    size_t position = task->position;
    task->position = 0;
    struct timer_task *last = timer->heap.items[--timer->heap.count];
    if (last == task)
        return;
    if (position > 1 && timer->heap.items[position / 2]->deadline_ms > last->deadline_ms)
        move_up(timer, last, position);
    else
        move_down(timer, last, position);
}

static void timer_run(void *context)
{
    struct timer *timer = context;
    lock_acquire(&timer->lock);
    while (!timer->is_ending) {
        if (timer->heap.count == 1) {
            condition_wait(&timer->changed, &timer->lock);
            continue;
        }
        struct timer_task *task = timer->heap.items[1];
        if (task->deadline_ms > clock_monotonic_ms()) {
            condition_wait_until(&timer->changed, &timer->lock, task->deadline_ms);
            continue;
        }
        remove_task(timer, task);
        // The task may be freed, or scheduled again, by its own callback or by whoever cancels it meanwhile.
        void (*run)(void *) = task->run;
        void *task_context = task->context;
        lock_release(&timer->lock);
        run(task_context);
        lock_acquire(&timer->lock);
    }
    lock_release(&timer->lock);
}

int timer_start(const char *name, struct timer **timer)
{
    struct timer *created = memory_alloc(sizeof *created);
    lock_init(&created->lock, LOCK_TIMER);
    condition_init(&created->changed);
    *array_append(&created->heap) = NULL;
    int result = thread_start(&created->thread, timer_run, created, "%s", name);
    if (result != 0) {
        array_fini(&created->heap);
        condition_fini(&created->changed);
        lock_fini(&created->lock);
        free(created);
        return result;
    }
    *timer = created;
    return 0;
}

void timer_stop(struct timer *timer)
{
    lock_acquire(&timer->lock);
    bool was_ending = timer->is_ending;
    timer->is_ending = true;
    condition_signal(&timer->changed);
    lock_release(&timer->lock);
    if (!was_ending)
        thread_join(&timer->thread);
}

void timer_destroy(struct timer **timer)
{
    if (*timer == NULL)
        return;
    timer_stop(*timer);
    array_fini(&(*timer)->heap);
    condition_fini(&(*timer)->changed);
    lock_fini(&(*timer)->lock);
    free(*timer);
    *timer = NULL;
}

void timer_task_init(struct timer_task *task, void (*run)(void *context), void *context)
{
    *task = (struct timer_task){.run = run, .context = context};
}

void timer_schedule(struct timer *timer, struct timer_task *task, int64_t delay_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t deadline_ms = delay_ms <= 0 ? now_ms : delay_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + delay_ms;
    lock_acquire(&timer->lock);
    if (task->position != 0)
        remove_task(timer, task);
    task->deadline_ms = deadline_ms;
    *array_append(&timer->heap) = task;
    move_up(timer, task, timer->heap.count - 1);
    if (task->position == 1)
        condition_signal(&timer->changed);
    lock_release(&timer->lock);
}

bool timer_cancel(struct timer *timer, struct timer_task *task)
{
    lock_acquire(&timer->lock);
    bool was_scheduled = task->position != 0;
    if (was_scheduled)
        remove_task(timer, task);
    lock_release(&timer->lock);
    return was_scheduled;
}

size_t timer_count(struct timer *timer)
{
    lock_acquire(&timer->lock);
    size_t count = timer->heap.count - 1;
    lock_release(&timer->lock);
    return count;
}
