// SPDX-License-Identifier: Apache-2.0
#include "net/socket_calls.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int system_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    int result;
    do {
        result = accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static ssize_t system_receive(int fd, void *buffer, size_t size)
{
    ssize_t result;
    do {
        result = recv(fd, buffer, size, 0);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static ssize_t system_receive_pieces(int fd, const struct iovec *pieces, int count)
{
    ssize_t result;
    do {
        result = readv(fd, pieces, count);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static ssize_t system_send(int fd, const struct msghdr *message, int flags)
{
    ssize_t result;
    do {
        result = sendmsg(fd, message, flags | MSG_NOSIGNAL);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static int system_set_low_water(int fd, int size)
{
    return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &size, sizeof size) < 0 ? -errno : 0;
}

static int system_close(int fd)
{
    return close(fd) < 0 ? -errno : 0; // not repeated: Linux has closed it even after EINTR
}

static int system_watch(int epoll_fd, int fd, struct epoll_event *event)
{
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, event) < 0 ? -errno : 0;
}

static int system_wait(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms)
{
    int result = epoll_wait(epoll_fd, events, count_max, timeout_ms);
    return result < 0 ? -errno : result;
}

static int system_wake(int event_fd)
{
    uint64_t one = 1;
    return write(event_fd, &one, sizeof one) < 0 ? -errno : 0;
}

static const struct socket_calls system_calls = {
    .accept = system_accept,
    .receive = system_receive,
    .receive_pieces = system_receive_pieces,
    .send = system_send,
    .set_low_water = system_set_low_water,
    .close = system_close,
    .watch = system_watch,
    .wait = system_wait,
    .wake = system_wake,
};
static const struct socket_calls *current = &system_calls;

const struct socket_calls *socket_calls(void)
{
    return current;
}

void socket_calls_set(const struct socket_calls *calls)
{
    current = calls ? calls : &system_calls;
}

const struct socket_calls *socket_calls_of_system(void)
{
    return &system_calls;
}

int wakeable_epoll_open(int *epoll_fd, int *wake_fd)
{
    *wake_fd = -1;
    *epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (*epoll_fd < 0)
        return -errno;
    *wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (*wake_fd < 0)
        return -errno;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    return epoll_ctl(*epoll_fd, EPOLL_CTL_ADD, *wake_fd, &event) < 0 ? -errno : 0;
}

void wakeable_epoll_close(int epoll_fd, int wake_fd)
{
    if (epoll_fd >= 0)
        close(epoll_fd);
    if (wake_fd >= 0)
        close(wake_fd);
}
