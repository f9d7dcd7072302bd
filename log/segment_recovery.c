// SPDX-License-Identifier: Apache-2.0
#include "log/segment_recovery.h"

#include "base/logger.h"
#include "log/batch_scanner.h"
#include "log/offset_index.h"

#include <inttypes.h>
#include <stdlib.h>

// An index entry to be written once the scan is over.
struct planned_entry {
    int64_t last_offset;
    int64_t position;
    struct time_entry max;
};

struct plan {
    ARRAY_OF(struct planned_entry);
    int64_t since_entry; // bytes since the last entry
    struct time_entry max;
    int64_t first_timestamp;
    int64_t end; // bytes of good batches
};

static void plan_batch(struct plan *plan, const struct batch_header *header, int64_t position, int32_t index_interval)
{
    if (position == 0)
        plan->first_timestamp = header->max_timestamp;
    if (header->max_timestamp > plan->max.timestamp)
        plan->max = (struct time_entry){header->max_timestamp, batch_last_offset(header)};
    if (plan->since_entry > index_interval) {
        *array_append(plan) = (struct planned_entry){batch_last_offset(header), position, plan->max};
        plan->since_entry = 0;
    }
    plan->since_entry += batch_size(header);
    plan->end = position + batch_size(header);
}

// Applies a batch to the producer state. Returns what is not served about it, or NULL.
static const char *apply_producer(struct log *log, struct batch_scanner *scanner, const struct batch_header *header)
{
    struct transaction_marker marker;
    bool is_marker = false;
    if (batch_is_control(header)) {
        uint8_t *batch = batch_scanner_read(scanner, header);
        is_marker =
            batch != NULL && transaction_marker_read(view_of(batch, (size_t)batch_size(header)), header, &marker);
        free(batch);
    }
    struct transaction_change change;
    producer_state_apply(&log->producers, header, is_marker ? &marker : NULL, &change);
    if (change.has_ended && change.type == MARKER_ABORT)
        return "an aborted transaction, whose .txnindex would have to be rebuilt";
    return NULL;
}

static bool is_in_place(const struct segment *segment, const struct batch_header *header,
                        const struct recovery *recovery)
{
    return header->base_offset >= segment->base_offset && header->base_offset >= recovery->next_offset &&
           batch_last_offset(header) - segment->base_offset <= INT32_MAX &&
           batch_last_offset(header) < recovery->end_offset;
}

// Reads and checks all batches.
static enum recovery_result scan(struct log *log, struct segment *segment, bool apply_producers, struct plan *plan,
                                 struct recovery *recovery)
{
    struct batch_scanner scanner;
    batch_scanner_init(&scanner, segment->fd, 0, segment_size(segment), true, NULL, BATCH_SCANNER_SEQUENTIAL);
    struct batch_header header;
    enum scan_result found;
    while ((found = batch_scanner_next(&scanner, &header)) == SCAN_BATCH && is_in_place(segment, &header, recovery)) {
        plan_batch(plan, &header, scanner.position, log->config.index_interval);
        recovery->epochs_have_changed |=
            leader_epoch_cache_extend(&log->epochs, header.leader_epoch, header.base_offset);
        if (apply_producers && batch_has_producer_id(&header))
            recovery->reason = apply_producer(log, &scanner, &header);
        if (recovery->reason != NULL)
            break;
        recovery->next_offset = batch_next_offset(&header);
    }
    if (found == SCAN_OLD_MAGIC)
        recovery->reason = "messages of magic 0 or 1";
    recovery->failure = scanner.failure;
    batch_scanner_fini(&scanner);
    if (recovery->reason != NULL)
        return RECOVERY_NOT_SERVED;
    return found == SCAN_FAILED ? RECOVERY_FAILED : RECOVERY_DONE;
}

static int write_plan(struct log *log, struct segment *segment, const struct plan *plan, int64_t now_ms,
                      bool *has_lost_bytes)
{
    int result = 0;
    *has_lost_bytes = plan->end < segment_size(segment);
    if (*has_lost_bytes) {
        logger_warn("%s.log: cutting %" PRId64 " bytes from %" PRId64 " on, which are no whole and right batches",
                    segment->stem, segment_size(segment) - plan->end, plan->end);
        result = segment_cut(segment, plan->end);
        atomic_store(&segment->size, plan->end);
    }
    if (result == 0)
        result = segment_make_writable(segment, &log->config, now_ms, false);
    for (size_t i = 0; result == 0 && i < plan->count && !index_file_is_full(&segment->offset_index); i++) {
        const struct planned_entry *entry = &plan->items[i];
        result = offset_index_append(&segment->offset_index, segment->base_offset, entry->last_offset, entry->position);
        if (result == 0)
            result = time_index_append(&segment->time_index, segment->base_offset, entry->max, false);
    }
    segment->bytes_since_index_entry = plan->since_entry;
    lock_acquire(&segment->lock);
    segment->first_known = segment->max_known = true;
    segment->first_timestamp = plan->first_timestamp;
    segment->max = plan->max;
    lock_release(&segment->lock);
    return result;
}

enum recovery_result segment_recover(struct log *log, struct segment *segment, bool apply_producers, int64_t now_ms,
                                     struct recovery *recovery)
{
    struct plan plan = {.max = {-1, segment->base_offset}, .first_timestamp = -1};
    enum recovery_result result = scan(log, segment, apply_producers, &plan, recovery);
    if (result == RECOVERY_DONE) {
        recovery->failure = write_plan(log, segment, &plan, now_ms, &recovery->has_lost_bytes);
        if (recovery->failure != 0)
            result = RECOVERY_FAILED;
    }
    array_fini(&plan);
    return result;
}
