// SPDX-License-Identifier: Apache-2.0
#include "server/replica/partition.h"

#include "base/lock.h"
#include "base/memory.h"
#include "server/replica/replica_manager.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

// Another broker's replica, as far as its fetches tell. The offsets change under the shared lock.
struct follower {
    int32_t broker_id;
    _Atomic int64_t log_end_offset;   // -1: not known in this leader epoch
    _Atomic int64_t log_start_offset; // likewise
};

struct partition {
    atomic_int references;
    char *key; // "topic-0", immutable like the next three
    size_t topic_size;
    int32_t index;
    int32_t broker_id;

    struct shared_lock lock;
    struct log *log LOCK_GUARDED;
    int32_t leader LOCK_GUARDED;
    int32_t leader_epoch LOCK_GUARDED;
    int64_t leader_epoch_start_offset LOCK_GUARDED; // as leader, else -1
    int32_t partition_epoch LOCK_GUARDED;
    int32_t *isr LOCK_GUARDED;
    int32_t isr_count LOCK_GUARDED;
    struct follower *followers LOCK_GUARDED; // all replicas but our own
    int32_t follower_count LOCK_GUARDED;
    int32_t replica_count LOCK_GUARDED;
    int32_t min_insync_replicas LOCK_GUARDED;
};

struct partition *partition_create(struct view topic, int32_t index, int32_t broker_id)
{
    struct partition *partition = memory_alloc(sizeof *partition);
    atomic_init(&partition->references, 1);
    partition->key = memory_format("%.*s-%d", VIEW_ARGS(topic), index);
    partition->topic_size = topic.size;
    partition->index = index;
    partition->broker_id = broker_id;
    shared_lock_init(&partition->lock, LOCK_PARTITION);
    shared_lock_acquire_write(&partition->lock);
    partition->leader = PARTITION_NO_LEADER;
    partition->leader_epoch = partition->partition_epoch = PARTITION_NO_EPOCH;
    partition->leader_epoch_start_offset = -1;
    partition->min_insync_replicas = 1;
    shared_lock_release(&partition->lock);
    return partition;
}

struct partition *partition_ref(struct partition *partition)
{
    atomic_fetch_add_explicit(&partition->references, 1, memory_order_relaxed);
    return partition;
}

// The last reference is nobody else's any more: no lock is needed.
LOCK_UNCHECKED void partition_unref(struct partition *partition)
{
    if (partition == NULL || atomic_fetch_sub_explicit(&partition->references, 1, memory_order_acq_rel) > 1)
        return;
    log_unref(partition->log);
    free(partition->isr);
    free(partition->followers);
    free(partition->key);
    shared_lock_fini(&partition->lock);
    free(partition);
}

struct view partition_topic(const struct partition *partition)
{
    return view_of(partition->key, partition->topic_size);
}

int32_t partition_index(const struct partition *partition)
{
    return partition->index;
}

struct view partition_key(const struct partition *partition)
{
    return view_of_string(partition->key);
}

struct partition_leader partition_leader(struct partition *partition)
{
    shared_lock_acquire_read(&partition->lock);
    struct partition_leader leader = {partition->leader, partition->leader_epoch};
    shared_lock_release(&partition->lock);
    return leader;
}

struct log *partition_log(struct partition *partition)
{
    shared_lock_acquire_read(&partition->lock);
    struct log *log = partition->log == NULL ? NULL : log_ref(partition->log);
    shared_lock_release(&partition->lock);
    return log;
}

struct uuid partition_topic_id(struct partition *partition)
{
    shared_lock_acquire_read(&partition->lock);
    struct uuid id = partition->log == NULL ? UUID_ZERO : log_topic_id(partition->log);
    shared_lock_release(&partition->lock);
    return id;
}

// NONE when a request of that epoch may be served from our log.
static enum kafka_error check_locked(const struct partition *partition, int32_t current_leader_epoch, bool leader_only)
    LOCK_REQUIRES_SHARED(partition->lock)
{
    if (current_leader_epoch != PARTITION_NO_EPOCH && current_leader_epoch < partition->leader_epoch)
        return KAFKA_FENCED_LEADER_EPOCH;
    if (current_leader_epoch != PARTITION_NO_EPOCH && current_leader_epoch > partition->leader_epoch)
        return KAFKA_UNKNOWN_LEADER_EPOCH;
    if (partition->log == NULL || (leader_only && partition->leader != partition->broker_id))
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    return log_is_offline(partition->log) ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_NONE;
}

static int32_t effective_min_isr_locked(const struct partition *partition) LOCK_REQUIRES_SHARED(partition->lock)
{
    return partition->min_insync_replicas < partition->replica_count ? partition->min_insync_replicas
                                                                     : partition->replica_count;
}

static struct follower *find_follower_locked(const struct partition *partition, int32_t broker_id)
    LOCK_REQUIRES_SHARED(partition->lock)
{
    for (int32_t i = 0; i < partition->follower_count; i++) {
        if (partition->followers[i].broker_id == broker_id)
            return &partition->followers[i];
    }
    return NULL;
}

// Moves the high watermark to what all in-sync replicas have (invariant 1). Returns whether it moved.
static bool raise_high_watermark_locked(const struct partition *partition) LOCK_REQUIRES_SHARED(partition->lock)
{
    if (partition->isr_count < effective_min_isr_locked(partition))
        return false;
    int64_t offset = log_end_offset(partition->log);
    for (int32_t i = 0; i < partition->isr_count; i++) {
        struct follower *follower = find_follower_locked(partition, partition->isr[i]);
        if (follower != NULL && follower->log_end_offset < offset)
            offset = follower->log_end_offset;
    }
    return log_raise_high_watermark(partition->log, offset);
}

// ---- What the controller decides

static void set_replicas_locked(struct partition *partition, const struct leader_and_isr_request_partition_state *state)
    LOCK_REQUIRES(partition->lock)
{
    int32_t isr_count = state->isr.count > 0 ? state->isr.count : 0;
    partition->isr = memory_resize(partition->isr, (size_t)isr_count + 1, sizeof *partition->isr);
    for (int32_t i = 0; i < isr_count; i++)
        partition->isr[i] = state->isr.items[i];
    partition->isr_count = isr_count;

    int32_t replica_count = state->replicas.count > 0 ? state->replicas.count : 0;
    struct follower *followers = memory_alloc_array((size_t)replica_count + 1, sizeof *followers);
    int32_t count = 0;
    for (int32_t i = 0; i < replica_count; i++) {
        if (state->replicas.items[i] == partition->broker_id)
            continue;
        const struct follower *known = state->leader_epoch > partition->leader_epoch
                                           ? NULL
                                           : find_follower_locked(partition, state->replicas.items[i]);
        followers[count].broker_id = state->replicas.items[i];
        followers[count].log_end_offset = known == NULL ? -1 : known->log_end_offset;
        followers[count++].log_start_offset = known == NULL ? -1 : known->log_start_offset;
    }
    free(partition->followers);
    partition->followers = followers;
    partition->follower_count = count;
    partition->replica_count = replica_count;
}

static enum kafka_error change_leader_locked(struct partition *partition,
                                             const struct leader_and_isr_request_partition_state *state,
                                             struct log *log) LOCK_REQUIRES(partition->lock)
{
    bool leads = state->leader == partition->broker_id;
    bool is_new_epoch = state->leader_epoch > partition->leader_epoch;
    if (leads && is_new_epoch) {
        int64_t end_offset = log_end_offset(log);
        enum kafka_error error = log_assign_leader_epoch(log, state->leader_epoch, end_offset);
        if (error != KAFKA_NONE)
            return error;
        partition->leader_epoch_start_offset = end_offset;
    }
    if (!leads)
        partition->leader_epoch_start_offset = -1;
    set_replicas_locked(partition, state);
    if (partition->log != log) {
        log_unref(partition->log);
        partition->log = log_ref(log);
    }
    partition->leader = state->leader;
    partition->leader_epoch = state->leader_epoch;
    partition->partition_epoch = state->partition_epoch;
    if (leads)
        raise_high_watermark_locked(partition);
    return KAFKA_NONE;
}

enum kafka_error partition_change_leader(struct partition *partition,
                                         const struct leader_and_isr_request_partition_state *state, struct log *log,
                                         bool *is_changed)
{
    enum kafka_error error = KAFKA_NONE;
    shared_lock_acquire_write(&partition->lock);
    assert(state->leader_epoch >= partition->leader_epoch);
    *is_changed = state->partition_epoch >= partition->partition_epoch;
    if (*is_changed)
        error = change_leader_locked(partition, state, log);
    shared_lock_release(&partition->lock);
    return error;
}

void partition_stop(struct partition *partition)
{
    shared_lock_acquire_write(&partition->lock);
    struct log *log = partition->log;
    partition->log = NULL;
    partition->leader = PARTITION_NO_LEADER;
    partition->leader_epoch_start_offset = -1;
    shared_lock_release(&partition->lock);
    log_unref(log);
}

void partition_set_min_insync_replicas(struct partition *partition, int32_t count)
{
    shared_lock_acquire_write(&partition->lock);
    partition->min_insync_replicas = count;
    shared_lock_release(&partition->lock);
}

// ---- Appends

enum kafka_error partition_append(struct partition *partition, struct view batch, enum append_origin origin,
                                  int16_t acks, struct arena *arena, struct partition_append_result *result)
{
    *result = (struct partition_append_result){
        .info = {.first_offset = -1, .last_offset = -1, .log_append_time_ms = -1, .log_start_offset = -1}};
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, PARTITION_NO_EPOCH, true);
    if (error == KAFKA_NONE && acks == ACKS_ALL && partition->isr_count < effective_min_isr_locked(partition))
        error = KAFKA_NOT_ENOUGH_REPLICAS;
    if (error == KAFKA_NONE) {
        result->leader_epoch = partition->leader_epoch;
        error = log_append_as_leader(partition->log, batch, origin, partition->leader_epoch, arena, &result->info);
    }
    if (error == KAFKA_NONE)
        result->high_watermark_moved = raise_high_watermark_locked(partition);
    shared_lock_release(&partition->lock);
    return error;
}

bool partition_is_replicated(struct partition *partition, int64_t next_offset, enum kafka_error *error)
{
    bool is_decided = true;
    shared_lock_acquire_read(&partition->lock);
    *error = check_locked(partition, PARTITION_NO_EPOCH, true);
    if (*error == KAFKA_NONE && log_high_watermark(partition->log) < next_offset)
        is_decided = false;
    else if (*error == KAFKA_NONE && partition->isr_count < effective_min_isr_locked(partition))
        *error = KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    shared_lock_release(&partition->lock);
    return is_decided;
}

// ---- Reads

static enum kafka_error compare_epochs(struct log *log, int32_t last_fetched_epoch, int64_t offset,
                                       struct partition_divergence *divergence)
{
    int32_t epoch;
    int64_t end_offset;
    log_end_offset_of_leader_epoch(log, last_fetched_epoch, &epoch, &end_offset);
    if (epoch < 0 || end_offset < 0 || offset < log_start_offset(log))
        return KAFKA_OFFSET_OUT_OF_RANGE;
    if (epoch < last_fetched_epoch || end_offset < offset)
        *divergence = (struct partition_divergence){true, epoch, end_offset};
    return KAFKA_NONE;
}

enum kafka_error partition_read(struct partition *partition, int32_t current_leader_epoch, int32_t last_fetched_epoch,
                                int64_t offset, size_t size_max, bool min_one, enum log_read_bound bound,
                                struct log_slice *slice, struct log_read_info *info,
                                struct partition_divergence *divergence)
{
    *slice = LOG_SLICE_EMPTY;
    *divergence = (struct partition_divergence){false, -1, -1};
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, current_leader_epoch, true);
    if (error == KAFKA_NONE && last_fetched_epoch >= 0)
        error = compare_epochs(partition->log, last_fetched_epoch, offset, divergence);
    if (error == KAFKA_NONE && divergence->is_diverging)
        log_get_offsets(partition->log, &info->offsets);
    else if (error == KAFKA_NONE)
        error = log_read(partition->log, offset, size_max, min_one, bound, slice, info);
    shared_lock_release(&partition->lock);
    return error;
}

enum kafka_error partition_offsets(struct partition *partition, int32_t current_leader_epoch,
                                   struct log_offsets *offsets)
{
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, current_leader_epoch, true);
    if (error == KAFKA_NONE)
        log_get_offsets(partition->log, offsets);
    shared_lock_release(&partition->lock);
    return error;
}

static enum kafka_error check_follower_locked(const struct partition *partition, int32_t broker_id,
                                              int32_t current_leader_epoch) LOCK_REQUIRES_SHARED(partition->lock)
{
    enum kafka_error error = check_locked(partition, current_leader_epoch, true);
    if (error == KAFKA_NONE && find_follower_locked(partition, broker_id) == NULL)
        error = current_leader_epoch == PARTITION_NO_EPOCH ? KAFKA_NOT_LEADER_OR_FOLLOWER : KAFKA_UNKNOWN_LEADER_EPOCH;
    return error;
}

enum kafka_error partition_check_follower(struct partition *partition, int32_t broker_id, int32_t current_leader_epoch)
{
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_follower_locked(partition, broker_id, current_leader_epoch);
    shared_lock_release(&partition->lock);
    return error;
}

enum kafka_error partition_note_follower(struct partition *partition, int32_t broker_id, int32_t current_leader_epoch,
                                         int64_t fetch_offset, int64_t log_start_offset, bool *high_watermark_moved)
{
    *high_watermark_moved = false;
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_follower_locked(partition, broker_id, current_leader_epoch);
    if (error == KAFKA_NONE) {
        struct follower *follower = find_follower_locked(partition, broker_id);
        follower->log_end_offset = fetch_offset;
        follower->log_start_offset = log_start_offset;
        *high_watermark_moved = raise_high_watermark_locked(partition);
    }
    shared_lock_release(&partition->lock);
    return error;
}

// The log start offset with the epoch that it lies in.
static void find_earliest(struct log *log, struct log_timestamp_offset *found)
{
    found->offset = log_start_offset(log);
    found->leader_epoch = log_leader_epoch_of_offset(log, found->offset);
}

static enum kafka_error find_offset_locked(const struct partition *partition, int64_t timestamp,
                                           enum partition_reader reader, struct log_timestamp_offset *found)
    LOCK_REQUIRES_SHARED(partition->lock)
{
    struct log_offsets offsets;
    log_get_offsets(partition->log, &offsets);
    int64_t visible = reader == PARTITION_READER_REPLICA       ? offsets.log_end_offset
                      : reader == PARTITION_READER_UNCOMMITTED ? offsets.high_watermark
                                                               : offsets.last_stable_offset;
    // A client that knows the old leader's end must not see the offsets go back.
    bool lags = reader != PARTITION_READER_REPLICA && partition->leader_epoch_start_offset > offsets.high_watermark;
    enum kafka_error error = KAFKA_NONE;
    switch (timestamp) {
    case TIMESTAMP_LATEST:
        *found = (struct log_timestamp_offset){visible, -1, partition->leader_epoch};
        return lags ? KAFKA_OFFSET_NOT_AVAILABLE : KAFKA_NONE;
    case TIMESTAMP_EARLIEST:
    case TIMESTAMP_EARLIEST_LOCAL:
        find_earliest(partition->log, found);
        return KAFKA_NONE;
    case TIMESTAMP_LATEST_TIERED: // nothing is ever tiered
        return KAFKA_NONE;
    case TIMESTAMP_MAX:
        error = log_find_max_timestamp(partition->log, found);
        break;
    default:
        error = log_find_timestamp(partition->log, timestamp, found);
    }
    if (error != KAFKA_NONE || (found->offset >= 0 && found->offset < visible))
        return error;
    *found = (struct log_timestamp_offset){-1, -1, -1};
    return lags ? KAFKA_OFFSET_NOT_AVAILABLE : KAFKA_NONE;
}

enum kafka_error partition_find_offset(struct partition *partition, int32_t current_leader_epoch, bool leader_only,
                                       int64_t timestamp, enum partition_reader reader,
                                       struct log_timestamp_offset *found)
{
    *found = (struct log_timestamp_offset){-1, -1, -1};
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, current_leader_epoch, leader_only);
    if (error == KAFKA_NONE)
        error = find_offset_locked(partition, timestamp, reader, found);
    shared_lock_release(&partition->lock);
    return error;
}

enum kafka_error partition_end_offset_of_epoch(struct partition *partition, int32_t current_leader_epoch,
                                               int32_t leader_epoch, int32_t *found_epoch, int64_t *end_offset)
{
    *found_epoch = -1;
    *end_offset = -1;
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, current_leader_epoch, true);
    if (error == KAFKA_NONE)
        log_end_offset_of_leader_epoch(partition->log, leader_epoch, found_epoch, end_offset);
    shared_lock_release(&partition->lock);
    return error;
}

// ---- DeleteRecords

static enum kafka_error delete_records_locked(const struct partition *partition, int64_t offset, int64_t *requested)
    LOCK_REQUIRES_SHARED(partition->lock)
{
    struct log_config config;
    log_get_config(partition->log, &config);
    if (!config.cleanup_delete)
        return KAFKA_POLICY_VIOLATION;
    int64_t target = offset == -1 ? log_high_watermark(partition->log) : offset;
    if (target < 0)
        return KAFKA_OFFSET_OUT_OF_RANGE;
    int64_t log_start;
    enum kafka_error error = log_delete_records(partition->log, target, &log_start);
    if (error == KAFKA_NONE)
        *requested = target;
    return error;
}

enum kafka_error partition_delete_records(struct partition *partition, int64_t offset, int64_t *requested)
{
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, PARTITION_NO_EPOCH, true);
    if (error == KAFKA_NONE)
        error = delete_records_locked(partition, offset, requested);
    shared_lock_release(&partition->lock);
    return error;
}

enum kafka_error partition_low_watermark(struct partition *partition, bool (*is_alive)(void *context, int32_t id),
                                         void *context, int64_t *low_watermark)
{
    shared_lock_acquire_read(&partition->lock);
    enum kafka_error error = check_locked(partition, PARTITION_NO_EPOCH, true);
    if (error == KAFKA_NONE) {
        int64_t lowest = log_start_offset(partition->log);
        for (int32_t i = 0; i < partition->follower_count; i++) {
            struct follower *follower = &partition->followers[i];
            if (follower->log_start_offset < lowest && is_alive(context, follower->broker_id))
                lowest = follower->log_start_offset;
        }
        *low_watermark = lowest;
    }
    shared_lock_release(&partition->lock);
    return error;
}
