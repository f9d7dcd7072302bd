// SPDX-License-Identifier: Apache-2.0
#include "server/purgatory.h"

#include "base/array.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/timer.h"

#include <assert.h>
#include <stdlib.h>

// The watchers of one key, there while it has any.
struct watched_key {
    struct list watches;
    size_t watch_count;
    size_t size;
    uint8_t bytes[];
};

struct watch {
    struct list link; // of its key
    struct watched_key *key;
    struct entry *entry;
};

// A parked operation. References: the purgatory's until it is completed, the timer's until its callback has run or
// never will, and one for each thread that is about to look at it.
struct entry {
    struct purgatory *purgatory;
    const struct delayed_calls *calls;
    void *operation;
    struct timer_task task;
    struct list link; // of all entries
    int references;
    bool is_checking; // a thread is in is_ready, or about to be
    bool check_again; // something changed meanwhile
    bool is_expired;  // the deadline passed meanwhile
    bool is_done;
    size_t watch_count;
    struct watch watches[];
};

// Everything is guarded by the lock, but the operation, which belongs to the thread that set is_checking.
struct purgatory {
    char *name;
    struct timer *timer;
    struct lock lock;
    struct condition freed;
    struct map keys LOCK_GUARDED;
    struct list entries LOCK_GUARDED;
    size_t parked_count LOCK_GUARDED; // not completed
    size_t entry_count LOCK_GUARDED;  // not freed
    bool is_closed LOCK_GUARDED;
};

static void unref_locked(struct purgatory *purgatory, struct entry *entry) LOCK_REQUIRES(purgatory->lock)
{
    assert(entry->references > 0);
    if (--entry->references > 0)
        return;
    free(entry);
    if (--purgatory->entry_count == 0)
        condition_broadcast(&purgatory->freed);
}

static void unwatch_locked(struct purgatory *purgatory, struct entry *entry) LOCK_REQUIRES(purgatory->lock)
{
    for (size_t i = 0; i < entry->watch_count; i++) {
        struct watched_key *key = entry->watches[i].key;
        list_remove(&entry->watches[i].link);
        if (--key->watch_count == 0) {
            map_remove(&purgatory->keys, view_of(key->bytes, key->size));
            free(key);
        }
    }
}

// Ends the entry, whose is_checking this thread has set: nobody but this thread completes it.
static void finish_locked(struct purgatory *purgatory, struct entry *entry) LOCK_REQUIRES(purgatory->lock)
{
    assert(!entry->is_done && entry->is_checking);
    entry->is_done = true;
    unwatch_locked(purgatory, entry);
    list_remove(&entry->link);
    purgatory->parked_count--;
}

// Gives back the purgatory's and the timer's references of an entry that is done.
static void forget(struct purgatory *purgatory, struct entry *entry)
{
    bool will_not_run = timer_cancel(purgatory->timer, &entry->task);
    lock_acquire(&purgatory->lock);
    if (will_not_run)
        unref_locked(purgatory, entry);
    unref_locked(purgatory, entry);
    lock_release(&purgatory->lock);
}

// Looks at an entry whose is_checking this thread has set, and completes it when it is ready or expired. Returns
// whether it did. The caller holds a reference.
static bool evaluate(struct purgatory *purgatory, struct entry *entry)
{
    for (;;) {
        bool is_ready = entry->calls->is_ready(entry->operation);
        lock_acquire(&purgatory->lock);
        if (is_ready || entry->is_expired) {
            finish_locked(purgatory, entry);
            lock_release(&purgatory->lock);
            entry->calls->complete(entry->operation, is_ready ? DELAYED_READY : DELAYED_EXPIRED);
            forget(purgatory, entry);
            return true;
        }
        bool is_over = !entry->check_again;
        entry->check_again = false;
        entry->is_checking = !is_over;
        lock_release(&purgatory->lock);
        if (is_over)
            return false;
    }
}

// Completes the entry as expired, or leaves that to the thread that is looking at it.
static void expire(struct purgatory *purgatory, struct entry *entry)
{
    lock_acquire(&purgatory->lock);
    if (entry->is_done || entry->is_checking) {
        entry->is_expired = true;
        lock_release(&purgatory->lock);
        return;
    }
    entry->is_checking = true;
    finish_locked(purgatory, entry);
    lock_release(&purgatory->lock);
    entry->calls->complete(entry->operation, DELAYED_EXPIRED);
    forget(purgatory, entry);
}

static void run_deadline(void *context)
{
    struct entry *entry = context;
    struct purgatory *purgatory = entry->purgatory;
    expire(purgatory, entry);
    lock_acquire(&purgatory->lock);
    unref_locked(purgatory, entry); // the timer's
    lock_release(&purgatory->lock);
}

struct purgatory *purgatory_create(const char *name, struct timer *timer)
{
    struct purgatory *purgatory = memory_alloc(sizeof *purgatory);
    purgatory->name = memory_copy_string(name);
    purgatory->timer = timer;
    lock_init(&purgatory->lock, LOCK_PURGATORY);
    condition_init(&purgatory->freed);
    list_init(&purgatory->entries);
    return purgatory;
}

void purgatory_close(struct purgatory *purgatory)
{
    lock_acquire(&purgatory->lock);
    purgatory->is_closed = true;
    size_t count = purgatory->parked_count;
    for (size_t i = 0; i < count && !list_is_empty(&purgatory->entries); i++) {
        struct entry *entry = LIST_ELEMENT(purgatory->entries.next, struct entry, link);
        list_remove(&entry->link); // each once; one that another thread is looking at is completed by that thread
        entry->references++;
        lock_release(&purgatory->lock);
        expire(purgatory, entry);
        lock_acquire(&purgatory->lock);
        unref_locked(purgatory, entry);
    }
    lock_release(&purgatory->lock);
    if (count > 0)
        logger_debug("Purgatory %s ends with %zu operations parked; they are answered now.", purgatory->name, count);
}

void purgatory_destroy(struct purgatory **purgatory)
{
    struct purgatory *gone = *purgatory;
    if (gone == NULL)
        return;
    purgatory_close(gone);
    lock_acquire(&gone->lock);
    while (gone->entry_count > 0)
        condition_wait(&gone->freed, &gone->lock);
    assert(gone->keys.count == 0);
    map_fini(&gone->keys);
    lock_release(&gone->lock);
    lock_fini(&gone->lock);
    condition_fini(&gone->freed);
    free(gone->name);
    free(gone);
    *purgatory = NULL;
}

static void watch_locked(struct purgatory *purgatory, struct entry *entry, struct view name)
    LOCK_REQUIRES(purgatory->lock)
{
    struct watched_key *key = map_get(&purgatory->keys, name);
    if (key == NULL) {
        key = memory_alloc(sizeof *key + name.size);
        list_init(&key->watches);
        key->size = name.size;
        if (name.size > 0)
            memcpy(key->bytes, name.data, name.size);
        map_put(&purgatory->keys, name, key);
    }
    struct watch *watch = &entry->watches[entry->watch_count++];
    watch->key = key;
    watch->entry = entry;
    key->watch_count++;
    list_append(&key->watches, &watch->link);
}

bool purgatory_watch(struct purgatory *purgatory, const struct delayed_calls *calls, void *operation,
                     const struct view *keys, size_t key_count, int64_t delay_ms)
{
    bool is_ready = calls->is_ready(operation);
    if (is_ready || delay_ms <= 0) {
        calls->complete(operation, is_ready ? DELAYED_READY : DELAYED_EXPIRED);
        return true;
    }
    struct entry *entry = memory_alloc(sizeof *entry + key_count * sizeof entry->watches[0]);
    entry->purgatory = purgatory;
    entry->calls = calls;
    entry->operation = operation;
    list_init(&entry->link);
    lock_acquire(&purgatory->lock);
    if (purgatory->is_closed) {
        lock_release(&purgatory->lock);
        free(entry);
        calls->complete(operation, DELAYED_EXPIRED);
        return true;
    }
    for (size_t i = 0; i < key_count; i++)
        watch_locked(purgatory, entry, keys[i]);
    list_append(&purgatory->entries, &entry->link);
    purgatory->parked_count++;
    purgatory->entry_count++;
    entry->references = 3; // the purgatory's, the timer's, ours
    entry->is_checking = true;
    timer_task_init(&entry->task, run_deadline, entry);
    timer_schedule(purgatory->timer, &entry->task, delay_ms);
    lock_release(&purgatory->lock);

    // What changed between the first look and the watch has woken nobody.
    bool is_done = evaluate(purgatory, entry);
    lock_acquire(&purgatory->lock);
    unref_locked(purgatory, entry);
    lock_release(&purgatory->lock);
    return is_done;
}

size_t purgatory_check(struct purgatory *purgatory, struct view name)
{
    struct {
        ARRAY_OF(struct entry *);
    } found = {0};
    lock_acquire(&purgatory->lock);
    struct watched_key *key = map_get(&purgatory->keys, name);
    if (key == NULL) {
        lock_release(&purgatory->lock);
        return 0;
    }
    for (LIST_EACH(link, &key->watches)) {
        struct entry *entry = LIST_ELEMENT(link, struct watch, link)->entry;
        if (entry->is_checking) {
            entry->check_again = true;
            continue;
        }
        entry->is_checking = true;
        entry->references++;
        *array_append(&found) = entry;
    }
    lock_release(&purgatory->lock);

    size_t completed = 0;
    for (size_t i = 0; i < found.count; i++) {
        completed += evaluate(purgatory, found.items[i]);
        lock_acquire(&purgatory->lock);
        unref_locked(purgatory, found.items[i]);
        lock_release(&purgatory->lock);
    }
    array_fini(&found);
    return completed;
}

size_t purgatory_count(struct purgatory *purgatory)
{
    lock_acquire(&purgatory->lock);
    size_t count = purgatory->parked_count;
    lock_release(&purgatory->lock);
    return count;
}
