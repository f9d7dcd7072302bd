// SPDX-License-Identifier: Apache-2.0
#include "server/group/group_service.h"

#include "base/arena.h"
#include "base/memory.h"
#include "log/log.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/group/group_coordinator.h"
#include "server/metadata_cache.h"
#include "server/replica/replica_manager.h"
#include "server/scheduler.h"

#include <stdlib.h>

#define OFFSETS_TOPIC "__consumer_offsets"
#define ERROR_ARENA_MAX (64 * 1024)

static int32_t partition_count(void *context)
{
    struct broker *broker = context;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    const struct metadata_topic *topic = metadata_snapshot_topic(snapshot, view_of_string(OFFSETS_TOPIC));
    int32_t count = topic != NULL ? topic->partition_count : 0;
    metadata_snapshot_unref(snapshot);
    return count > 0 ? count : config_int(broker->config, OPTION_OFFSETS_TOPIC_NUM_PARTITIONS);
}

struct append {
    struct replica_append replica_append;
    struct arena arena;
    void (*done)(void *context, enum kafka_error error);
    void *context;
};

static void append_done(void *context)
{
    struct append *append = context;
    append->done(append->context, append->replica_append.error);
    arena_fini(&append->arena);
    free(append);
}

static void append_batch(void *context, int32_t partition, struct view batch,
                         void (*done)(void *done_context, enum kafka_error error), void *done_context)
{
    struct broker *broker = context;
    struct append *append = memory_alloc(sizeof *append);
    arena_init(&append->arena, ERROR_ARENA_MAX);
    append->done = done;
    append->context = done_context;
    append->replica_append.topic = view_of_string(OFFSETS_TOPIC);
    append->replica_append.partition = partition;
    append->replica_append.batch = batch;
    replica_manager_append(broker->replica_manager, &append->replica_append, 1,
                           (int16_t)config_int(broker->config, OPTION_OFFSETS_COMMIT_REQUIRED_ACKS),
                           config_int(broker->config, OPTION_OFFSETS_COMMIT_TIMEOUT_MS), APPEND_COORDINATOR,
                           &append->arena, append_done, append);
}

static enum kafka_error read_log(struct log *log, int64_t offset, size_t size_max, uint8_t **buffer, size_t *capacity,
                                 size_t *size)
{
    struct log_offsets offsets;
    struct log_read_info info;
    struct log_slice slice = LOG_SLICE_EMPTY;
    log_get_offsets(log, &offsets);
    if (offset < offsets.log_start_offset)
        offset = offsets.log_start_offset;
    enum kafka_error error = log_read(log, offset, size_max, true, LOG_READ_TO_LOG_END, &slice, &info);
    if (error != KAFKA_NONE)
        return error;
    if (slice.size > *capacity) {
        *buffer = memory_resize(*buffer, slice.size, 1);
        *capacity = slice.size;
    }
    ssize_t count = slice.size > 0 ? log_slice_read(&slice, 0, *buffer, slice.size) : 0;
    log_slice_release(&slice);
    if (count < 0)
        return KAFKA_KAFKA_STORAGE_ERROR;
    *size = (size_t)count;
    return KAFKA_NONE;
}

static enum kafka_error read_partition(void *context, int32_t index, int64_t offset, size_t size_max, uint8_t **buffer,
                                       size_t *capacity, size_t *size)
{
    struct broker *broker = context;
    enum kafka_error error;
    struct partition *partition =
        replica_manager_partition(broker->replica_manager, view_of_string(OFFSETS_TOPIC), index, &error);
    if (partition == NULL)
        return error;
    struct log *log = partition_log(partition);
    partition_unref(partition);
    if (log == NULL)
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    error = read_log(log, offset, size_max, buffer, capacity, size);
    log_unref(log);
    return error;
}

static void elected(void *context, struct view topic, int32_t partition, int32_t leader_epoch)
{
    struct broker *broker = context;
    (void)topic;
    (void)leader_epoch;
    group_coordinator_elected(broker->group_coordinator, partition);
}

static void resigned(void *context, struct view topic, int32_t partition, int32_t leader_epoch)
{
    struct broker *broker = context;
    (void)topic;
    (void)leader_epoch;
    group_coordinator_resigned(broker->group_coordinator, partition);
}

static void forget(void *context, struct view topic, int32_t partition)
{
    struct broker *broker = context;
    group_coordinator_forget_partition(broker->group_coordinator, topic, partition);
}

static void expire_offsets(void *context)
{
    struct broker *broker = context;
    group_coordinator_expire_offsets(broker->group_coordinator);
}

int group_service_start(struct broker *broker)
{
    const struct config *config = broker->config;
    struct group_settings settings = {
        .session_timeout_min_ms = config_int(config, OPTION_GROUP_MIN_SESSION_TIMEOUT_MS),
        .session_timeout_max_ms = config_int(config, OPTION_GROUP_MAX_SESSION_TIMEOUT_MS),
        .initial_rebalance_delay_ms = config_int(config, OPTION_GROUP_INITIAL_REBALANCE_DELAY_MS),
        .group_size_max = config_int(config, OPTION_GROUP_MAX_SIZE),
        .offset_metadata_size_max = config_int(config, OPTION_OFFSET_METADATA_MAX_BYTES),
        .offsets_retention_ms = config_integer(config, OPTION_OFFSETS_RETENTION_MINUTES) * 60 * 1000,
        .load_buffer_size = config_int(config, OPTION_OFFSETS_LOAD_BUFFER_SIZE),
        .compression_codec = config_int(config, OPTION_OFFSETS_TOPIC_COMPRESSION_CODEC),
    };
    struct group_store store = {
        .context = broker, .partition_count = partition_count, .append = append_batch, .read = read_partition};
    int result = group_coordinator_start(&settings, &store, broker->timer, &broker->group_coordinator);
    if (result != 0)
        return result;
    struct replica_manager_observer observer = {
        .leader = elected, .not_leader = resigned, .deleted = forget, .context = broker};
    replica_manager_observe(broker->replica_manager, OFFSETS_TOPIC, &observer);
    int64_t interval_ms = config_integer(config, OPTION_OFFSETS_RETENTION_CHECK_INTERVAL_MS);
    scheduler_repeat(broker->scheduler, "offsets-expiry", expire_offsets, broker, interval_ms, interval_ms);
    return 0;
}
