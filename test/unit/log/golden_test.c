// SPDX-License-Identifier: Apache-2.0
// Log directories of Apache Kafka (test/golden/log), opened as they were left: what is served must be what Apache Kafka
// served, also after a crash and after a clean stop of ours; what is not served yet must stay as it is, byte for byte.
#include "test/unit/golden.h"
#include "test/unit/log/fixture.h"

#include <ctype.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

struct archive {
    struct fixture fixture;
    const char *name;
    char *directories[2];
    size_t directory_count;
};

static void run_tar(const char *archive, const char *directory)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("tar", "tar", "xzf", archive, "-C", directory, (char *)NULL);
        _exit(127);
    }
    int status;
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL_FATAL(status, 0);
}

static void archive_extract(struct archive *archive, const char *name)
{
    *archive = (struct archive){.name = name};
    fixture_init(&archive->fixture);
    char *path = memory_format("%s/golden/log/%s.tar.gz", TEST_DATA_DIR, name);
    run_tar(path, archive->fixture.directory);
    free(path);
    for (int i = 0; i < 2; i++) {
        char *directory = memory_format("%s/%s/dir%d", archive->fixture.directory, name, i);
        if (file_exists(directory))
            archive->directories[archive->directory_count++] = directory;
        else
            free(directory);
    }
    if (archive->directory_count == 0)
        archive->directories[archive->directory_count++] = memory_format("%s/%s", archive->fixture.directory, name);
}

static void archive_open(struct archive *archive)
{
    struct log_manager_settings settings = {.directories = (const char *const *)archive->directories,
                                            .directory_count = archive->directory_count,
                                            .recovery_threads_per_directory = 2,
                                            .delete_delay_ms = 60000,
                                            .producer_id_expiration_ms = INT64_MAX / 2,
                                            .topic_config = fixture_topic_config,
                                            .context = &archive->fixture};
    char *message;
    archive->fixture.manager = log_manager_create(&settings, &message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(archive->fixture.manager);
    struct log_identity identity;
    log_manager_identity(archive->fixture.manager, &identity);
    CU_ASSERT_TRUE(identity.is_known);
    CU_ASSERT_TRUE_FATAL(log_manager_load(archive->fixture.manager, identity.broker_id, identity.cluster_id));
    CU_ASSERT_EQUAL(log_manager_online_directory_count(archive->fixture.manager), archive->directory_count);
}

static void archive_fini(struct archive *archive)
{
    fixture_fini(&archive->fixture);
    for (size_t i = 0; i < archive->directory_count; i++)
        free(archive->directories[i]);
}

// Says which partition and what, so that a failure can be read.
static void expect(bool is_good, const struct archive *archive, const struct log *log, const char *what, int64_t at,
                   int64_t got)
{
    if (!is_good)
        fprintf(stderr, "%s %s: %s %" PRId64 ": got %" PRId64 "\n", archive->name, log_name(log), what, at, got);
    CU_ASSERT_TRUE(is_good);
}

static int64_t integer_at(const json_t *array, size_t index)
{
    return json_integer_value(json_array_get(array, index));
}

static void check_batch(const struct archive *archive, const struct log *log, const json_t *expected,
                        const struct batch_header *header)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    int64_t base = header->base_offset;
    expect(integer_at(expected, 0) == base, archive, log, "base offset", integer_at(expected, 0), base);
    expect(integer_at(expected, 1) == batch_last_offset(header), archive, log, "last offset of", base,
           batch_last_offset(header));
    expect(strcmp(json_string_value(json_array_get(expected, 3)), codecs[header->attributes & 7]) == 0, archive, log,
           "codec of", base, header->attributes & 7);
    expect(integer_at(expected, 5) == header->max_timestamp, archive, log, "max timestamp of", base,
           header->max_timestamp);
    expect(integer_at(expected, 6) == batch_size(header), archive, log, "size of", base, batch_size(header));
    expect(integer_at(expected, 7) == header->leader_epoch, archive, log, "epoch of", base, header->leader_epoch);
    expect(integer_at(expected, 8) == header->producer_id, archive, log, "producer of", base, header->producer_id);
    expect(integer_at(expected, 15) == header->crc, archive, log, "crc of", base, header->crc);
}

static void check_batches(const struct archive *archive, struct log *log, const json_t *batches)
{
    int64_t offset = log_start_offset(log);
    size_t next = 0;
    for (;;) {
        struct log_slice slice;
        struct log_read_info info;
        enum kafka_error error = log_read(log, offset, 5000, true, LOG_READ_TO_LOG_END, &slice, &info);
        expect(error == KAFKA_NONE, archive, log, "error at", offset, error);
        if (slice.size == 0)
            break;
        uint8_t *bytes = memory_alloc(slice.size);
        CU_ASSERT_EQUAL_FATAL(log_slice_read(&slice, 0, bytes, slice.size), (ssize_t)slice.size);
        struct view rest = view_of(bytes, slice.size);
        struct batch_header header;
        while (batch_header_read(rest, &header) == BATCH_COMPLETE) {
            size_t size = (size_t)batch_size(&header);
            CU_ASSERT_TRUE(batch_crc_is_valid(view_of(rest.data, size)));
            CU_ASSERT_TRUE_FATAL(next < json_array_size(batches));
            check_batch(archive, log, json_array_get(batches, next++), &header);
            offset = batch_next_offset(&header);
            rest = view_of(rest.data + size, rest.size - size);
        }
        free(bytes);
        log_slice_release(&slice);
    }
    expect(next == json_array_size(batches), archive, log, "batches", (int64_t)json_array_size(batches), (int64_t)next);
}

static void check_lookups(const struct archive *archive, struct log *log, const json_t *expected)
{
    size_t i;
    const json_t *lookup;
    struct log_timestamp_offset found;
    json_array_foreach(json_object_get(expected, "offsets_by_timestamp"), i, lookup)
    {
        CU_ASSERT_EQUAL(log_find_timestamp(log, integer_at(lookup, 0), &found), KAFKA_NONE);
        expect(found.offset == integer_at(lookup, 1), archive, log, "offset at time", integer_at(lookup, 0),
               found.offset);
        expect(found.timestamp == integer_at(lookup, 2), archive, log, "time at time", integer_at(lookup, 0),
               found.timestamp);
    }
    const json_t *max = json_object_get(expected, "max_timestamp");
    CU_ASSERT_EQUAL(log_find_max_timestamp(log, &found), KAFKA_NONE);
    expect(max == NULL || (found.timestamp == integer_at(max, 0) && found.offset == integer_at(max, 1)), archive, log,
           "offset of max timestamp", integer_at(max, 1), found.offset);
    json_array_foreach(json_object_get(expected, "offset_for_leader_epoch"), i, lookup)
    {
        int32_t epoch;
        int64_t end;
        log_end_offset_of_leader_epoch(log, (int32_t)integer_at(lookup, 0), &epoch, &end);
        expect(epoch == integer_at(lookup, 2) && end == integer_at(lookup, 3), archive, log, "end of epoch",
               integer_at(lookup, 0), end);
    }
}

static void check_partition(const struct archive *archive, const json_t *expected)
{
    struct log *log = NULL;
    struct view topic = view_of_string(golden_string(expected, "topic"));
    int32_t partition = (int32_t)golden_integer(expected, "partition");
    enum kafka_error error = log_manager_get(archive->fixture.manager, topic, partition, &log);
    if (json_is_true(json_object_get(expected, "refused"))) {
        CU_ASSERT_EQUAL(error, KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    if (error != KAFKA_NONE)
        fprintf(stderr, "%s %.*s-%d: %s\n", archive->name, VIEW_ARGS(topic), partition,
                kafka_error_name((int16_t)error));
    CU_ASSERT_EQUAL_FATAL(error, KAFKA_NONE);
    // What the leader of a single replica does.
    const json_t *leader_epoch = json_object_get(expected, "leader_epoch");
    if (leader_epoch != NULL)
        CU_ASSERT_EQUAL(log_assign_leader_epoch(log, (int32_t)json_integer_value(leader_epoch), log_end_offset(log)),
                        KAFKA_NONE);
    log_raise_high_watermark(log, INT64_MAX);
    struct log_offsets offsets;
    log_get_offsets(log, &offsets);
    int64_t start = golden_integer(expected, "log_start_offset"), end = golden_integer(expected, "high_watermark"),
            stable = golden_integer(expected, "last_stable_offset");
    expect(offsets.log_start_offset == start, archive, log, "log start", start, offsets.log_start_offset);
    expect(offsets.log_end_offset == end, archive, log, "log end", end, offsets.log_end_offset);
    expect(offsets.last_stable_offset == stable, archive, log, "stable", stable, offsets.last_stable_offset);
    check_batches(archive, log, json_object_get(expected, "batches"));
    check_lookups(archive, log, expected);
    log_unref(log);
}

static void check_archive(const struct archive *archive)
{
    char *name = memory_format("log/%s.jsonl", archive->name);
    FILE *file = golden_open(name);
    free(name);
    json_t *expected;
    while ((expected = golden_next(file)) != NULL) {
        if (json_object_get(expected, "aside") == NULL)
            check_partition(archive, expected);
        json_decref(expected);
    }
    fclose(file);
}

// Names, sizes and contents of the files below a directory.
static uLong digest_of(const char *path)
{
    char **names;
    uLong digest = crc32(0, NULL, 0);
    CU_ASSERT_EQUAL_FATAL(file_list_directory(path, &names), 0);
    for (char **name = names; *name != NULL; name++) {
        char *file = memory_format("%s/%s", path, *name), *bytes;
        size_t size;
        CU_ASSERT_EQUAL_FATAL(file_read_whole(file, 1 << 28, &bytes, &size), 0);
        digest = crc32(digest, (const Bytef *)*name, (uInt)strlen(*name));
        digest = crc32(digest, (const Bytef *)bytes, (uInt)size);
        free(bytes);
        free(file);
    }
    file_names_free(names);
    return digest;
}

// Of all replicas that are refused.
static uLong digest_of_refused(const struct archive *archive)
{
    char *name = memory_format("log/%s.jsonl", archive->name);
    FILE *file = golden_open(name);
    free(name);
    uLong digest = 0;
    json_t *expected;
    while ((expected = golden_next(file)) != NULL) {
        const char *aside = golden_string(expected, "aside");
        bool is_refused = json_is_true(json_object_get(expected, "refused"));
        for (size_t i = 0; is_refused && i < archive->directory_count; i++) {
            char *path = aside ? memory_format("%s/%s", archive->directories[i], aside)
                               : memory_format("%s/%s-%d", archive->directories[i], golden_string(expected, "topic"),
                                               (int)golden_integer(expected, "partition"));
            if (file_exists(path))
                digest = digest * 31 + digest_of(path);
            free(path);
        }
        json_decref(expected);
    }
    fclose(file);
    return digest;
}

static void check_directory(const char *name)
{
    struct archive archive;
    archive_extract(&archive, name);
    uLong refused = digest_of_refused(&archive);
    for (int round = 0; round < 4; round++) {
        archive_open(&archive);
        check_archive(&archive);
        if (round % 2 == 0)
            fixture_crash(&archive.fixture);
        else
            fixture_close(&archive.fixture);
        CU_ASSERT_EQUAL(digest_of_refused(&archive), refused);
    }
    archive_fini(&archive);
}

#define DIRECTORY(function, name)                                                                                      \
    static void function(void)                                                                                         \
    {                                                                                                                  \
        check_directory(name);                                                                                         \
    }
DIRECTORY(basic_clean, "basic-clean")
DIRECTORY(basic_kill9, "basic-kill9")
DIRECTORY(basic_torn, "basic-torn")
DIRECTORY(basic_nocheckpoints, "basic-nocheckpoints")
DIRECTORY(epochs_clean, "epochs-clean")
DIRECTORY(epochs_kill9, "epochs-kill9")
DIRECTORY(deletes_clean, "deletes-clean")
DIRECTORY(deletes_pending, "deletes-pending")
DIRECTORY(txn_clean, "txn-clean")
DIRECTORY(txn_kill9, "txn-kill9")
DIRECTORY(jbod_clean, "jbod-clean")
DIRECTORY(jbod_kill9, "jbod-kill9")
DIRECTORY(compact_before, "compact-before")
DIRECTORY(compact_after, "compact-after")
DIRECTORY(compact_swap, "compact-swap")
DIRECTORY(kafka28_clean, "kafka28-clean")
DIRECTORY(kafka28_v0, "kafka28-v0-clean")
DIRECTORY(kafka28_v1, "kafka28-v1-clean")
DIRECTORY(kafka28_mixed, "kafka28-mixed-clean")

SUITE_MAIN("log/golden", {"basic-clean", basic_clean}, {"basic-kill9", basic_kill9}, {"basic-torn", basic_torn},
           {"basic-nocheckpoints", basic_nocheckpoints}, {"epochs-clean", epochs_clean}, {"epochs-kill9", epochs_kill9},
           {"deletes-clean", deletes_clean}, {"deletes-pending", deletes_pending}, {"txn-clean", txn_clean},
           {"txn-kill9", txn_kill9}, {"jbod-clean", jbod_clean}, {"jbod-kill9", jbod_kill9},
           {"compact-before", compact_before}, {"compact-after", compact_after}, {"compact-swap", compact_swap},
           {"kafka28-clean", kafka28_clean}, {"kafka28-v0-clean", kafka28_v0}, {"kafka28-v1-clean", kafka28_v1},
           {"kafka28-mixed-clean", kafka28_mixed})
