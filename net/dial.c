// SPDX-License-Identifier: Apache-2.0
#include "net/dial.h"

#include "base/clock.h"
#include "net/peer.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_options(int fd, const struct peer_config *config)
{
    // Options that the system refuses leave a connection that works, only differently tuned.
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (config->send_buffer_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &config->send_buffer_bytes, sizeof config->send_buffer_bytes);
    if (config->receive_buffer_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &config->receive_buffer_bytes, sizeof config->receive_buffer_bytes);
}

// Until the socket is connected or has failed. 0 or -errno.
static int await_connected(int fd, int64_t deadline_ms)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    int ready;
    do {
        int64_t left = deadline_ms - clock_monotonic_ms();
        ready = poll(&watched, 1, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return ready == 0 ? -ETIMEDOUT : -errno;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

static int dial_address(const struct addrinfo *address, const struct peer_config *config, int64_t deadline_ms)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    set_options(fd, config);
    int64_t address_deadline_ms = deadline_ms;
    if (config->connect_timeout_ms > 0 && clock_monotonic_ms() + config->connect_timeout_ms < deadline_ms)
        address_deadline_ms = clock_monotonic_ms() + config->connect_timeout_ms;
    int result = connect(fd, address->ai_addr, address->ai_addrlen) < 0 ? -errno : 0;
    if (result == -EINPROGRESS || result == -EINTR)
        result = await_connected(fd, address_deadline_ms);
    if (result != 0) {
        close(fd);
        return result;
    }
    return fd;
}

int dial(const struct peer_config *config, int64_t deadline_ms)
{
    char port[8];
    snprintf(port, sizeof port, "%u", config->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *addresses;
    if (getaddrinfo(config->host, port, &hints, &addresses) != 0)
        return -EHOSTUNREACH;
    int result = -EHOSTUNREACH;
    for (struct addrinfo *at = addresses; at != NULL && result < 0; at = at->ai_next)
        result = dial_address(at, config, deadline_ms);
    freeaddrinfo(addresses);
    return result;
}
