// SPDX-License-Identifier: Apache-2.0
#include "net/transport_tls.h"

#include "base/memory.h"
#include "net/socket_calls.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECORD_SIZE = 16384,
    // What one connection sends, or receives, before others of its thread get their turn.
    FAIR_SHARE_BYTES = 1024 * 1024,
    // Small pieces and sources are gathered in so many bytes, on the stack.
    STAGE_SIZE = 4 * RECORD_SIZE,
    // Records go to the socket several at a time.
    BATCH_SIZE = 8 * RECORD_SIZE + 1024,
    // With a record's header, so much is received: a small request then takes one system call.
    AHEAD_SIZE = 4096,
    // And this much of a large one: eight records by one call.
    AHEAD_SIZE_LARGE = 8 * RECORD_SIZE,
    RECORD_HEADER_SIZE = 5,
    // A peer that makes us answer (alerts, key updates) and never reads is given up at so many bytes.
    BEHIND_SIZE_MAX = 2 * BATCH_SIZE,
    // One that sends without end what is no data (key updates, empty records) likewise: OpenSSL would go on reading.
    // The longest handshake is far shorter.
    BARREN_SIZE_MAX = 16 * RECORD_SIZE,
};

// Confined to the owner of the transport.
struct tls_link {
    SSL *ssl;
    int fd;
    int error;       // -errno of the socket
    bool is_open;    // the handshake is done, and nothing has failed since
    bool is_at_end;  // the peer's
    bool is_drained; // the last receive brought less than there was room for
    bool more_comes; // the record that is written is not the last of its answer
    // Received and not yet taken by OpenSSL: in `scratch` during a call, in `kept` between two.
    uint8_t *ahead, *kept, *scratch;
    size_t ahead_size, scratch_size;
    bool ahead_is_kept;
    size_t barren_size; // received since the last byte of data
    // Written by OpenSSL and not yet given to the socket; NULL but during a send.
    uint8_t *batch;
    size_t batch_size;
    // Written by OpenSSL and not taken by the socket.
    uint8_t *behind;
    size_t behind_start, behind_size, behind_capacity;
    char *failure; // words, after -EPROTO
};

static int link_read(BIO *bio, char *bytes, size_t size, size_t *read)
{
    struct tls_link *link = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (link->barren_size > BARREN_SIZE_MAX) {
        link->error = -ECONNABORTED;
        return 0;
    }
    if (link->ahead_size > 0) {
        *read = size < link->ahead_size ? size : link->ahead_size;
        memcpy(bytes, link->ahead, *read);
        link->ahead += *read;
        link->ahead_size -= *read;
        return 1;
    }
    // With a whole record of a small request comes the header of the next, else as much as fits.
    size_t ahead_size = link->scratch == NULL ? 0 : size > link->scratch_size ? RECORD_HEADER_SIZE : link->scratch_size;
    struct iovec pieces[] = {{bytes, size}, {link->scratch, ahead_size}};
    ssize_t received = socket_calls()->receive_pieces(link->fd, pieces, 2);
    link->is_drained = received < (ssize_t)(size + ahead_size);
    if (received == -EAGAIN)
        BIO_set_retry_read(bio);
    else if (received == 0)
        link->is_at_end = true;
    else if (received < 0)
        link->error = (int)received;
    if (received <= 0)
        return 0;
    *read = (size_t)received < size ? (size_t)received : size;
    link->barren_size += (size_t)received;
    link->ahead = link->scratch;
    link->ahead_size = (size_t)received - *read;
    link->ahead_is_kept = false;
    return 1;
}

// Room for what the socket does not take. False: it has had its chance.
static bool keep_behind(struct tls_link *link, const uint8_t *bytes, size_t size)
{
    if (link->behind_size + size > BEHIND_SIZE_MAX)
        return false;
    if (link->behind_start + link->behind_size + size > link->behind_capacity) {
        uint8_t *larger = malloc(link->behind_size + size);
        if (larger == NULL)
            return false;
        if (link->behind_size > 0)
            memcpy(larger, link->behind + link->behind_start, link->behind_size);
        free(link->behind);
        link->behind = larger;
        link->behind_start = 0;
        link->behind_capacity = link->behind_size + size;
    }
    memcpy(link->behind + link->behind_start + link->behind_size, bytes, size);
    link->behind_size += size;
    return true;
}

static ssize_t send_bytes(int fd, const void *bytes, size_t size, int flags)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return socket_calls()->send(fd, &message, flags);
}

// What the socket does not take is kept behind. False: the connection has failed, with link->error.
static bool send_or_keep(struct tls_link *link, const void *bytes, size_t size)
{
    size_t sent = 0;
    if (link->behind_size == 0) {
        ssize_t result = send_bytes(link->fd, bytes, size, link->more_comes ? MSG_MORE : 0);
        if (result < 0 && result != -EAGAIN) {
            link->error = (int)result;
            return false;
        }
        sent = result < 0 ? 0 : (size_t)result;
    }
    if (sent == size || keep_behind(link, (const uint8_t *)bytes + sent, size - sent))
        return true;
    link->error = -ENOBUFS;
    return false;
}

static bool flush_batch(struct tls_link *link)
{
    size_t size = link->batch_size;
    link->batch_size = 0;
    return size == 0 || send_or_keep(link, link->batch, size);
}

// OpenSSL never sees a full socket.
static int link_write(BIO *bio, const char *bytes, size_t size, size_t *written)
{
    struct tls_link *link = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    bool fits = link->batch != NULL && size <= BATCH_SIZE;
    if (fits && size > BATCH_SIZE - link->batch_size && !flush_batch(link))
        return 0;
    if (fits) {
        memcpy(link->batch + link->batch_size, bytes, size);
        link->batch_size += size;
    } else if (!send_or_keep(link, bytes, size)) {
        return 0;
    }
    *written = size;
    return 1;
}

static long link_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    const struct tls_link *link = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_EOF:
        return link->is_at_end;
    case BIO_CTRL_FLUSH:
        return 1;
    default:
        return 0;
    }
}

static int link_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *link_method; // set once
static pthread_once_t link_method_once = PTHREAD_ONCE_INIT;

static void create_link_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    if (method != NULL && BIO_meth_set_read_ex(method, link_read) == 1 &&
        BIO_meth_set_write_ex(method, link_write) == 1 && BIO_meth_set_ctrl(method, link_control) == 1 &&
        BIO_meth_set_create(method, link_create) == 1)
        link_method = method;
}

static BIO *link_bio(struct tls_link *link)
{
    pthread_once(&link_method_once, create_link_method);
    BIO *bio = link_method != NULL ? BIO_new(link_method) : NULL;
    if (bio != NULL)
        BIO_set_data(bio, link);
    return bio;
}

// What was received too much outlives the call in memory of its own.
static void keep_ahead(struct tls_link *link)
{
    if (link->ahead_size == 0 || !link->ahead_is_kept) {
        free(link->kept);
        link->kept = NULL;
    }
    if (link->ahead_size > 0 && !link->ahead_is_kept) {
        link->kept = memory_alloc(link->ahead_size);
        memcpy(link->kept, link->ahead, link->ahead_size);
        link->ahead = link->kept;
        link->ahead_is_kept = true;
    }
    link->scratch = NULL;
}

// 0: nothing waits for the socket any more; -EAGAIN; another -errno.
static int send_behind(struct tls_link *link)
{
    while (link->behind_size > 0) {
        ssize_t sent = send_bytes(link->fd, link->behind + link->behind_start, link->behind_size, 0);
        if (sent < 0)
            return (int)sent;
        link->behind_start += (size_t)sent;
        link->behind_size -= (size_t)sent;
    }
    free(link->behind);
    link->behind = NULL;
    link->behind_start = link->behind_capacity = 0;
    return 0;
}

// Why an operation of OpenSSL did not succeed. 0: the peer's end; -EAGAIN; -EPROTO, with words; another -errno.
static int take_failure(struct tls_link *link, int result, short *events)
{
    int error = SSL_get_error(link->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        *events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return -EAGAIN;
    }
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    link->is_open = false;
    if (error == SSL_ERROR_SYSCALL) {
        ERR_clear_error();
        return link->error;
    }
    free(link->failure);
    link->failure = tls_failure_reason(link->ssl);
    return -EPROTO;
}

static bool is_drained(const struct tls_link *link)
{
    return link->is_drained && link->ahead_size == 0 && !SSL_has_pending(link->ssl);
}

static ssize_t tls_receive(struct transport *transport, void *buffer, size_t size, bool *drained)
{
    struct tls_link *link = transport->tls;
    uint8_t scratch[AHEAD_SIZE_LARGE];
    link->scratch = scratch;
    link->scratch_size = size < AHEAD_SIZE_LARGE ? AHEAD_SIZE : AHEAD_SIZE_LARGE;
    link->is_drained = false;
    ERR_clear_error(); // SSL_get_error would take what another connection left for ours
    size_t total = 0, limit = size < FAIR_SHARE_BYTES ? size : FAIR_SHARE_BYTES;
    ssize_t result = 0;
    bool has_ended = false;
    while (total < limit) {
        size_t got = 0;
        int read = SSL_read_ex(link->ssl, (uint8_t *)buffer + total, limit - total, &got);
        if (read != 1) {
            short events;
            result = take_failure(link, read, &events);
            has_ended = result != -EAGAIN;
            break;
        }
        total += got;
        link->barren_size = 0;
        if (is_drained(link))
            break;
    }
    keep_ahead(link);
    *drained = !has_ended && (result == -EAGAIN || is_drained(link));
    return total > 0 ? (ssize_t)total : result;
}

// Copies the bytes that come next, up to so many. Returns how many, or -errno of a source.
static ssize_t gather(struct send_progress progress, uint8_t *stage, size_t size)
{
    size_t filled = 0;
    while (filled < size && !send_progress_is_done(&progress)) {
        struct view bytes = send_progress_bytes(&progress);
        size_t part = bytes.size < size - filled ? bytes.size : size - filled;
        ssize_t got = (ssize_t)part;
        if (bytes.data != NULL)
            memcpy(stage + filled, bytes.data, part);
        else
            got = send_progress_read(&progress, stage + filled, part);
        if (got <= 0)
            return got < 0 ? got : -EIO; // a source that ended early
        send_progress_advance(&progress, (size_t)got);
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

// Encrypts and sends. 0, or -EAGAIN when the socket is full: *written bytes are on their way all the same.
static int write_records(struct tls_link *link, const uint8_t *bytes, size_t size, bool is_last, size_t *written)
{
    *written = 0;
    ERR_clear_error();
    while (*written < size) {
        size_t left = size - *written, part = left < RECORD_SIZE ? left : RECORD_SIZE;
        link->more_comes = !is_last || part < left;
        size_t done = 0;
        int result = SSL_write_ex(link->ssl, bytes + *written, part, &done);
        if (result != 1) {
            short events;
            int error = take_failure(link, result, &events);
            return error == 0 || error == -EAGAIN ? -EPIPE : error;
        }
        *written += done;
        if (link->behind_size > 0)
            return -EAGAIN;
    }
    return 0;
}

// A step: whole records from memory as they are, all else by way of the stage.
static int send_step(struct tls_link *link, struct send_progress *progress, size_t *written)
{
    struct view bytes = send_progress_bytes(progress);
    uint8_t stage[STAGE_SIZE];
    if (bytes.data != NULL && bytes.size >= RECORD_SIZE) {
        size_t whole = bytes.size < FAIR_SHARE_BYTES ? bytes.size - bytes.size % RECORD_SIZE : FAIR_SHARE_BYTES;
        bytes.size = whole;
    } else {
        ssize_t filled = gather(*progress, stage, sizeof stage);
        if (filled < 0)
            return (int)filled;
        bytes = view_of(stage, (size_t)filled);
    }
    struct send_progress after = *progress;
    send_progress_advance(&after, bytes.size);
    return write_records(link, bytes.data, bytes.size, send_progress_is_done(&after), written);
}

// 0: all is on its way or in the batch.
static int send_on(struct tls_link *link, struct send_progress *progress)
{
    size_t total = 0;
    int result = send_behind(link);
    while (result == 0 && !send_progress_is_done(progress)) {
        if (total >= FAIR_SHARE_BYTES)
            return TRANSPORT_AGAIN;
        size_t written = 0;
        result = send_step(link, progress, &written);
        send_progress_advance(progress, written);
        total += written;
    }
    return result;
}

static int tls_send(struct transport *transport, struct send_progress *progress)
{
    struct tls_link *link = transport->tls;
    uint8_t batch[BATCH_SIZE];
    link->batch = batch;
    int result = send_on(link, progress);
    bool is_sent = flush_batch(link);
    link->batch = NULL;
    bool goes_on = result == 0 || result == TRANSPORT_AGAIN || result == -EAGAIN;
    if (goes_on && !is_sent)
        return link->error;
    return goes_on && link->behind_size > 0 ? -EAGAIN : result;
}

static void tls_close(struct transport *transport)
{
    struct tls_link *link = transport->tls;
    // A close_notify, if the socket takes it; nobody waits for the peer's.
    link->more_comes = false;
    if (link->is_open)
        SSL_shutdown(link->ssl);
    SSL_free(link->ssl);
    ERR_clear_error();
    free(link->kept);
    free(link->behind);
    free(link->failure);
    free(link);
    transport->tls = NULL;
    socket_calls()->close(transport->fd);
    transport->fd = -1;
}

static const struct transport_calls tls_calls = {tls_receive, tls_send, tls_close};

// The kernel encrypts: what goes out is sent as if it were plain.
static int offloaded_send(struct transport *transport, struct send_progress *progress)
{
    return transport_send_plain(transport, progress);
}

static const struct transport_calls offloaded_calls = {tls_receive, offloaded_send, tls_close};

int transport_init_tls(struct transport *transport, int fd, const struct tls_context *context, const char *host)
{
    struct tls_link *link = memory_alloc(sizeof *link);
    link->fd = fd;
    link->ssl = tls_context_open(context, host);
    BIO *bio = link->ssl != NULL && !tls_context_offloads_to_kernel(context) ? link_bio(link) : NULL;
    if (bio != NULL)
        SSL_set_bio(link->ssl, bio, bio);
    else if (link->ssl == NULL || !tls_context_offloads_to_kernel(context) || SSL_set_fd(link->ssl, fd) != 1) {
        SSL_free(link->ssl);
        free(link);
        ERR_clear_error();
        return -ENOMEM;
    }
    *transport = (struct transport){.calls = &tls_calls, .fd = fd, .tls = link};
    return 0;
}

const char *transport_offload_obstacle(void)
{
#ifdef OPENSSL_NO_KTLS
    return "OpenSSL was built without it";
#else
    // A socket that is not connected cannot have it, but tells a kernel that knows it from one that does not.
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0 ? 0 : errno;
    if (fd >= 0)
        close(fd);
    return error == 0 || error == ENOTCONN ? NULL : "the kernel has no TLS (its module tls is not loaded)";
#endif
}

// OpenSSL had the socket itself, to give its keys to the kernel; what the kernel did not take is for our BIO again.
static int settle_offload(struct transport *transport)
{
    struct tls_link *link = transport->tls;
    if (BIO_get_data(SSL_get_rbio(link->ssl)) == link)
        return 0;
    if (BIO_get_ktls_send(SSL_get_wbio(link->ssl)))
        transport->calls = &offloaded_calls;
    BIO *reads = BIO_get_ktls_recv(SSL_get_rbio(link->ssl)) ? NULL : link_bio(link);
    BIO *writes = transport->calls == &offloaded_calls ? NULL : link_bio(link);
    if (reads != NULL)
        SSL_set0_rbio(link->ssl, reads);
    if (writes != NULL)
        SSL_set0_wbio(link->ssl, writes);
    return writes == NULL && transport->calls != &offloaded_calls ? -ENOMEM : 0;
}

int transport_shake_hands(struct transport *transport, short *events, char **reason)
{
    struct tls_link *link = transport->tls;
    uint8_t scratch[AHEAD_SIZE];
    link->scratch = scratch;
    link->scratch_size = sizeof scratch;
    int done = link->is_open ? 1 : SSL_do_handshake(link->ssl);
    keep_ahead(link);
    int result = send_behind(link);
    *events = POLLOUT;
    if (done == 1) {
        if (!link->is_open && settle_offload(transport) != 0)
            result = -ENOMEM;
        link->is_open = true;
    } else if (result == 0 || result == -EAGAIN) {
        int failure = take_failure(link, done, events);
        if (failure != -EAGAIN)
            result = failure == 0 || link->is_at_end ? -ECONNRESET : failure;
        else if (result == 0)
            result = -EAGAIN;
        else
            *events |= POLLOUT;
    }
    if (result == 0 || result == -EAGAIN)
        return result;
    *reason = transport_failure_reason(transport);
    if (*reason == NULL && result == -ECONNRESET)
        *reason = memory_copy_string("it closed the connection during the handshake");
    else if (*reason == NULL)
        *reason = memory_format("the connection failed during the handshake: %s", strerror(-result));
    link->is_open = false;
    return result == -ECONNRESET ? result : -EPROTO;
}

char *transport_take_peer_name(struct transport *transport)
{
    SSL *ssl = transport->tls->ssl;
    char *name = tls_peer_distinguished_name(ssl);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    while (SSL_is_server(ssl) && chain != NULL && sk_X509_num(chain) > 0)
        X509_free(sk_X509_pop(chain));
    return name;
}

char *transport_failure_reason(struct transport *transport)
{
    char *failure = transport->tls != NULL ? transport->tls->failure : NULL;
    if (failure != NULL)
        transport->tls->failure = NULL;
    return failure;
}
