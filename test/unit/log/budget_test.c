// SPDX-License-Identifier: Apache-2.0
// What an append and a read cost in file calls. Unlike times these are the same on every machine.
#include "test/unit/log/fixture.h"

static int write_count, read_count, other_count;

static ssize_t count_pwritev(int fd, const struct iovec *pieces, int count, int64_t offset)
{
    write_count++;
    return file_calls_of_system()->pwritev(fd, pieces, count, offset);
}

static ssize_t count_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    read_count++;
    return file_calls_of_system()->pread(fd, buffer, size, offset);
}

static int count_sync(int fd)
{
    other_count++;
    return file_calls_of_system()->sync(fd);
}

static int count_open(const char *path, int flags, mode_t mode)
{
    other_count++;
    return file_calls_of_system()->open(path, flags, mode);
}

static void count_calls(void)
{
    static struct file_calls calls;
    calls = *file_calls_of_system();
    calls.pwritev = count_pwritev;
    calls.pread = count_pread;
    calls.sync = count_sync;
    calls.open = count_open;
    file_calls_set(&calls);
    write_count = read_count = other_count = 0;
}

static void budgets(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 10000)), KAFKA_NONE); // writes the leader epoch
    count_calls();
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 10000, .timestamp = 1000 + i)), KAFKA_NONE);
    CU_ASSERT_EQUAL(write_count, 102); // one each, and one for the first page of each index
    CU_ASSERT_EQUAL(read_count, 0);
    CU_ASSERT_EQUAL(other_count, 0);

    struct log_slice slice;
    struct log_read_info info;
    count_calls();
    CU_ASSERT_EQUAL(log_read(log, 100, 1 << 20, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(read_count, 0); // at the end of the log no file is looked at
    log_slice_release(&slice);
    for (int64_t offset = 0; offset < 50; offset++) {
        CU_ASSERT_EQUAL(log_read(log, offset, 1 << 20, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
        log_slice_release(&slice);
    }
    CU_ASSERT_EQUAL(read_count, 50); // before it, one look at the place that the index gives
    CU_ASSERT_EQUAL(write_count + other_count, 0);
    file_calls_set(NULL);
    log_unref(log);
    fixture_fini(&fixture);
}

SUITE_MAIN("log/budget", {"budgets", budgets})
