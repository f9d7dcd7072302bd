// SPDX-License-Identifier: Apache-2.0
#include "net/connection.h"

#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/endpoint.h"
#include "net/memory_budget.h"
#include "net/poller.h"
#include "net/protocol/api.h"
#include "net/service.h"
#include "net/socket_calls.h"
#include "net/transport_tls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAME_PREFIX_SIZE = 4,
    BUFFER_SIZE_MIN = 1024,
    // A buffer may be this many times as large as what has arrived.
    BUFFER_GROWTH = 4,
    // What one receive has room for although no frame needs as much.
    BURST_SIZE_MAX = 256 * 1024,
    // Of a large frame over TLS the poll thread is woken when so much has come, instead of for each few records. Plain
    // connections gain nothing by it.
    LOW_WATER_SIZE = 128 * 1024,
    // What one connection receives of a frame before others of its poll thread get their turn.
    RECEIVE_SHARE = 4 * 1024 * 1024,
    // Frames up to this size need not wait for memory: first requests of today's clients, heartbeats, fetches.
    FREE_FRAME_SIZE = 4096,
    // What the first request of a peer may take in its arena, until it has shown that it is a client.
    FIRST_ARENA_SIZE_MAX = 16 * 1024 * 1024,
    // The first request's time: so much, and a second more for each of these bytes.
    FIRST_REQUEST_MS_MAX = 30000,
    FIRST_REQUEST_BYTES_PER_SECOND = 16 * 1024,
};

struct connection *connection_of_request(struct request *request)
{
    return LIST_ELEMENT(request, struct connection, request);
}

struct connection *connection_of_link(struct list *link)
{
    return LIST_ELEMENT(link, struct connection, link);
}

struct connection *connection_create(struct service *service, struct poller *poller, struct transport transport,
                                     const struct request *peer)
{
    struct connection *connection = memory_alloc(sizeof *connection);
    list_init(&connection->link);
    list_init(&connection->all_link);
    list_init(&connection->new_link);
    connection->service = service;
    connection->poller = poller;
    connection->transport = transport;
    atomic_init(&connection->state, CONNECTION_OWNED);
    atomic_init(&connection->active_ms, clock_monotonic_ms());
    connection->writable = true;
    connection->is_new = true;
    connection->request = *peer;
    connection->request.connection_id = atomic_fetch_add(&service->next_connection_id, 1);
    connection->request.principal = "User:ANONYMOUS";
    return connection;
}

void connection_set_principal(struct connection *connection, char *principal)
{
    assert(connection->principal == NULL);
    connection->principal = principal;
    connection->request.principal = principal;
}

struct memory_budget *connection_budget(const struct connection *connection)
{
    struct service *service = connection->service;
    return atomic_load_explicit(&connection->is_proven, memory_order_relaxed) ? &service->queued_memory
                                                                              : &service->first_memory;
}

void connection_destroy(struct connection **connection)
{
    struct connection *gone = *connection;
    *connection = NULL;
    gone->transport.calls->close(&gone->transport);
    if (gone->phase != CONNECTION_RECEIVES)
        arena_fini(&gone->request.arena);
    buffer_pool_give_back(gone->service->buffers, gone->buffer);
    if (gone->budget != NULL)
        memory_budget_give_back(gone->budget, gone->held_size);
    connection_limits_leave(&gone->service->limits, gone->request.listener, gone->request.peer_address);
    free(gone->principal);
    free(gone);
}

bool connection_claim(struct connection *connection, unsigned events)
{
    return (atomic_fetch_or(&connection->state, CONNECTION_OWNED | events) & CONNECTION_OWNED) == 0;
}

// Takes note of the events that came while the connection was owned.
static void absorb_events(struct connection *connection)
{
    unsigned events = atomic_load_explicit(&connection->state, memory_order_relaxed);
    if (events == CONNECTION_OWNED)
        return;
    events = atomic_exchange(&connection->state, CONNECTION_OWNED);
    if (events & CONNECTION_HANGUP)
        connection->hung_up = true;
    if (events & (CONNECTION_READABLE | CONNECTION_HANGUP))
        connection->readable = true;
    if (events & (CONNECTION_WRITABLE | CONNECTION_HANGUP))
        connection->writable = true;
}

// False when events came in between: then it is still owned.
static bool let_go(struct connection *connection)
{
    unsigned expected = CONNECTION_OWNED;
    return atomic_compare_exchange_strong(&connection->state, &expected, 0);
}

// Room for more bytes of a frame of which `need` bytes are known to come. The buffer never exceeds a few times what has
// arrived on this connection, now or in its last request: a length is only a promise.
static bool make_room(struct connection *connection, size_t need)
{
    size_t have = connection->filled - connection->start;
    struct buffer *buffer = &connection->buffer;
    assert(buffer->bytes != NULL || have == 0);
    if (have == 0)
        connection->start = connection->filled = 0;
    if (buffer->bytes != NULL && need <= buffer->capacity - connection->start && connection->filled < buffer->capacity)
        return true;
    size_t size = have * BUFFER_GROWTH;
    // With a budget, bytes beyond the length are taken only once they were granted.
    bool is_limited = connection->service->queued_memory.is_limited;
    if (size < connection->last_size + 1 && !is_limited)
        size = connection->last_size + 1; // one more, so that a full buffer tells that there may be more
    if (size < BUFFER_SIZE_MIN)
        size = BUFFER_SIZE_MIN;
    if (have >= FRAME_PREFIX_SIZE && size > need + 1)
        size = need + 1;
    if (size < connection->burst_size && !is_limited)
        size = connection->burst_size;
    if (size > buffer->capacity) {
        struct buffer larger = buffer_pool_take(connection->service->buffers, size);
        if (larger.bytes == NULL)
            return false;
        if (have > 0)
            memcpy(larger.bytes, buffer->bytes + connection->start, have);
        buffer_pool_give_back(connection->service->buffers, *buffer);
        *buffer = larger;
    } else if (have > 0 && connection->start > 0) {
        memmove(buffer->bytes, buffer->bytes + connection->start, have);
    }
    connection->start = 0;
    connection->filled = have;
    return true;
}

void connection_log_refusal(const struct connection *connection, const char *why)
{
    if (!service_logs_refusal(connection->service))
        return;
    char host[REQUEST_HOST_SIZE];
    logger_info("Closing the connection from %s port %u on listener %s: %s.",
                request_peer_host(&connection->request, host), connection->request.peer_port,
                connection->request.listener->listener_name, why);
}

static enum connection_result refuse(struct connection *connection, const char *why, int32_t size)
{
    char text[160];
    snprintf(text, sizeof text, "%s (frame of %d bytes, socket.request.max.bytes is %d)", why, size,
             connection->service->request_size_max);
    connection_log_refusal(connection, text);
    return CONNECTION_ENDED;
}

// A frame's length.
static int32_t read_size(const uint8_t bytes[FRAME_PREFIX_SIZE])
{
    return (int32_t)((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]);
}

// The frame at `start` is complete.
static enum connection_result take_request(struct connection *connection, int32_t size)
{
    struct request *request = &connection->request;
    struct view frame = view_of(connection->buffer.bytes + connection->start + FRAME_PREFIX_SIZE, (size_t)size);
    struct request_header header;
    if (frame_read_request_header(frame, &header, &request->body) != 0)
        return refuse(connection, "its request has no readable header", size);
    if (!request_queue_reserve(&connection->service->queue))
        return CONNECTION_STALLED;
    request->api_key = header.request_api_key;
    request->api_version = header.request_api_version;
    request->correlation_id = header.correlation_id;
    request->client_id = header.client_id;
    size_t arena_max = connection->service->request_arena_max;
    bool is_proven = atomic_load_explicit(&connection->is_proven, memory_order_relaxed);
    arena_init(&request->arena, is_proven || arena_max < FIRST_ARENA_SIZE_MAX ? arena_max : FIRST_ARENA_SIZE_MAX);
    send_list_init(&request->response, &request->arena);
    request->frame_size = frame.size;
    request->received_ns = clock_monotonic_ns();
    request->context = NULL;
    atomic_store_explicit(&connection->active_ms, request->received_ns / 1000000, memory_order_relaxed);
    connection->frame_size = connection->last_size = FRAME_PREFIX_SIZE + frame.size;
    connection->phase = CONNECTION_HANDLED;
    if (atomic_load_explicit(&connection->frame_began_ms, memory_order_relaxed) != 0)
        atomic_store_explicit(&connection->frame_began_ms, 0, memory_order_relaxed);
    return CONNECTION_REQUESTED;
}

static void note_active(struct connection *connection)
{
    atomic_store_explicit(&connection->active_ms, clock_monotonic_ms(), memory_order_relaxed);
}

// Takes note that a frame has begun and is not whole; `size`: what its length says, 0 when even that is not there.
static void note_begun(struct connection *connection, size_t size)
{
    int64_t began_ms = atomic_load_explicit(&connection->frame_began_ms, memory_order_relaxed);
    if (began_ms == 0) {
        began_ms = clock_monotonic_ms();
        atomic_store_explicit(&connection->frame_began_ms, began_ms, memory_order_relaxed);
    }
    if (atomic_load_explicit(&connection->is_proven, memory_order_relaxed))
        return;
    int64_t time_ms = connection->service->first_request_ms_max;
    if (time_ms <= 0)
        time_ms = FIRST_REQUEST_MS_MAX + (int64_t)size * 1000 / FIRST_REQUEST_BYTES_PER_SECOND;
    atomic_store_explicit(&connection->frame_deadline_ms, began_ms + time_ms, memory_order_relaxed);
}

// Whether the frame, `size` bytes with its prefix, has its memory.
static bool take_memory(struct connection *connection, size_t size)
{
    if (connection->budget != NULL || size <= FREE_FRAME_SIZE)
        return true;
    struct memory_budget *budget = connection_budget(connection);
    if (!memory_budget_take(budget, size))
        return false;
    connection->budget = budget;
    connection->held_size = size;
    atomic_store_explicit(&connection->frame_began_ms, 0, memory_order_relaxed); // the wait was not the peer's doing
    return true;
}

static enum connection_result refuse_records(struct connection *connection)
{
    char *failure = transport_failure_reason(&connection->transport);
    char *text = memory_format("its TLS failed: %s", failure != NULL ? failure : "");
    connection_log_refusal(connection, text);
    free(text);
    free(failure);
    return CONNECTION_ENDED;
}

// Takes note of how much comes at once: a client that sends many requests without waiting for answers should cost one
// receive for several of them.
static void note_burst(struct connection *connection, size_t received, size_t room)
{
    size_t capacity = connection->buffer.capacity;
    bool is_proven = atomic_load_explicit(&connection->is_proven, memory_order_relaxed);
    if (received == room && capacity < BURST_SIZE_MAX && is_proven)
        connection->burst_size = capacity * 2;
    else if (received < connection->burst_size / 4)
        connection->burst_size /= 2;
}

static enum connection_result receive_some(struct connection *connection, size_t need)
{
    if (!request_queue_has_room(&connection->service->queue))
        return CONNECTION_STALLED;
    if (!make_room(connection, need))
        return refuse(connection, "no memory for its request", (int32_t)(need - FRAME_PREFIX_SIZE));
    bool drained = false;
    size_t room = connection->buffer.capacity - connection->filled;
    ssize_t received = connection->transport.calls->receive(
        &connection->transport, connection->buffer.bytes + connection->filled, room, &drained);
    if (received == -EAGAIN) {
        connection->readable = false;
        return CONNECTION_WAITS;
    }
    if (received == -EPROTO)
        return refuse_records(connection);
    if (received <= 0)
        return CONNECTION_ENDED;
    connection->filled += (size_t)received;
    note_burst(connection, (size_t)received, room);
    if (drained && !connection->hung_up)
        connection->readable = false;
    return CONNECTION_WAITS;
}

// Whether a plain connection begins as TLS does: with a record of a handshake.
static bool is_hello(const struct connection *connection)
{
    const uint8_t *bytes = connection->buffer.bytes + connection->start;
    return connection->transport.tls == NULL && bytes[0] == TLS_RECORD_HANDSHAKE &&
           bytes[1] == TLS_RECORD_MAJOR_VERSION;
}

// While much of a frame is missing, the socket is readable only with a good part of it. False: there may be bytes that
// no event will tell of. What the transport itself still holds of the frame is far less than LOW_WATER_SIZE.
static bool settle_low_water(struct connection *connection, size_t missing)
{
    bool is_proven = atomic_load_explicit(&connection->is_proven, memory_order_relaxed);
    bool wants = connection->transport.tls != NULL && missing >= 2 * (size_t)LOW_WATER_SIZE && is_proven &&
                 !connection->is_slow && !connection->hung_up;
    if (wants == connection->has_low_water)
        return true;
    if (socket_calls()->set_low_water(connection->transport.fd, wants ? LOW_WATER_SIZE : 1) != 0)
        return true;
    connection->has_low_water = wants;
    return wants;
}

// Until a request is there or nothing more comes now.
static enum connection_result receive_request(struct connection *connection)
{
    size_t before = connection->filled - connection->start;
    for (;;) {
        size_t have = connection->filled - connection->start;
        size_t need = FRAME_PREFIX_SIZE, size_known = 0;
        if (have >= FRAME_PREFIX_SIZE) {
            int32_t size = read_size(connection->buffer.bytes + connection->start);
            if (size > connection->service->request_size_max && is_hello(connection))
                return refuse(connection, "it speaks TLS, and this listener does not", size);
            if (size < 0 || size > connection->service->request_size_max)
                return refuse(connection, "it sent a length that no request may have", size);
            size_known = (size_t)size;
            need += size_known;
            if (!take_memory(connection, need)) {
                note_begun(connection, size_known);
                return CONNECTION_STARVED;
            }
            if (have >= need)
                return take_request(connection, size);
        }
        if (!connection->readable && !settle_low_water(connection, need - have))
            connection->readable = true;
        if (!connection->readable) {
            if (have > 0) {
                note_begun(connection, size_known);
                note_active(connection);
            }
            return CONNECTION_WAITS;
        }
        if (have > before + RECEIVE_SHARE) {
            note_begun(connection, size_known);
            return CONNECTION_YIELDS;
        }
        enum connection_result result = receive_some(connection, need);
        if (result != CONNECTION_WAITS)
            return result;
    }
}

// Nothing is left of the request but what follows it in the buffer.
static void finish_request(struct connection *connection)
{
    arena_fini(&connection->request.arena);
    connection->start += connection->frame_size;
    assert(connection->start <= connection->filled);
    connection->phase = CONNECTION_RECEIVES;
    if (!atomic_load_explicit(&connection->is_proven, memory_order_relaxed))
        atomic_store_explicit(&connection->is_proven, true, memory_order_relaxed);
    note_active(connection);
}

// An idle connection holds no buffer, and the beginning of a next request none that was made for a large one.
static void settle_buffer(struct connection *connection)
{
    size_t have = connection->filled - connection->start;
    if (connection->phase != CONNECTION_RECEIVES || have > FREE_FRAME_SIZE ||
        (have > 0 && connection->buffer.capacity <= BUFFER_GROWTH * FREE_FRAME_SIZE))
        return;
    struct buffer smaller = BUFFER_NONE;
    if (have > 0) {
        smaller = buffer_pool_take(connection->service->buffers, have);
        if (smaller.bytes == NULL)
            return;
        memcpy(smaller.bytes, connection->buffer.bytes + connection->start, have);
    }
    buffer_pool_give_back(connection->service->buffers, connection->buffer);
    connection->buffer = smaller;
    connection->start = 0;
    connection->filled = have;
}

// The first step after the request's owner decided. False: close.
static bool take_end(struct connection *connection)
{
    if (connection->end == REQUEST_CLOSED)
        return false;
    if (connection->end == REQUEST_SKIPPED) {
        finish_request(connection);
        return true;
    }
    if (connection->request.response.size > INT32_MAX) {
        char host[REQUEST_HOST_SIZE];
        logger_error("Closing the connection from %s: the answer to its request of API %d has %zu bytes, more than a "
                     "frame can hold.",
                     request_peer_host(&connection->request, host), connection->request.api_key,
                     connection->request.response.size);
        return false;
    }
    send_progress_start(&connection->progress, &connection->request.response);
    connection->phase = CONNECTION_SENDS;
    return true;
}

static enum connection_result send_answer(struct connection *connection)
{
    int result = connection->transport.calls->send(&connection->transport, &connection->progress);
    if (result == 0)
        finish_request(connection);
    else if (result == TRANSPORT_AGAIN || result == -EAGAIN)
        note_active(connection); // the socket had told that there was room
    else
        return CONNECTION_ENDED;
    if (result == -EAGAIN)
        connection->writable = false;
    return result == TRANSPORT_AGAIN ? CONNECTION_YIELDS : CONNECTION_WAITS;
}

bool connection_looks_again(struct connection *connection)
{
    if (!connection->has_low_water)
        return false;
    connection->is_slow = true;
    connection->readable = true;
    note_active(connection);
    return true;
}

enum connection_result connection_run(struct connection *connection)
{
    if (connection->phase == CONNECTION_HANDLED && !take_end(connection))
        return CONNECTION_ENDED;
    for (;;) {
        absorb_events(connection);
        enum connection_result result = CONNECTION_WAITS;
        if (connection->phase == CONNECTION_SENDS && connection->writable)
            result = send_answer(connection);
        if (result == CONNECTION_WAITS && connection->phase == CONNECTION_RECEIVES) {
            if (atomic_load_explicit(&connection->service->stop, memory_order_relaxed) != SERVICE_RUNS)
                return CONNECTION_ENDED;
            result = receive_request(connection);
            settle_buffer(connection);
        }
        if (result != CONNECTION_WAITS || let_go(connection))
            return result;
    }
}
