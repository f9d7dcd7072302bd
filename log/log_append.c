// SPDX-License-Identifier: Apache-2.0
// How batches get into a log (log/log.h tells what callers see). The order inside the append lock: roll if needed, note
// leader epochs, one gathered write, and only then make it visible: a reader never sees a byte that is not written.
#include "base/clock.h"
#include "base/memory.h"
#include "log/log_internal.h"

#include <string.h>
#include <sys/uio.h>

// What one append writes: whole batches in one piece of memory.
struct append {
    const struct log_config *config;
    struct view bytes;
    int64_t first_offset, last_offset;
    struct time_entry max; // the largest timestamp
    int64_t now_ms;
};

// The bytes of a view that is known to lie in writable memory.
static uint8_t *writable(struct view bytes)
{
    uint8_t *data;
    memcpy(&data, &bytes.data, sizeof data);
    return data;
}

static struct log_append_info info_default(void)
{
    return (struct log_append_info){.first_offset = -1,
                                    .last_offset = -1,
                                    .max_timestamp = -1,
                                    .log_append_time_ms = -1,
                                    .log_start_offset = -1,
                                    .log_end_offset = -1};
}

enum kafka_error log_roll(struct log *log, const struct log_config *config, int64_t new_base_offset, int64_t now_ms)
{
    struct segment *active = log_active_segment(log), *created;
    if (active->base_offset == new_base_offset)
        return KAFKA_NONE; // it is empty: rolling would give the same
    int result = segment_seal(active);
    if (result == 0)
        result = log_take_snapshot(log, new_base_offset);
    if (result == 0)
        result = segment_create(log->path, new_base_offset, config, now_ms, &created);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Rolling a new segment of %s at offset %lld failed",
                                  log->name, (long long)new_base_offset);
    lock_acquire(&log->lock);
    *array_append(&log->segments) = created;
    if (log->high_watermark == log->log_end_offset)
        log->high_watermark_position = 0;
    lock_release(&log->lock);
    atomic_store(&log->names_changed, true);
    log_directory_flush_soon(log->directory, log_ref(log));
    return KAFKA_NONE;
}

// Notes a leader epoch that begins with a batch. The cache changes a handful of times in a log's life.
static enum kafka_error note_epoch(struct log *log, int32_t epoch, int64_t offset)
{
    bool has_changed = log->epochs_are_ahead;
    if (epoch >= 0 && leader_epoch_cache_latest(&log->epochs) != epoch) {
        lock_acquire(&log->lock);
        has_changed |= leader_epoch_cache_assign(&log->epochs, epoch, offset);
        lock_release(&log->lock);
    }
    return has_changed ? log_write_epochs(log) : KAFKA_NONE;
}

// Notes a batch that is in the file: producer, transaction, place. Holder of append_lock and lock.
static void note_batch(struct log *log, const struct batch_header *header, struct view batch, int64_t position)
{
    log->tail[log->tail_next] = (struct tail_batch){.segment = log_active_segment(log),
                                                    .base_offset = header->base_offset,
                                                    .last_offset = batch_last_offset(header),
                                                    .position = position,
                                                    .size = batch.size};
    log->tail_next = (log->tail_next + 1) % TAIL_BATCH_COUNT;
    if (!batch_has_producer_id(header))
        return;
    struct transaction_marker marker;
    bool is_marker = batch_is_control(header) && transaction_marker_read(batch, header, &marker);
    struct transaction_change change;
    producer_state_apply(&log->producers, header, is_marker ? &marker : NULL, &change);
    transaction_list_apply(&log->transactions, &change);
}

static void note_batches(struct log *log, struct view bytes, int64_t position)
{
    struct batch_header header;
    while (batch_header_read(bytes, &header) == BATCH_COMPLETE) {
        size_t size = (size_t)batch_size(&header);
        note_batch(log, &header, view_of(bytes.data, size), position);
        bytes = view_of(bytes.data + size, bytes.size - size);
        position += (int64_t)size;
    }
}

static enum kafka_error write_append(struct log *log, const struct append *append)
{
    const struct log_config *config = append->config;
    size_t size = append->bytes.size;
    if (segment_must_roll(log_active_segment(log), config, size, append->last_offset, append->max.timestamp,
                          append->now_ms)) {
        enum kafka_error error = log_roll(log, config, append->first_offset, append->now_ms);
        if (error != KAFKA_NONE)
            return error;
    }
    struct segment *active = log_active_segment(log);
    struct iovec piece = {.iov_base = writable(append->bytes), .iov_len = size};
    int result = segment_write(active, &piece, 1, size, append->last_offset, append->max, config->index_interval);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Appending to %s at offset %lld failed", log->name,
                                  (long long)append->first_offset);
    lock_acquire(&log->lock);
    int64_t position = segment_size(active);
    segment_publish(active, size);
    log->log_end_offset = append->last_offset + 1;
    note_batches(log, append->bytes, position);
    log_update_first_unstable(log);
    bool flush = log->log_end_offset - log->recovery_point >= config->flush_messages;
    lock_release(&log->lock);
    return flush ? log_flush(log) : KAFKA_NONE;
}

// An aborted transaction needs a .txnindex, which is not written yet: consumers would take its records for committed.
static bool ends_in_abort(const struct log *log, const struct batch_header *header,
                          const struct transaction_marker *marker)
{
    const struct producer *producer = map_get(&log->producers.producers, MAP_KEY_OF(header->producer_id));
    return marker->type == MARKER_ABORT && producer != NULL && producer->transaction_start_offset >= 0;
}

static enum kafka_error check_producer(const struct log *log, struct view batch, const struct batch_header *header,
                                       enum append_origin origin, const struct producer_batch **duplicate)
{
    struct transaction_marker marker;
    bool is_marker = batch_is_control(header) && transaction_marker_read(batch, header, &marker);
    if (is_marker && ends_in_abort(log, header, &marker))
        return KAFKA_UNSUPPORTED_VERSION;
    return producer_state_check(&log->producers, header, origin, is_marker ? &marker : NULL, duplicate);
}

static void fill_duplicate(struct log_append_info *info, const struct producer_batch *duplicate)
{
    info->is_duplicate = true;
    info->first_offset = duplicate->last_offset - duplicate->offset_delta;
    info->last_offset = duplicate->last_offset;
    info->max_timestamp = duplicate->timestamp;
}

static enum kafka_error append_verdict(struct log *log, const struct log_config *config,
                                       const struct batch_verdict *verdict, enum append_origin origin,
                                       int32_t leader_epoch, int64_t now_ms, struct log_append_info *info)
{
    enum kafka_error error = log_check_usable(log);
    if (error != KAFKA_NONE)
        return error;
    struct batch_header header = verdict->header;
    struct view batch = view_of(verdict->bytes, verdict->size);
    const struct producer_batch *duplicate = NULL;
    if (batch_has_producer_id(&header))
        error = check_producer(log, batch, &header, origin, &duplicate);
    if (error != KAFKA_NONE)
        return error;
    if (config->log_append_time)
        info->log_append_time_ms = duplicate ? duplicate->timestamp : now_ms;
    if (duplicate != NULL) {
        fill_duplicate(info, duplicate);
        return KAFKA_NONE;
    }
    int64_t first = log->log_end_offset, last = first + header.last_offset_delta;
    batch_set_base_offset(verdict->bytes, first);
    batch_set_leader_epoch(verdict->bytes, leader_epoch);
    struct append append = {.config = config,
                            .bytes = batch,
                            .first_offset = first,
                            .last_offset = last,
                            .max = {verdict->max_timestamp, last},
                            .now_ms = now_ms};
    error = note_epoch(log, leader_epoch, first);
    if (error == KAFKA_NONE)
        error = write_append(log, &append);
    if (error == KAFKA_NONE) {
        info->first_offset = first;
        info->last_offset = last;
        info->max_timestamp = verdict->max_timestamp;
    }
    return error;
}

static void fill_offsets(struct log *log, struct log_append_info *info)
{
    struct log_offsets offsets;
    log_get_offsets(log, &offsets);
    info->log_start_offset = offsets.log_start_offset;
    info->log_end_offset = offsets.log_end_offset;
}

enum kafka_error log_append_as_leader(struct log *log, struct view batch, enum append_origin origin,
                                      int32_t leader_epoch, struct arena *arena, struct log_append_info *info)
{
    *info = info_default();
    struct log_config config;
    log_get_config(log, &config);
    const struct batch_rules rules = {.origin = origin,
                                      .message_size_max = config.message_size_max,
                                      .compression_is_set = config.compression_is_set,
                                      .compression = config.compression,
                                      .compression_level = config.compression_level,
                                      .log_append_time = config.log_append_time,
                                      .timestamp_before_max_ms = config.timestamp_before_max_ms,
                                      .timestamp_after_max_ms = config.timestamp_after_max_ms,
                                      .compacted = config.cleanup_compact};
    struct batch_verdict verdict = {.error_message = NULL};
    int64_t now_ms = clock_now_ms();
    enum kafka_error error = batch_validate(writable(batch), batch.size, &rules, now_ms, arena, &verdict);
    if (error == KAFKA_NONE && (int64_t)verdict.size > config.segment_size_max)
        error = KAFKA_RECORD_LIST_TOO_LARGE;
    if (error == KAFKA_NONE) {
        lock_acquire(&log->append_lock);
        error = append_verdict(log, &config, &verdict, origin, leader_epoch, now_ms, info);
        lock_release(&log->append_lock);
    } else {
        info->error_message = verdict.error_message;
        info->record_errors = verdict.record_errors;
        info->record_error_count = verdict.record_error_count;
        info->has_invalid_timestamp = verdict.has_invalid_timestamp;
    }
    fill_offsets(log, info);
    return error;
}

// ---- As follower

// Checks what was fetched and finds its extent. A partial batch at the end is left out of append->bytes.
static enum kafka_error check_fetched(struct view records, int64_t log_end_offset, struct append *append)
{
    struct view rest = records;
    int64_t next = log_end_offset;
    append->first_offset = -1;
    append->max = (struct time_entry){-1, -1};
    for (;;) {
        struct batch_header header;
        enum batch_state state = batch_header_read(rest, &header);
        if (state == BATCH_INCOMPLETE)
            break;
        if (state == BATCH_OLD_MAGIC)
            return KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT;
        if (state == BATCH_CORRUPT)
            return KAFKA_CORRUPT_MESSAGE;
        size_t size = (size_t)batch_size(&header);
        if (header.base_offset < next)
            return append->first_offset < 0 ? KAFKA_OFFSET_OUT_OF_RANGE : KAFKA_CORRUPT_MESSAGE;
        if (header.last_offset_delta < 0 || header.base_offset > INT64_MAX - 1 - header.last_offset_delta ||
            !batch_crc_is_valid(view_of(rest.data, size)))
            return KAFKA_CORRUPT_MESSAGE;
        if (append->first_offset < 0)
            append->first_offset = header.base_offset;
        append->last_offset = batch_last_offset(&header);
        if (header.max_timestamp > append->max.timestamp)
            append->max = (struct time_entry){header.max_timestamp, append->last_offset};
        next = append->last_offset + 1;
        rest = view_of(rest.data + size, rest.size - size);
    }
    append->bytes = view_of(records.data, records.size - rest.size);
    if (append->first_offset >= 0 && append->last_offset - append->first_offset > INT32_MAX)
        return KAFKA_CORRUPT_MESSAGE; // one append is in one segment
    return KAFKA_NONE;
}

// Epochs of all batches, and what no follower can serve yet.
static enum kafka_error note_fetched(struct log *log, struct view bytes)
{
    struct batch_header header;
    enum kafka_error error = KAFKA_NONE;
    while (error == KAFKA_NONE && batch_header_read(bytes, &header) == BATCH_COMPLETE) {
        size_t size = (size_t)batch_size(&header);
        const struct producer_batch *duplicate;
        if (batch_is_control(&header))
            error = check_producer(log, view_of(bytes.data, size), &header, APPEND_REPLICATION, &duplicate);
        if (error == KAFKA_NONE)
            error = note_epoch(log, header.leader_epoch, header.base_offset);
        bytes = view_of(bytes.data + size, bytes.size - size);
    }
    return error;
}

enum kafka_error log_append_as_follower(struct log *log, struct view records, struct log_append_info *info)
{
    *info = info_default();
    struct log_config config;
    log_get_config(log, &config);
    struct append append = {.config = &config, .now_ms = clock_now_ms()};
    lock_acquire(&log->append_lock);
    enum kafka_error error = log_check_usable(log);
    if (error == KAFKA_NONE)
        error = check_fetched(records, log->log_end_offset, &append);
    bool has_data = error == KAFKA_NONE && append.bytes.size > 0;
    if (has_data)
        error = note_fetched(log, append.bytes);
    if (has_data && error == KAFKA_NONE)
        error = write_append(log, &append);
    lock_release(&log->append_lock);
    if (has_data && error == KAFKA_NONE) {
        info->first_offset = append.first_offset;
        info->last_offset = append.last_offset;
        info->max_timestamp = append.max.timestamp;
    }
    fill_offsets(log, info);
    return error;
}
