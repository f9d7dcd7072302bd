// SPDX-License-Identifier: Apache-2.0
// Logs through their doors: appending, reading, rolling, sequences, times, shortening, reopening.
#include "test/unit/log/fixture.h"

static void round_trip(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    CU_ASSERT_EQUAL(log_end_offset(log), 0);
    struct log_append_info info;
    for (int64_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(append_info(log, BATCH_OPTIONS(.record_count = 3, .value_size = 100), 5, &info), KAFKA_NONE);
        CU_ASSERT_EQUAL(info.first_offset, 3 * i);
        CU_ASSERT_EQUAL(info.last_offset, 3 * i + 2);
        CU_ASSERT_EQUAL(info.log_end_offset, 3 * i + 3);
    }
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 5);
    CU_ASSERT_EQUAL(read_all(log), 300);
    CU_ASSERT_EQUAL(log_high_watermark(log), 0);
    CU_ASSERT_TRUE(log_raise_high_watermark(log, 1000));
    CU_ASSERT_EQUAL(log_high_watermark(log), 300);
    CU_ASSERT_FALSE(log_raise_high_watermark(log, 200));
    int64_t size = log_size(log);
    log_unref(log);

    fixture_close(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_end_offset(log), 300);
    CU_ASSERT_EQUAL(log_high_watermark(log), 300);
    CU_ASSERT_EQUAL(log_size(log), size);
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 5);
    CU_ASSERT_EQUAL(read_all(log), 300);
    CU_ASSERT_EQUAL(append_info(log, BATCH_OPTIONS(.record_count = 1), 6, &info), KAFKA_NONE);
    log_unref(log);

    fixture_crash(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_end_offset(log), 301);
    CU_ASSERT_EQUAL(read_all(log), 301);
    CU_ASSERT_EQUAL(log_leader_epoch_of_offset(log, 299), 5);
    CU_ASSERT_EQUAL(log_leader_epoch_of_offset(log, 300), 6);
    log_unref(log);
    fixture_fini(&fixture);
}

static void reads_are_bounded(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.record_count = 2, .value_size = 1000)), KAFKA_NONE);
    int64_t batch = log_size(log) / 20;
    struct log_slice slice;
    struct log_read_info info;
    CU_ASSERT_EQUAL(log_read(log, 0, 1 << 20, true, LOG_READ_TO_HIGH_WATERMARK, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(slice.size, 0);
    CU_ASSERT_EQUAL(log_slice_fd(&slice), -1);
    log_set_high_watermark(log, 6);
    CU_ASSERT_EQUAL(log_read(log, 1, 1 << 20, true, LOG_READ_TO_HIGH_WATERMARK, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL((int64_t)slice.size, 3 * batch);
    log_slice_release(&slice);
    CU_ASSERT_EQUAL(log_read(log, 4, 1 << 20, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL((int64_t)slice.size, 18 * batch);
    CU_ASSERT_EQUAL(slice.position, 2 * batch);
    log_slice_release(&slice);
    CU_ASSERT_EQUAL(log_read(log, 39, 10, false, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(slice.size, 0);
    CU_ASSERT_TRUE(info.first_batch_incomplete);
    CU_ASSERT_EQUAL(log_read(log, 39, 10, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL((int64_t)slice.size, batch);
    log_slice_release(&slice);
    CU_ASSERT_EQUAL(log_read(log, 40, 10, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(slice.size, 0);
    CU_ASSERT_EQUAL(log_read(log, 41, 10, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(info.offsets.log_end_offset, 40);
    CU_ASSERT_EQUAL(log_read(log, -1, 10, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_OFFSET_OUT_OF_RANGE);
    log_unref(log);
    fixture_fini(&fixture);
}

static void rolls(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 5000;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    for (int i = 0; i < 40; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 1000)), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_segment_count(log), 10);
    CU_ASSERT_EQUAL(read_all(log), 40);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 6000)), KAFKA_RECORD_LIST_TOO_LARGE);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 2000000)), KAFKA_MESSAGE_TOO_LARGE);
    log_manager_run_delayed(fixture.manager, clock_now_ms());
    fixture.config.segment_size_max = 1 << 20;
    fixture.config.segment_ms = 5000;
    log_set_config(log, &fixture.config);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.timestamp = 3000)), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_segment_count(log), 10);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.timestamp = 6001)), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_segment_count(log), 11);
    log_unref(log);
    fixture_crash(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_segment_count(log), 11);
    CU_ASSERT_EQUAL(read_all(log), 42);
    log_unref(log);
    fixture_fini(&fixture);
}

static void sequences(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    struct log_append_info info;
    int64_t now_ms = clock_now_ms();
#define FROM_PRODUCER(epoch, sequence, count)                                                                          \
    BATCH_OPTIONS(.record_count = count, .timestamp = now_ms, .has_producer = true, .producer_id = 9,                  \
                  .producer_epoch = epoch, .base_sequence = sequence)
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, 7, 3)), KAFKA_NONE); // an unknown producer may begin anywhere
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, 11, 1)), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, 10, 2)), KAFKA_NONE);
    CU_ASSERT_EQUAL(append_info(log, FROM_PRODUCER(0, 7, 3), 0, &info), KAFKA_NONE);
    CU_ASSERT_TRUE(info.is_duplicate);
    CU_ASSERT_EQUAL(info.first_offset, 0);
    CU_ASSERT_EQUAL(info.last_offset, 2);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(1, 5, 1)), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(1, 0, 1)), KAFKA_NONE);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, 12, 1)), KAFKA_INVALID_PRODUCER_EPOCH);
    CU_ASSERT_EQUAL(log_end_offset(log), 6);
    log_unref(log);
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            fixture_crash(&fixture);
        else
            fixture_close(&fixture);
        CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
        log = fixture_log(&fixture, 0);
        CU_ASSERT_EQUAL(append_info(log, FROM_PRODUCER(1, 0, 1), 0, &info), KAFKA_NONE);
        CU_ASSERT_TRUE(info.is_duplicate);
        CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(1, 2, 1)), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
        log_unref(log);
    }
    log = fixture_log(&fixture, 0);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct log_producer *producers;
    size_t count;
    log_list_producers(log, &arena, &producers, &count);
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_EQUAL(producers[0].producer_id, 9);
    CU_ASSERT_EQUAL(producers[0].producer_epoch, 1);
    CU_ASSERT_EQUAL(producers[0].last_sequence, 0);
    arena_fini(&arena);
    log_manager_expire_producers(fixture.manager, now_ms + 86400001);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(1, 77, 1)), KAFKA_NONE);
    log_unref(log);
    fixture_fini(&fixture);
}

static void sequences_wrap(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    int64_t now_ms = clock_now_ms();
    struct log_append_info info;
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, INT32_MAX - 1, 2)), KAFKA_NONE);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, 0, 1)), KAFKA_NONE);
    CU_ASSERT_EQUAL(append(log, FROM_PRODUCER(0, 1, 3)), KAFKA_NONE);
    CU_ASSERT_EQUAL(append_info(log, FROM_PRODUCER(0, INT32_MAX - 1, 2), 0, &info), KAFKA_NONE);
    CU_ASSERT_TRUE(info.is_duplicate);
    log_unref(log);
    fixture_fini(&fixture);
}

static void times(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 5000;
    fixture.config.index_interval = 100;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    struct log_timestamp_offset found;
    CU_ASSERT_EQUAL(log_find_timestamp(log, 0, &found), KAFKA_NONE);
    CU_ASSERT_EQUAL(found.offset, -1);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.record_count = 2, .value_size = 100, .timestamp = 1000 + 10 * i,
                                                  .codec = i % 2 ? COMPRESSION_LZ4 : COMPRESSION_NONE)),
                        KAFKA_NONE);
    for (int i = 0; i < 2; i++) {
        for (int64_t target = 0; target < 2000; target += 7) {
            int64_t first = target <= 1000 ? 0
                                           : (target - 1000) / 10 * 2 + ((target % 10) == 0   ? 0
                                                                         : (target % 10) == 1 ? 1
                                                                                              : 2);
            CU_ASSERT_EQUAL(log_find_timestamp(log, target, &found), KAFKA_NONE);
            CU_ASSERT_EQUAL(found.offset, target > 1991 ? -1 : first);
        }
        CU_ASSERT_EQUAL(log_find_max_timestamp(log, &found), KAFKA_NONE);
        CU_ASSERT_EQUAL(found.offset, 199);
        CU_ASSERT_EQUAL(found.timestamp, 1991);
        log_unref(log);
        if (i == 0)
            fixture_close(&fixture);
        else
            fixture_crash(&fixture);
        CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
        log = fixture_log(&fixture, 0);
    }
    log_unref(log);
    fixture_fini(&fixture);
}

static void retention_by_size_and_time(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 5000;
    fixture.config.retention_ms = -1;
    fixture.config.file_delete_delay_ms = 1000;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    int64_t now_ms = clock_now_ms();
    for (int64_t i = 0; i < 40; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 1000, .timestamp = now_ms - 4000 + 100 * i)),
                        KAFKA_NONE);
    struct log_slice pinned;
    struct log_read_info info;
    CU_ASSERT_EQUAL(log_read(log, 0, 5000, true, LOG_READ_TO_LOG_END, &pinned, &info), KAFKA_NONE);
    fixture.config.retention_size = 20000;
    log_set_config(log, &fixture.config);
    log_manager_check_retention(fixture.manager, now_ms);
    CU_ASSERT_EQUAL(log_start_offset(log), 0); // nothing above the high watermark goes
    log_raise_high_watermark(log, 40);
    log_manager_check_retention(fixture.manager, now_ms);
    CU_ASSERT_EQUAL(log_start_offset(log), 20);
    CU_ASSERT_EQUAL(log_segment_count(log), 5);
    fixture.config.retention_ms = 1000;
    log_set_config(log, &fixture.config);
    log_manager_check_retention(fixture.manager, now_ms);
    CU_ASSERT_EQUAL(log_start_offset(log), 28);
    log_manager_run_delayed(fixture.manager, now_ms + 2000);
    uint8_t bytes[100];
    CU_ASSERT_EQUAL(log_slice_read(&pinned, 0, bytes, sizeof bytes), sizeof bytes);
    struct batch_header header;
    batch_header_decode(bytes, &header);
    CU_ASSERT_EQUAL(header.base_offset, 0);
    log_slice_release(&pinned);
    log_manager_check_retention(fixture.manager, now_ms + 100000);
    CU_ASSERT_EQUAL(log_start_offset(log), 40);
    CU_ASSERT_EQUAL(log_size(log), 0);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 1000)), KAFKA_NONE);
    CU_ASSERT_EQUAL(read_all(log), 41);
    log_unref(log);
    fixture_close(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_start_offset(log), 40);
    CU_ASSERT_EQUAL(log_end_offset(log), 41);
    log_unref(log);
    fixture_fini(&fixture);
}

static void compacted_logs_are_kept(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 5000;
    fixture.config.retention_size = 1;
    fixture.config.retention_ms = 1;
    fixture.config.cleanup_compact = true;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 1000)), KAFKA_NONE);
    log_raise_high_watermark(log, 10);
    log_manager_check_retention(fixture.manager, clock_now_ms());
    CU_ASSERT_EQUAL(log_start_offset(log), 0);
    log_unref(log);
    fixture_fini(&fixture);
}

static void deleting_records(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 5000;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 1000, .timestamp = clock_now_ms())), KAFKA_NONE);
    log_raise_high_watermark(log, 15);
    int64_t start = -1;
    CU_ASSERT_EQUAL(log_delete_records(log, 16, &start), KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(log_delete_records(log, 9, &start), KAFKA_NONE);
    CU_ASSERT_EQUAL(start, 9);
    CU_ASSERT_EQUAL(log_delete_records(log, 3, &start), KAFKA_NONE);
    CU_ASSERT_EQUAL(start, 9);
    log_manager_check_retention(fixture.manager, clock_now_ms());
    CU_ASSERT_EQUAL(log_segment_count(log), 3);
    CU_ASSERT_EQUAL(log_delete_records(log, -1, &start), KAFKA_NONE);
    CU_ASSERT_EQUAL(start, 15);
    log_manager_checkpoint_log_start_offsets(fixture.manager);
    struct log_slice slice;
    struct log_read_info info;
    CU_ASSERT_EQUAL(log_read(log, 14, 10, true, LOG_READ_TO_LOG_END, &slice, &info), KAFKA_OFFSET_OUT_OF_RANGE);
    log_unref(log);
    fixture_crash(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_start_offset(log), 15);
    CU_ASSERT_EQUAL(read_all(log), 20);
    log_unref(log);
    fixture_fini(&fixture);
}

static void truncation(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 5000;
    fixture.config.index_interval = 1;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    struct log_append_info info;
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(append_info(log, BATCH_OPTIONS(.value_size = 1000, .timestamp = 1000 + i), i / 5, &info),
                        KAFKA_NONE);
    log_raise_high_watermark(log, 20);
    CU_ASSERT_EQUAL(log_flush(log), KAFKA_NONE);
    int32_t epoch;
    int64_t end;
    log_end_offset_of_leader_epoch(log, 1, &epoch, &end);
    CU_ASSERT_EQUAL(epoch, 1);
    CU_ASSERT_EQUAL(end, 10);
    struct log_slice slice;
    struct log_read_info read_info;
    uint8_t bytes[100];
    CU_ASSERT_EQUAL(log_read(log, 9, 1 << 20, true, LOG_READ_TO_LOG_END, &slice, &read_info), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_slice_read(&slice, 0, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    CU_ASSERT_EQUAL(log_truncate(log, 9), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_end_offset(log), 9);
    CU_ASSERT_EQUAL(log_high_watermark(log), 9);
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 1);
    CU_ASSERT_EQUAL(read_all(log), 9);
    struct log_timestamp_offset found;
    CU_ASSERT_EQUAL(log_find_max_timestamp(log, &found), KAFKA_NONE);
    CU_ASSERT_EQUAL(found.offset, 8);
    CU_ASSERT_EQUAL(append_info(log, BATCH_OPTIONS(.value_size = 1000), 4, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(info.first_offset, 9);
    CU_ASSERT_EQUAL(read_all(log), 10);
    // What now lies in the place of the old bytes is not what the slice was given for.
    CU_ASSERT_EQUAL(log_slice_read(&slice, 0, bytes, sizeof bytes), 0);
    CU_ASSERT_EQUAL(log_slice_send(&slice, 0, -1, sizeof bytes), 0);
    log_slice_release(&slice);
    log_unref(log);
    fixture_crash(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(read_all(log), 10);
    CU_ASSERT_EQUAL(log_truncate_fully(log, 500), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_start_offset(log), 500);
    CU_ASSERT_EQUAL(log_end_offset(log), 500);
    CU_ASSERT_EQUAL(append_info(log, BATCH_OPTIONS(.value_size = 1000), 5, &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(info.first_offset, 500);
    log_unref(log);
    fixture_close(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_start_offset(log), 500);
    CU_ASSERT_EQUAL(read_all(log), 501);
    log_unref(log);
    fixture_fini(&fixture);
}

static void following(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *leader = fixture_log(&fixture, 0), *follower = fixture_log(&fixture, 1);
    struct log_append_info info;
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(append_info(leader, BATCH_OPTIONS(.record_count = 2), i / 5, &info), KAFKA_NONE);
    uint8_t bytes[4096];
    struct log_slice slice;
    struct log_read_info read;
    CU_ASSERT_EQUAL(log_read(leader, 0, sizeof bytes, true, LOG_READ_TO_LOG_END, &slice, &read), KAFKA_NONE);
    size_t size = slice.size;
    CU_ASSERT_EQUAL_FATAL(log_slice_read(&slice, 0, bytes, size), (ssize_t)size);
    log_slice_release(&slice);
    CU_ASSERT_EQUAL(log_append_as_follower(follower, view_of(bytes, size - 1), &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(info.first_offset, 0);
    CU_ASSERT_EQUAL(info.last_offset, 17);
    CU_ASSERT_EQUAL(log_append_as_follower(follower, view_of(bytes, size), &info), KAFKA_OFFSET_OUT_OF_RANGE);
    CU_ASSERT_EQUAL(log_append_as_follower(follower, view_of(bytes + size / 10 * 9, size / 10), &info), KAFKA_NONE);
    CU_ASSERT_EQUAL(read_all(follower), 20);
    CU_ASSERT_EQUAL(log_leader_epoch_of_offset(follower, 10), 1);
    CU_ASSERT_EQUAL(log_truncate(follower, 0), KAFKA_NONE);
    bytes[size / 2] ^= 1;
    CU_ASSERT_EQUAL(log_append_as_follower(follower, view_of(bytes, size), &info), KAFKA_CORRUPT_MESSAGE);
    CU_ASSERT_EQUAL(log_end_offset(follower), 0);
    log_unref(leader);
    log_unref(follower);
    fixture_fini(&fixture);
}

static void deleting_a_log(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0), *again;
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.record_count = 5)), KAFKA_NONE);
    log_raise_high_watermark(log, 5);
    int64_t start;
    CU_ASSERT_EQUAL(log_delete_records(log, 4, &start), KAFKA_NONE);
    log_manager_checkpoint_log_start_offsets(fixture.manager);
    CU_ASSERT_EQUAL(log_manager_delete_log(fixture.manager, view_of_string("t"), 0), KAFKA_NONE);
    CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.record_count = 1)), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CU_ASSERT_EQUAL(log_manager_get(fixture.manager, view_of_string("t"), 0, &again), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    log_unref(log);
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_end_offset(log), 0);
    log_unref(log);
    fixture_crash(&fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_start_offset(log), 0);
    log_unref(log);
    log_manager_run_delayed(fixture.manager, clock_now_ms() + 1);
    char **names;
    CU_ASSERT_EQUAL_FATAL(file_list_directory(fixture.directory, &names), 0);
    for (char **name = names; *name != NULL; name++)
        CU_ASSERT_PTR_NULL(strstr(*name, "-delete"));
    file_names_free(names);
    fixture_fini(&fixture);
}

SUITE_MAIN("log/log", {"round trip", round_trip}, {"reads are bounded", reads_are_bounded}, {"rolls", rolls},
           {"sequences", sequences}, {"sequences wrap", sequences_wrap}, {"times", times},
           {"retention by size and time", retention_by_size_and_time},
           {"compacted logs are kept", compacted_logs_are_kept}, {"deleting records", deleting_records},
           {"truncation", truncation}, {"following", following}, {"deleting a log", deleting_a_log})
