// SPDX-License-Identifier: Apache-2.0
// What one Produce and one Fetch on one connection cost in calls to the system, allocations and copied bytes: the same
// on every machine, so that nobody makes them dearer without noticing.
#include "base/file.h"
#include "log/batch.h"
#include "log/batch_builder.h"
#include "net/socket_calls.h"
#include "test/unit/server/mini_broker.h"
#include "test/unit/suite.h"

#include <stdatomic.h>
#include <stdlib.h>

// Of the sanitizers' run-time; other builds count no allocations.
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *)) __attribute__((weak));

enum { WARM_UP_COUNT = 20, REQUEST_COUNT = 100, VALUE_SIZE = 16000 };

// Per request: the arena's memory and what it releases besides (the metadata snapshot, slices).
enum { PRODUCE_ALLOCATIONS_MAX = 2, FETCH_ALLOCATIONS_MAX = 3 };

static atomic_size_t receives, sends, writes, reads, sendfiles, other_file_calls, allocations, wakes;
static atomic_uintptr_t received_from, received_to;
static atomic_size_t bytes_written_from_elsewhere; // not from the receive buffer

static ssize_t count_receive(int fd, void *buffer, size_t size)
{
    ssize_t result = socket_calls_of_system()->receive(fd, buffer, size);
    atomic_fetch_add(&receives, result > 0);
    if (result > 0) {
        atomic_store(&received_from, (uintptr_t)buffer);
        atomic_store(&received_to, (uintptr_t)buffer + (size_t)result);
    }
    return result;
}

static ssize_t count_send(int fd, const struct msghdr *message, int flags)
{
    atomic_fetch_add(&sends, 1);
    return socket_calls_of_system()->send(fd, message, flags);
}

static int count_wake(int event_fd)
{
    atomic_fetch_add(&wakes, 1);
    return socket_calls_of_system()->wake(event_fd);
}

static ssize_t count_pwritev(int fd, const struct iovec *pieces, int count, int64_t offset)
{
    atomic_fetch_add(&writes, 1);
    for (int i = 0; i < count; i++) {
        uintptr_t from = (uintptr_t)pieces[i].iov_base;
        if (from < atomic_load(&received_from) || from + pieces[i].iov_len > atomic_load(&received_to))
            atomic_fetch_add(&bytes_written_from_elsewhere, pieces[i].iov_len);
    }
    return file_calls_of_system()->pwritev(fd, pieces, count, offset);
}

static ssize_t count_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    atomic_fetch_add(&reads, 1);
    return file_calls_of_system()->pread(fd, buffer, size, offset);
}

static ssize_t count_sendfile(int socket_fd, int fd, int64_t *offset, size_t size)
{
    atomic_fetch_add(&sendfiles, 1);
    return file_calls_of_system()->sendfile(socket_fd, fd, offset, size);
}

static int count_open(const char *path, int flags, mode_t mode)
{
    atomic_fetch_add(&other_file_calls, 1);
    return file_calls_of_system()->open(path, flags, mode);
}

static int count_sync(int fd)
{
    atomic_fetch_add(&other_file_calls, 1);
    return file_calls_of_system()->sync(fd);
}

static int count_fstat(int fd, struct stat *status)
{
    atomic_fetch_add(&other_file_calls, 1);
    return file_calls_of_system()->fstat(fd, status);
}

static void on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    atomic_fetch_add(&allocations, 1);
}

static void on_free(const volatile void *memory)
{
    (void)memory;
}

static void reset_counters(void)
{
    atomic_size_t *counters[] = {&receives,
                                 &sends,
                                 &writes,
                                 &reads,

                                 &sendfiles,
                                 &other_file_calls,
                                 &allocations,
                                 &wakes,
                                 &bytes_written_from_elsewhere};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        atomic_store(counters[i], 0);
}

static void start_counting(struct mini_broker *mini)
{
    static struct socket_calls socket_calls;
    static struct file_calls file_calls;
    socket_calls = *socket_calls_of_system();
    socket_calls.receive = count_receive;
    socket_calls.send = count_send;
    socket_calls.wake = count_wake;
    socket_calls_set(&socket_calls);
    file_calls = *file_calls_of_system();
    file_calls.pwritev = count_pwritev;
    file_calls.pread = count_pread;
    file_calls.sendfile = count_sendfile;
    file_calls.open = count_open;
    file_calls.sync = file_calls.datasync = count_sync;
    file_calls.fstat = count_fstat;
    file_calls_set(&file_calls);
    mini_broker_start(mini, "");
    mini_broker_create_topic(mini, "foo", 1, "index.interval.bytes=1000000000");
}

static void stop_counting(struct mini_broker *mini)
{
    mini_broker_stop(mini);
    socket_calls_set(NULL);
    file_calls_set(NULL);
}

// A client that allocates nothing while the broker is counted.
static void exchange(struct mini_broker *mini, struct mini_frame frame, size_t answer_size_min, int count)
{
    static uint8_t answer[VALUE_SIZE + 1000];
    for (int i = 0; i < count; i++)
        mini_broker_exchange(mini, frame, answer, sizeof answer, answer_size_min);
}

static struct mini_frame make_produce(void)
{
    static char value[VALUE_SIZE];
    struct batch_header header = {.producer_id = -1, .producer_epoch = -1, .base_sequence = -1, .leader_epoch = -1};
    struct batch_builder *builder = batch_builder_create(&header, COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT);
    batch_builder_append(builder, 1700000000000, VIEW_NULL, view_of(value, sizeof value), view_of("", 0), 0);
    size_t size;
    uint8_t *batch = batch_builder_finish(builder, &size);
    batch_builder_destroy(builder);
    struct produce_request_partition data = {.index = 0, .records = {.bytes = view_of(batch, size)}};
    struct produce_request_topic topic = {.name = view_of_string("foo"),
                                          .partition_data = {.items = &data, .count = 1}};
    struct produce_request request = {.acks = -1, .timeout_ms = 10000, .topic_data = {.items = &topic, .count = 1}};
    struct mini_frame frame = mini_broker_encode(API_PRODUCE, 11, &request);
    free(batch);
    return frame;
}

// One receive, one gathered write straight from the receive buffer, one send.
static void a_produce(void)
{
    struct mini_broker mini;
    start_counting(&mini);
    struct mini_frame frame = make_produce();
    exchange(&mini, frame, 0, WARM_UP_COUNT);
    reset_counters();
    exchange(&mini, frame, 0, REQUEST_COUNT);
    CU_ASSERT(atomic_load(&receives) <= 2 * REQUEST_COUNT); // the frame may come in two parts
    CU_ASSERT_EQUAL(atomic_load(&sends), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&writes), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&reads), 0);
    CU_ASSERT_EQUAL(atomic_load(&other_file_calls), 0);
    CU_ASSERT_EQUAL(atomic_load(&bytes_written_from_elsewhere), 0);
    CU_ASSERT(atomic_load(&allocations) <= PRODUCE_ALLOCATIONS_MAX * REQUEST_COUNT);
    free(frame.bytes);
    stop_counting(&mini);
}

// The bytes around the records by two sends, the records by sendfile; nothing of the file is read into memory.
static void a_fetch(void)
{
    struct mini_broker mini;
    start_counting(&mini);
    struct mini_frame produce = make_produce();
    exchange(&mini, produce, 0, 1);
    struct mini_fetch fetch;
    mini_fetch_init(&fetch, "foo", 0, 0);
    struct mini_frame frame = mini_broker_encode(API_FETCH, 17, &fetch.request);
    exchange(&mini, frame, VALUE_SIZE, WARM_UP_COUNT);
    reset_counters();
    exchange(&mini, frame, VALUE_SIZE, REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&receives), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&sends), 2 * REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&sendfiles), REQUEST_COUNT);
    CU_ASSERT_EQUAL(atomic_load(&writes), 0);
    CU_ASSERT_EQUAL(atomic_load(&reads), 0);
    CU_ASSERT_EQUAL(atomic_load(&other_file_calls), 0);
    CU_ASSERT(atomic_load(&allocations) <= FETCH_ALLOCATIONS_MAX * REQUEST_COUNT);
    free(produce.bytes);
    free(frame.bytes);
    stop_counting(&mini);
}

int main(void)
{
    static const struct suite_test tests[] = {{"a produce", a_produce}, {"a fetch", a_fetch}};
    if (__sanitizer_install_malloc_and_free_hooks != NULL)
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    return suite_run("server/budget", tests, sizeof tests / sizeof tests[0]);
}
