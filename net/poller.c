// SPDX-License-Identifier: Apache-2.0
#include "net/poller.h"

#include "base/clock.h"
#include "base/logger.h"
#include "net/connection.h"
#include "net/handler.h"
#include "net/socket_calls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    EVENTS_PER_WAIT = 64,
    SWEEPS_PER_IDLE_TIME = 8,
    SWEEP_INTERVAL_MS_MIN = 10,
    SWEEP_INTERVAL_MS_MAX = 30000,
    // What holds a batch of the largest size that Kafka takes by default. A larger one has more to do than waking a
    // handler thread costs.
    QUICK_SIZE_MAX = 1088 * 1024,
    // Quick requests run here for so long in a round; what is left goes to the handlers.
    QUICK_SHARE_NS = 2000 * 1000,
    // One request's part in that is no larger, so that a thread that was kept from running does not lose its share.
    QUICK_PART_NS = 250 * 1000,
    // A request that took this long was not quick, or the thread was kept from running: for a while its use of the
    // processor is watched. If that happens again by its own doing, for a while all go to the handlers.
    SLOW_NS = 2 * 1000 * 1000,
    WATCH_AFTER_SLOW_NS = 200 * 1000 * 1000,
    PAUSE_AFTER_SLOW_NS = 100 * 1000 * 1000,
    // How often frames that do not get whole are looked at.
    LOOK_INTERVAL_MS = 1000,
    // While others wait for its memory, a frame has this long to get whole.
    PRESSED_FRAME_MS_MAX = 10000,
};

int poller_init(struct poller *poller, struct service *service)
{
    *poller = (struct poller){.service = service, .epoll_fd = -1, .wake_fd = -1};
    lock_init(&poller->lock, LOCK_POLLER_INBOX);
    list_init(&poller->inbox);
    list_init(&poller->all);
    list_init(&poller->runnable);
    list_init(&poller->stalled);
    list_init(&poller->starved);
    list_init(&poller->unproven);
    list_init(&poller->requested);
    list_init(&poller->quick);
    return wakeable_epoll_open(&poller->epoll_fd, &poller->wake_fd);
}

void poller_fini(struct poller *poller)
{
    wakeable_epoll_close(poller->epoll_fd, poller->wake_fd);
    lock_fini(&poller->lock);
}

static void wake(struct poller *poller, struct connection *connection)
{
    lock_acquire(&poller->lock);
    if (connection != NULL)
        list_append(&poller->inbox, &connection->link);
    bool was_woken = poller->woken;
    poller->woken = true;
    lock_release(&poller->lock);
    if (!was_woken)
        socket_calls()->wake(poller->wake_fd);
}

void poller_give(struct poller *poller, struct connection *connection)
{
    wake(poller, connection);
}

void poller_wake(struct poller *poller)
{
    wake(poller, NULL);
}

// The eventfd is edge-triggered and never read: each write is an event.
static void take_inbox(struct poller *poller)
{
    lock_acquire(&poller->lock);
    poller->woken = false;
    list_move_all(&poller->inbox, &poller->runnable);
    lock_release(&poller->lock);
}

static void end_connection(struct connection *connection)
{
    list_remove(&connection->all_link);
    list_remove(&connection->new_link);
    connection_destroy(&connection);
}

static bool watch(struct poller *poller, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    int result = socket_calls()->watch(poller->epoll_fd, connection->transport.fd, &event);
    if (result != 0)
        logger_error("Closing a new connection, since it cannot be watched: %s.", strerror(-result));
    connection->is_new = false;
    return result == 0;
}

static void sort_request(struct poller *poller, struct connection *connection)
{
    const struct request *request = &connection->request;
    bool (*is_quick)(const struct request *request) = poller->service->is_quick;
    if (is_quick != NULL && request->frame_size <= QUICK_SIZE_MAX && is_quick(request)) {
        list_append(&poller->quick, &connection->link);
        poller->quick_count++;
    } else {
        list_append(&poller->requested, &connection->link);
        poller->requested_count++;
    }
}

// Runs an owned connection and puts it where the result says.
static void run(struct poller *poller, struct connection *connection)
{
    if (connection->is_new) {
        list_append(&poller->all, &connection->all_link);
        list_append(&poller->unproven, &connection->new_link);
        if (!watch(poller, connection)) {
            end_connection(connection);
            return;
        }
    }
    enum connection_result result = connection_run(connection);
    if (result == CONNECTION_WAITS)
        return;
    if (result == CONNECTION_REQUESTED)
        sort_request(poller, connection);
    else if (connection->poller != poller)
        poller_give(connection->poller, connection); // its request ended here, but it lives elsewhere
    else if (result == CONNECTION_STALLED)
        list_append(&poller->stalled, &connection->link);
    else if (result == CONNECTION_STARVED)
        list_append(&poller->starved, &connection->link);
    else if (result == CONNECTION_YIELDS)
        list_append(&poller->runnable, &connection->link);
    else
        end_connection(connection);
}

static void run_all(struct poller *poller)
{
    struct list now; // what is appended meanwhile gets its turn after the next look at events
    list_init(&now);
    list_move_all(&poller->runnable, &now);
    for (struct list *link; (link = list_take_first(&now)) != NULL;)
        run(poller, connection_of_link(link));
}

// Those stopped by a full queue, oldest first, as long as it has room.
static void run_stalled(struct poller *poller)
{
    struct list now;
    list_init(&now);
    list_move_all(&poller->stalled, &now);
    bool stops = atomic_load(&poller->service->stop) != SERVICE_RUNS;
    while (!list_is_empty(&now) && (stops || request_queue_has_room(&poller->service->queue)))
        run(poller, connection_of_link(list_take_first(&now)));
    list_move_all(&poller->stalled, &now);
    list_move_all(&now, &poller->stalled);
}

// Those that wait for memory, oldest first, of each budget as long as it has some.
static void run_starved(struct poller *poller)
{
    struct list now;
    list_init(&now);
    list_move_all(&poller->starved, &now);
    bool stops = atomic_load(&poller->service->stop) != SERVICE_RUNS;
    for (struct list *link; (link = list_take_first(&now)) != NULL;) {
        struct connection *connection = connection_of_link(link);
        if (stops || memory_budget_has_some(connection_budget(connection)))
            run(poller, connection);
        else
            list_append(&poller->starved, link);
    }
}

static unsigned bits_of_events(uint32_t events)
{
    unsigned bits = 0;
    if (events & EPOLLIN)
        bits |= CONNECTION_READABLE;
    if (events & EPOLLOUT)
        bits |= CONNECTION_WRITABLE;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        bits |= CONNECTION_HANGUP;
    return bits;
}

static void take_events(struct poller *poller, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection == NULL)
            take_inbox(poller);
        else if (connection_claim(connection, bits_of_events(events[i].events)))
            list_append(&poller->runnable, &connection->link);
    }
}

static bool is_idle(const struct connection *connection, int64_t now_ms)
{
    int64_t active_ms = atomic_load_explicit(&connection->active_ms, memory_order_relaxed);
    return now_ms - active_ms > connection->service->idle_ms_max;
}

// Ends the connections that have been idle for too long, or all when the server stops; but not those whose request is
// with its handler.
static void sweep(struct poller *poller, bool everything, int64_t now_ms)
{
    struct list *next;
    for (struct list *link = poller->all.next; link != &poller->all; link = next) {
        next = link->next;
        struct connection *connection = LIST_ELEMENT(link, struct connection, all_link);
        if (!everything && !is_idle(connection, now_ms))
            continue;
        if (!connection_claim(connection, 0))
            continue;
        if (everything || (is_idle(connection, now_ms) && !connection_looks_again(connection)))
            end_connection(connection);
        else
            list_append(&poller->runnable, &connection->link);
    }
}

static bool is_pressed(const struct service *service)
{
    return memory_budget_is_short(&service->first_memory) || memory_budget_is_short(&service->queued_memory);
}

static int64_t pressed_frame_ms_max(const struct service *service)
{
    return service->first_request_ms_max > 0 ? service->first_request_ms_max : PRESSED_FRAME_MS_MAX;
}

static bool is_late(const struct connection *connection, int64_t now_ms)
{
    return atomic_load_explicit(&connection->frame_began_ms, memory_order_relaxed) != 0 &&
           now_ms > atomic_load_explicit(&connection->frame_deadline_ms, memory_order_relaxed);
}

static void end_late(struct connection *connection)
{
    connection_log_refusal(connection, "its first request took too long");
    end_connection(connection);
}

// Ends the peers whose first request does not get whole in its time, and forgets those that have had an answer.
static void look_at_unproven(struct poller *poller, int64_t now_ms)
{
    struct list *next;
    for (struct list *link = poller->unproven.next; link != &poller->unproven; link = next) {
        next = link->next;
        struct connection *connection = LIST_ELEMENT(link, struct connection, new_link);
        if (atomic_load_explicit(&connection->is_proven, memory_order_relaxed)) {
            list_remove(link);
        } else if (is_late(connection, now_ms) && connection_claim(connection, 0)) {
            if (is_late(connection, now_ms))
                end_late(connection);
            else
                list_append(&poller->runnable, &connection->link);
        }
    }
    for (struct list *link = poller->starved.next; link != &poller->starved; link = next) {
        next = link->next;
        struct connection *connection = connection_of_link(link);
        if (!atomic_load_explicit(&connection->is_proven, memory_order_relaxed) && is_late(connection, now_ms)) {
            list_remove(link);
            end_late(connection);
        }
    }
}

// Whether its frame holds memory for which others wait, and does not get whole. Exact only for its owner.
static bool hoards(const struct connection *connection, int64_t now_ms)
{
    int64_t began_ms = atomic_load_explicit(&connection->frame_began_ms, memory_order_relaxed);
    return began_ms != 0 && now_ms - began_ms > pressed_frame_ms_max(connection->service);
}

static void end_hoarders(struct poller *poller, int64_t now_ms)
{
    struct list *next;
    for (struct list *link = poller->all.next; link != &poller->all; link = next) {
        next = link->next;
        struct connection *connection = LIST_ELEMENT(link, struct connection, all_link);
        if (!hoards(connection, now_ms) || !connection_claim(connection, 0))
            continue;
        if (hoards(connection, now_ms) && connection->budget != NULL && memory_budget_is_short(connection->budget)) {
            connection_log_refusal(connection, "its request took too long while others waited for memory");
            end_connection(connection);
        } else {
            list_append(&poller->runnable, &connection->link);
        }
    }
}

static bool must_look(const struct poller *poller)
{
    return !list_is_empty(&poller->unproven) || !list_is_empty(&poller->starved) || is_pressed(poller->service);
}

static int64_t look_interval_ms(const struct service *service)
{
    int64_t limit = service->first_request_ms_max;
    return limit > 0 && limit < 2 * LOOK_INTERVAL_MS ? limit / 2 : LOOK_INTERVAL_MS;
}

static void look_if_due(struct poller *poller)
{
    if (!must_look(poller))
        return;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < poller->look_ms + look_interval_ms(poller->service))
        return;
    poller->look_ms = now_ms;
    look_at_unproven(poller, now_ms);
    if (is_pressed(poller->service))
        end_hoarders(poller, now_ms);
}

static int64_t sweep_interval_ms(const struct service *service)
{
    int64_t interval = service->idle_ms_max / SWEEPS_PER_IDLE_TIME;
    if (interval > SWEEP_INTERVAL_MS_MAX)
        return SWEEP_INTERVAL_MS_MAX;
    return interval < SWEEP_INTERVAL_MS_MIN ? SWEEP_INTERVAL_MS_MIN : interval;
}

// How long epoll may wait. Without connections there is nothing to look after.
static int timeout_ms(struct poller *poller)
{
    if (!list_is_empty(&poller->runnable))
        return 0;
    bool sweeps = poller->service->idle_ms_max >= 0, looks = must_look(poller);
    if (list_is_empty(&poller->all) || !(sweeps || looks))
        return -1;
    int64_t due_ms = sweeps ? poller->sweep_ms : INT64_MAX;
    if (looks && due_ms > poller->look_ms + look_interval_ms(poller->service))
        due_ms = poller->look_ms + look_interval_ms(poller->service);
    int64_t left = due_ms - clock_monotonic_ms();
    return left < 0 ? 0 : left > SWEEP_INTERVAL_MS_MAX ? SWEEP_INTERVAL_MS_MAX : (int)left;
}

static void sweep_if_due(struct poller *poller)
{
    if (poller->service->idle_ms_max < 0 || list_is_empty(&poller->all))
        return;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < poller->sweep_ms)
        return;
    sweep(poller, false, now_ms);
    buffer_pool_trim(poller->service->buffers);
    poller->sweep_ms = now_ms + sweep_interval_ms(poller->service);
}

// While the server drains, connections that receive end; those that send or wait for their handler go on.
static void drain(struct poller *poller)
{
    struct list *next;
    for (struct list *link = poller->all.next; link != &poller->all; link = next) {
        next = link->next;
        struct connection *connection = LIST_ELEMENT(link, struct connection, all_link);
        if (connection_claim(connection, 0))
            run(poller, connection);
    }
    run_stalled(poller);
    run_starved(poller);
}

// Calls the server's function here, and goes on with the connections whose requests it has ended.
static void run_quick(struct poller *poller, struct connection *connection)
{
    struct list ended;
    list_init(&ended);
    request_queue_cancel(&poller->service->queue);
    handler_call(poller->service, connection, &ended);
    for (struct list *link; (link = list_take_first(&ended)) != NULL;)
        run(poller, connection_of_link(link));
}

// Whether this thread worked for long since then or waited for more than locks, whose holders may have been kept from
// running like itself.
static bool was_busy_since(const struct thread_use *before)
{
    struct thread_use now;
    thread_get_use(&now);
    if (now.cpu_ns - before->cpu_ns > SLOW_NS / 2)
        return true;
    return now.wait_count != before->wait_count && now.lock_wait_count == before->lock_wait_count;
}

// Runs a quick request; returns the time after it. One that is slow by its own doing while such are watched for ends
// quick requests for a while. The watch goes on beyond that, so that the next slow one ends them again.
static int64_t run_watched(struct poller *poller, struct connection *connection, int64_t now_ns)
{
    struct thread_use before;
    bool is_watched = now_ns < poller->watches_until_ns;
    if (is_watched)
        thread_get_use(&before);
    run_quick(poller, connection);
    int64_t after_ns = clock_monotonic_ns();
    if (after_ns - now_ns > SLOW_NS) {
        if (is_watched && was_busy_since(&before))
            poller->queues_until_ns = after_ns + PAUSE_AFTER_SLOW_NS;
        poller->watches_until_ns = after_ns + WATCH_AFTER_SLOW_NS;
    }
    return after_ns;
}

// The requests of this round: large ones to the handlers at once, quick ones here as long as that takes no time, what
// is left to the handlers.
static void pass_requests_on(struct poller *poller)
{
    struct request_queue *queue = &poller->service->queue;
    request_queue_add(queue, &poller->requested, poller->requested_count);
    poller->requested_count = 0;
    if (poller->quick_count == 0)
        return;
    int64_t now_ns = clock_monotonic_ns(), used_ns = 0;
    while (now_ns >= poller->queues_until_ns && used_ns < QUICK_SHARE_NS && poller->quick_count > 0) {
        poller->quick_count--;
        int64_t after_ns = run_watched(poller, connection_of_link(list_take_first(&poller->quick)), now_ns);
        used_ns += after_ns - now_ns < QUICK_PART_NS ? after_ns - now_ns : QUICK_PART_NS;
        now_ns = after_ns;
    }
    list_move_all(&poller->quick, &poller->requested);
    request_queue_add(queue, &poller->requested, poller->requested_count + poller->quick_count);
    poller->requested_count = poller->quick_count = 0;
}

static void poller_main(void *context)
{
    struct poller *poller = context;
    struct service *service = poller->service;
    int stop, drained = SERVICE_RUNS;
    poller->sweep_ms = clock_monotonic_ms() + sweep_interval_ms(service);
    while ((stop = atomic_load(&service->stop)) != SERVICE_ENDS) {
        if (stop == SERVICE_DRAINS && drained == SERVICE_RUNS) {
            drain(poller);
            drained = stop;
        }
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = socket_calls()->wait(poller->epoll_fd, events, EVENTS_PER_WAIT, timeout_ms(poller));
        if (count < 0 && count != -EINTR)
            logger_error("Waiting for connections failed: %s.", strerror(-count));
        take_events(poller, events, count);
        run_all(poller);
        if (!list_is_empty(&poller->stalled))
            run_stalled(poller);
        if (!list_is_empty(&poller->starved))
            run_starved(poller);
        pass_requests_on(poller);
        sweep_if_due(poller);
        look_if_due(poller);
    }
    poller_destroy_connections(poller);
}

int poller_start(struct poller *poller, const char *listener_name, int number)
{
    int result = thread_start(&poller->thread, poller_main, poller, "net-%s-%d", listener_name, number);
    poller->started = result == 0;
    return result;
}

void poller_join(struct poller *poller)
{
    if (poller->started)
        thread_join(&poller->thread);
    poller->started = false;
}

size_t poller_destroy_connections(struct poller *poller)
{
    assert(list_is_empty(&poller->requested) && list_is_empty(&poller->quick));
    take_inbox(poller);
    list_move_all(&poller->stalled, &poller->runnable);
    list_move_all(&poller->starved, &poller->runnable);
    for (struct list *link; (link = list_take_first(&poller->runnable)) != NULL;)
        end_connection(connection_of_link(link));
    sweep(poller, true, 0);
    size_t left = 0;
    for (LIST_EACH(link, &poller->all))
        left++;
    return left;
}
