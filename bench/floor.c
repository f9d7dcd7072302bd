// SPDX-License-Identifier: Apache-2.0
// The least that a broker's work can cost on this machine, measured the same way as the broker: CPU time of one thread
// that does what nobody can leave out, and nothing else. The other end of the socket is another thread.
//
//   floor DIRECTORY SIZE REQUESTS     prints one line of JSON; DIRECTORY is where a file of SIZE bytes may lie
//   meanwhile
//
// append_s_per_gb      receive, CRC-32C, append to a file in the page cache, in pieces of 1 MB
// append16_s_per_gb    the same in pieces of 16 kB, each of them answered
// sendfile_s_per_gb    the same file to a socket with sendfile, in pieces of 1 MB
// aes_gcm_s_per_gb     AES-256-GCM over records of 16 kB, as TLS has them
// tls_send_s_per_gb    the file to a socket by way of memory: read, AES-256-GCM, send
// request_s_per_m      one small record: receive, CRC-32C, append, answer; one request in flight
// requests100_s_per_m  the same from 100 connections with epoll
// aes_gcm_s_per_m      AES-256-GCM over such a request and its answer
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
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

enum {
    PIECE_SIZE = 1000000,
    BATCH_SIZE = 16000,
    REQUEST_SIZE = 240,
    ANSWER_SIZE = 60,
    CONNECTIONS_MAX = 100,
    TLS_RECORD_SIZE = 16384,
    TAG_SIZE = 16
};

// The other end: sends, receives or asks.
struct other_end {
    int sockets[CONNECTIONS_MAX];
    int socket_count;
    long long total;
    size_t piece_size;
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

// Does not wait for answers, but takes those that are there.
static void send_all(void *context)
{
    struct other_end *end = context;
    char answers[ANSWER_SIZE * 16];
    for (long long left = end->total; left > 0; left -= (long long)end->piece_size) {
        transmit(end->sockets[0], other_piece, end->piece_size);
        while (recv(end->sockets[0], answers, sizeof answers, MSG_DONTWAIT) > 0)
            ;
    }
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

static double measure_append(int file, long long size, size_t piece_size, bool answers)
{
    int pair[2];
    connect_pair(pair);
    struct other_end end = {.sockets = {pair[1]}, .total = size, .piece_size = piece_size};
    struct thread thread;
    start(&thread, send_all, &end);
    double begin = cpu_seconds();
    for (long long left = size; left > 0; left -= (long long)piece_size) {
        receive(pair[0], piece, piece_size);
        checksum = crc32c_update(checksum, piece, piece_size);
        append(file, piece, piece_size);
        if (answers)
            transmit(pair[0], piece, ANSWER_SIZE);
    }
    double used = cpu_seconds() - begin;
    thread_join(&thread);
    close(pair[0]);
    close(pair[1]);
    return used / (double)size * 1e9;
}

static EVP_CIPHER_CTX *cipher_create(void)
{
    static const unsigned char key[32] = {1};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL || EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, NULL) != 1)
        give_up("AES-256-GCM");
    return cipher;
}

// Encrypts in place, as records of TLS: each with its own nonce and tag. Decrypting costs the same.
static void encrypt(EVP_CIPHER_CTX *cipher, char *bytes, size_t size)
{
    static uint64_t record_count;
    while (size > 0) {
        unsigned char nonce[12] = {0}, tag[TAG_SIZE], header[5] = {23, 3, 3};
        int part = (int)(size < TLS_RECORD_SIZE ? size : TLS_RECORD_SIZE), done;
        record_count++;
        memcpy(nonce, &record_count, sizeof record_count);
        if (EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce) != 1 ||
            EVP_EncryptUpdate(cipher, NULL, &done, header, sizeof header) != 1 ||
            EVP_EncryptUpdate(cipher, (unsigned char *)bytes, &done, (unsigned char *)bytes, part) != 1 ||
            EVP_EncryptFinal_ex(cipher, (unsigned char *)bytes + done, &done) != 1 ||
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag) != 1)
            give_up("AES-256-GCM");
        bytes += part;
        size -= (size_t)part;
    }
}

static double measure_aes_gcm(long long size, size_t piece_size)
{
    EVP_CIPHER_CTX *cipher = cipher_create();
    double begin = cpu_seconds();
    for (long long left = size; left > 0; left -= (long long)piece_size)
        encrypt(cipher, piece, piece_size);
    double used = cpu_seconds() - begin;
    EVP_CIPHER_CTX_free(cipher);
    return used / (double)size * 1e9;
}

static void send_file(int fd, int file, long long size, EVP_CIPHER_CTX *cipher)
{
    for (off_t at = 0; at < size;) {
        if (cipher != NULL) {
            if (pread(file, piece, PIECE_SIZE, at) != PIECE_SIZE)
                give_up("pread");
            encrypt(cipher, piece, PIECE_SIZE);
            transmit(fd, piece, PIECE_SIZE);
            at += PIECE_SIZE;
        } else if (sendfile(fd, file, &at, PIECE_SIZE - (size_t)(at % PIECE_SIZE)) <= 0) {
            give_up("sendfile");
        }
    }
}

// The file to a socket, encrypted where there is a cipher.
static double measure_send(int file, long long size, EVP_CIPHER_CTX *cipher)
{
    int pair[2];
    connect_pair(pair);
    struct other_end end = {.sockets = {pair[1]}, .total = size};
    struct thread thread;
    start(&thread, receive_all, &end);
    double begin = cpu_seconds();
    send_file(pair[0], file, size, cipher);
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
    // Pieces of both sizes fit in.
    long long size = number(arguments[2], (long long)PIECE_SIZE * 2),
              request_count = number(arguments[3], CONNECTIONS_MAX);
    int file = open(arguments[1], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0)
        give_up(arguments[1]);
    EVP_CIPHER_CTX *cipher = cipher_create();
    printf("{\"append_s_per_gb\": %.4f, ", measure_append(file, size, PIECE_SIZE, false));
    printf("\"append16_s_per_gb\": %.4f, ", measure_append(file, size, BATCH_SIZE, true));
    printf("\"sendfile_s_per_gb\": %.4f, ", measure_send(file, size, NULL));
    printf("\"aes_gcm_s_per_gb\": %.4f, ", measure_aes_gcm(size, PIECE_SIZE));
    printf("\"tls_send_s_per_gb\": %.4f, ", measure_send(file, size, cipher));
    printf("\"request_s_per_m\": %.4f, ", measure_requests(file, 1, request_count));
    printf("\"requests100_s_per_m\": %.4f, ", measure_requests(file, CONNECTIONS_MAX, request_count));
    double exchange_ns = measure_aes_gcm(request_count * REQUEST_SIZE, REQUEST_SIZE) * REQUEST_SIZE +
                         measure_aes_gcm(request_count * ANSWER_SIZE, ANSWER_SIZE) * ANSWER_SIZE;
    printf("\"aes_gcm_s_per_m\": %.4f}\n", exchange_ns / 1e3);
    EVP_CIPHER_CTX_free(cipher);
    close(file);
    return 0;
}
