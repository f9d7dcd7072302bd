// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/thread.h"
#include "log/log_manager_internal.h"
#include "log/meta_properties.h"
#include "log/text_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE_MAX = 255 };

char *log_manager_name_of(struct view topic, int32_t partition)
{
    return memory_format("%.*s-%" PRId32, VIEW_ARGS(topic), partition);
}

bool log_manager_parse_name(const char *name, char **topic, int32_t *partition)
{
    const char *dash = strrchr(name, '-');
    int64_t number;
    if (dash == NULL || dash == name || !text_number(view_of_string(dash + 1), 0, INT32_MAX, &number))
        return false;
    *topic = view_dup(view_of(name, (size_t)(dash - name)));
    *partition = (int32_t)number;
    return true;
}

struct managed_directory *log_manager_directory_of(const struct log_manager *manager,
                                                   const struct log_directory *directory)
{
    size_t i = 0;
    while (&manager->directories[i].directory != directory)
        i++;
    return &manager->directories[i];
}

// ---- Opening

static void note_offline(void *context, struct log_directory *directory)
{
    struct log_manager *manager = context;
    if (manager->settings.directory_offline != NULL)
        manager->settings.directory_offline(manager->settings.context, directory->path);
}

static void note_lowered(void *context, struct log_directory *directory)
{
    struct log_manager *manager = context;
    log_manager_write_checkpoint(manager, log_manager_directory_of(manager, directory), CHECKPOINT_RECOVERY_POINTS);
}

static struct log_manager *manager_new(const struct log_manager_settings *settings)
{
    struct log_manager *manager = memory_alloc(sizeof *manager);
    manager->settings = *settings;
    manager->logs = manager->refused = MAP_EMPTY;
    lock_init(&manager->lock, LOCK_LOG_MANAGER);
    lock_init(&manager->checkpoint_lock, LOCK_LOG_CHECKPOINT);
    manager->directory_count = settings->directory_count;
    manager->directories = memory_alloc_array(manager->directory_count, sizeof *manager->directories);
    for (size_t i = 0; i < manager->directory_count; i++) {
        struct managed_directory *managed = &manager->directories[i];
        log_directory_init(&managed->directory, settings->directories[i]);
        managed->manager = manager;
        managed->directory.producer_id_expiration_ms = settings->producer_id_expiration_ms;
        managed->directory.went_offline = note_offline;
        managed->directory.recovery_points_lowered = note_lowered;
        managed->directory.context = manager;
    }
    manager->settings.directories = NULL; // each directory has its copy
    return manager;
}

// Two names of one folder would have two owners that overwrite each other's checkpoints.
static bool is_there_twice(const struct log_manager *manager, char **message)
{
    char **paths = memory_alloc_array(manager->directory_count, sizeof *paths);
    for (size_t i = 0; i < manager->directory_count; i++) {
        const char *path = manager->directories[i].directory.path;
        paths[i] = file_make_directories(path) == 0 ? realpath(path, NULL) : NULL;
        for (size_t j = 0; *message == NULL && paths[i] != NULL && j < i; j++) {
            if (paths[j] != NULL && strcmp(paths[i], paths[j]) == 0)
                *message = memory_format("Duplicate log directory found: %s and %s are the same folder",
                                         manager->directories[j].directory.path, path);
        }
    }
    for (size_t i = 0; i < manager->directory_count; i++)
        free(paths[i]);
    free(paths);
    return *message != NULL;
}

// Returns whether the start may go on; a directory that fails is offline.
static bool open_directory(struct managed_directory *managed, char **message)
{
    struct log_directory *directory = &managed->directory;
    int result = file_make_directories(directory->path);
    if (result == 0)
        result = log_directory_take_lock(directory);
    if (result == -EAGAIN) {
        *message = memory_format("Failed to acquire lock on file .lock in %s. A broker instance in another process is "
                                 "using this directory.",
                                 directory->path);
        return false;
    }
    if (result != 0) {
        log_directory_fail(directory, result, "Opening log directory %s failed", directory->path);
        return true;
    }
    char *path = memory_format("%s/meta.properties", directory->path);
    result = meta_properties_read(path, &managed->identity);
    if (result == -ENOTSUP)
        *message = memory_format("%s is of another version than 0: it belongs to a KRaft cluster", path);
    else if (result == -EBADMSG || result == -EINVAL)
        *message = memory_format("%s is malformed", path);
    else if (result != 0)
        log_directory_fail(directory, result, "Reading %s failed", path);
    free(path);
    return *message == NULL;
}

// Two directories with different identities belong to two brokers or clusters.
static bool identities_agree(const struct log_manager *manager, char **message)
{
    const struct managed_directory *first = NULL;
    for (size_t i = 0; i < manager->directory_count; i++) {
        const struct managed_directory *managed = &manager->directories[i];
        if (!managed->identity.is_known)
            continue;
        if (first == NULL)
            first = managed;
        if (managed->identity.broker_id == first->identity.broker_id &&
            strcmp(managed->identity.cluster_id, first->identity.cluster_id) == 0)
            continue;
        *message = memory_format("meta.properties of %s (broker.id=%" PRId32
                                 ", cluster.id=%s) and of %s (broker.id=%" PRId32 ", cluster.id=%s) do not agree",
                                 first->directory.path, first->identity.broker_id, first->identity.cluster_id,
                                 managed->directory.path, managed->identity.broker_id, managed->identity.cluster_id);
        return false;
    }
    return true;
}

struct log_manager *log_manager_create(const struct log_manager_settings *settings, char **message)
{
    struct log_manager *manager = manager_new(settings);
    *message = NULL;
    bool is_good = !is_there_twice(manager, message);
    for (size_t i = 0; is_good && i < manager->directory_count; i++)
        is_good = open_directory(&manager->directories[i], message);
    if (is_good)
        is_good = identities_agree(manager, message);
    if (is_good && log_manager_online_directory_count(manager) == 0) {
        *message = memory_copy_string("None of the directories of log.dirs can be used");
        is_good = false;
    }
    if (!is_good)
        log_manager_destroy(&manager);
    return manager;
}

void log_manager_identity(const struct log_manager *manager, struct log_identity *identity)
{
    *identity = (struct log_identity){.broker_id = -1};
    for (size_t i = 0; i < manager->directory_count && !identity->is_known; i++)
        *identity = manager->directories[i].identity;
}

static void write_identity(struct managed_directory *managed, int32_t broker_id, const char *cluster_id)
{
    if (managed->identity.is_known && managed->identity.broker_id == broker_id &&
        strcmp(managed->identity.cluster_id, cluster_id) == 0)
        return;
    managed->identity = (struct log_identity){.is_known = true, .broker_id = broker_id};
    snprintf(managed->identity.cluster_id, sizeof managed->identity.cluster_id, "%s", cluster_id);
    char *path = memory_format("%s/meta.properties", managed->directory.path);
    int result = meta_properties_write(path, &managed->identity);
    if (result != 0)
        log_directory_fail(&managed->directory, result, "Writing %s failed", path);
    free(path);
}

static void load_directory(void *context)
{
    struct managed_directory *managed = context;
    if (log_directory_is_online(&managed->directory))
        log_manager_load_directory(managed);
}

bool log_manager_load(struct log_manager *manager, int32_t broker_id, const char *cluster_id)
{
    struct thread *threads = memory_alloc_array(manager->directory_count, sizeof *threads);
    for (size_t i = 0; i < manager->directory_count; i++) {
        if (log_manager_directory_is_online(manager, i))
            write_identity(&manager->directories[i], broker_id, cluster_id);
    }
    // The first directory is the caller's, each other one has a thread.
    size_t started = 1;
    while (started < manager->directory_count &&
           thread_start(&threads[started], load_directory, &manager->directories[started], "log-dir-%zu", started) == 0)
        started++;
    load_directory(&manager->directories[0]);
    for (size_t i = 1; i < manager->directory_count; i++) {
        if (i < started)
            thread_join(&threads[i]);
        else
            load_directory(&manager->directories[i]);
    }
    free(threads);
    return log_manager_online_directory_count(manager) > 0;
}

static void leave_clean_mark(struct managed_directory *managed)
{
    static const char content[] = "{\"version\":0,\"brokerEpoch\":-1}";
    char *path = memory_format("%s/.kafka_cleanshutdown", managed->directory.path);
    int result = file_replace(path, content, sizeof content - 1);
    if (result != 0)
        log_directory_fail(&managed->directory, result, "Writing %s failed", path);
    free(path);
}

void log_manager_close(struct log_manager *manager)
{
    size_t count;
    struct log **logs = log_manager_list(manager, &count);
    for (size_t i = 0; i < count; i++) {
        if (log_close(logs[i]) != KAFKA_NONE)
            logger_warn("%s is not closed cleanly: it will be recovered at the next start", log_name(logs[i]));
        log_unref(logs[i]);
    }
    free(logs);
    for (size_t i = 0; i < manager->directory_count; i++) {
        struct managed_directory *managed = &manager->directories[i];
        for (int kind = 0; kind < CHECKPOINT_KIND_COUNT; kind++)
            log_manager_write_checkpoint(manager, managed, (enum checkpoint_kind)kind);
        if (log_directory_is_online(&managed->directory) && !managed->keeps_unclean)
            leave_clean_mark(managed);
        if (log_directory_is_online(&managed->directory))
            log_directory_remove_lock(&managed->directory);
    }
}

void log_manager_destroy(struct log_manager **owned)
{
    struct log_manager *manager = *owned;
    *owned = NULL;
    if (manager == NULL)
        return;
    size_t at = 0;
    void *value;
    while (map_next(&manager->refused, &at, NULL, &value)) {
        struct refused_log *refused = value;
        free(refused->name);
        free(refused->topic);
        free(refused);
    }
    map_fini(&manager->refused);
    for (at = 0; map_next(&manager->logs, &at, NULL, &value);)
        log_unref(value);
    map_fini(&manager->logs);
    for (size_t i = 0; i < manager->directory_count; i++) {
        for (int kind = 0; kind < CHECKPOINT_KIND_COUNT; kind++)
            checkpoint_fini(&manager->directories[i].written[kind]);
        log_directory_fini(&manager->directories[i].directory);
    }
    free(manager->directories);
    lock_fini(&manager->lock);
    lock_fini(&manager->checkpoint_lock);
    free(manager);
}

// ---- Logs

enum kafka_error log_manager_get(struct log_manager *manager, struct view topic, int32_t partition, struct log **log)
{
    char *name = log_manager_name_of(topic, partition);
    lock_acquire(&manager->lock);
    struct log *found = map_get(&manager->logs, view_of_string(name));
    enum kafka_error error = KAFKA_NONE;
    if (map_get(&manager->refused, view_of_string(name)) != NULL)
        error = KAFKA_KAFKA_STORAGE_ERROR;
    else if (found == NULL)
        error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    else if (log_is_offline(found))
        error = KAFKA_KAFKA_STORAGE_ERROR;
    else
        *log = log_ref(found);
    lock_release(&manager->lock);
    free(name);
    return error;
}

// The online directory with the fewest logs, or NULL. Holder of manager->lock.
static struct managed_directory *pick_directory(struct log_manager *manager)
{
    struct managed_directory *best = NULL;
    size_t best_count = 0;
    for (size_t i = 0; i < manager->directory_count; i++) {
        struct managed_directory *managed = &manager->directories[i];
        if (!log_directory_is_online(&managed->directory))
            continue;
        size_t count = 0, at = 0;
        void *value;
        while (manager->directory_count > 1 && map_next(&manager->logs, &at, NULL, &value))
            count += ((struct log *)value)->directory == &managed->directory;
        if (best == NULL || count < best_count) {
            best = managed;
            best_count = count;
        }
    }
    return best;
}

static enum kafka_error make_log(struct log_directory *directory, const char *topic, int32_t partition,
                                 struct uuid topic_id, const struct log_config *config, struct log **made)
{
    struct log *log = log_new(directory, topic, partition, config);
    enum kafka_error error = KAFKA_NONE;
    int result = file_calls()->mkdir(log->path, 0755);
    if (result != 0 && result != -EEXIST)
        error = log_directory_fail(directory, result, "Making directory %s failed", log->path);
    struct log_load_options options = {.is_clean = true,
                                       .is_new = true,
                                       .recovery_point = -1,
                                       .log_start_offset = -1,
                                       .high_watermark = -1,
                                       .now_ms = clock_now_ms()};
    char *reason = NULL;
    if (error == KAFKA_NONE && log_load(log, &options, &reason) != LOG_LOADED)
        error = KAFKA_KAFKA_STORAGE_ERROR;
    if (error == KAFKA_NONE && !uuid_is_zero(topic_id))
        error = log_set_topic_id(log, topic_id);
    free(reason);
    if (error == KAFKA_NONE)
        *made = log;
    else
        log_unref(log);
    return error;
}

// The checkpoint files may still speak of a deleted log of that name: a crash would give its offsets to the new one.
static void forget_old_log(struct log_manager *manager, struct managed_directory *managed, struct view topic,
                           int32_t partition)
{
    for (int kind = 0; kind < CHECKPOINT_KIND_COUNT; kind++) {
        if (checkpoint_find(&managed->written[kind], topic, partition, -1) >= 0)
            log_manager_write_checkpoint_locked(manager, managed, (enum checkpoint_kind)kind);
    }
}

// Holder of checkpoint_lock.
static enum kafka_error add_log(struct log_manager *manager, struct view topic, int32_t partition, struct uuid topic_id,
                                const struct log_config *config, struct log **log)
{
    lock_acquire(&manager->lock);
    struct managed_directory *managed = pick_directory(manager);
    lock_release(&manager->lock);
    if (managed == NULL)
        return KAFKA_KAFKA_STORAGE_ERROR;
    forget_old_log(manager, managed, topic, partition);
    char *topic_string = view_dup(topic);
    struct log *made = NULL;
    enum kafka_error error = make_log(&managed->directory, topic_string, partition, topic_id, config, &made);
    free(topic_string);
    if (error != KAFKA_NONE)
        return error;
    *log = log_ref(made);
    lock_acquire(&manager->lock);
    map_put(&manager->logs, view_of_string(made->name), made);
    lock_release(&manager->lock);
    logger_info("Created log for partition %s in %s", made->name, made->path);
    return KAFKA_NONE;
}

enum kafka_error log_manager_create_log(struct log_manager *manager, struct view topic, int32_t partition,
                                        struct uuid topic_id, const struct log_config *config, struct log **log)
{
    // Creations are one after the other, so that two of one name make one log; getting a log does not wait for them.
    lock_acquire(&manager->checkpoint_lock);
    enum kafka_error error = log_manager_get(manager, topic, partition, log);
    if (error == KAFKA_NONE && !uuid_is_zero(topic_id)) {
        error = log_set_topic_id(*log, topic_id);
        if (error != KAFKA_NONE)
            log_unref(*log);
    } else if (error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
        error = add_log(manager, topic, partition, topic_id, config, log);
    }
    lock_release(&manager->checkpoint_lock);
    return error;
}

// TOPIC-PARTITION.UUID-delete, the topic cut so that the name is not too long for a file system.
static char *deletion_path(const struct log *log)
{
    struct uuid unique = uuid_random();
    char hex[33];
    for (size_t i = 0; i < sizeof unique.bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", unique.bytes[i]);
    char *suffix = memory_format("-%" PRId32 ".%s-delete", log->partition, hex);
    size_t topic_size_max = NAME_SIZE_MAX - strlen(suffix), topic_size = strlen(log->topic);
    char *path = memory_format("%s/%.*s%s", log->directory->path,
                               (int)(topic_size < topic_size_max ? topic_size : topic_size_max), log->topic, suffix);
    free(suffix);
    return path;
}

// Renames the log's directory. The log answers UNKNOWN_TOPIC_OR_PARTITION from then on.
static enum kafka_error rename_deleted(struct log *log, int64_t delete_delay_ms)
{
    char *path = deletion_path(log);
    lock_acquire(&log->append_lock);
    lock_acquire(&log->flush_lock);
    enum kafka_error error = log_check_usable(log);
    int result = error == KAFKA_NONE ? file_calls()->rename(log->path, path) : 0;
    if (error == KAFKA_NONE && result == 0)
        result = file_sync_directory(log->directory->path);
    if (result != 0)
        error = log_directory_fail(log->directory, result, "Renaming %s for deletion failed", log->path);
    if (error == KAFKA_NONE) {
        logger_info("Log for partition %s is renamed to %s and is scheduled for deletion", log->name, path);
        log->is_deleted = true;
        log_directory_remove_tree_later(log->directory, memory_copy_string(path), delete_delay_ms);
        free(log->path);
        log->path = path;
        path = NULL;
    }
    lock_release(&log->flush_lock);
    lock_release(&log->append_lock);
    free(path);
    return error;
}

enum kafka_error log_manager_delete_log(struct log_manager *manager, struct view topic, int32_t partition)
{
    char *name = log_manager_name_of(topic, partition);
    lock_acquire(&manager->checkpoint_lock);
    struct log *log = NULL;
    enum kafka_error error = log_manager_get(manager, topic, partition, &log);
    if (error == KAFKA_NONE)
        error = rename_deleted(log, manager->settings.delete_delay_ms);
    struct log *removed = NULL;
    if (error == KAFKA_NONE) {
        lock_acquire(&manager->lock);
        removed = map_remove(&manager->logs, view_of_string(name));
        lock_release(&manager->lock);
    }
    lock_release(&manager->checkpoint_lock);
    log_unref(removed);
    log_unref(log);
    free(name);
    return error;
}

struct log **log_manager_list(struct log_manager *manager, size_t *count)
{
    lock_acquire(&manager->lock);
    struct log **logs = memory_alloc_array(manager->logs.count + 1, sizeof *logs);
    size_t at = 0;
    void *value;
    *count = 0;
    while (map_next(&manager->logs, &at, NULL, &value)) {
        if (!log_is_offline(value))
            logs[(*count)++] = log_ref(value);
    }
    lock_release(&manager->lock);
    return logs;
}

// ---- Directories

size_t log_manager_directory_count(const struct log_manager *manager)
{
    return manager->directory_count;
}

bool log_manager_directory_is_online(const struct log_manager *manager, size_t index)
{
    return log_directory_is_online(&manager->directories[index].directory);
}

size_t log_manager_online_directory_count(const struct log_manager *manager)
{
    size_t count = 0;
    for (size_t i = 0; i < manager->directory_count; i++)
        count += log_manager_directory_is_online(manager, i);
    return count;
}
