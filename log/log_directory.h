// SPDX-License-Identifier: Apache-2.0
// One entry of log.dirs: whether it still works, and what is to be done in it later. A file call that fails anywhere in
// it takes it offline for good: nothing in it is written any more. Every function may be called from every thread.
#ifndef LOG_LOG_DIRECTORY_H
#define LOG_LOG_DIRECTORY_H

#include "base/array.h"
#include "base/error.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct log;
struct segment;

enum delayed_kind { DELAYED_SEGMENT, DELAYED_FILE, DELAYED_TREE, DELAYED_FLUSH };

struct delayed {
    int64_t due_ms;
    enum delayed_kind kind;
    struct segment *segment; // a reference
    char *path;
    struct log *log; // a reference
};

struct log_directory {
    char *path; // immutable
    atomic_bool is_offline;
    int lock_fd; // of .lock, -1: not held
    int64_t producer_id_expiration_ms;

    // The manager's: told once when the directory goes offline / when recovery points were lowered.
    void (*went_offline)(void *context, struct log_directory *directory);
    void (*recovery_points_lowered)(void *context, struct log_directory *directory);
    void *context;

    struct lock lock; // guards delayed
    struct {
        ARRAY_OF(struct delayed);
    } delayed LOCK_GUARDED;
};

void log_directory_init(struct log_directory *directory, const char *path);

// Drops what is still delayed, undone; gives the lock file back.
void log_directory_fini(struct log_directory *directory);

static inline bool log_directory_is_online(const struct log_directory *directory)
{
    return !atomic_load_explicit(&directory->is_offline, memory_order_relaxed);
}

// Takes it offline, says so once, and returns KAFKA_STORAGE_ERROR. `error` is -errno; the text says what failed.
enum kafka_error log_directory_fail(struct log_directory *directory, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Takes .lock. Returns 0, -EAGAIN when another process has it, or -errno.
int log_directory_take_lock(struct log_directory *directory) __attribute__((warn_unused_result));
void log_directory_remove_lock(struct log_directory *directory);

// Later work, after a delay. Each takes over the reference or the string (free()d). A flush of a log that waits already
// is not added.
void log_directory_remove_segment_later(struct log_directory *directory, struct segment *segment, int64_t delay_ms);
void log_directory_remove_file_later(struct log_directory *directory, char *path, int64_t delay_ms);
void log_directory_remove_tree_later(struct log_directory *directory, char *path, int64_t delay_ms);
void log_directory_flush_soon(struct log_directory *directory, struct log *log);

// Does what is due.
void log_directory_run_delayed(struct log_directory *directory, int64_t now_ms);

#endif
