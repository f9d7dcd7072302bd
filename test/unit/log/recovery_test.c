// SPDX-License-Identifier: Apache-2.0
// Directories as a crash or a bad disk leaves them: logs cut at every byte, bits flipped in every kind of file,
// malformed small files, directories that belong to somebody else.
#include "test/unit/log/fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *path_in(const struct fixture *fixture, const char *file)
{
    return memory_format("%s/%s", fixture->directory, file);
}

static void read_file(const struct fixture *fixture, const char *file, char **bytes, size_t *size)
{
    char *path = path_in(fixture, file);
    CU_ASSERT_EQUAL_FATAL(file_read_whole(path, 1 << 24, bytes, size), 0);
    free(path);
}

static void write_file(const struct fixture *fixture, const char *file, const void *bytes, size_t size)
{
    char *path = path_in(fixture, file);
    CU_ASSERT_EQUAL_FATAL(file_replace(path, bytes, size), 0);
    free(path);
}

// A log of ten batches with a roll, closed cleanly or not.
static void make_log(struct fixture *fixture, bool is_clean)
{
    fixture_init(fixture);
    fixture->config.segment_size_max = 1200;
    fixture->config.index_interval = 100;
    fixture->config.index_size_max = 1024;
    CU_ASSERT_TRUE_FATAL(fixture_open(fixture));
    struct log *log = fixture_log(fixture, 0);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 100, .timestamp = clock_now_ms(), .has_producer = true,
                                                  .producer_id = 4, .base_sequence = i)),
                        KAFKA_NONE);
    log_unref(log);
    if (is_clean)
        fixture_close(fixture);
    else
        fixture_crash(fixture);
}

#define FIRST_LOG "t-0/00000000000000000000.log"
#define SECOND_LOG "t-0/00000000000000000006.log"

static void cut_at_every_byte(void)
{
    struct fixture fixture;
    make_log(&fixture, false);
    char *bytes;
    size_t size;
    read_file(&fixture, SECOND_LOG, &bytes, &size);
    size_t batch = size / 4;
    for (size_t cut = 0; cut <= size; cut += cut % batch < 70 ? 1 : 13) {
        write_file(&fixture, SECOND_LOG, bytes, cut);
        CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
        struct log *log = fixture_log(&fixture, 0);
        CU_ASSERT_EQUAL(read_all(log), (int64_t)(6 + cut / batch));
        log_unref(log);
        fixture_crash(&fixture);
    }
    free(bytes);
    // The first segment cut: the second is behind lost bytes.
    read_file(&fixture, FIRST_LOG, &bytes, &size);
    for (size_t cut = size - 1; cut > size - 300; cut -= 23) {
        struct fixture other;
        make_log(&other, false);
        write_file(&other, FIRST_LOG, bytes, cut);
        CU_ASSERT_TRUE_FATAL(fixture_open(&other));
        struct log *log = fixture_log(&other, 0);
        CU_ASSERT_EQUAL(log_segment_count(log), 1);
        CU_ASSERT_EQUAL(read_all(log), (int64_t)(cut / batch));
        CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 100)), KAFKA_NONE);
        log_unref(log);
        fixture_fini(&other);
    }
    free(bytes);
    fixture_fini(&fixture);
}

// One bit flipped in a file of a directory; what is in front of it must be there, and nothing may crash or hang.
static void flip_bits(const char *file, bool is_clean, size_t step)
{
    size_t size = 1;
    for (size_t at = 0; at < size; at += step) {
        struct fixture fixture;
        make_log(&fixture, is_clean);
        char *bytes;
        read_file(&fixture, file, &bytes, &size);
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
        write_file(&fixture, file, bytes, size);
        free(bytes);
        if (fixture_open(&fixture)) {
            struct log *log = NULL;
            if (log_manager_get(fixture.manager, view_of_string("t"), 0, &log) == KAFKA_NONE) {
                struct log_timestamp_offset found;
                (void)!log_find_timestamp(log, 1, &found);
                (void)!log_find_max_timestamp(log, &found);
                int64_t end = read_all(log);
                // Offsets and epochs of batches are not covered by their crc, and what is closed cleanly is not
                // checked.
                CU_ASSERT_TRUE(end == 10 || strstr(file, ".log") != NULL);
            }
            log_unref(log);
        }
        fixture_fini(&fixture);
    }
}

static void flipped_bits(void)
{
    flip_bits(FIRST_LOG, false, 29);
    flip_bits(SECOND_LOG, true, 31);
    flip_bits("t-0/00000000000000000000.index", true, 1);
    flip_bits("t-0/00000000000000000000.timeindex", true, 1);
    flip_bits("t-0/00000000000000000006.index", true, 1);
    flip_bits("t-0/00000000000000000010.snapshot", true, 1);
    flip_bits("t-0/leader-epoch-checkpoint", true, 1);
    flip_bits("t-0/partition.metadata", true, 3);
    flip_bits("replication-offset-checkpoint", true, 1);
    flip_bits("meta.properties", true, 7);
}

static void malformed_files(void)
{
    static const struct {
        const char *file, *content;
    } cases[] = {
        {"recovery-point-offset-checkpoint", "1\n0\n"},
        {"recovery-point-offset-checkpoint", "0\n1\n"},
        {"recovery-point-offset-checkpoint", "0\n1\nt 0\n"},
        {"recovery-point-offset-checkpoint", "0\n1\nt 0 5 5\n"},
        {"recovery-point-offset-checkpoint", "0\n1\nt 0 -5\n"},
        {"recovery-point-offset-checkpoint", "0\n1\nt 0 99999999999999999999\n"},
        {"replication-offset-checkpoint", "0\n0\nt 0 5\n"},
        {"log-start-offset-checkpoint", "x\n"},
        {"t-0/leader-epoch-checkpoint", "0\n1\nx 0\n"},
        {"t-0/partition.metadata", "version: 0\ntopic_id: short"},
        {"t-0/nonsense.log", ""},
        {"meta.properties", "version=1\n"},
        {"meta.properties", "version=0\nbroker.id=x\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        make_log(&fixture, true);
        write_file(&fixture, cases[i].file, cases[i].content, strlen(cases[i].content));
        CU_ASSERT_FALSE(fixture_open(&fixture));
        char *bytes;
        size_t size;
        read_file(&fixture, SECOND_LOG, &bytes, &size);
        CU_ASSERT_TRUE(size > 0);
        free(bytes);
        fixture_fini(&fixture);
    }
    struct fixture fixture;
    make_log(&fixture, true);
    write_file(&fixture, "recovery-point-offset-checkpoint", "", 0); // an empty file has no entries
    write_file(&fixture, "some-file", "", 0);
    CU_ASSERT_TRUE(fixture_open(&fixture));
    fixture_close(&fixture);
    char *path = path_in(&fixture, "nodash");
    CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
    free(path);
    CU_ASSERT_FALSE(fixture_open(&fixture));
    fixture_fini(&fixture);
}

static void preallocated(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.preallocate = true;
    fixture.config.segment_size_max = 2000;
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    for (int i = 0; i < 6; i++) {
        struct log *log = fixture_log(&fixture, 0);
        CU_ASSERT_EQUAL(log_end_offset(log), (int64_t)i * 5);
        for (int j = 0; j < 5; j++)
            CU_ASSERT_EQUAL(append(log, BATCH_OPTIONS(.value_size = 300)), KAFKA_NONE);
        CU_ASSERT_EQUAL(read_all(log), (int64_t)i * 5 + 5);
        log_unref(log);
        if (i % 2 == 0)
            fixture_crash(&fixture);
        else
            fixture_close(&fixture);
        CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    }
    fixture_fini(&fixture);
}

// A replica that is refused keeps its checkpoint entries, and an unclean start stays unclean for it.
static void refused_logs_keep_their_checkpoints(void)
{
    struct fixture fixture;
    make_log(&fixture, false);
    write_file(&fixture, "recovery-point-offset-checkpoint", "0\n1\nt 0 3\n", 10);
    write_file(&fixture, "t-0/00000000000000000000.txnindex", "some", 4);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log;
    CU_ASSERT_EQUAL(log_manager_get(fixture.manager, view_of_string("t"), 0, &log), KAFKA_KAFKA_STORAGE_ERROR);
    CU_ASSERT_PTR_NULL(fixture_log(&fixture, 0));
    log_unref(fixture_log(&fixture, 1));
    fixture_close(&fixture);
    char *bytes;
    size_t size;
    read_file(&fixture, "recovery-point-offset-checkpoint", &bytes, &size);
    CU_ASSERT_PTR_NOT_NULL(strstr(bytes, "t 0 3\n"));
    free(bytes);
    char *path = path_in(&fixture, ".kafka_cleanshutdown");
    CU_ASSERT_FALSE(file_exists(path));
    free(path);
    fixture_fini(&fixture);
}

static void directories_of_others(void)
{
    struct fixture fixture;
    make_log(&fixture, true);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    pid_t pid = fork(); // record locks are a process's
    if (pid == 0) {
        struct fixture other = fixture;
        other.manager = NULL;
        _exit(fixture_open(&other) ? 1 : 0);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    struct log_identity identity;
    log_manager_identity(fixture.manager, &identity);
    CU_ASSERT_TRUE(identity.is_known);
    CU_ASSERT_EQUAL(identity.broker_id, 1);
    CU_ASSERT_STRING_EQUAL(identity.cluster_id, "test-cluster");
    fixture_fini(&fixture);
}

// Appends until it is killed, and tells the end offset after each acknowledged append.
static void append_until_killed(struct fixture *fixture, int pipe_fd)
{
    if (!fixture_open(fixture))
        _exit(1);
    struct log *log = fixture_log(fixture, 0);
    for (int i = 0; log != NULL; i++) {
        struct log_append_info info;
        if (append_info(log, BATCH_OPTIONS(.value_size = 100, .record_count = 1 + i % 3), i / 50, &info) != KAFKA_NONE)
            break;
        if (write(pipe_fd, &info.log_end_offset, sizeof info.log_end_offset) != sizeof info.log_end_offset)
            break;
        if (i % 7 == 0)
            log_manager_run_delayed(fixture->manager, clock_now_ms());
        if (i % 50 == 0)
            log_manager_checkpoint_recovery_points(fixture->manager);
    }
    _exit(2);
}

// One folder under two names would be two owners' with one set of checkpoints.
static void one_directory_twice(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    char other_name[80];
    snprintf(other_name, sizeof other_name, "%s/.", fixture.directory);
    const char *const directories[] = {fixture.directory, other_name};
    struct log_manager_settings settings = {
        .directories = directories, .directory_count = 2, .recovery_threads_per_directory = 1};
    char *message = NULL;
    CU_ASSERT_PTR_NULL(log_manager_create(&settings, &message));
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "Duplicate log directory found"));
    free(message);
    fixture_fini(&fixture);
}

static void killed_while_appending(void)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.config.segment_size_max = 3000;
    fixture.config.index_interval = 100;
    int64_t acknowledged = 0;
    for (int round = 0; round < 10; round++) {
        int ends[2];
        CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0)
            append_until_killed(&fixture, ends[1]);
        close(ends[1]);
        int64_t end;
        for (int i = 0; i < 20 + round * 37 && read(ends[0], &end, sizeof end) == sizeof end; i++)
            acknowledged = end;
        CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
        int status;
        CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
        CU_ASSERT_TRUE(WIFSIGNALED(status));
        while (read(ends[0], &end, sizeof end) == sizeof end)
            acknowledged = end;
        close(ends[0]);
        CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
        struct log *log = fixture_log(&fixture, 0);
        CU_ASSERT_TRUE(read_all(log) >= acknowledged);
        log_unref(log);
        fixture_crash(&fixture);
    }
    CU_ASSERT_TRUE(acknowledged > 500);
    fixture_fini(&fixture);
}

// ---- Leader epochs at the end of the log: in memory until something is appended

#define EPOCHS "t-0/leader-epoch-checkpoint"

static void expect_file(const struct fixture *fixture, const char *file, const char *wanted)
{
    char *bytes;
    size_t size;
    read_file(fixture, file, &bytes, &size);
    CU_ASSERT_STRING_EQUAL(bytes, wanted);
    free(bytes);
}

static void crash_and_open(struct fixture *fixture, struct log **log)
{
    log_unref(*log);
    fixture_crash(fixture);
    CU_ASSERT_TRUE_FATAL(fixture_open(fixture));
    *log = fixture_log(fixture, 0);
}

static void epochs_are_written_with_the_first_append(void)
{
    struct fixture fixture;
    make_log(&fixture, false);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    expect_file(&fixture, EPOCHS, "0\n1\n0 0\n");
    CU_ASSERT_EQUAL(log_assign_leader_epoch(log, 5, 10), KAFKA_NONE);
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 5);
    expect_file(&fixture, EPOCHS, "0\n1\n0 0\n");
    struct log_append_info info;
    CU_ASSERT_EQUAL(append_info(log, BATCH_OPTIONS(.timestamp = clock_now_ms()), 5, &info), KAFKA_NONE);
    expect_file(&fixture, EPOCHS, "0\n2\n0 0\n5 10\n");
    crash_and_open(&fixture, &log);
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 5);
    log_unref(log);
    fixture_fini(&fixture);
}

// An epoch that lost all its records in a crash does not come back when older records take their place.
static void an_epoch_that_was_cut_stays_away(void)
{
    static const char cut[] = "0\n2\n0 0\n5 10\n";
    struct fixture fixture;
    make_log(&fixture, false);
    write_file(&fixture, EPOCHS, cut, strlen(cut));
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 0);
    expect_file(&fixture, EPOCHS, cut); // a start over many idle logs writes nothing
    size_t size;
    uint8_t *batch = make_batch(BATCH_OPTIONS(.timestamp = clock_now_ms()), &size);
    batch_set_base_offset(batch, 10);
    batch_set_leader_epoch(batch, 0);
    struct log_append_info info;
    CU_ASSERT_EQUAL(log_append_as_follower(log, view_of(batch, size), &info), KAFKA_NONE);
    free(batch);
    crash_and_open(&fixture, &log);
    CU_ASSERT_EQUAL(log_end_offset(log), 11);
    CU_ASSERT_EQUAL(log_latest_leader_epoch(log), 0);
    CU_ASSERT_EQUAL(log_leader_epoch_of_offset(log, 10), 0);
    log_unref(log);
    fixture_fini(&fixture);
}

// A batch whose offsets reach into the next segment (a bit of its base offset flipped, which its crc does not cover)
// is cut with all behind it.
static void segments_do_not_overlap(void)
{
    struct fixture fixture;
    make_log(&fixture, false);
    char *bytes;
    size_t size;
    read_file(&fixture, FIRST_LOG, &bytes, &size);
    batch_set_base_offset((uint8_t *)bytes + size / 6 * 5, 7);
    write_file(&fixture, FIRST_LOG, bytes, size);
    free(bytes);
    CU_ASSERT_TRUE_FATAL(fixture_open(&fixture));
    struct log *log = fixture_log(&fixture, 0);
    CU_ASSERT_EQUAL(read_all(log), 5);
    CU_ASSERT_EQUAL(log_segment_count(log), 1);
    log_unref(log);
    fixture_fini(&fixture);
}

SUITE_MAIN("log/recovery", {"cut at every byte", cut_at_every_byte}, {"flipped bits", flipped_bits},
           {"malformed files", malformed_files}, {"preallocated", preallocated},
           {"refused logs keep their checkpoints", refused_logs_keep_their_checkpoints},
           {"directories of others", directories_of_others}, {"one directory twice", one_directory_twice},
           {"killed while appending", killed_while_appending},
           {"epochs are written with the first append", epochs_are_written_with_the_first_append},
           {"an epoch that was cut stays away", an_epoch_that_was_cut_stays_away},
           {"segments do not overlap", segments_do_not_overlap})
