// SPDX-License-Identifier: Apache-2.0
#include "server/controller/event_queue.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/thread.h"

#include <stdlib.h>

struct event_queue {
    struct lock lock;
    struct condition changed;
    struct list events LOCK_GUARDED;
    struct list later LOCK_GUARDED; // by due time
    bool is_stopped LOCK_GUARDED;
    bool is_started; // by whoever starts and stops
    struct thread thread;
};

struct event_queue *event_queue_create(void)
{
    struct event_queue *queue = memory_alloc(sizeof *queue);
    lock_init(&queue->lock, LOCK_EVENT_QUEUE);
    condition_init(&queue->changed);
    list_init(&queue->events);
    list_init(&queue->later);
    return queue;
}

static struct event *event_of(struct list *link)
{
    return LIST_ELEMENT(link, struct event, link);
}

static void promote_due_locked(struct event_queue *queue, int64_t now_ms) LOCK_REQUIRES(queue->lock)
{
    while (!list_is_empty(&queue->later) && event_of(queue->later.next)->due_ms <= now_ms)
        list_append(&queue->events, list_take_first(&queue->later));
}

// The next event, or NULL when the queue was stopped.
static struct event *take(struct event_queue *queue)
{
    struct event *event = NULL;
    lock_acquire(&queue->lock);
    while (!queue->is_stopped) {
        promote_due_locked(queue, clock_monotonic_ms());
        if (!list_is_empty(&queue->events)) {
            event = event_of(list_take_first(&queue->events));
            break;
        }
        if (list_is_empty(&queue->later))
            condition_wait(&queue->changed, &queue->lock);
        else
            condition_wait_until(&queue->changed, &queue->lock, event_of(queue->later.next)->due_ms);
    }
    lock_release(&queue->lock);
    return event;
}

static void run_events(void *context)
{
    struct event_queue *queue = context;
    for (struct event *event; (event = take(queue)) != NULL;)
        event->run(event, false);
}

int event_queue_start(struct event_queue *queue, const char *name)
{
    int error = thread_start(&queue->thread, run_events, queue, "%s", name);
    queue->is_started = error == 0;
    return error;
}

static void insert_later_locked(struct event_queue *queue, struct event *event) LOCK_REQUIRES(queue->lock)
{
    struct list *place = &queue->later;
    while (place->previous != &queue->later && event_of(place->previous)->due_ms > event->due_ms)
        place = place->previous;
    list_append(place, &event->link);
}

static void put(struct event_queue *queue, struct event *event)
{
    lock_acquire(&queue->lock);
    bool is_stopped = queue->is_stopped;
    if (!is_stopped && event->due_ms == 0)
        list_append(&queue->events, &event->link);
    else if (!is_stopped)
        insert_later_locked(queue, event);
    condition_signal(&queue->changed);
    lock_release(&queue->lock);
    if (is_stopped)
        event->run(event, true);
}

void event_queue_put(struct event_queue *queue, struct event *event)
{
    event->due_ms = 0;
    put(queue, event);
}

void event_queue_put_later(struct event_queue *queue, struct event *event, int64_t delay_ms)
{
    event->due_ms = clock_monotonic_ms() + delay_ms;
    put(queue, event);
}

void event_queue_stop(struct event_queue *queue)
{
    struct list dropped;
    list_init(&dropped);
    lock_acquire(&queue->lock);
    queue->is_stopped = true;
    condition_signal(&queue->changed);
    lock_release(&queue->lock);
    if (queue->is_started)
        thread_join(&queue->thread);
    queue->is_started = false;
    lock_acquire(&queue->lock);
    list_move_all(&queue->events, &dropped);
    list_move_all(&queue->later, &dropped);
    lock_release(&queue->lock);
    for (struct list *link; (link = list_take_first(&dropped)) != NULL;)
        event_of(link)->run(event_of(link), true);
}

void event_queue_destroy(struct event_queue **queue)
{
    if (*queue == NULL)
        return;
    event_queue_stop(*queue);
    condition_fini(&(*queue)->changed);
    lock_fini(&(*queue)->lock);
    free(*queue);
    *queue = NULL;
}
