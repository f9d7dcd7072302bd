// SPDX-License-Identifier: Apache-2.0
#include "net/peer.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/dial.h"
#include "net/protocol/api.h"
#include "net/transport_tls.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    FRAME_PREFIX_SIZE = 4,
    BUFFER_SIZE_MIN = 4096,
    RESPONSE_SIZE_MAX_DEFAULT = 100 * 1024 * 1024,
    MEMORY_PER_RESPONSE_BYTE = 4, // of the largest answer
    API_KEYS_MAX = 128,
    API_VERSIONS_FIRST_TRIED = 3,
};

// A request whose answer has not come yet.
struct pending {
    const struct api *api;
    int16_t version;
    int32_t correlation_id;
};

struct peer {
    char *address, *client_id;
    char *tls_failure; // words, or NULL
    struct transport transport;
    int interrupt_fd; // an eventfd; readable once interrupted
    int error;        // of the first failure; every later call gives it again
    int32_t response_size_max;
    int32_t next_correlation_id;
    struct {
        ARRAY_OF(struct pending);
    } pending; // oldest first
    struct {
        ARRAY_OF(uint8_t);
    } received; // count: bytes that have arrived and belong to no answer given out yet
    struct {
        int16_t min, max;
    } versions[API_KEYS_MAX];
};

static int milliseconds_left(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_monotonic_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

// Until the socket is ready. 0, -ETIMEDOUT or -ECANCELED.
static int wait_ready(const struct peer *peer, short events, int64_t deadline_ms)
{
    struct pollfd watched[] = {{.fd = peer->transport.fd, .events = events},
                               {.fd = peer->interrupt_fd, .events = POLLIN}};
    int ready;
    do {
        ready = poll(watched, 2, milliseconds_left(deadline_ms));
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return -errno;
    if (watched[1].revents != 0)
        return -ECANCELED;
    return ready == 0 ? -ETIMEDOUT : 0;
}

// After a failure the two ends no longer agree on what is under way.
static int fail(struct peer *peer, int error)
{
    if (peer->error != 0)
        return peer->error;
    peer->error = error == -EPIPE ? -ECONNRESET : error;
    if (error == -EPROTO)
        peer->tls_failure = transport_failure_reason(&peer->transport);
    return peer->error;
}

const char *peer_tls_failure(const struct peer *peer)
{
    return peer->tls_failure;
}

// From a connected socket to one with TLS, which then owns the socket.
static int secure(struct peer *peer, const struct peer_config *config, int64_t deadline_ms, char **reason)
{
    int result = transport_init_tls(&peer->transport, peer->transport.fd, config->tls, config->host);
    if (result != 0)
        return result;
    char *why = NULL;
    do {
        short events;
        result = transport_shake_hands(&peer->transport, &events, &why);
        if (result == -EAGAIN && (result = wait_ready(peer, events, deadline_ms)) == 0)
            result = -EAGAIN;
    } while (result == -EAGAIN);
    if (reason != NULL && result == -EPROTO)
        *reason = why;
    else
        free(why);
    return result;
}

int peer_connect(const struct peer_config *config, int64_t deadline_ms, struct peer **peer, char **reason)
{
    if (reason != NULL)
        *reason = NULL;
    bool is_secure = config->security_protocol == SECURITY_PROTOCOL_SSL && config->tls != NULL;
    if (!is_secure && config->security_protocol != SECURITY_PROTOCOL_PLAINTEXT)
        return -EPROTONOSUPPORT;
    int fd = dial(config, deadline_ms);
    if (fd < 0)
        return fd;
    int interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (interrupt_fd < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    struct peer *connected = memory_alloc(sizeof *connected);
    bool brackets = strchr(config->host, ':') != NULL;
    connected->address =
        memory_format("%s%s%s:%u", brackets ? "[" : "", config->host, brackets ? "]" : "", config->port);
    connected->client_id = config->client_id != NULL ? memory_copy_string(config->client_id) : NULL;
    transport_init_plain(&connected->transport, fd);
    connected->interrupt_fd = interrupt_fd;
    connected->response_size_max =
        config->response_size_max > 0 ? config->response_size_max : RESPONSE_SIZE_MAX_DEFAULT;
    for (int i = 0; i < API_KEYS_MAX; i++)
        connected->versions[i].max = -1;
    int result = is_secure ? secure(connected, config, deadline_ms, reason) : 0;
    if (result != 0)
        peer_destroy(&connected);
    else
        *peer = connected;
    return result;
}

void peer_destroy(struct peer **peer)
{
    struct peer *gone = *peer;
    *peer = NULL;
    if (gone == NULL)
        return;
    gone->transport.calls->close(&gone->transport);
    close(gone->interrupt_fd);
    array_fini(&gone->pending);
    array_fini(&gone->received);
    free(gone->address);
    free(gone->tls_failure);
    free(gone->client_id);
    free(gone);
}

void peer_interrupt(struct peer *peer)
{
    uint64_t one = 1;
    ssize_t written = write(peer->interrupt_fd, &one, sizeof one);
    (void)written; // it can only fail when it is readable already
}

const char *peer_address(const struct peer *peer)
{
    return peer->address;
}

static int send_all(struct peer *peer, const struct send_list *list, int64_t deadline_ms)
{
    struct send_progress progress;
    send_progress_start(&progress, list);
    for (;;) {
        int result = peer->transport.calls->send(&peer->transport, &progress);
        if (result == -EAGAIN)
            result = wait_ready(peer, POLLOUT, deadline_ms);
        else if (result == 0)
            return 0;
        if (result < 0)
            return fail(peer, result);
    }
}

int peer_send(struct peer *peer, int16_t api_key, int16_t version, const void *request, int64_t deadline_ms)
{
    if (peer->error != 0)
        return peer->error;
    const struct api *api = api_by_key(api_key);
    if (api == NULL || !api_has_version(api, version))
        return -EINVAL;
    struct arena arena;
    struct send_list list;
    struct message_pieces pieces;
    arena_init(&arena, SIZE_MAX);
    send_list_init(&list, &arena);
    struct pending pending = {api, version, peer->next_correlation_id};
    int result = frame_encode_request(api, version, pending.correlation_id, view_of_string(peer->client_id), request,
                                      &arena, &pieces);
    if (result == 0)
        result = send_list_add_message(&list, &pieces);
    if (result == 0 && list.size > INT32_MAX)
        result = -EMSGSIZE;
    if (result == 0)
        result = send_all(peer, &list, deadline_ms);
    arena_fini(&arena);
    if (result == 0) {
        peer->next_correlation_id = peer->next_correlation_id == INT32_MAX ? 0 : peer->next_correlation_id + 1;
        *array_append(&peer->pending) = pending;
    }
    return result;
}

// Receives until there are that many bytes. Room grows with what arrives.
static int receive_bytes(struct peer *peer, size_t size, int64_t deadline_ms)
{
    while (peer->received.count < size) {
        if (peer->received.count == peer->received.capacity) {
            peer->received.capacity =
                peer->received.capacity > 0 ? peer->received.capacity * 2 : (size_t)BUFFER_SIZE_MIN;
            peer->received.items = memory_resize(peer->received.items, peer->received.capacity, 1);
        }
        bool drained;
        ssize_t received = peer->transport.calls->receive(&peer->transport, peer->received.items + peer->received.count,
                                                          peer->received.capacity - peer->received.count, &drained);
        int result = 0;
        if (received == -EAGAIN)
            result = wait_ready(peer, POLLIN, deadline_ms);
        else if (received <= 0)
            result = received == 0 ? -ECONNRESET : (int)received;
        else
            peer->received.count += (size_t)received;
        if (result != 0)
            return result;
    }
    return 0;
}

// The next frame, copied into the arena.
static int receive_frame(struct peer *peer, struct arena *arena, struct view *frame, int64_t deadline_ms)
{
    int result = receive_bytes(peer, FRAME_PREFIX_SIZE, deadline_ms);
    if (result != 0)
        return result;
    const uint8_t *prefix = peer->received.items;
    uint32_t size = (uint32_t)prefix[0] << 24 | (uint32_t)prefix[1] << 16 | (uint32_t)prefix[2] << 8 | prefix[3];
    if (size > (uint32_t)peer->response_size_max)
        return -EMSGSIZE;
    size_t whole = FRAME_PREFIX_SIZE + (size_t)size;
    result = receive_bytes(peer, whole, deadline_ms);
    if (result != 0)
        return result;
    *frame = view_copy(arena, view_of(peer->received.items + FRAME_PREFIX_SIZE, size));
    peer->received.count -= whole;
    memmove(peer->received.items, peer->received.items + whole, peer->received.count);
    return view_is_null(*frame) ? -ENOMEM : 0;
}

// A broker that does not know the version of an ApiVersions request answers in version 0.
static int16_t version_of_answer(const struct pending *pending, struct view body)
{
    bool refused = body.size >= 2 && (int16_t)(body.data[0] << 8 | body.data[1]) == KAFKA_UNSUPPORTED_VERSION;
    return pending->api->key == API_API_VERSIONS && refused ? 0 : pending->version;
}

static int receive_answer(struct peer *peer, const struct pending *pending, struct arena *arena, const void **response,
                          int64_t deadline_ms)
{
    struct view frame, body;
    int result = receive_frame(peer, arena, &frame, deadline_ms);
    if (result != 0)
        return result;
    int32_t correlation_id;
    result = frame_read_response_header(pending->api, pending->version, frame, &correlation_id, &body);
    if (result == 0 && correlation_id != pending->correlation_id)
        result = -EBADMSG;
    if (result != 0)
        return result;
    void *decoded = message_alloc_array(arena, pending->api->response, 1);
    if (decoded == NULL)
        return -ENOMEM;
    result = message_decode(pending->api->response, version_of_answer(pending, body), body, arena, decoded);
    if (result == 0)
        *response = decoded;
    return result;
}

// The same with what may be taken of the arena bounded.
static int receive_bounded(struct peer *peer, const struct pending *pending, struct arena *arena, const void **response,
                           int64_t deadline_ms)
{
    size_t used_max = arena->used_max;
    size_t room = (size_t)peer->response_size_max * MEMORY_PER_RESPONSE_BYTE;
    if (used_max - arena->used > room)
        arena->used_max = arena->used + room;
    int result = receive_answer(peer, pending, arena, response, deadline_ms);
    arena->used_max = used_max;
    return result;
}

int peer_receive(struct peer *peer, struct arena *arena, const void **response, int64_t deadline_ms)
{
    if (peer->error != 0)
        return peer->error;
    if (peer->pending.count == 0)
        return -EINVAL;
    struct pending pending = peer->pending.items[0];
    peer->pending.count--;
    memmove(peer->pending.items, peer->pending.items + 1, peer->pending.count * sizeof pending);
    int result = receive_bounded(peer, &pending, arena, response, deadline_ms);
    return result != 0 ? fail(peer, result) : 0;
}

int peer_call(struct peer *peer, int16_t api_key, int16_t version, const void *request, struct arena *arena,
              const void **response, int64_t deadline_ms)
{
    int result = peer_send(peer, api_key, version, request, deadline_ms);
    return result != 0 ? result : peer_receive(peer, arena, response, deadline_ms);
}

static void remember_versions(struct peer *peer, const struct api_versions_response *response)
{
    for (int32_t i = 0; i < response->api_keys.count; i++) {
        const struct api_versions_response_api_key *range = &response->api_keys.items[i];
        if (range->api_key < 0 || range->api_key >= API_KEYS_MAX)
            continue;
        peer->versions[range->api_key].min = range->min_version;
        peer->versions[range->api_key].max = range->max_version;
    }
}

int peer_negotiate(struct peer *peer, int64_t deadline_ms)
{
    struct api_versions_request request = api_versions_request_default;
    request.client_software_name = view_of_string("barnabas");
    request.client_software_version = view_of_string(BARNABAS_VERSION);
    int16_t version = API_VERSIONS_FIRST_TRIED;
    for (;;) {
        struct arena arena;
        const void *answer = NULL;
        arena_init(&arena, SIZE_MAX);
        int result = peer_call(peer, API_API_VERSIONS, version, &request, &arena, &answer, deadline_ms);
        const struct api_versions_response *response = answer;
        int16_t error = 0;
        if (result == 0) {
            error = response->error_code;
            remember_versions(peer, response);
        }
        arena_fini(&arena);
        if (result != 0 || error == 0)
            return result;
        if (error != KAFKA_UNSUPPORTED_VERSION || version == 0)
            return fail(peer, -EPROTO);
        // It says which versions it knows, or nothing at all when it is very old.
        int16_t known = peer_version(peer, API_API_VERSIONS, 0, (int16_t)(version - 1));
        version = known > 0 ? known : 0;
    }
}

int16_t peer_version(const struct peer *peer, int16_t api_key, int16_t version_min, int16_t version_max)
{
    if (api_key < 0 || api_key >= API_KEYS_MAX)
        return -1;
    int16_t max = peer->versions[api_key].max < version_max ? peer->versions[api_key].max : version_max;
    int16_t min = peer->versions[api_key].min > version_min ? peer->versions[api_key].min : version_min;
    return max >= min ? max : -1;
}
