// SPDX-License-Identifier: Apache-2.0
// A thread with a queue of events, run one after the other in the order in which they came; delayed ones join the queue
// when their time has come. Safe from every thread.
#ifndef SERVER_CONTROLLER_EVENT_QUEUE_H
#define SERVER_CONTROLLER_EVENT_QUEUE_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct event_queue;

// Embedded as the first field of what the event carries; the memory is run's from then on.
struct event {
    struct list link;
    int64_t due_ms; // clock_monotonic_ms(); 0 at once

    // is_dropped: the queue was stopped before; only to free (and to answer whom it concerns). On the queue's thread,
    // or on that of event_queue_stop or of the late event_queue_put.
    void (*run)(struct event *event, bool is_dropped);
};

// Not started yet; events may be put.
struct event_queue *event_queue_create(void);

// 0 or -errno. The name is the thread's.
int event_queue_start(struct event_queue *queue, const char *name) __attribute__((warn_unused_result));

// Takes the event; after a stop it is dropped at once.
void event_queue_put(struct event_queue *queue, struct event *event);
void event_queue_put_later(struct event_queue *queue, struct event *event, int64_t delay_ms);

// Waits for the event that is running, then drops all others. May be called twice, and without a start.
void event_queue_stop(struct event_queue *queue);
void event_queue_destroy(struct event_queue **queue);

#endif
