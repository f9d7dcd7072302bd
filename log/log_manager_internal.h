// SPDX-License-Identifier: Apache-2.0
// The log manager, seen from inside (log/log_manager.h is its door): its directories and what their files say.
#ifndef LOG_LOG_MANAGER_INTERNAL_H
#define LOG_LOG_MANAGER_INTERNAL_H

#include "base/lock.h"
#include "base/map.h"
#include "log/checkpoint.h"
#include "log/log_directory.h"
#include "log/log_internal.h"
#include "log/log_manager.h"

enum checkpoint_kind {
    CHECKPOINT_RECOVERY_POINTS,
    CHECKPOINT_LOG_START_OFFSETS,
    CHECKPOINT_HIGH_WATERMARKS,
    CHECKPOINT_KIND_COUNT
};

struct managed_directory;

// A replica directory that is not served: its checkpoint entries are kept as they are. -1: none.
struct refused_log {
    struct managed_directory *directory;
    char *name;
    char *topic;
    int32_t partition;
    int64_t recovery_point, log_start_offset, high_watermark;
};

struct managed_directory {
    struct log_directory directory;
    struct log_manager *manager;
    struct log_identity identity; // of its meta.properties
    bool is_clean;                // .kafka_cleanshutdown was there
    bool keeps_unclean;           // a refused log was never recovered: no .kafka_cleanshutdown at the end

    struct checkpoint written[CHECKPOINT_KIND_COUNT]; // what the files say, sorted; guarded by checkpoint_lock

    // While loading.
    char **names; // of replica directories
    size_t name_count;
    atomic_size_t next; // to be loaded
    atomic_size_t loaded_count;
};

struct log_manager {
    struct log_manager_settings settings; // strings and arrays are owned
    struct managed_directory *directories;
    size_t directory_count;

    struct lock checkpoint_lock; // orders creation and deletion of logs and the writing of checkpoint files
    struct lock lock;            // guards the rest
    struct map logs;             // "TOPIC-PARTITION" -> struct log *, each with a reference
    struct map refused;          // "TOPIC-PARTITION" -> struct refused_log *
};

// "TOPIC-PARTITION" in memory that the caller frees.
char *log_manager_name_of(struct view topic, int32_t partition);

// Splits "TOPIC-PARTITION" at its last '-'. Returns false when it is none. *topic is to be freed.
bool log_manager_parse_name(const char *name, char **topic, int32_t *partition);

// The managed directory around a log's directory.
struct managed_directory *log_manager_directory_of(const struct log_manager *manager,
                                                   const struct log_directory *directory);

// The checkpoint file's name.
const char *checkpoint_kind_file(enum checkpoint_kind kind);

// Writes a checkpoint file of the directory if it changes; a failure takes the directory offline. _locked: the caller
// holds checkpoint_lock.
void log_manager_write_checkpoint(struct log_manager *manager, struct managed_directory *directory,
                                  enum checkpoint_kind kind);
void log_manager_write_checkpoint_locked(struct log_manager *manager, struct managed_directory *directory,
                                         enum checkpoint_kind kind);

// log_manager_load.c: loads one directory's logs (on threads of its own and the caller).
void log_manager_load_directory(struct managed_directory *directory);

#endif
