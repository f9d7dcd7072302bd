// SPDX-License-Identifier: Apache-2.0
// A start over a log directory that holds anything. The first byte says how the last run ended; then files follow, each
// a byte that names it and a piece of the input. The log manager loads the directory or refuses it; what it has loaded
// can be read from end to end, appended to, cut, and is the same after the next start, be it after a clean stop or a
// crash.
#include "base/arena.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/batch_builder.h"
#include "log/log_manager.h"
#include "test/fuzz/fuzz_directory.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CLOSED_CLEANLY = 1,
    CHECKSUMS_AS_GIVEN = 2,
    KEEPS_OLD = 4,
    COMPACTED = 8,
    NAME_MAX_SIZE = 40,
    BATCH_MAX = 1 << 20
};

static const char *const file_names[] = {
    "t-0/00000000000000000000.log",
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000005.log",
    "t-0/00000000000000000005.index",
    "t-0/00000000000000000005.timeindex",
    "t-0/00000000000000000005.snapshot",
    "t-0/leader-epoch-checkpoint",
    "t-0/partition.metadata",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "replication-offset-checkpoint",
    "meta.properties",
};
enum { FILE_NAMES = sizeof file_names / sizeof file_names[0], SNAPSHOT = 6 };

static void topic_config(void *context, const char *topic, struct log_config *config)
{
    const uint8_t *how = context;
    (void)topic;
    *config = log_config_default();
    config->index_size_max = 4096;
    config->index_interval = 100;
    if (*how & KEEPS_OLD)
        config->retention_ms = -1;
    config->cleanup_compact = *how & COMPACTED;
}

static struct log_manager *open_manager(uint8_t *how)
{
    const char *const directories[] = {fuzz_directory()};
    struct log_manager_settings settings = {.directories = directories,
                                            .directory_count = 1,
                                            .recovery_threads_per_directory = 1,
                                            .producer_id_expiration_ms = 86400000,
                                            .topic_config = topic_config,
                                            .context = how};
    char *message = NULL;
    struct log_manager *manager = log_manager_create(&settings, &message);
    assert(manager != NULL || message != NULL);
    free(message);
    if (manager != NULL && !log_manager_load(manager, 1, "cluster"))
        log_manager_destroy(&manager);
    return manager;
}

// A name of the input's own, without anything that leaves the folder.
static void write_named(struct view piece)
{
    char name[NAME_MAX_SIZE] = "t-0/", *at = name + 4;
    struct view text = piece;
    while (text.size > 0 && at < name + sizeof name - 1) {
        char c = (char)input_byte(&text);
        if (c == '\n')
            break;
        *at++ = c == '/' || c == 0 ? '.' : c;
    }
    if (strspn(name + 4, ".") == strlen(name + 4))
        return;
    *at = 0;
    if (text.size > 0 && text.data[0] == '/')
        fuzz_make_directory(name + 4);
    else
        fuzz_write_file(name, text);
}

static void write_files(struct view input, uint8_t how)
{
    fuzz_directory_clear();
    fuzz_make_directory("t-0");
    if (how & CLOSED_CLEANLY)
        fuzz_write_file(".kafka_cleanshutdown", view_of("", 0));
    while (input.size > 0) {
        unsigned kind = input_byte(&input) % (FILE_NAMES + 1);
        struct view piece = input_piece(&input);
        if (kind == FILE_NAMES) {
            write_named(piece);
        } else if (kind == SNAPSHOT) {
            fuzz_write_snapshot(file_names[kind], piece);
        } else {
            uint8_t *copy = memory_alloc(piece.size);
            memcpy(copy, piece.data, piece.size);
            if (kind % 3 == 0 && kind < SNAPSHOT && !(how & CHECKSUMS_AS_GIVEN))
                fuzz_mend_batches(copy, piece.size);
            fuzz_write_file(file_names[kind], view_of(copy, piece.size));
            free(copy);
        }
    }
}

// Every offset from the start on leads to its batch or to the next one behind it. Returns false when reading fails.
static bool read_all(struct log *log)
{
    int64_t offset = log_start_offset(log), end = log_end_offset(log);
    assert(offset <= end);
    while (offset < end) {
        struct log_slice slice;
        struct log_read_info info;
        if (log_read(log, offset, BATCH_MAX, true, LOG_READ_TO_LOG_END, &slice, &info) != KAFKA_NONE)
            return false;
        uint8_t *bytes = memory_alloc(slice.size);
        struct view rest = view_of(bytes, slice.size);
        struct batch_header header;
        bool has_moved = false;
        if (log_slice_read(&slice, 0, bytes, slice.size) == (ssize_t)slice.size) {
            while (batch_header_read(rest, &header) == BATCH_COMPLETE && batch_next_offset(&header) > offset) {
                size_t size = (size_t)batch_size(&header);
                has_moved = true;
                offset = batch_next_offset(&header);
                rest = view_of(rest.data + size, rest.size - size);
            }
        }
        free(bytes);
        log_slice_release(&slice);
        if (!has_moved)
            return false;
    }
    return true;
}

static enum kafka_error append(struct log *log)
{
    struct batch_header header = {.leader_epoch = -1, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    struct batch_builder *builder = batch_builder_create(&header, COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT);
    struct log_append_info info;
    struct arena arena;
    size_t size;
    batch_builder_append(builder, 1000, view_of_string("key"), view_of_string("value"), view_of("", 0), 0);
    uint8_t *batch = batch_builder_finish(builder, &size);
    batch_builder_destroy(builder);
    arena_init(&arena, BATCH_MAX);
    enum kafka_error error = log_append_as_leader(log, view_of(batch, size), APPEND_CLIENT, 7, &arena, &info);
    arena_fini(&arena);
    free(batch);
    return error;
}

static struct log *find_log(struct log_manager *manager)
{
    struct log *log = NULL;
    return log_manager_get(manager, view_of_string("t"), 0, &log) == KAFKA_NONE ? log : NULL;
}

// All that a leader does with a log. Returns its end, or -1 when it went offline.
static int64_t use(struct log *log)
{
    struct log_timestamp_offset found;
    struct arena arena;
    struct log_producer *producers;
    int64_t end_offset;
    int32_t epoch;
    size_t count;
    (void)!log_find_timestamp(log, 1500, &found);
    (void)!log_find_max_timestamp(log, &found);
    log_end_offset_of_leader_epoch(log, 3, &epoch, &end_offset);
    arena_init(&arena, BATCH_MAX);
    log_list_producers(log, &arena, &producers, &count);
    arena_fini(&arena);
    read_all(log);
    int64_t end = log_end_offset(log);
    if (append(log) == KAFKA_NONE)
        assert(log_end_offset(log) == end + 1);
    log_raise_high_watermark(log, end);
    (void)!log_apply_retention(log, INT64_C(1700000000000), &count);
    if (end > 3)
        (void)!log_truncate(log, end - 2);
    (void)!append(log);
    read_all(log);
    return log_is_offline(log) ? -1 : log_end_offset(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_of(data, size);
    uint8_t how = input_byte(&input);
    logger_set_level(LOGGER_FATAL);
    write_files(input, how);
    struct log_manager *manager = open_manager(&how);
    if (manager == NULL)
        return 0;
    struct log *log = find_log(manager);
    int64_t end = -1;
    if (log != NULL) {
        end = use(log);
        log_unref(log);
    }
    bool is_clean = size % 2 == 0; // else a crash, after which all is read, and cut or refused where it is not right
    if (is_clean)
        log_manager_close(manager);
    log_manager_destroy(&manager);
    if (end < 0)
        return 0;
    manager = open_manager(&how);
    assert(manager != NULL);
    log = find_log(manager);
    if (!(how & CLOSED_CLEANLY)) { // what was never recovered may hold anything
        assert(log != NULL || !is_clean);
        assert(log == NULL || log_end_offset(log) == end || (!is_clean && log_end_offset(log) < end));
    }
    log_unref(log);
    log_manager_destroy(&manager);
    return 0;
}
