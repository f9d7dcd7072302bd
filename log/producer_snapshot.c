// SPDX-License-Identifier: Apache-2.0
// The file of a producer state (its format is in log/producer_state.h).
#include "base/big_endian.h"
#include "base/file.h"
#include "base/memory.h"
#include "log/crc32c.h"
#include "log/producer_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum {
    SNAPSHOT_HEADER_SIZE = 10,
    SNAPSHOT_ENTRY_SIZE = 46,
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_FILE_SIZE_MAX = 1024 * 1024 * 1024
};

static void store_entry(uint8_t *bytes, const struct producer *producer)
{
    struct producer_batch last = {-1, 0, -1, -1};
    if (producer->batch_count > 0)
        last = producer->batches[producer->batch_count - 1];
    big_endian_store_64(bytes, (uint64_t)producer->producer_id);
    big_endian_store_16(bytes + 8, (uint16_t)producer->epoch);
    big_endian_store_32(bytes + 10, (uint32_t)last.last_sequence);
    big_endian_store_64(bytes + 14, (uint64_t)last.last_offset);
    big_endian_store_32(bytes + 22, (uint32_t)last.offset_delta);
    big_endian_store_64(bytes + 26, (uint64_t)producer->last_timestamp);
    big_endian_store_32(bytes + 34, (uint32_t)producer->coordinator_epoch);
    big_endian_store_64(bytes + 38, (uint64_t)producer->transaction_start_offset);
}

static bool load_entry(const uint8_t *bytes, struct producer *producer)
{
    *producer = (struct producer){
        .producer_id = big_endian_load_i64(bytes),
        .epoch = big_endian_load_i16(bytes + 8),
        .last_timestamp = big_endian_load_i64(bytes + 26),
        .coordinator_epoch = big_endian_load_i32(bytes + 34),
        .transaction_start_offset = big_endian_load_i64(bytes + 38),
    };
    int64_t last_offset = big_endian_load_i64(bytes + 14);
    int32_t delta = big_endian_load_i32(bytes + 22);
    if (last_offset >= 0) {
        producer->batch_count = 1;
        producer->batches[0] = (struct producer_batch){.last_sequence = big_endian_load_i32(bytes + 10),
                                                       .offset_delta = delta,
                                                       .last_offset = last_offset,
                                                       .timestamp = producer->last_timestamp};
    }
    return producer->producer_id >= 0 && delta >= 0;
}

int producer_state_write(const struct producer_state *state, const char *path)
{
    size_t count = state->producers.count;
    size_t size = SNAPSHOT_HEADER_SIZE + count * SNAPSHOT_ENTRY_SIZE;
    uint8_t *bytes = memory_alloc(size);
    size_t at = 0, written = 0;
    void *producer;
    while (map_next(&state->producers, &at, NULL, &producer))
        store_entry(bytes + SNAPSHOT_HEADER_SIZE + written++ * SNAPSHOT_ENTRY_SIZE, producer);
    big_endian_store_16(bytes, SNAPSHOT_VERSION);
    big_endian_store_32(bytes + 6, (uint32_t)count);
    big_endian_store_32(bytes + 2, crc32c_update(0, bytes + 6, size - 6));
    int fd = file_calls()->open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int result = fd;
    if (fd >= 0) {
        result = file_write_bytes_at(fd, bytes, size, 0);
        int closed = file_calls()->close(fd);
        result = result != 0 ? result : closed;
    }
    free(bytes);
    return result;
}

static int load(struct producer_state *state, const uint8_t *bytes, size_t size, int64_t now_ms, int64_t expiration_ms)
{
    if (size < SNAPSHOT_HEADER_SIZE || big_endian_load_i16(bytes) != SNAPSHOT_VERSION ||
        big_endian_load_u32(bytes + 2) != crc32c_update(0, bytes + 6, size - 6))
        return -EBADMSG;
    uint32_t count = big_endian_load_u32(bytes + 6);
    if ((size - SNAPSHOT_HEADER_SIZE) / SNAPSHOT_ENTRY_SIZE != count ||
        (size - SNAPSHOT_HEADER_SIZE) % SNAPSHOT_ENTRY_SIZE != 0)
        return -EBADMSG;
    for (uint32_t i = 0; i < count; i++) {
        struct producer loaded;
        if (!load_entry(bytes + SNAPSHOT_HEADER_SIZE + (size_t)i * SNAPSHOT_ENTRY_SIZE, &loaded))
            return -EBADMSG;
        if (producer_is_expired(&loaded, now_ms, expiration_ms))
            continue;
        struct producer *producer = memory_alloc(sizeof *producer);
        *producer = loaded;
        free(map_put(&state->producers, MAP_KEY_OF(loaded.producer_id), producer));
    }
    return 0;
}

int producer_state_read(struct producer_state *state, const char *path, int64_t now_ms, int64_t expiration_ms)
{
    char *bytes;
    size_t size;
    producer_state_clear(state);
    int result = file_read_whole(path, SNAPSHOT_FILE_SIZE_MAX, &bytes, &size);
    if (result != 0)
        return result;
    result = load(state, (const uint8_t *)bytes, size, now_ms, expiration_ms);
    free(bytes);
    if (result != 0)
        producer_state_clear(state);
    return result;
}
