// SPDX-License-Identifier: Apache-2.0
// Rebuilds the groups of one partition of __consumer_offsets from its log. Offsets committed in a transaction count
// once its commit marker is read; those of a transaction that is still open are left out, with a line in the log.
#include "base/array.h"
#include "base/big_endian.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/batch.h"
#include "log/record.h"
#include "server/group/group_internal.h"

#include <stdlib.h>

#define RECORD_SIZE_MAX (128 * 1024 * 1024)
enum { MARKER_COMMIT = 1 };

// One batch of a transaction whose end was not read yet.
struct open_batch {
    int64_t producer_id;
    uint8_t *bytes;
    size_t size;
};

struct loader {
    struct group_coordinator *coordinator;
    int32_t partition;
    uint8_t *buffer;
    size_t buffer_size;
    struct {
        ARRAY_OF(struct open_batch);
    } open;
    int64_t record_count;
};

static bool apply_batch(struct loader *loader, struct view batch, const struct batch_header *header)
{
    struct record_reader *reader = record_reader_create(batch, header, RECORD_SIZE_MAX);
    struct record record;
    enum record_result result = RECORD_UNREADABLE;
    while (reader != NULL && (result = record_reader_next(reader, &record)) == RECORD_FOUND) {
        if (group_record_apply(loader->coordinator, loader->partition, &record) != KAFKA_NONE)
            logger_error("A record of __consumer_offsets-%d at offset %lld cannot be read and is left out",
                         loader->partition, (long long)record.offset);
        loader->record_count++;
    }
    record_reader_destroy(reader);
    return result == RECORD_END;
}

static bool is_commit(struct view batch, const struct batch_header *header)
{
    struct record_reader *reader = record_reader_create(batch, header, RECORD_SIZE_MAX);
    struct record record;
    bool commit = reader != NULL && record_reader_next(reader, &record) == RECORD_FOUND && record.key.size >= 4 &&
                  big_endian_load_i16(record.key.data + 2) == MARKER_COMMIT;
    record_reader_destroy(reader);
    return commit;
}

// The transaction's end decides over its batches.
static bool end_transaction(struct loader *loader, struct view marker, const struct batch_header *header)
{
    bool commit = is_commit(marker, header), readable = true;
    size_t kept = 0;
    for (size_t i = 0; i < loader->open.count; i++) {
        struct open_batch *open = &loader->open.items[i];
        if (open->producer_id != header->producer_id) {
            loader->open.items[kept++] = *open;
            continue;
        }
        struct batch_header open_header;
        struct view bytes = view_of(open->bytes, open->size);
        if (commit && batch_header_read(bytes, &open_header) == BATCH_COMPLETE)
            readable = apply_batch(loader, bytes, &open_header) && readable;
        free(open->bytes);
    }
    loader->open.count = kept;
    return readable;
}

static bool load_batch(struct loader *loader, struct view batch, const struct batch_header *header)
{
    if (batch_is_control(header))
        return end_transaction(loader, batch, header);
    if (!batch_is_transactional(header))
        return apply_batch(loader, batch, header);
    struct open_batch *open = array_append(&loader->open);
    *open = (struct open_batch){header->producer_id, (uint8_t *)view_dup(batch), batch.size};
    return true;
}

// Loads whole batches; *next is the offset behind them.
static bool load_batches(struct loader *loader, struct view rest, int64_t *next)
{
    struct batch_header header;
    while (batch_header_read(rest, &header) == BATCH_COMPLETE) {
        size_t batch_bytes = (size_t)batch_size(&header);
        if (!load_batch(loader, view_of(rest.data, batch_bytes), &header))
            return false;
        *next = batch_next_offset(&header);
        rest = view_of(rest.data + batch_bytes, rest.size - batch_bytes);
    }
    return true;
}

static bool load_log(struct loader *loader, uint64_t load_id)
{
    const struct group_store *store = group_coordinator_store(loader->coordinator);
    size_t read_size = (size_t)group_coordinator_settings(loader->coordinator)->load_buffer_size;
    int64_t next = -1;
    while (group_coordinator_wants_load(loader->coordinator, loader->partition, load_id)) {
        int64_t before = next;
        size_t size = 0;
        enum kafka_error error = store->read(store->context, loader->partition, next, read_size, &loader->buffer,
                                             &loader->buffer_size, &size);
        if (error == KAFKA_NONE && size == 0)
            return true;
        if (error != KAFKA_NONE || !load_batches(loader, view_of(loader->buffer, size), &next) || next <= before) {
            logger_error("__consumer_offsets-%d cannot be read from offset %lld on (%s); its groups stay unavailable",
                         loader->partition, (long long)before, kafka_error_name((int16_t)error));
            return false;
        }
    }
    return false;
}

bool group_load_partition(struct group_coordinator *coordinator, int32_t partition, uint64_t load_id)
{
    int64_t start_ms = clock_monotonic_ms();
    struct loader loader = {.coordinator = coordinator, .partition = partition};
    bool loaded = load_log(&loader, load_id);
    for (size_t i = 0; i < loader.open.count; i++) {
        logger_warn("Offsets committed by producer %lld in a transaction that has not ended are left out of "
                    "__consumer_offsets-%d",
                    (long long)loader.open.items[i].producer_id, partition);
        free(loader.open.items[i].bytes);
    }
    array_fini(&loader.open);
    free(loader.buffer);
    if (loaded && loader.record_count > 0)
        logger_info("Finished loading offsets and group metadata from __consumer_offsets-%d in %lld ms: %lld records",
                    partition, (long long)(clock_monotonic_ms() - start_ms), (long long)loader.record_count);
    return loaded;
}
