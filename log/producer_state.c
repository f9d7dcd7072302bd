// SPDX-License-Identifier: Apache-2.0
#include "log/producer_state.h"

#include "base/big_endian.h"
#include "log/record.h"

#include <stdlib.h>
#include <string.h>

int32_t producer_last_sequence(const struct producer *producer)
{
    return producer->batch_count > 0 ? producer->batches[producer->batch_count - 1].last_sequence : -1;
}

bool transaction_marker_read(struct view batch, const struct batch_header *header, struct transaction_marker *marker)
{
    enum { KEY_SIZE = 4, VALUE_SIZE = 6, RECORD_SIZE_MAX = 4096 };
    struct record_reader *reader = record_reader_create(batch, header, RECORD_SIZE_MAX);
    if (reader == NULL)
        return false;
    struct record record;
    bool is_marker = false;
    if (record_reader_next(reader, &record) == RECORD_FOUND && record.key.size >= KEY_SIZE &&
        !view_is_null(record.key)) {
        int16_t type = big_endian_load_i16(record.key.data + 2);
        if ((type == MARKER_ABORT || type == MARKER_COMMIT) && !view_is_null(record.value) &&
            record.value.size >= VALUE_SIZE) {
            marker->type = (enum marker_type)type;
            marker->coordinator_epoch = big_endian_load_i32(record.value.data + 2);
            is_marker = true;
        }
    }
    record_reader_destroy(reader);
    return is_marker;
}

void producer_state_clear(struct producer_state *state)
{
    size_t at = 0;
    void *producer;
    while (map_next(&state->producers, &at, NULL, &producer))
        free(producer);
    map_fini(&state->producers);
    state->producers = MAP_EMPTY;
}

void producer_state_fini(struct producer_state *state)
{
    producer_state_clear(state);
}

static bool follows(int32_t last, int32_t first)
{
    return last == INT32_MAX ? first == 0 : first == last + 1;
}

static int32_t first_sequence_of(const struct producer_batch *batch)
{
    int64_t first = (int64_t)batch->last_sequence - batch->offset_delta;
    return (int32_t)(first >= 0 ? first : first + INT32_MAX + 1);
}

static const struct producer_batch *find_duplicate(const struct producer *producer, const struct batch_header *header)
{
    if (producer->epoch != header->producer_epoch || header->base_sequence < 0)
        return NULL;
    int32_t last = batch_last_sequence(header);
    for (int i = 0; i < producer->batch_count; i++) {
        const struct producer_batch *batch = &producer->batches[i];
        if (batch->last_sequence == last && first_sequence_of(batch) == header->base_sequence)
            return batch;
    }
    return NULL;
}

static enum kafka_error check_marker(const struct producer *producer, const struct batch_header *header,
                                     const struct transaction_marker *marker)
{
    if (producer == NULL)
        return KAFKA_NONE;
    if (header->producer_epoch < producer->epoch)
        return KAFKA_INVALID_PRODUCER_EPOCH;
    if (marker->coordinator_epoch < producer->coordinator_epoch)
        return KAFKA_TRANSACTION_COORDINATOR_FENCED;
    return KAFKA_NONE;
}

static enum kafka_error check_sequence(const struct producer *producer, const struct batch_header *header)
{
    if (producer->epoch != header->producer_epoch)
        return header->base_sequence == 0 ? KAFKA_NONE : KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    return follows(producer_last_sequence(producer), header->base_sequence) ? KAFKA_NONE
                                                                            : KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

enum kafka_error producer_state_check(const struct producer_state *state, const struct batch_header *header,
                                      enum append_origin origin, const struct transaction_marker *marker,
                                      const struct producer_batch **duplicate)
{
    *duplicate = NULL;
    if (!batch_has_producer_id(header) || origin == APPEND_REPLICATION)
        return KAFKA_NONE;
    const struct producer *producer = map_get(&state->producers, MAP_KEY_OF(header->producer_id));
    if (marker != NULL)
        return check_marker(producer, header, marker);
    bool is_open = producer != NULL && producer->transaction_start_offset >= 0;
    // A transaction begins only after its coordinator has verified the partition, and no coordinator is served yet.
    if (origin == APPEND_CLIENT && batch_is_transactional(header) && !is_open)
        return KAFKA_INVALID_TXN_STATE;
    if (producer == NULL)
        return KAFKA_NONE;
    if (origin == APPEND_CLIENT && (*duplicate = find_duplicate(producer, header)) != NULL)
        return KAFKA_NONE;
    if (header->producer_epoch < producer->epoch)
        return KAFKA_INVALID_PRODUCER_EPOCH;
    if (origin == APPEND_CLIENT) {
        enum kafka_error error = check_sequence(producer, header);
        if (error != KAFKA_NONE)
            return error;
    }
    return is_open && !batch_is_transactional(header) ? KAFKA_INVALID_TXN_STATE : KAFKA_NONE;
}

static void set_epoch(struct producer *producer, int16_t epoch)
{
    if (producer->epoch == epoch)
        return;
    producer->epoch = epoch;
    producer->batch_count = 0;
}

static void add_batch(struct producer *producer, const struct batch_header *header)
{
    if (producer->batch_count == PRODUCER_BATCH_COUNT) {
        memmove(producer->batches, producer->batches + 1, (PRODUCER_BATCH_COUNT - 1) * sizeof *producer->batches);
        producer->batch_count--;
    }
    producer->batches[producer->batch_count++] = (struct producer_batch){
        .last_sequence = batch_last_sequence(header),
        .offset_delta = header->last_offset_delta,
        .last_offset = batch_last_offset(header),
        .timestamp = header->max_timestamp,
    };
}

void producer_state_apply(struct producer_state *state, const struct batch_header *header,
                          const struct transaction_marker *marker, struct transaction_change *change)
{
    *change = (struct transaction_change){0};
    if (!batch_has_producer_id(header) || (batch_is_control(header) && marker == NULL))
        return;
    struct producer *producer = map_get(&state->producers, MAP_KEY_OF(header->producer_id));
    if (producer == NULL) {
        producer = memory_alloc(sizeof *producer);
        producer->producer_id = header->producer_id;
        producer->epoch = header->producer_epoch;
        producer->coordinator_epoch = -1;
        producer->transaction_start_offset = -1;
        map_put(&state->producers, MAP_KEY_OF(header->producer_id), producer);
    }
    set_epoch(producer, header->producer_epoch);
    producer->last_timestamp = header->max_timestamp;
    if (marker != NULL) {
        change->has_ended = producer->transaction_start_offset >= 0;
        change->first_offset = producer->transaction_start_offset;
        change->marker_offset = header->base_offset;
        change->type = marker->type;
        producer->coordinator_epoch = marker->coordinator_epoch;
        producer->transaction_start_offset = -1;
        return;
    }
    add_batch(producer, header);
    if (batch_is_transactional(header) && producer->transaction_start_offset < 0) {
        producer->transaction_start_offset = header->base_offset;
        change->has_opened = true;
        change->first_offset = header->base_offset;
    }
}

bool producer_is_expired(const struct producer *producer, int64_t now_ms, int64_t expiration_ms)
{
    return producer->transaction_start_offset < 0 && producer->last_timestamp <= now_ms - expiration_ms;
}

void producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms)
{
    struct map kept = MAP_EMPTY;
    size_t at = 0;
    void *value;
    while (map_next(&state->producers, &at, NULL, &value)) {
        struct producer *producer = value;
        if (producer_is_expired(producer, now_ms, expiration_ms))
            free(producer);
        else
            map_put(&kept, MAP_KEY_OF(producer->producer_id), producer);
    }
    map_fini(&state->producers);
    state->producers = kept;
}

void transaction_list_apply(struct transaction_list *list, const struct transaction_change *change)
{
    if (change->has_opened)
        *array_append(list) = (struct transaction){change->first_offset, -1};
    if (!change->has_ended)
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].first_offset == change->first_offset)
            list->items[i].marker_offset = change->marker_offset;
    }
}

static int compare_transactions(const void *a, const void *b)
{
    const struct transaction *first = a, *second = b;
    return (first->first_offset > second->first_offset) - (first->first_offset < second->first_offset);
}

void transaction_list_rebuild(struct transaction_list *list, const struct producer_state *state)
{
    list->count = 0;
    size_t at = 0;
    void *value;
    while (map_next(&state->producers, &at, NULL, &value)) {
        const struct producer *producer = value;
        if (producer->transaction_start_offset >= 0)
            *array_append(list) = (struct transaction){producer->transaction_start_offset, -1};
    }
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_transactions);
}

int64_t transaction_list_first_unstable(struct transaction_list *list, int64_t high_watermark)
{
    size_t stable = 0;
    while (stable < list->count && list->items[stable].marker_offset >= 0 &&
           list->items[stable].marker_offset < high_watermark)
        stable++;
    if (stable > 0) {
        list->count -= stable;
        memmove(list->items, list->items + stable, list->count * sizeof *list->items);
    }
    return list->count > 0 ? list->items[0].first_offset : INT64_MAX;
}
