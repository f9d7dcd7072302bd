// SPDX-License-Identifier: Apache-2.0
#include "net/handshaker.h"

#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/connection.h"
#include "net/endpoint.h"
#include "net/poller.h"
#include "net/service.h"
#include "net/socket_calls.h"
#include "net/transport_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    EVENTS_PER_WAIT = 64,
    RECORD_HEADER_SIZE = 5,
    // So much of a ClientHello is waited for before OpenSSL sees it; hardly any is longer.
    HELLO_AWAITED_SIZE_MAX = 2048,
};

LOCK_UNCHECKED int handshaker_init(struct handshaker *handshaker, struct service *service,
                                   const struct endpoint *endpoint, struct tls_context *context)
{
    *handshaker = (struct handshaker){.service = service, .endpoint = endpoint, .epoll_fd = -1, .wake_fd = -1};
    lock_init(&handshaker->lock, LOCK_HANDSHAKER);
    list_init(&handshaker->inbox);
    list_init(&handshaker->all);
    list_init(&handshaker->begun);
    handshaker->context = tls_context_share(context);
    return wakeable_epoll_open(&handshaker->epoll_fd, &handshaker->wake_fd);
}

LOCK_UNCHECKED void handshaker_fini(struct handshaker *handshaker)
{
    handshaker_stop(handshaker);
    wakeable_epoll_close(handshaker->epoll_fd, handshaker->wake_fd);
    tls_context_release(&handshaker->context);
    lock_fini(&handshaker->lock);
}

void handshaker_give(struct handshaker *handshaker, struct connection *connection)
{
    lock_acquire(&handshaker->lock);
    bool was_empty = list_is_empty(&handshaker->inbox);
    list_append(&handshaker->inbox, &connection->link);
    lock_release(&handshaker->lock);
    if (was_empty)
        socket_calls()->wake(handshaker->wake_fd);
}

void handshaker_replace_context(struct handshaker *handshaker, struct tls_context *context)
{
    lock_acquire(&handshaker->lock);
    struct tls_context *before = handshaker->context;
    handshaker->context = tls_context_share(context);
    lock_release(&handshaker->lock);
    tls_context_release(&before);
}

struct tls_context *handshaker_share_context(struct handshaker *handshaker)
{
    lock_acquire(&handshaker->lock);
    struct tls_context *context = tls_context_share(handshaker->context);
    lock_release(&handshaker->lock);
    return context;
}

static void leave(struct handshaker *handshaker, struct connection *connection)
{
    list_remove(&connection->all_link);
    if (connection->transport.tls == NULL)
        return;
    list_remove(&connection->link);
    handshaker->begun_count--;
}

static void end_handshake(struct handshaker *handshaker, struct connection *connection)
{
    leave(handshaker, connection);
    connection_destroy(&connection);
}

static void refuse(struct handshaker *handshaker, struct connection *connection, const char *why)
{
    connection_log_refusal(connection, why);
    end_handshake(handshaker, connection);
}

// "User:ANONYMOUS" without a certificate, else what the server makes of its name. NULL: refused, *reason says why.
static char *find_principal(const struct service *service, const struct endpoint *endpoint,
                            struct connection *connection, char **reason)
{
    char *name = transport_take_peer_name(&connection->transport);
    char *principal;
    if (service->principal != NULL)
        principal = service->principal(service->principal_context, endpoint, name, reason);
    else
        principal = name != NULL ? memory_format("User:%s", name) : memory_copy_string("User:ANONYMOUS");
    free(name);
    return principal;
}

// The handshake is done.
static void pass_on(struct handshaker *handshaker, struct connection *connection)
{
    char *reason = NULL;
    char *principal = find_principal(handshaker->service, handshaker->endpoint, connection, &reason);
    if (principal == NULL) {
        refuse(handshaker, connection, reason != NULL ? reason : "its principal cannot be told");
        free(reason);
        return;
    }
    struct epoll_event event = {0};
    epoll_ctl(handshaker->epoll_fd, EPOLL_CTL_DEL, connection->transport.fd, &event);
    leave(handshaker, connection);
    connection_set_principal(connection, principal);
    struct poller *poller = &handshaker->pollers[handshaker->next_poller];
    handshaker->next_poller = (handshaker->next_poller + 1) % handshaker->poller_count;
    connection->poller = poller;
    // What came along with the end of the handshake will be announced by no event.
    connection->readable = true;
    poller_give(poller, connection);
}

static void shake_hands(struct handshaker *handshaker, struct connection *connection)
{
    short events;
    char *reason = NULL;
    int result = transport_shake_hands(&connection->transport, &events, &reason);
    if (result == 0) {
        pass_on(handshaker, connection);
    } else if (result != -EAGAIN) {
        char *text = memory_format("its TLS handshake failed: %s", reason);
        refuse(handshaker, connection, text);
        free(text);
    }
    free(reason);
}

static const char *words_of_start(const uint8_t *bytes, size_t size)
{
    if (bytes[0] != TLS_RECORD_HANDSHAKE)
        return "it sent plain text, and this listener speaks TLS";
    bool is_empty = size == RECORD_HEADER_SIZE && bytes[3] == 0 && bytes[4] == 0;
    if (is_empty || (size > 1 && bytes[1] != TLS_RECORD_MAJOR_VERSION))
        return "what it sent is no TLS";
    return NULL;
}

// Looks at what the socket holds without taking it. True once the ClientHello, or enough of it, is there; when there
// never will be one, *why says so ("" for a peer that left).
static bool has_hello(int fd, const char **why)
{
    uint8_t header[RECORD_HEADER_SIZE];
    ssize_t size = recv(fd, header, sizeof header, MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    *why = size <= 0 ? "" : words_of_start(header, (size_t)size);
    if (*why != NULL || size < RECORD_HEADER_SIZE)
        return false;
    int awaited = RECORD_HEADER_SIZE + (header[3] << 8 | header[4]), there = 0;
    if (awaited > HELLO_AWAITED_SIZE_MAX)
        awaited = HELLO_AWAITED_SIZE_MAX;
    return ioctl(fd, FIONREAD, &there) < 0 || there >= awaited;
}

static void begin(struct handshaker *handshaker, struct connection *connection, bool hung_up)
{
    const char *why = NULL;
    int fd = connection->transport.fd;
    if (has_hello(fd, &why)) {
        struct tls_context *context = handshaker_share_context(handshaker);
        int result = transport_init_tls(&connection->transport, fd, context, NULL);
        tls_context_release(&context);
        if (result == 0) {
            list_append(&handshaker->begun, &connection->link);
            handshaker->begun_count++;
            shake_hands(handshaker, connection);
        } else {
            refuse(handshaker, connection, "there is no memory for its TLS handshake");
        }
    } else if (why != NULL && why[0] != '\0') {
        char taken[HELLO_AWAITED_SIZE_MAX]; // closing with bytes unread would be a reset
        ssize_t ignored = recv(fd, taken, sizeof taken, 0);
        (void)ignored;
        refuse(handshaker, connection, why);
    } else if (why != NULL || hung_up) {
        end_handshake(handshaker, connection); // it has said nothing, like the probe of a load balancer
    }
}

static void step(struct handshaker *handshaker, struct connection *connection, bool hung_up)
{
    if (connection->transport.tls == NULL)
        begin(handshaker, connection, hung_up);
    else
        shake_hands(handshaker, connection);
}

// Returns whether the thread is to go on.
static bool take_inbox(struct handshaker *handshaker)
{
    struct list accepted;
    list_init(&accepted);
    lock_acquire(&handshaker->lock);
    list_move_all(&handshaker->inbox, &accepted);
    bool stops = handshaker->stops;
    lock_release(&handshaker->lock);
    for (struct list *link; (link = list_take_first(&accepted)) != NULL;) {
        struct connection *connection = connection_of_link(link);
        list_append(&handshaker->all, &connection->all_link);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
        int result = socket_calls()->watch(handshaker->epoll_fd, connection->transport.fd, &event);
        if (result == 0)
            continue;
        logger_error("Closing a new connection, since it cannot be watched: %s.", strerror(-result));
        end_handshake(handshaker, connection);
    }
    return !stops;
}

// Closes those that have taken too long. Returns how long epoll may wait for the next.
static int end_late(struct handshaker *handshaker)
{
    int64_t now_ms = clock_monotonic_ms(), max_ms = handshaker->service->handshake_ms_max;
    while (!list_is_empty(&handshaker->all)) {
        struct connection *connection = LIST_ELEMENT(handshaker->all.next, struct connection, all_link);
        int64_t left_ms = atomic_load(&connection->active_ms) + max_ms - now_ms;
        if (left_ms > 0)
            return (int)left_ms;
        refuse(handshaker, connection, "it took too long for its TLS handshake");
    }
    return -1;
}

// Those whose turn only has not come, since many came at once, go on. Not while there are events to look at that may
// name one of them.
static void end_surplus(struct handshaker *handshaker)
{
    while (handshaker->begun_count > HANDSHAKES_BEGUN_MAX) {
        struct connection *oldest = connection_of_link(handshaker->begun.next);
        size_t before = handshaker->begun_count;
        shake_hands(handshaker, oldest);
        if (handshaker->begun_count == before)
            refuse(handshaker, oldest, "too many TLS handshakes have begun since its own");
    }
}

static void handshaker_main(void *context)
{
    struct handshaker *handshaker = context;
    bool goes_on = true;
    while (goes_on) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = socket_calls()->wait(handshaker->epoll_fd, events, EVENTS_PER_WAIT, end_late(handshaker));
        if (count < 0 && count != -EINTR)
            logger_error("Waiting for TLS handshakes failed: %s.", strerror(-count));
        bool is_woken = false;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                is_woken = true;
            else
                step(handshaker, events[i].data.ptr, (events[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0);
        }
        end_surplus(handshaker);
        if (is_woken)
            goes_on = take_inbox(handshaker);
    }
    for (struct list *next; !list_is_empty(&handshaker->all);) {
        next = handshaker->all.next;
        end_handshake(handshaker, LIST_ELEMENT(next, struct connection, all_link));
    }
}

int handshaker_start(struct handshaker *handshaker, struct poller *pollers, size_t poller_count, int number)
{
    handshaker->pollers = pollers;
    handshaker->poller_count = poller_count;
    handshaker->next_poller = (size_t)number % poller_count;
    int result = thread_start(&handshaker->thread, handshaker_main, handshaker, "tls-%s-%d",
                              handshaker->endpoint->listener_name, number);
    handshaker->started = result == 0;
    return result;
}

void handshaker_stop(struct handshaker *handshaker)
{
    if (!handshaker->started)
        return;
    lock_acquire(&handshaker->lock);
    handshaker->stops = true;
    lock_release(&handshaker->lock);
    socket_calls_of_system()->wake(handshaker->wake_fd);
    thread_join(&handshaker->thread);
    handshaker->started = false;
}
