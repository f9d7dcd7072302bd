// SPDX-License-Identifier: Apache-2.0
// What the tests of logs share: a temporary log directory with a log manager on it, and batches to append. Everything
// goes through the doors of log/.
#ifndef TEST_UNIT_LOG_FIXTURE_H
#define TEST_UNIT_LOG_FIXTURE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/batch_builder.h"
#include "log/log_manager.h"
#include "test/unit/suite.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char directory[64];
    struct log_config config;
    struct log_manager *manager;
    int offline_count; // directories that went offline
};

static inline void fixture_topic_config(void *context, const char *topic, struct log_config *config)
{
    (void)topic;
    *config = ((struct fixture *)context)->config;
}

static inline void fixture_directory_offline(void *context, const char *directory)
{
    (void)directory;
    ((struct fixture *)context)->offline_count++;
}

// Opens (again) what is in the directory. Returns whether that worked and no directory is offline.
static inline bool fixture_open(struct fixture *fixture)
{
    const char *const directories[] = {fixture->directory};
    struct log_manager_settings settings = {.directories = directories,
                                            .directory_count = 1,
                                            .recovery_threads_per_directory = 2,
                                            .delete_delay_ms = 0,
                                            .producer_id_expiration_ms = 86400000,
                                            .topic_config = fixture_topic_config,
                                            .directory_offline = fixture_directory_offline,
                                            .context = fixture};
    char *message = NULL;
    fixture->manager = log_manager_create(&settings, &message);
    free(message);
    if (fixture->manager == NULL)
        return false;
    if (log_manager_load(fixture->manager, 1, "test-cluster"))
        return true;
    log_manager_destroy(&fixture->manager);
    return false;
}

static inline void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.config = log_config_default()};
    // In memory where that can be: these tests flush a lot.
    snprintf(fixture->directory, sizeof fixture->directory, "%s/barnabas-log-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fixture->config.index_size_max = 65536;
    logger_set_level(getenv("TEST_LOG") ? LOGGER_DEBUG : LOGGER_FATAL);
    if (mkdtemp(fixture->directory) == NULL)
        abort();
}

// As a crash would: nothing is flushed or marked.
static inline void fixture_crash(struct fixture *fixture)
{
    log_manager_destroy(&fixture->manager);
}

static inline void fixture_close(struct fixture *fixture)
{
    if (fixture->manager != NULL)
        log_manager_close(fixture->manager);
    log_manager_destroy(&fixture->manager);
}

static inline void fixture_fini(struct fixture *fixture)
{
    fixture_close(fixture);
    file_calls_set(NULL);
    CU_ASSERT_EQUAL(file_remove_tree(fixture->directory), 0);
}

// The log of that partition of topic "t", made if it is not there; log_unref it. NULL when that fails.
static inline struct log *fixture_log(struct fixture *fixture, int32_t partition)
{
    struct log *log = NULL;
    struct uuid topic_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    enum kafka_error error =
        log_manager_create_log(fixture->manager, view_of_string("t"), partition, topic_id, &fixture->config, &log);
    return error == KAFKA_NONE ? log : NULL;
}

// Zero stands for 1 record of 10 bytes at time 1000 without a producer id.
struct batch_options {
    int record_count;
    size_t value_size;
    int64_t timestamp; // of the first record; each next is one later
    bool has_producer;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    enum compression_codec codec;
};

#define BATCH_OPTIONS(...) ((struct batch_options){__VA_ARGS__})

// A batch in memory to be freed.
static inline uint8_t *make_batch(struct batch_options options, size_t *size)
{
    struct batch_header header = {.base_offset = 0,
                                  .leader_epoch = -1,
                                  .producer_id = options.has_producer ? options.producer_id : -1,
                                  .producer_epoch = options.has_producer ? options.producer_epoch : (int16_t)-1,
                                  .base_sequence = options.has_producer ? options.base_sequence : -1};
    int record_count = options.record_count > 0 ? options.record_count : 1;
    size_t value_size = options.value_size > 0 ? options.value_size : 10;
    int64_t timestamp = options.timestamp > 0 ? options.timestamp : 1000;
    struct batch_builder *builder = batch_builder_create(&header, options.codec, COMPRESSION_LEVEL_DEFAULT);
    uint8_t *value = memory_alloc(value_size);
    memset(value, 'v', value_size);
    for (int i = 0; i < record_count; i++)
        batch_builder_append(builder, timestamp + i, view_of_string("key"), view_of(value, value_size), view_of("", 0),
                             0);
    free(value);
    uint8_t *batch = batch_builder_finish(builder, size);
    batch_builder_destroy(builder);
    return batch;
}

// Appends one as a client would.
static inline enum kafka_error append_info(struct log *log, struct batch_options options, int32_t leader_epoch,
                                           struct log_append_info *info)
{
    struct arena arena;
    arena_init(&arena, 1 << 24);
    size_t size;
    uint8_t *batch = make_batch(options, &size);
    enum kafka_error error = log_append_as_leader(log, view_of(batch, size), APPEND_CLIENT, leader_epoch, &arena, info);
    free(batch);
    arena_fini(&arena);
    return error;
}

static inline enum kafka_error append(struct log *log, struct batch_options options)
{
    struct log_append_info info;
    return append_info(log, options, 0, &info);
}

// Reads the whole log batch by batch and checks order, crc and density. Returns the offset behind the last batch, or
// -1.
static inline int64_t read_all(struct log *log)
{
    int64_t offset = log_start_offset(log);
    for (;;) {
        struct log_slice slice;
        struct log_read_info info;
        if (log_read(log, offset, 1 << 20, true, LOG_READ_TO_LOG_END, &slice, &info) != KAFKA_NONE)
            return -1;
        if (slice.size == 0)
            return offset;
        uint8_t *bytes = memory_alloc(slice.size);
        struct view rest = view_of(bytes, slice.size);
        struct batch_header header;
        bool is_good = log_slice_read(&slice, 0, bytes, slice.size) == (ssize_t)slice.size;
        while (is_good && batch_header_read(rest, &header) == BATCH_COMPLETE) {
            size_t size = (size_t)batch_size(&header);
            is_good = header.base_offset <= offset && batch_next_offset(&header) > offset &&
                      batch_crc_is_valid(view_of(rest.data, size));
            offset = batch_next_offset(&header);
            rest = view_of(rest.data + size, rest.size - size);
        }
        free(bytes);
        log_slice_release(&slice);
        if (!is_good)
            return -1;
    }
}

#endif
