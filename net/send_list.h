// SPDX-License-Identifier: Apache-2.0
// What goes out on a connection: pieces of bytes, and sources that can put themselves on a socket (a range of a segment
// by sendfile). Bytes and sources are not copied and not owned: they live in the request's arena or are held by it
// (arena_defer) until the last byte is sent. Confined to the thread that owns the request, then to net.
#ifndef NET_SEND_LIST_H
#define NET_SEND_LIST_H

#include "base/arena.h"
#include "net/protocol/message.h"

#include <stdint.h>
#include <sys/types.h>

// Bytes that are somewhere else than in memory. Embedded as the first field of whatever provides them.
struct send_source {
    const struct send_source_calls *calls;
};

// The offset counts from the source's own start; offset + size never exceeds the size that it was added with. Neither
// call blocks on the network. Both return how many bytes were sent or read (at least 1), or -errno: -EAGAIN when the
// socket takes no more now; any other error closes the connection, since its answer can no longer be completed.
struct send_source_calls {
    ssize_t (*send)(struct send_source *source, int socket_fd, int64_t offset, size_t size);
    ssize_t (*read)(struct send_source *source, void *buffer, int64_t offset, size_t size);
};

struct send_piece {
    const uint8_t *bytes; // NULL: the source
    struct send_source *source;
    size_t size;
};

#define SEND_LIST_INLINE_COUNT 4

struct send_list {
    struct arena *arena; // for more pieces than the inline ones
    struct send_piece *pieces;
    size_t count, capacity;
    size_t size; // bytes of all pieces
    struct send_piece inline_pieces[SEND_LIST_INLINE_COUNT];
};

// An empty list, which takes no memory until it outgrows its inline pieces.
void send_list_init(struct send_list *list, struct arena *arena);

// Add at the end; size 0 adds nothing. 0, or -ENOMEM when the arena is at its maximum.
int send_list_add_bytes(struct send_list *list, const void *bytes, size_t size) __attribute__((warn_unused_result));
int send_list_add_source(struct send_list *list, struct send_source *source, size_t size)
    __attribute__((warn_unused_result));

// Adds an encoded message; its sources (struct records) are struct send_source.
int send_list_add_message(struct send_list *list, const struct message_pieces *message)
    __attribute__((warn_unused_result));

#endif
