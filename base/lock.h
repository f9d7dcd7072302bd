// SPDX-License-Identifier: Apache-2.0
// Mutexes, read-write locks and conditions with a place in the order of locks (base/locks.def). Failures of the
// system calls are broken invariants and abort.
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__clang__)
#define LOCK_CAPABILITY __attribute__((capability("mutex")))
#define LOCK_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define LOCK_REQUIRES_SHARED(...) __attribute__((requires_shared_capability(__VA_ARGS__)))
#define LOCK_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define LOCK_ACQUIRE_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define LOCK_RELEASE(...) __attribute__((release_generic_capability(__VA_ARGS__)))
#define LOCK_UNCHECKED __attribute__((no_thread_safety_analysis))
#define LOCK_GUARDED __attribute__((guarded_var))
#else
#define LOCK_CAPABILITY
#define LOCK_REQUIRES(...)
#define LOCK_REQUIRES_SHARED(...)
#define LOCK_ACQUIRE(...)
#define LOCK_ACQUIRE_SHARED(...)
#define LOCK_RELEASE(...)
#define LOCK_UNCHECKED
#define LOCK_GUARDED
#endif

enum lock_name {
#define ROW(name, rank, guards) LOCK_##name,
#include "base/locks.def"
#undef ROW
    LOCK_NAME_COUNT
};

struct LOCK_CAPABILITY lock {
    pthread_mutex_t mutex;
    enum lock_name name;
};

struct LOCK_CAPABILITY shared_lock {
    pthread_rwlock_t rwlock;
    enum lock_name name;
};

struct condition {
    pthread_cond_t cond; // on the monotonic clock
};

void lock_init(struct lock *lock, enum lock_name name);
void lock_fini(struct lock *lock);
void lock_acquire(struct lock *lock) LOCK_ACQUIRE(*lock);
void lock_release(struct lock *lock) LOCK_RELEASE(*lock);

void shared_lock_init(struct shared_lock *lock, enum lock_name name);
void shared_lock_fini(struct shared_lock *lock);
void shared_lock_acquire_read(struct shared_lock *lock) LOCK_ACQUIRE_SHARED(*lock);
void shared_lock_acquire_write(struct shared_lock *lock) LOCK_ACQUIRE(*lock);
void shared_lock_release(struct shared_lock *lock) LOCK_RELEASE(*lock);

void condition_init(struct condition *condition);
void condition_fini(struct condition *condition);
void condition_wait(struct condition *condition, struct lock *lock) LOCK_REQUIRES(*lock);

// Waits until clock_monotonic_ms() reaches the deadline at most. Returns false when it did.
bool condition_wait_until(struct condition *condition, struct lock *lock, int64_t deadline_ms) LOCK_REQUIRES(*lock);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

// How often the calling thread found a lock taken.
uint64_t lock_contended_count_of_thread(void);

#endif
