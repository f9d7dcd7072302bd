// SPDX-License-Identifier: Apache-2.0
// The least that a broker's work can cost on this machine, measured the same way as the broker: CPU time of one thread
// that does what nobody can leave out, and nothing else. The other end of the socket is another thread.
//
//   floor DIRECTORY SIZE REQUESTS     prints one line of JSON; DIRECTORY is where a file of SIZE bytes may lie
//   meanwhile
//
// append_s_per_gb      receive, CRC-32C, append to a file in the page cache, in pieces of 1 MB
// sendfile_s_per_gb    the same file to a socket with sendfile, in pieces of 1 MB
// request_s_per_m      one small record: receive, CRC-32C, append, answer; one request in flight
// requests100_s_per_m  the same from 100 connections with epoll
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "log/crc32c.h"

enum { PIECE_SIZE = 1000000, REQUEST_SIZE = 240, ANSWER_SIZE = 60, CONNECTIONS_MAX = 100 };

// The other end: sends, receives or asks.
struct other_end {
    int sockets[CONNECTIONS_MAX];
    int socket_count;
    long long total;
};

static char piece[PIECE_SIZE], other_piece[PIECE_SIZE];
static uint32_t checksum;

static void give_up(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    _Exit(1);
}

static double cpu_seconds(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0)
        give_up("clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void receive(int fd, char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(fd, bytes, size, 0);
        if (got <= 0)
            give_up("recv");
        bytes += got;
        size -= (size_t)got;
    }
}

static void transmit(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL);
        if (put <= 0)
            give_up("send");
        bytes += put;
        size -= (size_t)put;
    }
}

static void append(int file, const char *bytes, size_t size)
{
    if (write(file, bytes, size) != (ssize_t)size)
        give_up("write");
}

// Connected over the loopback interface, as a broker and its clients are here.
static void connect_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || pair[1] < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(pair[1], (struct sockaddr *)&address, length) != 0 ||
        (pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        give_up("connect");
    for (int i = 0; i < 2; i++) {
        if (setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
            give_up("setsockopt");
    }
    close(listener);
}

static void send_all(void *context)
{
    struct other_end *end = context;
    for (long long left = end->total; left > 0; left -= PIECE_SIZE)
        transmit(end->sockets[0], other_piece, PIECE_SIZE);
}

static void receive_all(void *context)
{
    struct other_end *end = context;
    for (long long left = end->total; left > 0; left -= PIECE_SIZE)
        receive(end->sockets[0], other_piece, PIECE_SIZE);
}

// One request in flight on each socket.
static void ask_all(void *context)
{
    struct other_end *end = context;
    for (long long left = end->total; left > 0; left -= end->socket_count) {
        for (int i = 0; i < end->socket_count; i++)
            transmit(end->sockets[i], other_piece, REQUEST_SIZE);
        for (int i = 0; i < end->socket_count; i++)
            receive(end->sockets[i], other_piece, ANSWER_SIZE);
    }
}

static void start(struct thread *thread, void (*run)(void *), struct other_end *end)
{
    if (thread_start(thread, run, end, "other-end") != 0)
        give_up("cannot start a thread");
}

static double measure_append(int file, long long size)
{
    int pair[2];
    connect_pair(pair);
    struct other_end end = {.sockets = {pair[1]}, .total = size};
    struct thread thread;
    start(&thread, send_all, &end);
    double begin = cpu_seconds();
    for (long long left = size; left > 0; left -= PIECE_SIZE) {
        receive(pair[0], piece, PIECE_SIZE);
        checksum = crc32c_update(checksum, piece, PIECE_SIZE);
        append(file, piece, PIECE_SIZE);
    }
    double used = cpu_seconds() - begin;
    thread_join(&thread);
    close(pair[0]);
    close(pair[1]);
    return used / (double)size * 1e9;
}

static double measure_sendfile(int file, long long size)
{
    int pair[2];
    connect_pair(pair);
    struct other_end end = {.sockets = {pair[1]}, .total = size};
    struct thread thread;
    start(&thread, receive_all, &end);
    double begin = cpu_seconds();
    for (off_t at = 0; at < size;) {
        if (sendfile(pair[0], file, &at, PIECE_SIZE - (size_t)(at % PIECE_SIZE)) <= 0)
            give_up("sendfile");
    }
    double used = cpu_seconds() - begin;
    thread_join(&thread);
    close(pair[0]);
    close(pair[1]);
    return used / (double)size * 1e9;
}

static void answer_one(int fd, int file)
{
    receive(fd, piece, REQUEST_SIZE);
    checksum = crc32c_update(checksum, piece, REQUEST_SIZE);
    append(file, piece, REQUEST_SIZE);
    transmit(fd, piece, ANSWER_SIZE);
}

static double measure_requests(int file, int connection_count, long long request_count)
{
    struct other_end end = {.socket_count = connection_count, .total = request_count};
    int ours[CONNECTIONS_MAX], poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0)
        give_up("epoll_create1");
    for (int i = 0; i < connection_count; i++) {
        int pair[2];
        connect_pair(pair);
        ours[i] = pair[0];
        end.sockets[i] = pair[1];
        struct epoll_event event = {.events = EPOLLIN, .data.fd = pair[0]};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, pair[0], &event) != 0)
            give_up("epoll_ctl");
    }
    struct thread thread;
    start(&thread, ask_all, &end);
    double begin = cpu_seconds();
    long long done = 0;
    while (done < request_count) {
        struct epoll_event events[CONNECTIONS_MAX];
        int count = epoll_wait(poll_fd, events, connection_count, -1);
        if (count < 0 && errno != EINTR)
            give_up("epoll_wait");
        for (int i = 0; i < count; i++)
            answer_one(events[i].data.fd, file);
        done += count > 0 ? count : 0;
    }
    double used = cpu_seconds() - begin;
    thread_join(&thread);
    for (int i = 0; i < connection_count; i++) {
        close(ours[i]);
        close(end.sockets[i]);
    }
    close(poll_fd);
    return used / (double)done * 1e6;
}

static long long number(const char *text, long long unit)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value <= 0 || value > 1000000000000)
        give_up("not a number");
    return (value + unit - 1) / unit * unit;
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 4) {
        fputs("Usage: floor DIRECTORY SIZE REQUESTS\n", stderr);
        return 2;
    }
    long long size = number(arguments[2], PIECE_SIZE), request_count = number(arguments[3], CONNECTIONS_MAX);
    int file = open(arguments[1], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0)
        give_up(arguments[1]);
    double append_s = measure_append(file, size);
    double sendfile_s = measure_sendfile(file, size);
    double request_s = measure_requests(file, 1, request_count);
    double requests100_s = measure_requests(file, CONNECTIONS_MAX, request_count);
    printf("{\"append_s_per_gb\": %.4f, \"sendfile_s_per_gb\": %.4f, \"request_s_per_m\": %.4f, "
           "\"requests100_s_per_m\": %.4f}\n",
           append_s, sendfile_s, request_s, requests100_s);
    close(file);
    return 0;
}
