// SPDX-License-Identifier: Apache-2.0
#include "net/request_queue.h"

void request_queue_init(struct request_queue *queue, size_t count_max, void (*has_room_again)(void *context),
                        void *context)
{
    *queue = (struct request_queue){.count_max = count_max, .has_room_again = has_room_again, .context = context};
    lock_init(&queue->lock, LOCK_REQUEST_QUEUE);
    condition_init(&queue->condition);
    list_init(&queue->waiting);
}

void request_queue_fini(struct request_queue *queue)
{
    condition_fini(&queue->condition);
    lock_fini(&queue->lock);
}

bool request_queue_has_room(struct request_queue *queue)
{
    if (atomic_load_explicit(&queue->count, memory_order_relaxed) < queue->count_max)
        return true;
    // Announce first, look again after: a handler that takes a request in between sees the announcement.
    atomic_store(&queue->was_full, true);
    return atomic_load(&queue->count) < queue->count_max;
}

bool request_queue_reserve(struct request_queue *queue)
{
    do {
        size_t count = atomic_load_explicit(&queue->count, memory_order_relaxed);
        while (count < queue->count_max) {
            if (atomic_compare_exchange_weak(&queue->count, &count, count + 1))
                return true;
        }
    } while (request_queue_has_room(queue));
    return false;
}

static int handlers_to_wake_locked(const struct request_queue *queue, size_t count) LOCK_REQUIRES(queue->lock)
{
    return (size_t)queue->idle_handlers < count ? queue->idle_handlers : (int)count;
}

static void wake_handlers(struct request_queue *queue, int count)
{
    for (int i = 0; i < count; i++)
        condition_signal(&queue->condition);
}

void request_queue_add(struct request_queue *queue, struct list *connections, size_t count)
{
    if (count == 0)
        return;
    lock_acquire(&queue->lock);
    list_move_all(connections, &queue->waiting);
    int woken = handlers_to_wake_locked(queue, count);
    lock_release(&queue->lock);
    wake_handlers(queue, woken);
}

void request_queue_cancel(struct request_queue *queue)
{
    size_t left = atomic_fetch_sub(&queue->count, 1) - 1;
    // Half full, not almost full: so that a queue under pressure does not wake the readers for each request.
    if (left <= queue->count_max / 2 && atomic_load(&queue->was_full) && atomic_exchange(&queue->was_full, false))
        queue->has_room_again(queue->context);
}

struct list *request_queue_take(struct request_queue *queue, struct list *connections, size_t count)
{
    lock_acquire(&queue->lock);
    list_move_all(connections, &queue->waiting);
    if (count > 1)
        wake_handlers(queue, handlers_to_wake_locked(queue, count - 1)); // this thread takes one itself
    struct list *taken;
    while ((taken = list_take_first(&queue->waiting)) == NULL && !queue->closed) {
        queue->idle_handlers++;
        condition_wait(&queue->condition, &queue->lock);
        queue->idle_handlers--;
    }
    lock_release(&queue->lock);
    if (taken != NULL)
        request_queue_cancel(queue);
    return taken;
}

void request_queue_close(struct request_queue *queue)
{
    lock_acquire(&queue->lock);
    queue->closed = true;
    condition_broadcast(&queue->condition);
    lock_release(&queue->lock);
}

void request_queue_take_all(struct request_queue *queue, struct list *connections)
{
    lock_acquire(&queue->lock);
    for (LIST_EACH(link, &queue->waiting))
        atomic_fetch_sub(&queue->count, 1);
    list_move_all(&queue->waiting, connections);
    lock_release(&queue->lock);
}
