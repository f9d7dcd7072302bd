// SPDX-License-Identifier: Apache-2.0
#include "net/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "test/unit/net/toy.h"
#include "test/unit/suite.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_echo(int fd, int32_t correlation_id, const char *body)
{
    int32_t answered = -1;
    char text[256] = "";
    int64_t size = client_receive(fd, &answered, text, sizeof text);
    CU_ASSERT_EQUAL(size, (int64_t)strlen(body));
    CU_ASSERT_EQUAL(answered, correlation_id);
    CU_ASSERT_NSTRING_EQUAL(text, body, strlen(body));
}

static void answers_requests_in_order(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    uint8_t frames[200 * 32];
    size_t size = 0;
    for (int32_t i = 0; i < 200; i++)
        size += client_frame(frames + size, i, "echo", 4);
    client_send_bytes(fd, frames, size);
    for (int32_t i = 0; i < 200; i++)
        expect_echo(fd, i, "echo");
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 200);
    close(fd);
    toy_stop(&toy);
    CU_ASSERT_EQUAL(atomic_load(&toy.released), 200);
}

static void reads_one_byte_at_a_time(void)
{
    struct toy toy;
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    for (int32_t i = 0; i < 3; i++) {
        uint8_t frame[64];
        size_t size = client_frame(frame, i, "eat slowly", 10);
        for (size_t at = 0; at < size; at++)
            client_send_bytes(fd, frame + at, 1);
        expect_echo(fd, i, "eat slowly");
    }
    close(fd);
    toy_stop(&toy);
}

SUITE_MAIN("net/server", {"answers requests in order", answers_requests_in_order},
           {"reads one byte at a time", reads_one_byte_at_a_time})
