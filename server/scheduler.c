// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/thread.h"

#include <stdbool.h>

struct job {
    const char *name;
    void (*run)(void *context);
    void *context;
    int64_t due_ms;    // clock_monotonic_ms()
    int64_t period_ms; // -1: once
};

// Guarded by SCHEDULER. There are some dozen jobs at most, so that they are looked through one by one.
struct scheduler {
    struct lock lock;
    struct condition changed;
    bool is_ending;
    struct {
        ARRAY_OF(struct job); // those that wait
    } jobs;
    struct {
        ARRAY_OF(struct thread *);
    } threads;
    size_t thread_count_wanted;
    size_t thread_count_running;
};

static int64_t due_after(int64_t delay_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    return delay_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + (delay_ms > 0 ? delay_ms : 0);
}

static void add_job(struct scheduler *scheduler, struct job job)
{
    lock_acquire(&scheduler->lock);
    *array_append(&scheduler->jobs) = job;
    // Not only workers wait for changes: who resizes does too.
    condition_broadcast(&scheduler->changed);
    lock_release(&scheduler->lock);
}

static struct job *earliest(struct scheduler *scheduler)
{
    struct job *first = NULL;
    for (size_t i = 0; i < scheduler->jobs.count; i++) {
        if (first == NULL || scheduler->jobs.items[i].due_ms < first->due_ms)
            first = &scheduler->jobs.items[i];
    }
    return first;
}

// Takes the job out while it runs, so that no other thread runs it too.
static void run_job(struct scheduler *scheduler, struct job *waiting) LOCK_REQUIRES(scheduler->lock)
{
    struct job job = *waiting;
    *waiting = scheduler->jobs.items[--scheduler->jobs.count];
    lock_release(&scheduler->lock);
    logger_debug("Running the background job %s.", job.name);
    job.run(job.context);
    lock_acquire(&scheduler->lock);
    if (job.period_ms >= 0) {
        job.due_ms = due_after(job.period_ms);
        *array_append(&scheduler->jobs) = job;
    }
}

static void scheduler_run(void *context)
{
    struct scheduler *scheduler = context;
    lock_acquire(&scheduler->lock);
    while (!scheduler->is_ending && scheduler->thread_count_running <= scheduler->thread_count_wanted) {
        struct job *job = earliest(scheduler);
        if (job == NULL)
            condition_wait(&scheduler->changed, &scheduler->lock);
        else if (job->due_ms <= clock_monotonic_ms())
            run_job(scheduler, job);
        else
            condition_wait_until(&scheduler->changed, &scheduler->lock, job->due_ms);
    }
    scheduler->thread_count_running--;
    condition_broadcast(&scheduler->changed);
    lock_release(&scheduler->lock);
}

int scheduler_create(int thread_count, struct scheduler **scheduler)
{
    struct scheduler *created = memory_alloc(sizeof *created);
    lock_init(&created->lock, LOCK_SCHEDULER);
    condition_init(&created->changed);
    int result = scheduler_resize(created, thread_count);
    if (result != 0) {
        scheduler_destroy(&created);
        return result;
    }
    *scheduler = created;
    return 0;
}

void scheduler_stop(struct scheduler *scheduler)
{
    lock_acquire(&scheduler->lock);
    scheduler->is_ending = true;
    condition_broadcast(&scheduler->changed);
    lock_release(&scheduler->lock);
    for (size_t i = 0; i < scheduler->threads.count; i++) {
        thread_join(scheduler->threads.items[i]);
        free(scheduler->threads.items[i]);
    }
    scheduler->threads.count = 0;
}

void scheduler_destroy(struct scheduler **scheduler)
{
    if (*scheduler == NULL)
        return;
    scheduler_stop(*scheduler);
    array_fini(&(*scheduler)->threads);
    array_fini(&(*scheduler)->jobs);
    condition_fini(&(*scheduler)->changed);
    lock_fini(&(*scheduler)->lock);
    free(*scheduler);
    *scheduler = NULL;
}

void scheduler_repeat(struct scheduler *scheduler, const char *name, void (*run)(void *context), void *context,
                      int64_t delay_ms, int64_t period_ms)
{
    add_job(scheduler, (struct job){name, run, context, due_after(delay_ms), period_ms > 0 ? period_ms : 1});
}

void scheduler_run_after(struct scheduler *scheduler, const char *name, void (*run)(void *context), void *context,
                         int64_t delay_ms)
{
    add_job(scheduler, (struct job){name, run, context, due_after(delay_ms), -1});
}

int scheduler_resize(struct scheduler *scheduler, int thread_count)
{
    lock_acquire(&scheduler->lock);
    scheduler->thread_count_wanted = (size_t)thread_count;
    condition_broadcast(&scheduler->changed);
    while (scheduler->thread_count_running > scheduler->thread_count_wanted)
        condition_wait(&scheduler->changed, &scheduler->lock);
    int result = 0;
    while (result == 0 && !scheduler->is_ending && scheduler->thread_count_running < scheduler->thread_count_wanted) {
        struct thread *thread = memory_alloc(sizeof *thread);
        result = thread_start(thread, scheduler_run, scheduler, "background-%zu", scheduler->threads.count);
        if (result != 0) {
            free(thread);
            break;
        }
        *array_append(&scheduler->threads) = thread;
        scheduler->thread_count_running++;
    }
    lock_release(&scheduler->lock);
    return result;
}
