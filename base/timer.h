// SPDX-License-Identifier: Apache-2.0
// Deadlines: one thread that calls back when they pass. A task is embedded in what waits; scheduling and cancelling
// take the logarithm of how many wait. All functions are safe from every thread, also under locks of lower rank than
// TIMER; callbacks run on the timer's thread, one at a time, with no lock held, and should be short.
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;

// Guarded by the timer's lock while scheduled.
struct timer_task {
    void (*run)(void *context);
    void *context;
    int64_t deadline_ms; // clock_monotonic_ms()
    size_t position;     // in the heap, from 1; 0: not scheduled
};

// Makes a timer and starts its thread of that name (timer_create is taken by POSIX). Returns 0 or -errno.
int timer_start(const char *name, struct timer **timer) __attribute__((warn_unused_result));

// Waits for the thread's end: no task runs any more, those that are scheduled are dropped, and later ones never run.
void timer_stop(struct timer *timer);

// Stops first if need be. *timer may be NULL.
void timer_destroy(struct timer **timer);

void timer_task_init(struct timer_task *task, void (*run)(void *context), void *context);

// Runs the task once, delay_ms from now (at once on the timer's thread if <= 0). A task that is scheduled is moved.
void timer_schedule(struct timer *timer, struct timer_task *task, int64_t delay_ms);

// True: it was scheduled and will not run. False: it has run, is running or was never scheduled; who frees what the
// callback uses must then know that it has ended.
bool timer_cancel(struct timer *timer, struct timer_task *task);

// How many tasks wait.
size_t timer_count(struct timer *timer);

#endif
