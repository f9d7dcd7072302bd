// SPDX-License-Identifier: Apache-2.0
// Requests that wait for a handler thread, oldest first. The bound (queued.max.requests) is kept by those who read from
// sockets: they reserve a place before they take a request apart, and stop reading while there is none. Safe from every
// thread.
#ifndef NET_REQUEST_QUEUE_H
#define NET_REQUEST_QUEUE_H

#include "base/list.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct request_queue {
    struct lock lock;
    struct condition condition;
    struct list waiting LOCK_GUARDED; // of connections, by their `link`
    int idle_handlers LOCK_GUARDED;
    bool closed LOCK_GUARDED;
    atomic_size_t count; // reserved places, taken or not
    size_t count_max;
    atomic_bool was_full; // someone stopped reading since the queue was full

    // Called without the lock when the queue that was full has room again.
    void (*has_room_again)(void *context);
    void *context;
};

void request_queue_init(struct request_queue *queue, size_t count_max, void (*has_room_again)(void *context),
                        void *context);
void request_queue_fini(struct request_queue *queue);

// False: stop reading; has_room_again will be called later.
bool request_queue_has_room(struct request_queue *queue);

// A place in the queue for one request, to be followed by request_queue_add or _take with it. False: as above.
bool request_queue_reserve(struct request_queue *queue);

// Moves all connections of the list, which holds count of them, to their places and wakes as many handlers.
void request_queue_add(struct request_queue *queue, struct list *connections, size_t count);

// Gives a reserved place back, because its request was run elsewhere.
void request_queue_cancel(struct request_queue *queue);

// For handler threads: adds what is in the list (as request_queue_add), then waits for a connection with a request.
// Returns its link, or NULL once the queue is closed and empty.
struct list *request_queue_take(struct request_queue *queue, struct list *connections, size_t count);

// Handlers return once the queue is empty.
void request_queue_close(struct request_queue *queue);

// Moves all that wait to the list.
void request_queue_take_all(struct request_queue *queue, struct list *connections);

#endif
