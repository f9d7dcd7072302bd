// SPDX-License-Identifier: Apache-2.0
// All logs of a broker: opens the entries of log.dirs, loads what is in them, hands out logs by topic and partition,
// creates and deletes them, and offers the periodic work as functions. It runs no threads of its own but those that
// load (num.recovery.threads.per.data.dir per directory, while log_manager_load runs).
//
// Periodic work, for the scheduler; each may run on any thread, beside every other function:
//
//   function                                    every                                         first after
//   log_manager_run_delayed                     1 s                                           1 s
//   log_manager_check_retention                 log.retention.check.interval.ms (300 s)       30 s
//   log_manager_flush_due                       log.flush.scheduler.interval.ms (never)       30 s
//   log_manager_checkpoint_recovery_points      log.flush.offset.checkpoint.interval.ms (60 s)  30 s
//   log_manager_checkpoint_log_start_offsets    log.flush.start.offset.checkpoint.interval.ms (60 s)  30 s
//   log_manager_checkpoint_high_watermarks      replica.high.watermark.checkpoint.interval.ms (5 s)  at once
//   log_manager_expire_producers                producer.id.expiration.check.interval.ms (600 s)  as often
//
// Directories: a file call that fails takes its whole directory (entry of log.dirs) offline: logged once, told through
// directory_offline, its logs answer KAFKA_STORAGE_ERROR from then on, nothing in it is written any more, and it gets
// no clean-shutdown file. Replica directories that hold what is not served yet (messages of magic 0 or 1, .swap and
// .cleaned files, .txnindex, -future) are refused by name: nothing in them is changed, their checkpoint entries are
// kept, and log_manager_get gives KAFKA_STORAGE_ERROR for them.
#ifndef LOG_LOG_MANAGER_H
#define LOG_LOG_MANAGER_H

#include "base/error.h"
#include "base/uuid.h"
#include "base/view.h"
#include "log/log.h"
#include "log/log_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_manager;

struct log_manager_settings {
    const char *const *directories; // absolute paths, as log.dirs has them
    size_t directory_count;
    int recovery_threads_per_directory; // num.recovery.threads.per.data.dir
    int64_t delete_delay_ms;            // log.segment.delete.delay.ms: of whole replicas
    int64_t producer_id_expiration_ms;  // producer.id.expiration.ms
    // The configuration of a topic's logs, asked while loading; from several threads at once.
    void (*topic_config)(void *context, const char *topic, struct log_config *config);
    // A directory went offline. Called once per directory from the thread that found out, which may hold locks of the
    // log: it may only enqueue. May be NULL.
    void (*directory_offline)(void *context, const char *directory);
    void *context;
};

// What meta.properties of the directories says.
struct log_identity {
    bool is_known;       // at least one directory has the file
    int32_t broker_id;   // -1: not in it
    char cluster_id[64]; // "": not in it
};

// Makes directories that are not there, takes their locks (.lock) and reads meta.properties. Returns the manager, or
// NULL with *message for people (free() it): a lock is taken, two directories disagree, a meta.properties is unusable,
// no directory is usable. The paths and settings are copied.
struct log_manager *log_manager_create(const struct log_manager_settings *settings, char **message)
    __attribute__((warn_unused_result));

void log_manager_identity(const struct log_manager *manager, struct log_identity *identity);

// Loads all logs (recovers them unless the directory was closed cleanly), after writing meta.properties where it is
// missing or differs. Returns false when no directory is online any more. Once, before everything below.
bool log_manager_load(struct log_manager *manager, int32_t broker_id, const char *cluster_id)
    __attribute__((warn_unused_result));

// Flushes all logs, writes snapshots and checkpoints, leaves .kafka_cleanshutdown in each directory that is online and
// removes .lock. No other function runs any more, and the caller has given back all references but those of slices.
void log_manager_close(struct log_manager *manager);

// Frees everything without touching files: after log_manager_close, or instead of it (a crash, for tests).
void log_manager_destroy(struct log_manager **manager);

// ---- Logs

// A new reference to the log. UNKNOWN_TOPIC_OR_PARTITION when there is none, KAFKA_STORAGE_ERROR when it is offline.
enum kafka_error log_manager_get(struct log_manager *manager, struct view topic, int32_t partition, struct log **log)
    __attribute__((warn_unused_result));

// The log of that name, made if there is none, in the online directory with the fewest logs. topic_id may be UUID_ZERO
// (a controller before 2.8). A new reference. INCONSISTENT_TOPIC_ID when it has another topic's id.
enum kafka_error log_manager_create_log(struct log_manager *manager, struct view topic, int32_t partition,
                                        struct uuid topic_id, const struct log_config *config, struct log **log)
    __attribute__((warn_unused_result));

// Renames the replica's directory to TOPIC-PARTITION.UUID-delete and removes it log.segment.delete.delay.ms later.
enum kafka_error log_manager_delete_log(struct log_manager *manager, struct view topic, int32_t partition)
    __attribute__((warn_unused_result));

// New references to all logs that are online, in no order (log_unref each, then free() the array).
struct log **log_manager_list(struct log_manager *manager, size_t *count);

// ---- Directories

size_t log_manager_directory_count(const struct log_manager *manager);
bool log_manager_directory_is_online(const struct log_manager *manager, size_t index);
size_t log_manager_online_directory_count(const struct log_manager *manager);

// ---- Periodic work (see the table above)

// What waits for its time: flushing rolled segments, removing .deleted files and -delete directories.
void log_manager_run_delayed(struct log_manager *manager, int64_t now_ms);
void log_manager_check_retention(struct log_manager *manager, int64_t now_ms);
void log_manager_flush_due(struct log_manager *manager, int64_t now_ms);
void log_manager_checkpoint_recovery_points(struct log_manager *manager);
void log_manager_checkpoint_log_start_offsets(struct log_manager *manager);
void log_manager_checkpoint_high_watermarks(struct log_manager *manager);
void log_manager_expire_producers(struct log_manager *manager, int64_t now_ms);

#endif
