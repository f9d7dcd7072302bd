// SPDX-License-Identifier: Apache-2.0
// One log used by many threads at once: a writer, readers, and the periodic work. What readers see is always whole and
// in order. Worth most under ThreadSanitizer.
#include "base/thread.h"
#include "test/unit/log/fixture.h"

#include <stdatomic.h>

enum { READER_COUNT = 2, APPEND_COUNT = 400 };

struct shared {
    struct fixture fixture;
    struct log *log;
    atomic_bool is_over;
    atomic_int failures;
};

static void read_continuously(void *context)
{
    struct shared *shared = context;
    while (!atomic_load(&shared->is_over)) {
        int64_t start = log_start_offset(shared->log), offset = start;
        struct log_timestamp_offset found;
        if (log_find_timestamp(shared->log, 1000 + start, &found) != KAFKA_NONE)
            atomic_fetch_add(&shared->failures, 1);
        for (int i = 0; i < 20; i++) {
            struct log_slice slice;
            struct log_read_info info;
            enum kafka_error error =
                log_read(shared->log, offset, 3000, true, LOG_READ_TO_HIGH_WATERMARK, &slice, &info);
            if (error == KAFKA_OFFSET_OUT_OF_RANGE)
                break; // retention was faster
            uint8_t bytes[8192];
            ssize_t size = log_slice_read(&slice, 0, bytes, sizeof bytes);
            struct view rest = view_of(bytes, size > 0 ? (size_t)size : 0);
            struct batch_header header;
            bool is_good = error == KAFKA_NONE && size == (ssize_t)slice.size;
            while (is_good && batch_header_read(rest, &header) == BATCH_COMPLETE) {
                size_t batch = (size_t)batch_size(&header);
                is_good = header.base_offset == offset && batch_crc_is_valid(view_of(rest.data, batch));
                offset = batch_next_offset(&header);
                rest = view_of(rest.data + batch, rest.size - batch);
            }
            log_slice_release(&slice);
            if (!is_good)
                atomic_fetch_add(&shared->failures, 1);
        }
    }
}

static void work_periodically(void *context)
{
    struct shared *shared = context;
    struct log_manager *manager = shared->fixture.manager;
    while (!atomic_load(&shared->is_over)) {
        log_manager_run_delayed(manager, clock_now_ms() + 100000);
        log_manager_flush_due(manager, INT64_MAX / 2);
        log_manager_check_retention(manager, clock_now_ms());
        log_manager_checkpoint_recovery_points(manager);
        log_manager_checkpoint_high_watermarks(manager);
        log_manager_checkpoint_log_start_offsets(manager);
        log_manager_expire_producers(manager, clock_now_ms());
    }
}

static void all_at_once(void)
{
    struct shared shared;
    fixture_init(&shared.fixture);
    shared.fixture.config.segment_size_max = 10000;
    shared.fixture.config.index_interval = 500;
    shared.fixture.config.retention_ms = -1;
    shared.fixture.config.retention_size = 30000;
    CU_ASSERT_TRUE_FATAL(fixture_open(&shared.fixture));
    shared.log = fixture_log(&shared.fixture, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(shared.log);
    atomic_init(&shared.is_over, false);
    atomic_init(&shared.failures, 0);
    struct thread readers[READER_COUNT], worker;
    for (int i = 0; i < READER_COUNT; i++)
        CU_ASSERT_EQUAL_FATAL(thread_start(&readers[i], read_continuously, &shared, "reader-%d", i), 0);
    CU_ASSERT_EQUAL_FATAL(thread_start(&worker, work_periodically, &shared, "worker"), 0);
    for (int i = 0; i < APPEND_COUNT; i++) {
        CU_ASSERT_EQUAL(append(shared.log, BATCH_OPTIONS(.value_size = 500, .timestamp = 1000 + i)), KAFKA_NONE);
        log_raise_high_watermark(shared.log, i + 1);
    }
    atomic_store(&shared.is_over, true);
    for (int i = 0; i < READER_COUNT; i++)
        thread_join(&readers[i]);
    thread_join(&worker);
    CU_ASSERT_EQUAL(atomic_load(&shared.failures), 0);
    CU_ASSERT_EQUAL(read_all(shared.log), APPEND_COUNT);
    log_unref(shared.log);
    fixture_close(&shared.fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&shared.fixture));
    shared.log = fixture_log(&shared.fixture, 0);
    CU_ASSERT_EQUAL(read_all(shared.log), APPEND_COUNT);
    log_unref(shared.log);
    fixture_fini(&shared.fixture);
}

static void truncate_under_readers(void)
{
    struct shared shared;
    fixture_init(&shared.fixture);
    shared.fixture.config.segment_size_max = 10000;
    CU_ASSERT_TRUE_FATAL(fixture_open(&shared.fixture));
    shared.log = fixture_log(&shared.fixture, 0);
    atomic_init(&shared.is_over, false);
    atomic_init(&shared.failures, 0);
    struct thread reader;
    CU_ASSERT_EQUAL_FATAL(thread_start(&reader, read_continuously, &shared, "reader"), 0);
    for (int i = 0; i < 40; i++) {
        for (int j = 0; j < 10; j++)
            CU_ASSERT_EQUAL(append(shared.log, BATCH_OPTIONS(.value_size = 500)), KAFKA_NONE);
        // Below the high watermark nothing is ever cut: readers see no difference.
        log_raise_high_watermark(shared.log, i * 5 + 5);
        CU_ASSERT_EQUAL(log_truncate(shared.log, i * 5 + 5), KAFKA_NONE);
    }
    atomic_store(&shared.is_over, true);
    thread_join(&reader);
    CU_ASSERT_EQUAL(atomic_load(&shared.failures), 0);
    CU_ASSERT_EQUAL(read_all(shared.log), 200);
    log_unref(shared.log);
    fixture_fini(&shared.fixture);
}

SUITE_MAIN("log/threads", {"all at once", all_at_once}, {"truncate under readers", truncate_under_readers})
