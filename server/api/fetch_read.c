// SPDX-License-Identifier: Apache-2.0
#include "net/request.h"
#include "server/api/fetch.h"
#include "server/broker.h"
#include "server/metadata_cache.h"
#include "server/replica/replica_manager.h"

#include <errno.h>

// The file ended before the slice does: it was truncated, and the answer cannot be completed.
static ssize_t at_least_one(ssize_t result)
{
    return result == 0 ? -EIO : result;
}

static ssize_t send_slice(struct send_source *source, int socket_fd, int64_t offset, size_t size)
{
    const struct slice_source *records = (const struct slice_source *)source;
    return at_least_one(log_slice_send(&records->slice, (size_t)offset, socket_fd, size));
}

static ssize_t read_slice(struct send_source *source, void *buffer, int64_t offset, size_t size)
{
    const struct slice_source *records = (const struct slice_source *)source;
    return at_least_one(log_slice_read(&records->slice, (size_t)offset, buffer, size));
}

static const struct send_source_calls slice_source_calls = {send_slice, read_slice};

static void release_slices(void *what)
{
    struct fetch *fetch = what;
    for (int32_t i = 0; i < fetch->context.count; i++)
        log_slice_release(&fetch->reads[i].records.slice);
}

void fetch_release_partitions(struct fetch *fetch)
{
    for (int32_t i = 0; i < fetch->context.count; i++) {
        partition_unref(fetch->reads[i].partition);
        fetch->reads[i].partition = NULL;
    }
}

static bool has_other_id(struct uuid wanted, struct uuid present)
{
    return !uuid_is_zero(wanted) && !uuid_is_zero(present) && !uuid_equal(wanted, present);
}

static struct partition *find_partition(const struct fetch *fetch, const struct fetch_partition *wanted,
                                        enum kafka_error *error)
{
    *error = KAFKA_TOPIC_AUTHORIZATION_FAILED;
    if (fetch->poses_as_replica)
        return NULL;
    *error = KAFKA_UNKNOWN_TOPIC_ID;
    if (view_is_null(wanted->topic))
        return NULL;
    const struct metadata_topic *topic = metadata_snapshot_topic(fetch->snapshot, wanted->topic);
    *error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic == NULL || metadata_topic_partition(topic, wanted->index) == NULL)
        return NULL;
    struct partition *partition =
        replica_manager_partition(fetch->broker->replica_manager, wanted->topic, wanted->index, error);
    if (partition == NULL)
        return NULL;
    *error = KAFKA_INCONSISTENT_TOPIC_ID;
    if (has_other_id(wanted->topic_id, partition_topic_id(partition))) {
        partition_unref(partition);
        return NULL;
    }
    *error = KAFKA_NONE;
    return partition;
}

bool fetch_find_partitions(struct fetch *fetch)
{
    struct arena *arena = &fetch->request->arena;
    fetch->reads = arena_alloc_array(arena, (size_t)fetch->context.count, sizeof *fetch->reads);
    if (fetch->reads == NULL)
        return false;
    for (int32_t i = 0; i < fetch->context.count; i++) {
        struct fetch_read *read = &fetch->reads[i];
        read->records = (struct slice_source){{&slice_source_calls}, LOG_SLICE_EMPTY};
        read->offsets = (struct log_offsets){-1, -1, -1, -1};
        read->partition = find_partition(fetch, &fetch->context.partitions[i], &read->error);
    }
    arena_defer(arena, release_slices, fetch);
    return true;
}

// A follower that fetches from here has all that lies below.
static enum kafka_error note_follower(const struct fetch *fetch, const struct fetch_partition *wanted,
                                      struct partition *partition)
{
    bool high_watermark_moved;
    enum kafka_error error = partition_note_follower(partition, fetch->replica_id, wanted->current_leader_epoch,
                                                     wanted->offset, wanted->log_start_offset, &high_watermark_moved);
    if (error == KAFKA_NONE && high_watermark_moved)
        replica_manager_partition_changed(fetch->broker->replica_manager, partition, true);
    return error;
}

static size_t smaller(size_t size, int32_t size_max)
{
    size_t bound = size_max > 0 ? (size_t)size_max : 0;
    return size < bound ? size : bound;
}

static void read_one(const struct fetch *fetch, const struct fetch_partition *wanted, struct fetch_read *read,
                     size_t size_max, bool min_one)
{
    struct log_read_info info;
    log_slice_release(&read->records.slice);
    read->error = KAFKA_NONE;
    if (fetch->replica_id >= 0)
        read->error = partition_check_follower(read->partition, fetch->replica_id, wanted->current_leader_epoch);
    if (read->error == KAFKA_NONE)
        read->error = partition_read(read->partition, wanted->current_leader_epoch, wanted->last_fetched_epoch,
                                     wanted->offset, smaller(size_max, wanted->size_max), min_one, fetch->bound,
                                     &read->records.slice, &info, &read->divergence);
    if (read->error == KAFKA_NONE && fetch->replica_id >= 0 && !read->divergence.is_diverging)
        read->error = note_follower(fetch, wanted, read->partition);
    if (read->error == KAFKA_NONE) {
        read->offsets = info.offsets;
        return;
    }
    log_slice_release(&read->records.slice);
    read->offsets = (struct log_offsets){-1, -1, -1, -1};
}

bool fetch_read_all(struct fetch *fetch)
{
    size_t left = fetch->size_max, total = 0;
    bool must_tell = false;
    for (int32_t i = 0; i < fetch->context.count; i++) {
        struct fetch_read *read = &fetch->reads[i];
        if (read->partition == NULL) {
            // What nobody can read is told with the rest, but a replica that moved away at once.
            must_tell =
                must_tell || (read->error != KAFKA_UNKNOWN_TOPIC_ID && read->error != KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
            continue;
        }
        read_one(fetch, &fetch->context.partitions[i], read, left, total == 0);
        size_t size = read->records.slice.size;
        total += size;
        left -= size < left ? size : left;
        must_tell = must_tell || read->error != KAFKA_NONE || read->divergence.is_diverging;
    }
    return must_tell || total >= fetch->size_min;
}

static int64_t bound_of(const struct log_offsets *offsets, enum log_read_bound bound)
{
    switch (bound) {
    case LOG_READ_TO_LOG_END:
        return offsets->log_end_offset;
    case LOG_READ_TO_HIGH_WATERMARK:
        return offsets->high_watermark;
    default:
        return offsets->last_stable_offset;
    }
}

// How many bytes a read of the partition would give; *must_tell: it would give an error or a divergence instead.
static size_t readable_size(const struct fetch *fetch, int32_t at, bool *must_tell)
{
    const struct fetch_partition *wanted = &fetch->context.partitions[at];
    struct partition *partition = fetch->reads[at].partition;
    struct log_offsets offsets;
    if (partition == NULL)
        return 0;
    *must_tell = partition_offsets(partition, wanted->current_leader_epoch, &offsets) != KAFKA_NONE ||
                 wanted->offset < offsets.log_start_offset || wanted->offset > offsets.log_end_offset;
    if (*must_tell || wanted->offset >= bound_of(&offsets, fetch->bound))
        return 0;
    if (fetch->size_min <= 1) // any record is enough
        return 1;
    struct log_slice slice;
    struct log_read_info info = {.first_batch_incomplete = false};
    struct partition_divergence divergence;
    size_t size_max = smaller(fetch->size_max, wanted->size_max);
    *must_tell = partition_read(partition, wanted->current_leader_epoch, wanted->last_fetched_epoch, wanted->offset,
                                size_max, false, fetch->bound, &slice, &info, &divergence) != KAFKA_NONE ||
                 divergence.is_diverging;
    // A first batch beyond the limit is given whole, and counts for as much as was asked for.
    size_t size = info.first_batch_incomplete ? size_max : slice.size;
    log_slice_release(&slice);
    return size;
}

bool fetch_is_ready(const struct fetch *fetch)
{
    size_t total = 0;
    bool must_tell = false;
    for (int32_t i = 0; i < fetch->context.count && !must_tell && total < fetch->size_min; i++)
        total += readable_size(fetch, i, &must_tell);
    return must_tell || total >= fetch->size_min;
}
