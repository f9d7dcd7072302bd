// SPDX-License-Identifier: Apache-2.0
#include "log/log_directory.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/log.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void log_directory_init(struct log_directory *directory, const char *path)
{
    *directory = (struct log_directory){.path = memory_copy_string(path), .lock_fd = -1};
    atomic_init(&directory->is_offline, false);
    lock_init(&directory->lock, LOCK_LOG_DELAYED);
}

static void release(struct delayed *delayed)
{
    segment_unref(delayed->segment);
    log_unref(delayed->log);
    free(delayed->path);
}

LOCK_UNCHECKED void log_directory_fini(struct log_directory *directory)
{
    for (size_t i = 0; i < directory->delayed.count; i++)
        release(&directory->delayed.items[i]);
    array_fini(&directory->delayed);
    if (directory->lock_fd >= 0)
        file_calls()->close(directory->lock_fd);
    lock_fini(&directory->lock);
    free(directory->path);
}

enum kafka_error log_directory_fail(struct log_directory *directory, int error, const char *format, ...)
{
    if (atomic_exchange(&directory->is_offline, true))
        return KAFKA_KAFKA_STORAGE_ERROR;
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (error != 0)
        logger_error("%s: %s, taking log directory %s offline", what, strerror(-error), directory->path);
    else
        logger_error("%s, taking log directory %s offline", what, directory->path);
    if (directory->went_offline != NULL)
        directory->went_offline(directory->context, directory);
    return KAFKA_KAFKA_STORAGE_ERROR;
}

int log_directory_take_lock(struct log_directory *directory)
{
    char *path = memory_format("%s/.lock", directory->path);
    int fd = file_calls()->open(path, O_RDWR | O_CREAT, 0644);
    free(path);
    if (fd < 0)
        return fd;
    int result = file_calls()->lock(fd);
    if (result != 0) {
        file_calls()->close(fd);
        return result;
    }
    directory->lock_fd = fd;
    return 0;
}

void log_directory_remove_lock(struct log_directory *directory)
{
    char *path = memory_format("%s/.lock", directory->path);
    file_calls()->unlink(path);
    free(path);
    if (directory->lock_fd >= 0)
        file_calls()->close(directory->lock_fd);
    directory->lock_fd = -1;
}

static int64_t due_after(int64_t delay_ms)
{
    int64_t now_ms = clock_now_ms();
    return delay_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + delay_ms;
}

static void add_delayed(struct log_directory *directory, struct delayed delayed)
{
    lock_acquire(&directory->lock);
    bool is_known = false;
    for (size_t i = 0; delayed.kind == DELAYED_FLUSH && i < directory->delayed.count; i++)
        is_known = is_known || directory->delayed.items[i].log == delayed.log;
    if (!is_known)
        *array_append(&directory->delayed) = delayed;
    lock_release(&directory->lock);
    if (is_known)
        release(&delayed);
}

void log_directory_remove_segment_later(struct log_directory *directory, struct segment *segment, int64_t delay_ms)
{
    add_delayed(directory,
                (struct delayed){.due_ms = due_after(delay_ms), .kind = DELAYED_SEGMENT, .segment = segment});
}

void log_directory_remove_file_later(struct log_directory *directory, char *path, int64_t delay_ms)
{
    add_delayed(directory, (struct delayed){.due_ms = due_after(delay_ms), .kind = DELAYED_FILE, .path = path});
}

void log_directory_remove_tree_later(struct log_directory *directory, char *path, int64_t delay_ms)
{
    add_delayed(directory, (struct delayed){.due_ms = due_after(delay_ms), .kind = DELAYED_TREE, .path = path});
}

void log_directory_flush_soon(struct log_directory *directory, struct log *log)
{
    add_delayed(directory, (struct delayed){.due_ms = INT64_MIN, .kind = DELAYED_FLUSH, .log = log});
}

static bool take_due(struct log_directory *directory, int64_t now_ms, struct delayed *due)
{
    bool found = false;
    lock_acquire(&directory->lock);
    for (size_t i = 0; !found && i < directory->delayed.count; i++) {
        if (directory->delayed.items[i].due_ms > now_ms)
            continue;
        *due = directory->delayed.items[i];
        directory->delayed.items[i] = directory->delayed.items[--directory->delayed.count];
        found = true;
    }
    lock_release(&directory->lock);
    return found;
}

static void run(struct log_directory *directory, struct delayed *due)
{
    int result = 0;
    const char *what = due->path;
    switch (due->kind) {
    case DELAYED_SEGMENT:
        what = due->segment->stem;
        result = segment_remove_deleted(due->segment);
        break;
    case DELAYED_FILE:
        result = file_calls()->unlink(due->path);
        break;
    case DELAYED_TREE:
        result = file_remove_tree(due->path);
        if (result == 0)
            logger_info("Removed %s", due->path);
        break;
    case DELAYED_FLUSH:
        if (log_flush(due->log) != KAFKA_NONE)
            logger_debug("%s is not flushed", log_name(due->log)); // reported where it failed
        break;
    }
    if (result != 0 && result != -ENOENT)
        log_directory_fail(directory, result, "Removing %s failed", what);
}

void log_directory_run_delayed(struct log_directory *directory, int64_t now_ms)
{
    struct delayed due;
    while (log_directory_is_online(directory) && take_due(directory, now_ms, &due)) {
        run(directory, &due);
        release(&due);
    }
}
