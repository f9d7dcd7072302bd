// SPDX-License-Identifier: Apache-2.0
// Handler threads: take a request from the queue, call the server's function, then go on with the connections whose
// requests were ended meanwhile. A request that ends on a handler thread is sent by that very thread once the function
// has returned (when no lock can be held any more), without waking a poll thread; one that ends on any other thread
// goes to its poll thread.
#ifndef NET_HANDLER_H
#define NET_HANDLER_H

#include "base/list.h"
#include "base/thread.h"
#include "net/service.h"

struct connection;

struct handler {
    struct service *service;
    struct thread thread;
    bool started;
};

int handler_start(struct handler *handler, struct service *service, int number) __attribute__((warn_unused_result));

// After request_queue_close.
void handler_join(struct handler *handler);

// Calls the server's function with the connection's request. Connections whose requests it ends before it returns, this
// one or others, are appended to `ended`: the caller owns them and runs them.
void handler_call(struct service *service, struct connection *connection, struct list *ended);

// The request of the connection was ended: sees to it that the connection goes on. From any thread, under any locks
// below those of net.
void handler_give_back(struct connection *connection);

#endif
