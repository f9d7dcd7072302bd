// SPDX-License-Identifier: Apache-2.0
#include "base/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Thread_local uint64_t contended_here;

static void require(int result, const char *call)
{
    if (result != 0) {
        fprintf(stderr, "%s failed with error %d\n", call, result);
        abort();
    }
}

#ifndef LOCK_RANKS_ARE_CHECKED
static void note_acquired(enum lock_name name)
{
    (void)name;
}

static void note_released(enum lock_name name)
{
    (void)name;
}
#else
struct row {
    const char *name;
    int rank;
};

static const struct row rows[] = {
#define ROW(name, rank, guards) {#name, rank},
#include "base/locks.def"
#undef ROW
};

// The locks that this thread holds, in the order in which it took them.
#define HELD_MAX 16
static _Thread_local enum lock_name held[HELD_MAX];
static _Thread_local int held_count;

static void note_acquired(enum lock_name name)
{
    for (int i = 0; i < held_count; i++) {
        if (rows[held[i]].rank >= rows[name].rank) {
            fprintf(stderr, "lock %s (rank %d) taken while %s (rank %d) is held\n", rows[name].name, rows[name].rank,
                    rows[held[i]].name, rows[held[i]].rank);
            abort();
        }
    }
    if (held_count == HELD_MAX)
        abort();
    held[held_count++] = name;
}

static void note_released(enum lock_name name)
{
    int i = held_count - 1;
    while (i >= 0 && held[i] != name)
        i--;
    if (i < 0)
        abort();
    for (; i + 1 < held_count; i++)
        held[i] = held[i + 1];
    held_count--;
}
#endif

void lock_init(struct lock *lock, enum lock_name name)
{
    lock->name = name;
    require(pthread_mutex_init(&lock->mutex, NULL), "pthread_mutex_init");
}

void lock_fini(struct lock *lock)
{
    require(pthread_mutex_destroy(&lock->mutex), "pthread_mutex_destroy");
}

LOCK_UNCHECKED void lock_acquire(struct lock *lock)
{
    note_acquired(lock->name);
    if (pthread_mutex_trylock(&lock->mutex) == 0)
        return;
    contended_here++;
    require(pthread_mutex_lock(&lock->mutex), "pthread_mutex_lock");
}

LOCK_UNCHECKED void lock_release(struct lock *lock)
{
    note_released(lock->name);
    require(pthread_mutex_unlock(&lock->mutex), "pthread_mutex_unlock");
}

void shared_lock_init(struct shared_lock *lock, enum lock_name name)
{
    // A writer comes before readers that arrive later; otherwise a busy partition would never change its leader. That
    // no thread takes such a lock twice, which would end in a deadlock, is what ranks are for.
    pthread_rwlockattr_t attributes;
    lock->name = name;
    require(pthread_rwlockattr_init(&attributes), "pthread_rwlockattr_init");
    require(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP),
            "pthread_rwlockattr_setkind_np");
    require(pthread_rwlock_init(&lock->rwlock, &attributes), "pthread_rwlock_init");
    pthread_rwlockattr_destroy(&attributes);
}

void shared_lock_fini(struct shared_lock *lock)
{
    require(pthread_rwlock_destroy(&lock->rwlock), "pthread_rwlock_destroy");
}

LOCK_UNCHECKED void shared_lock_acquire_read(struct shared_lock *lock)
{
    note_acquired(lock->name);
    if (pthread_rwlock_tryrdlock(&lock->rwlock) == 0)
        return;
    contended_here++;
    require(pthread_rwlock_rdlock(&lock->rwlock), "pthread_rwlock_rdlock");
}

LOCK_UNCHECKED void shared_lock_acquire_write(struct shared_lock *lock)
{
    note_acquired(lock->name);
    if (pthread_rwlock_trywrlock(&lock->rwlock) == 0)
        return;
    contended_here++;
    require(pthread_rwlock_wrlock(&lock->rwlock), "pthread_rwlock_wrlock");
}

LOCK_UNCHECKED void shared_lock_release(struct shared_lock *lock)
{
    note_released(lock->name);
    require(pthread_rwlock_unlock(&lock->rwlock), "pthread_rwlock_unlock");
}

void condition_init(struct condition *condition)
{
    pthread_condattr_t attributes;
    require(pthread_condattr_init(&attributes), "pthread_condattr_init");
    require(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    require(pthread_cond_init(&condition->cond, &attributes), "pthread_cond_init");
    pthread_condattr_destroy(&attributes);
}

void condition_fini(struct condition *condition)
{
    require(pthread_cond_destroy(&condition->cond), "pthread_cond_destroy");
}

void condition_wait(struct condition *condition, struct lock *lock)
{
    require(pthread_cond_wait(&condition->cond, &lock->mutex), "pthread_cond_wait");
}

bool condition_wait_until(struct condition *condition, struct lock *lock, int64_t deadline_ms)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ms / 1000),
                                .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    int result = pthread_cond_timedwait(&condition->cond, &lock->mutex, &deadline);
    if (result == ETIMEDOUT)
        return false;
    require(result, "pthread_cond_timedwait");
    return true;
}

void condition_signal(struct condition *condition)
{
    require(pthread_cond_signal(&condition->cond), "pthread_cond_signal");
}

void condition_broadcast(struct condition *condition)
{
    require(pthread_cond_broadcast(&condition->cond), "pthread_cond_broadcast");
}

uint64_t lock_contended_count_of_thread(void)
{
    return contended_here;
}
