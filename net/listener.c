// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include "base/logger.h"
#include "base/memory.h"
#include "net/connection.h"
#include "net/handshaker.h"
#include "net/poller.h"
#include "net/server.h"
#include "net/socket_calls.h"
#include "net/transport_tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/socket.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    ACCEPTED_IN_A_ROW_MAX = 64,
    RETRY_AFTER_FAILURE_MS = 100,
    FREE_PORT_ATTEMPTS = 16,
};

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

// Accepted sockets inherit these.
static int set_options(int fd, int family, const struct server_config *config)
{
    int result = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && family == AF_INET6) {
        // Both families by the one socket for every address; an address of its own otherwise.
        result = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    if (result == 0)
        result = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (result == 0)
        result = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (result == 0 && config->send_buffer_bytes > 0)
        result = set_option(fd, SOL_SOCKET, SO_SNDBUF, config->send_buffer_bytes);
    if (result == 0 && config->receive_buffer_bytes > 0)
        result = set_option(fd, SOL_SOCKET, SO_RCVBUF, config->receive_buffer_bytes);
    // Linux grows no buffer whose size was set, unless told to. One before 5.14 cannot be told: the size stays.
    int fixed = (config->send_buffer_bytes > 0 && !config->send_buffer_grows ? SOCK_SNDBUF_LOCK : 0) |
                (config->receive_buffer_bytes > 0 && !config->receive_buffer_grows ? SOCK_RCVBUF_LOCK : 0);
    if (result == 0 && fixed != SOCK_BUF_LOCK_MASK) {
        int refused = set_option(fd, SOL_SOCKET, SO_BUF_LOCK, fixed);
        (void)refused;
    }
    return result;
}

// Returns the listening socket, or -errno.
static int listen_on(const struct sockaddr *address, socklen_t size, const struct server_config *config)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = set_options(fd, address->sa_family, config);
    if (result == 0 && (bind(fd, address, size) < 0 || listen(fd, config->listen_backlog) < 0))
        result = -errno;
    if (result != 0) {
        close(fd);
        return result;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0}; // the port is at the same place for both families
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return ntohs(address.sin6_port);
}

static void close_sockets(struct listener *listener)
{
    for (size_t i = 0; i < listener->fd_count; i++)
        close(listener->fds[i]);
    listener->fd_count = 0;
}

static int open_every_address(struct listener *listener, uint16_t port, const struct server_config *config)
{
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
    int fd = listen_on((const struct sockaddr *)&any6, sizeof any6, config);
    if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -EPROTONOSUPPORT) { // a machine with IPv6 off
        struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        fd = listen_on((const struct sockaddr *)&any4, sizeof any4, config);
    }
    if (fd < 0)
        return fd;
    listener->fds[listener->fd_count++] = fd;
    return 0;
}

static int open_addresses(struct listener *listener, const struct addrinfo *addresses, uint16_t port,
                          const struct server_config *config)
{
    int result = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = addresses; at != NULL && listener->fd_count < LISTENER_SOCKETS_MAX;
         at = at->ai_next) {
        struct sockaddr_in6 address; // large enough for both families
        if (at->ai_addrlen > sizeof address || (at->ai_family != AF_INET && at->ai_family != AF_INET6))
            continue;
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        // With any free port, all addresses get the one that the first got.
        address.sin6_port = htons(port == 0 && listener->fd_count > 0 ? port_of(listener->fds[0]) : port);
        int fd = listen_on((const struct sockaddr *)&address, at->ai_addrlen, config);
        if (fd >= 0) {
            listener->fds[listener->fd_count++] = fd;
        } else if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL) {
            close_sockets(listener);
            return fd;
        } else if (listener->fd_count == 0) {
            result = fd;
        }
    }
    return listener->fd_count > 0 ? 0 : result;
}

static int open_host(struct listener *listener, const struct server_config *config)
{
    const struct endpoint *endpoint = listener->endpoint;
    if (endpoint->host[0] == 0 || strcmp(endpoint->host, "0.0.0.0") == 0 || strcmp(endpoint->host, "::") == 0)
        return open_every_address(listener, endpoint->port, config);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
    if (getaddrinfo(endpoint->host, NULL, &hints, &addresses) != 0)
        return -EHOSTUNREACH;
    int result, attempts = 0;
    do {
        result = open_addresses(listener, addresses, endpoint->port, config);
    } while (result == -EADDRINUSE && endpoint->port == 0 && ++attempts < FREE_PORT_ATTEMPTS);
    freeaddrinfo(addresses);
    return result;
}

static void warn_of_offload(const struct listener *listener, const struct tls_context *tls)
{
    const char *obstacle = tls_context_offloads_to_kernel(tls) ? transport_offload_obstacle() : NULL;
    if (obstacle != NULL)
        logger_warn("Listener %s encrypts by itself although barnabas.ssl.kernel.offload is set: %s.",
                    listener->endpoint->listener_name, obstacle);
}

static int create_handshakers(struct listener *listener, const struct server_config *config, struct tls_context *tls)
{
    size_t count = ((size_t)config->network_threads + 1) / 2;
    listener->handshakers = memory_alloc_array(count, sizeof *listener->handshakers);
    int result = 0;
    warn_of_offload(listener, tls);
    while (result == 0 && listener->handshaker_count < count) {
        struct handshaker *handshaker = &listener->handshakers[listener->handshaker_count++];
        result = handshaker_init(handshaker, listener->service, listener->endpoint, tls);
    }
    return result;
}

int listener_open(struct listener *listener, struct service *service, struct endpoint *endpoint,
                  const struct server_config *config, struct tls_context *tls, char **reason)
{
    *listener = (struct listener){.service = service, .endpoint = endpoint, .stop_fd = -1};
    listener->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = listener->stop_fd < 0 ? -errno : open_host(listener, config);
    if (result != 0) {
        const char *why = result == -EHOSTUNREACH ? "the host name does not resolve" : strerror(-result);
        *reason = memory_format("Socket server failed to bind to %s:%u: %s.", endpoint->host, endpoint->port, why);
        return result;
    }
    endpoint->port = port_of(listener->fds[0]);
    if (endpoint->security_protocol == SECURITY_PROTOCOL_PLAINTEXT)
        return 0;
    result = tls != NULL ? create_handshakers(listener, config, tls) : -EPROTONOSUPPORT;
    if (result != 0)
        *reason = memory_format("Listener %s cannot speak TLS: %s.", endpoint->listener_name, strerror(-result));
    return result;
}

static void set_peer(struct request *request, const struct sockaddr_in6 *address)
{
    request->peer_port = ntohs(address->sin6_port);
    if (address->sin6_family == AF_INET6) {
        memcpy(request->peer_address, &address->sin6_addr, 16);
        return;
    }
    memset(request->peer_address, 0, 10);
    memset(request->peer_address + 10, 0xff, 2);
    memcpy(request->peer_address + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
}

static void take_connection(struct listener *listener, int fd, const struct sockaddr_in6 *address)
{
    struct request peer = {.listener = listener->endpoint};
    set_peer(&peer, address);
    if (!connection_limits_enter(&listener->service->limits, listener->endpoint, peer.peer_address)) {
        char host[REQUEST_HOST_SIZE];
        if (service_logs_refusal(listener->service))
            logger_info("Rejected connection from %s, address already has the configured maximum of connections.",
                        request_peer_host(&peer, host));
        socket_calls()->close(fd);
        return;
    }
    struct transport transport;
    transport_init_plain(&transport, fd);
    size_t next = listener->next++;
    if (listener->handshaker_count > 0) {
        handshaker_give(&listener->handshakers[next % listener->handshaker_count],
                        connection_create(listener->service, NULL, transport, &peer));
        return;
    }
    struct poller *poller = &listener->pollers[next % listener->poller_count];
    poller_give(poller, connection_create(listener->service, poller, transport, &peer));
}

// Returns 0, or -errno when no more can be accepted now.
static int accept_one(struct listener *listener, int listen_fd)
{
    struct sockaddr_in6 address = {0}; // large enough for both families
    socklen_t size = sizeof address;
    int fd = socket_calls()->accept(listen_fd, (struct sockaddr *)&address, &size);
    if (fd >= 0)
        take_connection(listener, fd, &address);
    return fd < 0 ? fd : 0;
}

// Returns false when there is trouble that only time can mend.
static bool accept_from(struct listener *listener, int listen_fd)
{
    for (int i = 0; i < ACCEPTED_IN_A_ROW_MAX; i++) {
        if (!connection_limits_wait(&listener->service->limits, listener->endpoint))
            return true;
        int result = accept_one(listener, listen_fd);
        if (result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS) {
            logger_error("Cannot accept connections on listener %s, trying again: %s.",
                         listener->endpoint->listener_name, strerror(-result));
            return false;
        }
        if (result == -EAGAIN)
            return true;
    }
    return true;
}

static void listener_main(void *context)
{
    struct listener *listener = context;
    bool trouble = false;
    for (;;) {
        struct pollfd watched[LISTENER_SOCKETS_MAX + 1] = {{.fd = listener->stop_fd, .events = POLLIN}};
        for (size_t i = 0; i < listener->fd_count; i++)
            watched[i + 1] = (struct pollfd){.fd = listener->fds[i], .events = POLLIN};
        // In trouble, only the end of the server is worth waking up for.
        if (poll(watched, trouble ? 1 : listener->fd_count + 1, trouble ? RETRY_AFTER_FAILURE_MS : -1) < 0 &&
            errno != EINTR)
            logger_error("Waiting on listener %s failed: %s.", listener->endpoint->listener_name, strerror(errno));
        if (watched[0].revents != 0)
            return;
        bool was_in_trouble = trouble;
        trouble = false;
        for (size_t i = 0; i < listener->fd_count; i++) {
            if ((was_in_trouble || watched[i + 1].revents != 0) && !accept_from(listener, listener->fds[i]))
                trouble = true;
        }
    }
}

int listener_start(struct listener *listener, struct poller *pollers, size_t poller_count)
{
    listener->pollers = pollers;
    listener->poller_count = poller_count;
    int result = 0;
    for (size_t i = 0; result == 0 && i < listener->handshaker_count; i++)
        result = handshaker_start(&listener->handshakers[i], pollers, poller_count, (int)i);
    if (result != 0)
        return result;
    result = thread_start(&listener->thread, listener_main, listener, "acceptor-%s", listener->endpoint->listener_name);
    listener->started = result == 0;
    return result;
}

void listener_replace_tls(struct listener *listener, struct tls_context *context)
{
    assert(listener->handshaker_count > 0);
    struct tls_context *before = handshaker_share_context(&listener->handshakers[0]);
    tls_context_take_ticket_keys(context, before);
    tls_context_release(&before);
    for (size_t i = 0; i < listener->handshaker_count; i++)
        handshaker_replace_context(&listener->handshakers[i], context);
}

void listener_close(struct listener *listener)
{
    if (listener->started) {
        socket_calls_of_system()->wake(listener->stop_fd);
        thread_join(&listener->thread);
        listener->started = false;
    }
    close_sockets(listener);
    for (size_t i = 0; i < listener->handshaker_count; i++)
        handshaker_fini(&listener->handshakers[i]);
    free(listener->handshakers);
    listener->handshakers = NULL;
    listener->handshaker_count = 0;
    if (listener->stop_fd >= 0)
        close(listener->stop_fd);
    listener->stop_fd = -1;
}
