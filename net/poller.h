// SPDX-License-Identifier: Apache-2.0
// A poll thread: waits for events on its connections, receives requests, sends what did not go out at once, closes idle
// connections. It is the only one that destroys its connections. Its functions are safe from every thread, but for
// start, join and fini, which belong to the server's thread.
#ifndef NET_POLLER_H
#define NET_POLLER_H

#include "base/list.h"
#include "base/lock.h"
#include "base/thread.h"
#include "net/service.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;

struct poller {
    struct service *service;
    struct thread thread;
    bool started;
    int epoll_fd, wake_fd;
    struct lock lock;
    struct list inbox LOCK_GUARDED; // connections given to it, by their `link`
    bool woken LOCK_GUARDED;        // wake_fd was written to and not yet read

    // Confined to the poll thread.
    struct list all;       // connections, by their `all_link`
    struct list runnable;  // owned by the poll thread, to be run, by their `link`
    struct list stalled;   // owned by the poll thread, waiting for room in the request queue
    struct list starved;   // owned by the poll thread, waiting for memory for a frame
    struct list unproven;  // connections none of whose requests was answered, by their `new_link`
    struct list requested; // to be put on the request queue
    size_t requested_count;
    struct list quick; // with requests that may run here
    size_t quick_count;
    int64_t watches_until_ns; // a request took long: until then (clock_monotonic_ns) it is looked why
    int64_t queues_until_ns;  // the server's function was slow: until then nothing runs here
    int64_t sweep_ms;         // clock_monotonic_ms() of the next look for idle connections
    int64_t look_ms;          // and of the last look for frames that take too long
};

// Returns 0 or -errno.
int poller_init(struct poller *poller, struct service *service) __attribute__((warn_unused_result));
void poller_fini(struct poller *poller);

int poller_start(struct poller *poller, const char *listener_name, int number) __attribute__((warn_unused_result));

// The thread ends by itself when service->stop is SERVICE_ENDS; wake it then.
void poller_join(struct poller *poller);

// Gives it a connection that the caller owns, to be run there.
void poller_give(struct poller *poller, struct connection *connection);

// Makes it look at service->stop and at its stalled connections.
void poller_wake(struct poller *poller);

// Once the thread has ended: destroys the connections given back to it since. Returns how many are still with their
// request's owner.
size_t poller_destroy_connections(struct poller *poller);

#endif
