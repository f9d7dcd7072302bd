// SPDX-License-Identifier: Apache-2.0
// Every operation of a log is run again with its 1st, 2nd, … nth file call failing, until it succeeds. After each, the
// directory opens again and nothing that was acknowledged is gone.
#include "test/unit/log/fixture.h"

#include <errno.h>
#include <stdatomic.h>

enum failure { FAIL_ONCE, FAIL_FROM_THEN_ON, WRITE_HALF };

// The file calls of the system, of which one fails. Set before threads run.
static struct {
    enum failure failure;
    atomic_int left; // calls that succeed; below 0: the failure is over or goes on
    atomic_bool has_failed;
} plan;

static bool is_to_fail(void)
{
    int left = atomic_fetch_sub(&plan.left, 1);
    bool fails = left == 0 || (left < 0 && plan.failure == FAIL_FROM_THEN_ON);
    if (fails)
        atomic_store(&plan.has_failed, true);
    return fails;
}

#define FAILING(type, name, parameters, arguments)                                                                     \
    static type failing_##name parameters                                                                              \
    {                                                                                                                  \
        return is_to_fail() ? -EIO : file_calls_of_system()->name arguments;                                           \
    }
FAILING(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
FAILING(ssize_t, pread, (int fd, void *buffer, size_t size, int64_t offset), (fd, buffer, size, offset))
FAILING(int, sync, (int fd), (fd))
FAILING(int, datasync, (int fd), (fd))
FAILING(int, truncate, (int fd, int64_t size), (fd, size))
FAILING(int, allocate, (int fd, int64_t size), (fd, size))
FAILING(int, reserve, (int fd, int64_t offset, int64_t size), (fd, offset, size))
FAILING(int, stat, (const char *path, struct stat *status), (path, status))
FAILING(int, fstat, (int fd, struct stat *status), (fd, status))
FAILING(int, rename, (const char *from, const char *to), (from, to))
FAILING(int, unlink, (const char *path), (path))
FAILING(int, mkdir, (const char *path, mode_t mode), (path, mode))
FAILING(int, rmdir, (const char *path), (path))
FAILING(int, map, (int fd, size_t size, void **memory), (fd, size, memory))

static ssize_t failing_pwritev(int fd, const struct iovec *pieces, int count, int64_t offset)
{
    if (!is_to_fail())
        return file_calls_of_system()->pwritev(fd, pieces, count, offset);
    if (plan.failure == WRITE_HALF && pieces[0].iov_len > 1) {
        struct iovec half = {pieces[0].iov_base, pieces[0].iov_len / 2};
        ssize_t written = file_calls_of_system()->pwritev(fd, &half, 1, offset);
        (void)written;
    }
    return plan.failure == WRITE_HALF ? -ENOSPC : -EIO;
}

static void fail_after(enum failure failure, int count)
{
    static struct file_calls calls;
    calls = *file_calls_of_system();
    calls.open = failing_open;
    calls.pread = failing_pread;
    calls.pwritev = failing_pwritev;
    calls.sync = failing_sync;
    calls.datasync = failing_datasync;
    calls.truncate = failing_truncate;
    calls.allocate = failing_allocate;
    calls.reserve = failing_reserve;
    calls.stat = failing_stat;
    calls.fstat = failing_fstat;
    calls.rename = failing_rename;
    calls.unlink = failing_unlink;
    calls.mkdir = failing_mkdir;
    calls.rmdir = failing_rmdir;
    calls.map = failing_map;
    plan.failure = failure;
    atomic_store(&plan.left, count);
    atomic_store(&plan.has_failed, false);
    file_calls_set(&calls);
}

// What must be there after an operation that failed somewhere.
struct promise {
    int64_t start_max; // the log begins here or before
    int64_t end_min;   // and ends here or behind
};

struct operation {
    // What is there before the file calls fail.
    void (*prepare)(struct fixture *fixture, struct log *log);
    // Run with a failing file call; narrows the promise as things are acknowledged.
    void (*run)(struct fixture *fixture, struct log *log, struct promise *promise);
    enum failure failure_last; // each failure up to this one is tried
};

static void append_some(struct fixture *fixture, struct log *log)
{
    (void)fixture;
    for (int i = 0; i < 12; i++)
        CU_ASSERT_EQUAL_FATAL(append(log, BATCH_OPTIONS(.value_size = 1000, .timestamp = 1000 + i, .has_producer = true,
                                                        .producer_id = 3, .base_sequence = i)),
                              KAFKA_NONE);
    log_raise_high_watermark(log, 12);
    log_manager_checkpoint_high_watermarks(fixture->manager);
}

static void run_appends(struct fixture *fixture, struct log *log, struct promise *promise)
{
    for (int i = 0; i < 12; i++) {
        struct log_append_info info;
        enum kafka_error error =
            append_info(log, BATCH_OPTIONS(.value_size = 1000, .timestamp = 2000 + i), 1 + i / 4, &info);
        if (error == KAFKA_NONE)
            promise->end_min = info.last_offset + 1;
        else
            CU_ASSERT_EQUAL(error, KAFKA_KAFKA_STORAGE_ERROR);
        if (error == KAFKA_NONE && i % 5 == 0)
            log_manager_run_delayed(fixture->manager, clock_now_ms());
    }
    log_manager_flush_due(fixture->manager, INT64_MAX / 2);
    log_manager_checkpoint_recovery_points(fixture->manager);
    log_raise_high_watermark(log, INT64_MAX);
    log_manager_checkpoint_high_watermarks(fixture->manager);
}

static void run_flushed_appends(struct fixture *fixture, struct log *log, struct promise *promise)
{
    fixture->config.flush_messages = 1;
    log_set_config(log, &fixture->config);
    run_appends(fixture, log, promise);
}

static void run_retention(struct fixture *fixture, struct log *log, struct promise *promise)
{
    fixture->config.retention_size = 5000;
    log_set_config(log, &fixture->config);
    log_manager_check_retention(fixture->manager, clock_now_ms());
    promise->start_max = 12;
    log_manager_run_delayed(fixture->manager, clock_now_ms() + 100000);
    log_manager_checkpoint_log_start_offsets(fixture->manager);
}

static void run_delete_records(struct fixture *fixture, struct log *log, struct promise *promise)
{
    int64_t start;
    enum kafka_error error = log_delete_records(log, 7, &start);
    CU_ASSERT_TRUE(error == KAFKA_NONE || error == KAFKA_KAFKA_STORAGE_ERROR);
    promise->start_max = 7;
    log_manager_checkpoint_log_start_offsets(fixture->manager);
    log_manager_check_retention(fixture->manager, clock_now_ms());
}

static void run_truncation(struct fixture *fixture, struct log *log, struct promise *promise)
{
    promise->end_min = 6;
    if (log_truncate(log, 6) == KAFKA_NONE && append(log, BATCH_OPTIONS(.value_size = 1000)) == KAFKA_NONE)
        promise->end_min = 7;
    log_manager_run_delayed(fixture->manager, clock_now_ms() + 100000);
}

static void run_clean_stop(struct fixture *fixture, struct log *log, struct promise *promise)
{
    (void)promise;
    (void)log;
    log_manager_close(fixture->manager);
}

static void run_reopening(struct fixture *fixture, struct log *log, struct promise *promise)
{
    (void)promise;
    (void)log;
    fixture_crash(fixture);
    if (fixture_open(fixture)) {
        struct log *again = NULL;
        if (log_manager_get(fixture->manager, view_of_string("t"), 0, &again) == KAFKA_NONE) {
            int64_t end = read_all(again);
            CU_ASSERT_TRUE(end == -1 || end == 12);
        }
        log_unref(again);
    }
}

static void run_clean_reopening(struct fixture *fixture, struct log *log, struct promise *promise)
{
    (void)log;
    (void)promise;
    fixture_close(fixture);
    if (fixture_open(fixture))
        fixture_close(fixture);
}

static void run_other_logs(struct fixture *fixture, struct log *log, struct promise *promise)
{
    (void)promise;
    (void)log;
    for (int32_t partition = 1; partition < 3; partition++)
        log_unref(fixture_log(fixture, partition));
    if (log_manager_delete_log(fixture->manager, view_of_string("t"), 1) == KAFKA_NONE)
        log_unref(fixture_log(fixture, 1));
    log_manager_run_delayed(fixture->manager, clock_now_ms() + 100000);
}

// Returns whether the nth call was beyond the operation's last one.
static bool run_with_failure(const struct operation *operation, enum failure failure, int count)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 3500;
    fixture.config.index_interval = 500;
    fixture.config.index_size_max = 4096;
    fixture.config.retention_ms = -1;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    operation->prepare(&fixture, log);
    struct promise promise = {.start_max = 0, .end_min = log_end_offset(log)};
    bool reopens = operation->run == run_reopening || operation->run == run_clean_reopening;
    if (reopens)
        log_unref(log);
    fail_after(failure, count);
    operation->run(&fixture, log, &promise);
    bool has_failed = atomic_load(&plan.has_failed);
    file_calls_set(NULL);
    if (!reopens)
        log_unref(log);
    fixture_crash(&fixture);

    fixture.config.retention_size = -1;
    fixture.config.flush_messages = INT64_MAX;
    bool is_open = fixture_open(&fixture);
    CU_ASSERT_TRUE_FATAL(is_open);
    log = fixture_log(&fixture, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    int64_t end = read_all(log);
    if (log_start_offset(log) > promise.start_max || end < promise.end_min)
        fprintf(stderr,
                "failure %d after %d calls: offsets %" PRId64 " to %" PRId64 ", not %" PRId64 " to %" PRId64 "\n",
                (int)failure, count, log_start_offset(log), end, promise.start_max, promise.end_min);
    CU_ASSERT_TRUE(log_start_offset(log) <= promise.start_max);
    CU_ASSERT_TRUE(end >= promise.end_min);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 1000, .timestamp = 5000)), KAFKA_NONE);
    log_unref(log);
    fixture_fini(&fixture);
    return !has_failed;
}

static void run_all(struct operation operation)
{
    for (int failure = FAIL_ONCE; failure <= (int)operation.failure_last; failure++) {
        int count = 0;
        while (!run_with_failure(&operation, (enum failure)failure, count) && count < 5000)
            count++;
        CU_ASSERT_TRUE(count > 0);
        CU_ASSERT_TRUE(count < 5000);
    }
}

#define OPERATION(name, failure_last)                                                                                  \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        run_all((struct operation){append_some, run_##name, failure_last});                                            \
    }
OPERATION(appends, WRITE_HALF)
OPERATION(flushed_appends, WRITE_HALF)
OPERATION(retention, FAIL_FROM_THEN_ON)
OPERATION(delete_records, FAIL_ONCE)
OPERATION(truncation, FAIL_FROM_THEN_ON)
OPERATION(clean_stop, FAIL_ONCE)
OPERATION(reopening, FAIL_ONCE)
OPERATION(clean_reopening, FAIL_ONCE)
OPERATION(other_logs, FAIL_ONCE)

SUITE_MAIN("log/failing_files", {"appends", appends}, {"flushed appends", flushed_appends}, {"retention", retention},
           {"deleting records", delete_records}, {"truncation", truncation}, {"clean stop", clean_stop},
           {"reopening", reopening}, {"reopening after a clean stop", clean_reopening}, {"other logs", other_logs})
