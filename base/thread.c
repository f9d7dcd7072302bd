// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include "base/lock.h"
#include "base/memory.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct start {
    void (*run)(void *context);
    void *context;
    char name[16];
};

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.run(start.context);
    return NULL;
}

int thread_start(struct thread *thread, void (*run)(void *context), void *context, const char *name_format, ...)
{
    struct start *start = memory_alloc(sizeof *start);
    start->run = run;
    start->context = context;
    va_list arguments;
    va_start(arguments, name_format);
    vsnprintf(start->name, sizeof start->name, name_format, arguments);
    va_end(arguments);

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&thread->pthread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        free(start);
    return -result;
}

void thread_join(struct thread *thread)
{
    pthread_join(thread->pthread, NULL);
}

static int64_t nanoseconds(struct timeval time)
{
    return ((int64_t)time.tv_sec * 1000000 + time.tv_usec) * 1000;
}

void thread_get_use(struct thread_use *use)
{
    struct rusage usage = {0}; // cannot fail with a good address
    getrusage(RUSAGE_THREAD, &usage);
    *use = (struct thread_use){.cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime),
                               .wait_count = usage.ru_nvcsw,
                               .lock_wait_count = (int64_t)lock_contended_count_of_thread()};
}
