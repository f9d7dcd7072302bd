// SPDX-License-Identifier: Apache-2.0
// One accepted connection: receive a frame, hand its request on, send the answer, again. One thread at a time owns it:
//
// - `state` is the baton. A poll thread that sees an event adds the event's bit and OWNED in one step; if OWNED was not
//   set before, it is the owner now, otherwise the owner will find the bit when it wants to let go, and goes on.
// - While a request is with its handler, the request is the owner: nobody receives, sends or closes.
// - Whoever runs the connection (connection_run) keeps it, lets it go or passes it on as the result says.
// - Only its poll thread destroys it, as the owner.
//
// The socket is watched once, edge-triggered for both directions, so that a request costs no epoll_ctl.
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include "base/list.h"
#include "net/buffer_pool.h"
#include "net/request.h"
#include "net/transport.h"

#include <stdatomic.h>
#include <stdbool.h>

struct memory_budget;
struct poller;
struct service;

// Bits of the state.
enum {
    CONNECTION_OWNED = 1,
    CONNECTION_READABLE = 2,
    CONNECTION_WRITABLE = 4,
    CONNECTION_HANGUP = 8,
};

enum connection_phase { CONNECTION_RECEIVES, CONNECTION_HANDLED, CONNECTION_SENDS };

// What a request's owner decided.
enum request_end { REQUEST_ANSWERED, REQUEST_SKIPPED, REQUEST_CLOSED };

// How connection_run left it.
enum connection_result {
    CONNECTION_WAITS,     // let go: an event will bring it back
    CONNECTION_REQUESTED, // still owned: its request goes to the request queue
    CONNECTION_STALLED,   // still owned: the queue is full; run it again on its poll thread when there is room
    CONNECTION_STARVED, // still owned: no memory for its frame; run it again on its poll thread when there may be some
    CONNECTION_YIELDS,  // still owned: had its share; run it again on its poll thread after others
    CONNECTION_ENDED,   // still owned: its poll thread destroys it
};

struct connection {
    struct list link;     // in one list of its owner: inbox, queue, answered …
    struct list all_link; // in the poll thread's list of all
    struct list new_link; // in the poll thread's list of those not yet proven
    struct service *service;
    struct poller *poller;
    struct transport transport;
    atomic_uint state;
    atomic_int_fast64_t active_ms; // clock_monotonic_ms() of the last bytes or answer
    atomic_bool is_proven;         // a request of it has been answered
    // Of a frame that has begun to arrive and is not whole, clock_monotonic_ms(); 0: there is none.
    atomic_int_fast64_t frame_began_ms;
    atomic_int_fast64_t frame_deadline_ms; // while the peer is not proven

    // The owner's.
    enum connection_phase phase;
    enum request_end end;    // once the request is ended
    bool readable, writable; // worth trying
    bool has_low_water;      // a few bytes are no event: much of a frame is missing
    bool is_slow;            // it shall not have one any more
    bool hung_up;            // the peer's end is near: receive until it shows
    bool is_new;             // not yet watched
    struct buffer buffer;
    size_t start, filled; // received and not yet handled: bytes start to filled
    size_t last_size;     // of the last whole frame with its prefix: what the next buffer may be before bytes prove it
    size_t burst_size;    // as much has been there at once of late, so that one receive should have room for it
    size_t frame_size;    // with its prefix, while a request is handled
    // What the frame's memory is taken from, held_size bytes, until the server's function has returned; NULL: none is.
    struct memory_budget *budget;
    size_t held_size;
    struct send_progress progress;
    char *principal; // NULL: nobody's
    struct request request;
};

// Takes over the socket. Owned by the caller, in phase RECEIVES, not watched. `peer` holds the listener and the peer's
// address. The poller may be set later, before it is given to it.
struct connection *connection_create(struct service *service, struct poller *poller, struct transport transport,
                                     const struct request *peer);

// By the owner, on the poll thread, with the request ended: closes and frees.
void connection_destroy(struct connection **connection);

// By the owner, before the first request: takes over the string.
void connection_set_principal(struct connection *connection, char *principal);

// Adds event bits. Returns true when the caller has become the owner.
bool connection_claim(struct connection *connection, unsigned events);

// By the owner, or by whom the request's end was given to: does what can be done without waiting.
enum connection_result connection_run(struct connection *connection);

// By the owner, of a connection on which nothing seems to have come. True: it may be that only too little came to be
// told of; run it, and from now on it is told of every byte.
bool connection_looks_again(struct connection *connection);

// The budget that a large frame's memory comes from. By the owner.
struct memory_budget *connection_budget(const struct connection *connection);

// Says in the log, within the limit of such lines, that the connection is closed and why. By the owner.
void connection_log_refusal(const struct connection *connection, const char *why);

struct connection *connection_of_request(struct request *request);
struct connection *connection_of_link(struct list *link);

#endif
