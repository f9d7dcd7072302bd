// SPDX-License-Identifier: Apache-2.0
#include "net/handler.h"

#include "net/connection.h"
#include "net/memory_budget.h"
#include "net/poller.h"

// The connections whose requests ended on this thread while the server's function ran; NULL when it does not run here.
static _Thread_local struct list *ended_here;

// Runs the connections whose requests have ended. Those with a next request are moved to `requested`; returns how many.
static size_t run_ended(struct list *ended, struct list *requested)
{
    size_t count = 0;
    for (struct list *link; (link = list_take_first(ended)) != NULL;) {
        struct connection *connection = connection_of_link(link);
        switch (connection_run(connection)) {
        case CONNECTION_WAITS:
            break;
        case CONNECTION_REQUESTED:
            list_append(requested, link);
            count++;
            break;
        case CONNECTION_STALLED:
        case CONNECTION_STARVED:
        case CONNECTION_YIELDS:
        case CONNECTION_ENDED:
            poller_give(connection->poller, connection);
            break;
        }
    }
    return count;
}

void handler_call(struct service *service, struct connection *connection, struct list *ended)
{
    // As in Apache Kafka, a request that waits for something is not counted: what it waits for, like the fetch of a
    // follower, may come in one that is.
    struct memory_budget *budget = connection->budget;
    size_t held_size = connection->held_size;
    connection->budget = NULL;
    ended_here = ended;
    service->handle(service->handle_context, &connection->request);
    ended_here = NULL;
    if (budget != NULL)
        memory_budget_give_back(budget, held_size);
}

static void handler_main(void *context)
{
    struct handler *handler = context;
    struct service *service = handler->service;
    struct list ended, requested;
    list_init(&ended);
    list_init(&requested);
    size_t count = 0;
    struct list *link;
    while ((link = request_queue_take(&service->queue, &requested, count)) != NULL) {
        handler_call(service, connection_of_link(link), &ended);
        count = run_ended(&ended, &requested);
    }
}

int handler_start(struct handler *handler, struct service *service, int number)
{
    handler->service = service;
    int result = thread_start(&handler->thread, handler_main, handler, "handler-%d", number);
    handler->started = result == 0;
    return result;
}

void handler_join(struct handler *handler)
{
    if (handler->started)
        thread_join(&handler->thread);
    handler->started = false;
}

void handler_give_back(struct connection *connection)
{
    if (ended_here != NULL)
        list_append(ended_here, &connection->link);
    else
        poller_give(connection->poller, connection);
}
