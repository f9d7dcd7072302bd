// SPDX-License-Identifier: Apache-2.0
// The system calls that the front door makes for each connection and request, through a table, so that a test can count
// them, cut them short or make them fail. All return -errno on failure and repeat themselves after a signal, but for
// wait, which returns -EINTR.
#ifndef NET_SOCKET_CALLS_H
#define NET_SOCKET_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct socket_calls {
    int (*accept)(int fd, struct sockaddr *address, socklen_t *size); // non-blocking, close-on-exec
    ssize_t (*receive)(int fd, void *buffer, size_t size);
    ssize_t (*receive_pieces)(int fd, const struct iovec *pieces, int count);
    ssize_t (*send)(int fd, const struct msghdr *message, int flags);
    int (*set_low_water)(int fd, int size); // SO_RCVLOWAT: readable from so many bytes on
    int (*close)(int fd);
    int (*watch)(int epoll_fd, int fd, struct epoll_event *event); // EPOLL_CTL_ADD
    int (*wait)(int epoll_fd, struct epoll_event *events, int count_max, int timeout_ms);
    int (*wake)(int event_fd); // adds 1 to an eventfd
};

// The table in force; the system's own unless a test replaced it.
const struct socket_calls *socket_calls(void);

// Replaces it for the whole process (NULL: the system's again). Not while a server runs.
void socket_calls_set(const struct socket_calls *calls);
const struct socket_calls *socket_calls_of_system(void);

// What a thread that waits for events needs: an epoll instance, and an eventfd in it (edge-triggered, data.ptr NULL)
// for `wake`. Returns 0 or -errno; either is -1 until it is open. The second closes what is open.
int wakeable_epoll_open(int *epoll_fd, int *wake_fd) __attribute__((warn_unused_result));
void wakeable_epoll_close(int epoll_fd, int wake_fd);

#endif
