// SPDX-License-Identifier: Apache-2.0
// Background work: named jobs, once or periodically, on background.threads threads ("background-0"). One job never runs
// twice at the same time; a period counts from the end of a run. All functions are safe from every thread.
#ifndef SERVER_SCHEDULER_H
#define SERVER_SCHEDULER_H

#include <stdint.h>

struct scheduler;

// Returns 0 or -errno.
int scheduler_create(int thread_count, struct scheduler **scheduler) __attribute__((warn_unused_result));

// Starts no further job and waits for those that run; jobs that wait are dropped. Later calls do nothing.
void scheduler_stop(struct scheduler *scheduler);
void scheduler_destroy(struct scheduler **scheduler); // stops first if need be

// Runs run(context) after delay_ms and then every period_ms; the name (a literal) is for the log. A delay or period of
// INT64_MAX means never.
void scheduler_repeat(struct scheduler *scheduler, const char *name, void (*run)(void *context), void *context,
                      int64_t delay_ms, int64_t period_ms);

// Runs run(context) once after delay_ms.
void scheduler_run_after(struct scheduler *scheduler, const char *name, void (*run)(void *context), void *context,
                         int64_t delay_ms);

// Another number of threads (background.threads is dynamic). Waits for threads that end.
int scheduler_resize(struct scheduler *scheduler, int thread_count) __attribute__((warn_unused_result));

#endif
