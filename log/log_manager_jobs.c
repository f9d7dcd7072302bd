// SPDX-License-Identifier: Apache-2.0
// The log manager's periodic work (the table in log/log_manager.h) and its checkpoint files.
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/log_manager_internal.h"

#include <stdlib.h>

const char *checkpoint_kind_file(enum checkpoint_kind kind)
{
    static const char *const files[] = {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint",
                                        "replication-offset-checkpoint"};
    return files[kind];
}

static void add_log(struct checkpoint *checkpoint, struct log *log, enum checkpoint_kind kind)
{
    lock_acquire(&log->lock);
    int64_t first_base = log->segments.items[0]->base_offset;
    int64_t offset = kind == CHECKPOINT_RECOVERY_POINTS     ? log->recovery_point
                     : kind == CHECKPOINT_LOG_START_OFFSETS ? log->log_start_offset
                                                            : log->high_watermark;
    lock_release(&log->lock);
    if (kind != CHECKPOINT_LOG_START_OFFSETS || offset > first_base)
        checkpoint_append(checkpoint, log->topic, log->partition, offset);
}

static void add_refused(struct checkpoint *checkpoint, const struct refused_log *refused, enum checkpoint_kind kind)
{
    int64_t offset = kind == CHECKPOINT_RECOVERY_POINTS     ? refused->recovery_point
                     : kind == CHECKPOINT_LOG_START_OFFSETS ? refused->log_start_offset
                                                            : refused->high_watermark;
    if (offset >= 0)
        checkpoint_append(checkpoint, refused->topic, refused->partition, offset);
}

static struct checkpoint collect(struct log_manager *manager, const struct managed_directory *managed,
                                 enum checkpoint_kind kind)
{
    struct checkpoint checkpoint = CHECKPOINT_EMPTY;
    size_t at = 0;
    void *value;
    lock_acquire(&manager->lock);
    while (map_next(&manager->logs, &at, NULL, &value)) {
        struct log *log = value;
        if (log->directory == &managed->directory)
            add_log(&checkpoint, log, kind);
    }
    for (at = 0; map_next(&manager->refused, &at, NULL, &value);) {
        const struct refused_log *refused = value;
        if (refused->directory == managed)
            add_refused(&checkpoint, refused, kind);
    }
    lock_release(&manager->lock);
    return checkpoint;
}

void log_manager_write_checkpoint_locked(struct log_manager *manager, struct managed_directory *managed,
                                         enum checkpoint_kind kind)
{
    if (!log_directory_is_online(&managed->directory))
        return;
    struct checkpoint checkpoint = collect(manager, managed, kind);
    checkpoint_sort(&checkpoint);
    char *path = memory_format("%s/%s", managed->directory.path, checkpoint_kind_file(kind));
    int result = 0;
    if (!checkpoint_equal(&checkpoint, &managed->written[kind]))
        result = checkpoint_write(path, &checkpoint);
    if (result != 0)
        log_directory_fail(&managed->directory, result, "Writing %s failed", path);
    checkpoint_fini(&managed->written[kind]);
    managed->written[kind] = checkpoint;
    free(path);
}

void log_manager_write_checkpoint(struct log_manager *manager, struct managed_directory *managed,
                                  enum checkpoint_kind kind)
{
    lock_acquire(&manager->checkpoint_lock);
    log_manager_write_checkpoint_locked(manager, managed, kind);
    lock_release(&manager->checkpoint_lock);
}

static void write_all(struct log_manager *manager, enum checkpoint_kind kind)
{
    for (size_t i = 0; i < manager->directory_count; i++)
        log_manager_write_checkpoint(manager, &manager->directories[i], kind);
}

void log_manager_checkpoint_recovery_points(struct log_manager *manager)
{
    write_all(manager, CHECKPOINT_RECOVERY_POINTS);
}

void log_manager_checkpoint_log_start_offsets(struct log_manager *manager)
{
    write_all(manager, CHECKPOINT_LOG_START_OFFSETS);
}

void log_manager_checkpoint_high_watermarks(struct log_manager *manager)
{
    write_all(manager, CHECKPOINT_HIGH_WATERMARKS);
}

void log_manager_run_delayed(struct log_manager *manager, int64_t now_ms)
{
    for (size_t i = 0; i < manager->directory_count; i++)
        log_directory_run_delayed(&manager->directories[i].directory, now_ms);
}

// Calls work for every log that is online.
static void each_log(struct log_manager *manager, void (*work)(struct log *log, int64_t now_ms), int64_t now_ms)
{
    size_t count;
    struct log **logs = log_manager_list(manager, &count);
    for (size_t i = 0; i < count; i++) {
        work(logs[i], now_ms);
        log_unref(logs[i]);
    }
    free(logs);
}

static void apply_retention(struct log *log, int64_t now_ms)
{
    size_t removed;
    if (log_apply_retention(log, now_ms, &removed) != KAFKA_NONE)
        logger_debug("No retention for %s", log->name); // reported where it failed
}

void log_manager_check_retention(struct log_manager *manager, int64_t now_ms)
{
    each_log(manager, apply_retention, now_ms);
}

static void flush_if_due(struct log *log, int64_t now_ms)
{
    lock_acquire(&log->lock);
    bool is_due = now_ms - log->last_flush_ms >= log->config.flush_ms && log->log_end_offset > log->recovery_point;
    lock_release(&log->lock);
    if (is_due && log_flush(log) != KAFKA_NONE)
        logger_debug("%s is not flushed", log->name); // reported where it failed
}

void log_manager_flush_due(struct log_manager *manager, int64_t now_ms)
{
    each_log(manager, flush_if_due, now_ms);
}

static void expire_producers(struct log *log, int64_t now_ms)
{
    lock_acquire(&log->append_lock);
    producer_state_expire(&log->producers, now_ms, log->directory->producer_id_expiration_ms);
    lock_release(&log->append_lock);
}

void log_manager_expire_producers(struct log_manager *manager, int64_t now_ms)
{
    each_log(manager, expire_producers, now_ms);
}
