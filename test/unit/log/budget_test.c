// SPDX-License-Identifier: Apache-2.0
// What an append and a read cost in file calls. Unlike times these are the same on every machine.
#include "test/unit/log/fixture.h"

#include <errno.h>
#include <sys/stat.h>

static int write_count, read_count, other_count, reserve_count;
static int reserve_result;

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

static int count_reserve(int fd, int64_t offset, int64_t size)
{
    reserve_count++;
    return reserve_result != 0 ? reserve_result : file_calls_of_system()->reserve(fd, offset, size);
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
    calls.reserve = count_reserve;
    file_calls_set(&calls);
    write_count = read_count = other_count = reserve_count = 0;
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

static struct stat log_file(const struct fixture *fixture)
{
    struct stat status = {.st_size = -1};
    char *path = memory_format("%s/t-0/00000000000000000000.log", fixture->directory);
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    free(path);
    return status;
}

// A large log takes its disk space ahead in a few calls, and gives back what it did not use. The file's size is that of
// its batches all the time.
static void space_is_reserved_ahead(void)
{
    enum { SIZE = 100000, COUNT = 60 };
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    count_calls();
    for (int i = 0; i < 9; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = SIZE)), KAFKA_NONE);
    CU_ASSERT_EQUAL(reserve_count, 0); // a small log takes nothing
    for (int i = 9; i < COUNT; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = SIZE)), KAFKA_NONE);
    CU_ASSERT_EQUAL(reserve_count, 3); // at 1, 2 and 4 MB
    int64_t size = log_file(&fixture).st_size;
    CU_ASSERT_TRUE(size >= SIZE * COUNT && size < (SIZE + 1000) * COUNT);
    log_unref(log);
    fixture_close(&fixture);
    CU_ASSERT_EQUAL(log_file(&fixture).st_size, size);
    CU_ASSERT_TRUE(log_file(&fixture).st_blocks * 512 < size + SIZE);

    reserve_result = -EOPNOTSUPP;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    count_calls();
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = SIZE)), KAFKA_NONE);
    CU_ASSERT_EQUAL(reserve_count, 1); // a file system that cannot is asked once
    CU_ASSERT_EQUAL(read_all(log), 2 * COUNT);
    reserve_result = 0;
    log_unref(log);
    fixture_fini(&fixture);
    file_calls_set(NULL);
}

SUITE_MAIN("log/budget", {"budgets", budgets}, {"space is reserved ahead", space_is_reserved_ahead})
