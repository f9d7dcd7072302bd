// SPDX-License-Identifier: Apache-2.0
// Named threads. The name (15 characters at most are shown by the system) is what ps, gdb and the log show.
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

struct thread {
    pthread_t pthread;
};

// Starts run(context) on a thread of that name (printf form), with every signal blocked: signals belong to main.
// Returns 0 or -errno.
int thread_start(struct thread *thread, void (*run)(void *context), void *context, const char *name_format, ...)
    __attribute__((format(printf, 4, 5), warn_unused_result));

// Waits for its end.
void thread_join(struct thread *thread);

// What the calling thread has used up since it began.
struct thread_use {
    int64_t cpu_ns;
    int64_t wait_count;      // how often it gave the processor away, to wait for something
    int64_t lock_wait_count; // how often it found a lock taken; a wait for it is one or several of the above
};
void thread_get_use(struct thread_use *use);

#endif
