// SPDX-License-Identifier: Apache-2.0
// What carries a connection's bytes: plain TCP, or TLS (net/transport_tls.h). Used by one thread at a time, whoever
// owns the connection (net/connection.h); never blocks.
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "base/view.h"
#include "net/send_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct transport {
    const struct transport_calls *calls;
    int fd;               // non-blocking
    struct tls_link *tls; // NULL: plain
};

// How far an answer is: its size prefix, then the pieces of the list.
struct send_progress {
    const struct send_list *list;
    size_t piece;        // the first that is not sent whole
    size_t piece_sent;   // bytes of it
    uint8_t prefix[4];   // the frame's size, big endian
    uint8_t prefix_sent; // bytes of it
};

enum { TRANSPORT_AGAIN = 1 };

struct transport_calls {
    // Bytes received, 0 at the peer's end, -EAGAIN when there are none now, another -errno. *drained: there was no more
    // to receive, so that the next call waits for the poller to say that there is.
    ssize_t (*receive)(struct transport *transport, void *buffer, size_t size, bool *drained);

    // Sends on from *progress. 0: all is sent; TRANSPORT_AGAIN: it sent a fair share and there is more to send;
    // -EAGAIN: the socket takes no more now; another -errno.
    int (*send)(struct transport *transport, struct send_progress *progress);

    // Closes the socket.
    void (*close)(struct transport *transport);
};

// The list must not change until it is sent.
void send_progress_start(struct send_progress *progress, const struct send_list *list);

bool send_progress_is_done(const struct send_progress *progress);

// What comes next and lies in one place: bytes in memory, or (data is NULL) so many of a source. Not when it is done.
struct view send_progress_bytes(const struct send_progress *progress);

// Reads up to size bytes of the source that comes next. Returns how many, or -errno.
ssize_t send_progress_read(const struct send_progress *progress, void *buffer, size_t size);

// So many bytes more are sent.
void send_progress_advance(struct send_progress *progress, size_t sent);

// The send of a plain transport.
int transport_send_plain(struct transport *transport, struct send_progress *progress);

void transport_init_plain(struct transport *transport, int fd);

#endif
