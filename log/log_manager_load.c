// SPDX-License-Identifier: Apache-2.0
// Loading of one entry of log.dirs: what its names mean, and its logs, on several threads.
#include "base/clock.h"
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/thread.h"
#include "log/log_manager_internal.h"
#include "log/text_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int64_t checkpointed(const struct managed_directory *managed, enum checkpoint_kind kind, const char *topic,
                            int32_t partition)
{
    return checkpoint_find(&managed->written[kind], view_of_string(topic), partition, -1);
}

// Keeps a replica directory as it is, with its checkpoint entries.
static void refuse(struct managed_directory *managed, const char *name, const char *topic, int32_t partition,
                   const char *reason)
{
    logger_error("%s/%s is not served: it holds %s, which this version does not serve. Nothing in it is changed",
                 managed->directory.path, name, reason);
    struct refused_log *refused = memory_alloc(sizeof *refused);
    *refused = (struct refused_log){
        .directory = managed,
        .name = memory_copy_string(name),
        .topic = memory_copy_string(topic),
        .partition = partition,
        .recovery_point = checkpointed(managed, CHECKPOINT_RECOVERY_POINTS, topic, partition),
        .log_start_offset = checkpointed(managed, CHECKPOINT_LOG_START_OFFSETS, topic, partition),
        .high_watermark = checkpointed(managed, CHECKPOINT_HIGH_WATERMARKS, topic, partition),
    };
    struct log_manager *manager = managed->manager;
    lock_acquire(&manager->lock);
    managed->keeps_unclean = managed->keeps_unclean || !managed->is_clean;
    struct refused_log *replaced = map_put(&manager->refused, view_of_string(name), refused);
    lock_release(&manager->lock);
    if (replaced != NULL) {
        free(replaced->name);
        free(replaced->topic);
        free(replaced);
    }
}

static void put_log(struct managed_directory *managed, struct log *log)
{
    struct log_manager *manager = managed->manager;
    lock_acquire(&manager->lock);
    struct log *other = map_get(&manager->logs, view_of_string(log->name));
    if (other == NULL)
        map_put(&manager->logs, view_of_string(log->name), log);
    lock_release(&manager->lock);
    if (other == NULL)
        return;
    log_directory_fail(&managed->directory, 0, "Partition %s is in %s too", log->name, other->directory->path);
    log_unref(log);
}

static void load_log(struct managed_directory *managed, const char *name, int64_t now_ms)
{
    char *topic, *reason = NULL;
    int32_t partition;
    if (!log_manager_parse_name(name, &topic, &partition)) {
        log_directory_fail(&managed->directory, 0, "Directory %s/%s has no name of the form TOPIC-PARTITION",
                           managed->directory.path, name);
        return;
    }
    const struct log_manager_settings *settings = &managed->manager->settings;
    struct log_config config = log_config_default();
    if (settings->topic_config != NULL)
        settings->topic_config(settings->context, topic, &config);
    struct log *log = log_new(&managed->directory, topic, partition, &config);
    struct log_load_options options = {
        .is_clean = managed->is_clean,
        .recovery_point = checkpointed(managed, CHECKPOINT_RECOVERY_POINTS, topic, partition),
        .log_start_offset = checkpointed(managed, CHECKPOINT_LOG_START_OFFSETS, topic, partition),
        .high_watermark = checkpointed(managed, CHECKPOINT_HIGH_WATERMARKS, topic, partition),
        .now_ms = now_ms,
    };
    int64_t started_ns = clock_monotonic_ns();
    size_t loaded_count;
    switch (log_load(log, &options, &reason)) {
    case LOG_LOADED:
        loaded_count = atomic_fetch_add(&managed->loaded_count, 1) + 1;
        logger_log(managed->is_clean ? LOGGER_DEBUG : LOGGER_INFO,
                   "Loaded %s with %zu segments, offsets %" PRId64 " to %" PRId64 ", in %" PRId64 "ms (%zu/%zu in %s)",
                   log->name, log->segments.count, log->log_start_offset, log->log_end_offset,
                   (clock_monotonic_ns() - started_ns) / 1000000, loaded_count, managed->name_count,
                   managed->directory.path);
        put_log(managed, log);
        break;
    case LOG_REFUSED:
        refuse(managed, name, topic, partition, reason);
        log_unref(log);
        break;
    case LOG_FAILED:
        log_unref(log);
        break;
    }
    free(reason);
    free(topic);
}

static void load_logs(void *context)
{
    struct managed_directory *managed = context;
    int64_t now_ms = clock_now_ms();
    size_t at;
    while ((at = atomic_fetch_add(&managed->next, 1)) < managed->name_count &&
           log_directory_is_online(&managed->directory))
        load_log(managed, managed->names[at], now_ms);
}

// What is set aside has a name of the form TOPIC-PARTITION.UUID-SUFFIX. *topic is to be freed.
static bool parse_aside(const char *name, const char *suffix, char **topic, int32_t *partition)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || !text_ends_with(dot, suffix))
        return false;
    char *plain = view_dup(view_of(name, (size_t)(dot - name)));
    bool is_aside = log_manager_parse_name(plain, topic, partition);
    free(plain);
    return is_aside;
}

// Returns whether the name is that of a replica that is set aside, and sees to it.
static bool see_to_aside(struct managed_directory *managed, const char *name, const char *path)
{
    char *topic = NULL;
    int32_t partition;
    bool is_aside = true;
    if (parse_aside(name, "-delete", &topic, &partition))
        log_directory_remove_tree_later(&managed->directory, memory_copy_string(path),
                                        managed->manager->settings.delete_delay_ms);
    else if (parse_aside(name, "-future", &topic, &partition))
        refuse(managed, name, topic, partition, "a replica that is moving between directories (-future)");
    else if (parse_aside(name, "-stray", &topic, &partition))
        refuse(managed, name, topic, partition, "a stray replica (-stray)");
    else
        is_aside = false;
    free(topic);
    return is_aside;
}

// Sorts out one name. Those of replicas to be loaded stay in managed->names.
static bool is_to_be_loaded(struct managed_directory *managed, const char *name)
{
    char *path = memory_format("%s/%s", managed->directory.path, name);
    struct stat status;
    int result = file_calls()->stat(path, &status);
    bool is_replica = false;
    if (result != 0)
        log_directory_fail(&managed->directory, result, "Looking at %s failed", path);
    else if (!S_ISDIR(status.st_mode) || strcmp(name, "remote-log-index-cache") == 0)
        logger_debug("%s is no replica", path);
    else
        is_replica = !see_to_aside(managed, name, path);
    free(path);
    return is_replica;
}

static bool list_replicas(struct managed_directory *managed)
{
    int result = file_list_directory(managed->directory.path, &managed->names);
    if (result != 0) {
        log_directory_fail(&managed->directory, result, "Listing %s failed", managed->directory.path);
        return false;
    }
    managed->name_count = 0;
    for (size_t i = 0; managed->names[i] != NULL; i++) {
        char *name = managed->names[i];
        managed->names[i] = NULL;
        if (is_to_be_loaded(managed, name))
            managed->names[managed->name_count++] = name;
        else
            free(name);
    }
    return log_directory_is_online(&managed->directory);
}

static bool read_checkpoints(struct managed_directory *managed)
{
    for (int kind = 0; kind < CHECKPOINT_KIND_COUNT; kind++) {
        int line_number;
        char *path = memory_format("%s/%s", managed->directory.path, checkpoint_kind_file((enum checkpoint_kind)kind));
        int result = checkpoint_read(path, &managed->written[kind], &line_number);
        if (result == -EBADMSG)
            log_directory_fail(&managed->directory, 0, "%s is malformed in line %d", path, line_number);
        else if (result != 0)
            log_directory_fail(&managed->directory, result, "Reading %s failed", path);
        free(path);
    }
    return log_directory_is_online(&managed->directory);
}

// Removed as soon as it was seen: whatever happens from now on, the next start may not trust this one.
static bool take_clean_mark(struct managed_directory *managed)
{
    char *path = memory_format("%s/.kafka_cleanshutdown", managed->directory.path);
    int result = file_calls()->unlink(path);
    managed->is_clean = result == 0;
    if (result == 0)
        result = file_sync_directory(managed->directory.path);
    if (result != 0 && result != -ENOENT)
        log_directory_fail(&managed->directory, result, "Removing %s failed", path);
    free(path);
    return log_directory_is_online(&managed->directory);
}

static void run_threads(struct managed_directory *managed, int thread_count)
{
    struct thread *threads = memory_alloc_array((size_t)(thread_count > 0 ? thread_count : 1), sizeof *threads);
    int started = 0;
    // The caller is one of them.
    while (started + 1 < thread_count && (size_t)started + 1 < managed->name_count &&
           thread_start(&threads[started], load_logs, managed, "log-load-%d", started) == 0)
        started++;
    load_logs(managed);
    for (int i = 0; i < started; i++)
        thread_join(&threads[i]);
    free(threads);
}

void log_manager_load_directory(struct managed_directory *managed)
{
    int64_t started_ns = clock_monotonic_ns();
    if (!read_checkpoints(managed) || !take_clean_mark(managed) || !list_replicas(managed)) {
        file_names_free(managed->names);
        managed->names = NULL;
        return;
    }
    if (managed->is_clean)
        logger_info("Skipping recovery of %zu logs from %s since it was closed cleanly", managed->name_count,
                    managed->directory.path);
    else if (managed->name_count > 0)
        logger_info("Recovering %zu logs from %s since it was not closed cleanly", managed->name_count,
                    managed->directory.path);
    run_threads(managed, managed->manager->settings.recovery_threads_per_directory);
    logger_info("Loaded %zu logs from %s in %" PRId64 "ms", atomic_load(&managed->loaded_count),
                managed->directory.path, (clock_monotonic_ns() - started_ns) / 1000000);
    for (size_t i = 0; i < managed->name_count; i++)
        free(managed->names[i]);
    free(managed->names);
    managed->names = NULL;
}
