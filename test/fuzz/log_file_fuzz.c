// SPDX-License-Identifier: Apache-2.0
// The small files that a start reads, through their readers alone. The first byte names the file, the second is where
// its lookups begin, the rest is the file. What can be read is written again and reads the same.
#include "base/big_endian.h"
#include "base/file.h"
#include "log/checkpoint.h"
#include "log/crc32c.h"
#include "log/leader_epoch_cache.h"
#include "log/meta_properties.h"
#include "log/offset_index.h"
#include "log/partition_metadata.h"
#include "log/producer_state.h"
#include "log/time_index.h"
#include "test/fuzz/fuzz_directory.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { KINDS = 7, SNAPSHOT_HEADER_SIZE = 10, INDEX_SIZE_MAX = 4096 };

static void run_checkpoint(const char *path)
{
    struct checkpoint checkpoint = CHECKPOINT_EMPTY, again = CHECKPOINT_EMPTY;
    int line;
    if (checkpoint_read(path, &checkpoint, &line) != 0)
        return;
    for (size_t i = 0; i < checkpoint.count; i++) {
        const struct checkpoint_entry *entry = &checkpoint.items[i];
        assert(checkpoint_find(&checkpoint, view_of_string(entry->topic), entry->partition, -1) >= 0);
    }
    int result = checkpoint_write(path, &checkpoint);
    assert(result == 0);
    result = checkpoint_read(path, &again, &line);
    assert(result == 0 && checkpoint_equal(&checkpoint, &again));
    (void)result;
    checkpoint_fini(&checkpoint);
    checkpoint_fini(&again);
}

static void run_epochs(const char *path, int64_t offset)
{
    struct leader_epoch_cache cache = {0}, again = {0};
    int32_t epoch;
    int64_t end_offset;
    if (leader_epoch_cache_read(&cache, path) == 0) {
        int result = leader_epoch_cache_write(&cache, path);
        assert(result == 0);
        result = leader_epoch_cache_read(&again, path);
        assert(result == 0 && again.count == cache.count);
        for (size_t i = 0; i < cache.count; i++)
            assert(cache.items[i].epoch == again.items[i].epoch &&
                   cache.items[i].start_offset == again.items[i].start_offset);
        (void)result;
        leader_epoch_cache_end_offset(&cache, (int32_t)offset, offset, &epoch, &end_offset);
        leader_epoch_cache_epoch_of(&cache, offset);
        leader_epoch_cache_truncate_end(&cache, offset + 3);
        leader_epoch_cache_truncate_start(&cache, offset);
        leader_epoch_cache_extend(&cache, (int32_t)offset, offset);
        leader_epoch_cache_assign(&cache, (int32_t)offset / 2, offset / 2);
    }
    leader_epoch_cache_fini(&cache);
    leader_epoch_cache_fini(&again);
}

static void run_snapshot(const char *path, int64_t now_ms)
{
    struct producer_state state = {0}, again = {0};
    struct transaction_list transactions = {0};
    struct transaction_change change;
    const struct producer_batch *duplicate;
    if (producer_state_read(&state, path, now_ms, INT64_MAX) == 0) {
        int result = producer_state_write(&state, path);
        assert(result == 0);
        result = producer_state_read(&again, path, now_ms, INT64_MAX);
        assert(result == 0 && again.producers.count == state.producers.count);
        (void)result;
        transaction_list_rebuild(&transactions, &state);
        transaction_list_first_unstable(&transactions, now_ms);
        size_t at = 0;
        void *value;
        while (map_next(&again.producers, &at, NULL, &value)) {
            const struct producer *producer = value;
            struct batch_header header = {.magic = 2,
                                          .base_offset = now_ms,
                                          .producer_id = producer->producer_id,
                                          .producer_epoch = producer->epoch,
                                          .base_sequence = (int32_t)now_ms,
                                          .last_offset_delta = 2,
                                          .record_count = 3};
            if (producer_state_check(&state, &header, APPEND_CLIENT, NULL, &duplicate) == KAFKA_NONE)
                producer_state_apply(&state, &header, NULL, &change);
        }
        producer_state_expire(&state, now_ms, 1000);
    }
    array_fini(&transactions);
    producer_state_fini(&state);
    producer_state_fini(&again);
}

static void run_partition_metadata(const char *path)
{
    struct uuid id, again;
    if (partition_metadata_read(path, &id) != 0)
        return;
    int result = partition_metadata_write(path, id);
    assert(result == 0);
    result = partition_metadata_read(path, &again);
    assert(result == 0 && memcmp(&id, &again, sizeof id) == 0);
    (void)result;
}

static void run_meta_properties(const char *path)
{
    struct log_identity identity = {0}, again = {0};
    if (meta_properties_read(path, &identity) != 0 || identity.broker_id < 0)
        return;
    int result = meta_properties_write(path, &identity);
    assert(result == 0);
    result = meta_properties_read(path, &again);
    assert(result == 0 && again.broker_id == identity.broker_id && strcmp(again.cluster_id, identity.cluster_id) == 0);
    (void)result;
}

static void run_offset_index(const char *path, int64_t offset)
{
    struct index_file index;
    index_file_init(&index, OFFSET_INDEX_ENTRY_SIZE);
    if (index_file_open(&index, path) == 0) {
        offset_index_lookup(&index, 0, offset);
        offset_index_last_position(&index);
    }
    index_file_close(&index);
    if (index_file_open_writable(&index, path, INDEX_SIZE_MAX, true) == 0) {
        offset_index_truncate(&index, 0, offset);
        for (int64_t i = 0; i < 4; i++) {
            if (offset_index_append(&index, 0, offset + i, i * 100) == 0)
                assert(index_file_count(&index) <= index.slot_count);
        }
        int result = index_file_seal(&index);
        assert(result == 0);
        (void)result;
    }
    index_file_close(&index);
}

static void run_time_index(const char *path, int64_t offset)
{
    struct index_file index;
    index_file_init(&index, TIME_INDEX_ENTRY_SIZE);
    if (index_file_open(&index, path) == 0) {
        time_index_lookup(&index, 0, offset);
        time_index_last(&index, 0);
    }
    index_file_close(&index);
    if (index_file_open_writable(&index, path, INDEX_SIZE_MAX, true) == 0) {
        time_index_truncate(&index, 0, offset);
        for (int64_t i = 0; i < 4; i++) {
            if (time_index_append(&index, 0, (struct time_entry){offset + i, offset + i}, i == 3) == 0)
                assert(index_file_count(&index) <= index.slot_count);
        }
        int result = index_file_seal(&index);
        assert(result == 0);
        (void)result;
    }
    index_file_close(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_of(data, size);
    int kind = input_byte(&input) % KINDS;
    int64_t at = input_byte(&input);
    if (kind == 2 && input.size >= SNAPSHOT_HEADER_SIZE) // with a right checksum, or nothing else would be read
        fuzz_write_snapshot("file", input);
    else
        fuzz_write_file("file", input);
    const char *path = fuzz_path("file");
    switch (kind) {
    case 0:
        run_checkpoint(path);
        break;
    case 1:
        run_epochs(path, at);
        break;
    case 2:
        run_snapshot(path, at);
        break;
    case 3:
        run_partition_metadata(path);
        break;
    case 4:
        run_meta_properties(path);
        break;
    case 5:
        run_offset_index(path, at);
        break;
    default:
        run_time_index(path, at);
        break;
    }
    return 0;
}
