// SPDX-License-Identifier: Apache-2.0
#include "net/transport.h"

#include "net/socket_calls.h"

#include <assert.h>
#include <errno.h>

enum {
    PIECES_PER_CALL = 16,
    // What one connection sends before others of its poll thread get their turn.
    FAIR_SHARE_BYTES = 4 * 1024 * 1024,
};

static ssize_t plain_receive(struct transport *transport, void *buffer, size_t size, bool *drained)
{
    ssize_t received = socket_calls()->receive(transport->fd, buffer, size);
    *drained = received < (ssize_t)size;
    return received;
}

// The bytes in memory that come next, up to the first source. Returns how many pieces; *more: a source follows them.
static int gather_bytes(const struct send_progress *progress, struct iovec pieces[PIECES_PER_CALL], bool *more)
{
    int count = 0;
    if (progress->prefix_sent < sizeof progress->prefix) {
        pieces[count++] = (struct iovec){(void *)(uintptr_t)(progress->prefix + progress->prefix_sent),
                                         sizeof progress->prefix - progress->prefix_sent};
    }
    const struct send_list *list = progress->list;
    size_t skip = progress->piece_sent;
    size_t i = progress->piece;
    for (; i < list->count && list->pieces[i].source == NULL && count < PIECES_PER_CALL; i++) {
        pieces[count++] =
            (struct iovec){(void *)(uintptr_t)(list->pieces[i].bytes + skip), list->pieces[i].size - skip};
        skip = 0;
    }
    *more = i < list->count;
    return count;
}

void send_progress_advance(struct send_progress *progress, size_t sent)
{
    size_t prefix_left = sizeof progress->prefix - progress->prefix_sent;
    size_t of_prefix = sent < prefix_left ? sent : prefix_left;
    progress->prefix_sent = (uint8_t)(progress->prefix_sent + of_prefix);
    sent -= of_prefix;
    while (sent > 0) {
        assert(progress->piece < progress->list->count);
        size_t left = progress->list->pieces[progress->piece].size - progress->piece_sent;
        if (sent < left) {
            progress->piece_sent += sent;
            return;
        }
        sent -= left;
        progress->piece++;
        progress->piece_sent = 0;
    }
}

bool send_progress_is_done(const struct send_progress *progress)
{
    return progress->piece == progress->list->count && progress->prefix_sent == sizeof progress->prefix;
}

struct view send_progress_bytes(const struct send_progress *progress)
{
    if (progress->prefix_sent < sizeof progress->prefix)
        return view_of(progress->prefix + progress->prefix_sent, sizeof progress->prefix - progress->prefix_sent);
    const struct send_piece *piece = &progress->list->pieces[progress->piece];
    const uint8_t *bytes = piece->source == NULL ? piece->bytes + progress->piece_sent : NULL;
    return (struct view){bytes, piece->size - progress->piece_sent};
}

ssize_t send_progress_read(const struct send_progress *progress, void *buffer, size_t size)
{
    struct send_source *source = progress->list->pieces[progress->piece].source;
    return source->calls->read(source, buffer, (int64_t)progress->piece_sent, size);
}

// Sends the bytes or the part of a source that comes next. Returns how many bytes went out, or -errno.
static ssize_t send_some(int fd, const struct send_progress *progress)
{
    struct iovec pieces[PIECES_PER_CALL];
    bool more;
    int count = gather_bytes(progress, pieces, &more);
    if (count > 0) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
        return socket_calls()->send(fd, &message, more ? MSG_MORE : 0);
    }
    const struct send_piece *piece = &progress->list->pieces[progress->piece];
    return piece->source->calls->send(piece->source, fd, (int64_t)progress->piece_sent,
                                      piece->size - progress->piece_sent);
}

int transport_send_plain(struct transport *transport, struct send_progress *progress)
{
    size_t total = 0;
    while (!send_progress_is_done(progress)) {
        if (total >= FAIR_SHARE_BYTES)
            return TRANSPORT_AGAIN;
        ssize_t sent = send_some(transport->fd, progress);
        if (sent < 0)
            return (int)sent;
        if (sent == 0)
            return -EIO; // a source that ended early
        send_progress_advance(progress, (size_t)sent);
        total += (size_t)sent;
    }
    return 0;
}

static void plain_close(struct transport *transport)
{
    socket_calls()->close(transport->fd);
    transport->fd = -1;
}

static const struct transport_calls plain_calls = {plain_receive, transport_send_plain, plain_close};

void send_progress_start(struct send_progress *progress, const struct send_list *list)
{
    uint32_t size = (uint32_t)list->size;
    *progress = (struct send_progress){
        .list = list,
        .prefix = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size},
    };
}

void transport_init_plain(struct transport *transport, int fd)
{
    *transport = (struct transport){.calls = &plain_calls, .fd = fd};
}
