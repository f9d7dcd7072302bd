// SPDX-License-Identifier: Apache-2.0
// Opens a replica directory. Everything that could make it be refused is looked at first, before anything is changed;
// then: left-over files go, segments are opened, those above the recovery point are recovered unless the directory was
// closed cleanly, and epochs, producer state and offsets are brought into agreement.
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/batch_scanner.h"
#include "log/log_internal.h"
#include "log/offset_index.h"
#include "log/partition_metadata.h"
#include "log/segment_recovery.h"
#include "log/text_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct loading {
    struct log *log;
    const struct log_load_options *options;
    char **names; // of the directory's files
    char *reason; // why the log is refused, or NULL
    struct {
        ARRAY_OF(int64_t);
    } bases; // of the .log files, rising since the names are sorted
    bool epochs_have_changed;
    bool producers_are_current; // up to `next_offset`
    int64_t next_offset;        // behind the last batch
};

// The base offset in a name of the form NUMBER SUFFIX, or -1.
static int64_t base_of_name(const char *name, const char *suffix)
{
    int64_t base;
    if (!text_ends_with(name, suffix) ||
        !text_number(view_of(name, strlen(name) - strlen(suffix)), 0, INT64_MAX, &base))
        return -1;
    return base;
}

static enum log_load_result fail(struct loading *loading, int error, const char *what)
{
    log_directory_fail(loading->log->directory, error, "Loading %s: %s failed", loading->log->name, what);
    return LOG_FAILED;
}

static enum log_load_result refuse(struct loading *loading, const char *what)
{
    loading->reason = memory_copy_string(what);
    return LOG_REFUSED;
}

// ---- What is there

static bool is_not_empty(struct loading *loading, const char *name)
{
    char *path = log_path_of(loading->log, name);
    struct stat status;
    int result = file_calls()->stat(path, &status);
    free(path);
    return result != 0 || status.st_size > 0;
}

static enum log_load_result look_at_name(struct loading *loading, const char *name)
{
    if (text_ends_with(name, ".swap") || text_ends_with(name, ".cleaned"))
        return refuse(loading, "a file of an unfinished cleaning (.swap, .cleaned)");
    if (text_ends_with(name, ".txnindex") && is_not_empty(loading, name))
        return refuse(loading, "aborted transactions (.txnindex)");
    if (text_ends_with(name, ".snapshot")) {
        int64_t offset = base_of_name(name, ".snapshot");
        if (offset >= 0)
            *array_append(&loading->log->snapshots) = offset;
    }
    if (text_ends_with(name, ".log")) {
        int64_t base = base_of_name(name, ".log");
        if (base < 0)
            return fail(loading, -EBADMSG, name);
        *array_append(&loading->bases) = base;
    }
    return LOG_LOADED;
}

// Messages of magic 0 and 1 are told by the first message of each segment.
static enum log_load_result look_at_magic(struct loading *loading, struct segment *segment)
{
    enum { FIRST_PIECE_SIZE = 128 };
    uint8_t piece[FIRST_PIECE_SIZE];
    struct batch_scanner scanner;
    struct batch_header header;
    batch_scanner_init(&scanner, segment->fd, 0, segment_size(segment), true, piece, sizeof piece);
    scanner.check_crc = false;
    enum scan_result found = batch_scanner_next(&scanner, &header);
    if (found == SCAN_FAILED)
        return fail(loading, scanner.failure, "reading a segment");
    if (found != SCAN_OLD_MAGIC)
        return LOG_LOADED;
    batch_scanner_init(&scanner, segment->fd, 0, segment_size(segment), true, NULL, BATCH_SCANNER_SEQUENTIAL);
    found = batch_scanner_next(&scanner, &header);
    batch_scanner_fini(&scanner);
    return found == SCAN_OLD_MAGIC ? refuse(loading, "messages of magic 0 or 1") : LOG_LOADED;
}

static enum log_load_result open_segments(struct loading *loading)
{
    struct log *log = loading->log;
    for (size_t i = 0; i < loading->bases.count; i++) {
        struct segment *segment;
        int result = segment_open(log->path, loading->bases.items[i], &segment);
        if (result != 0)
            return fail(loading, result, "opening a segment");
        *array_append(&log->segments) = segment;
        enum log_load_result looked = look_at_magic(loading, segment);
        if (looked != LOG_LOADED)
            return looked;
    }
    return LOG_LOADED;
}

// Reads all that may lead to a refusal. Changes nothing.
static enum log_load_result look(struct loading *loading)
{
    struct log *log = loading->log;
    int result = file_list_directory(log->path, &loading->names);
    if (result != 0)
        return fail(loading, result, "listing its directory");
    for (char **name = loading->names; *name != NULL; name++) {
        enum log_load_result looked = look_at_name(loading, *name);
        if (looked != LOG_LOADED)
            return looked;
    }
    char *path = log_path_of(log, PARTITION_METADATA_FILE);
    result = partition_metadata_read(path, &log->topic_id);
    free(path);
    if (result != 0)
        return fail(loading, result, "reading " PARTITION_METADATA_FILE);
    path = log_path_of(log, "leader-epoch-checkpoint");
    result = leader_epoch_cache_read(&log->epochs, path);
    free(path);
    if (result != 0)
        return fail(loading, result, "reading leader-epoch-checkpoint");
    return open_segments(loading);
}

// ---- Repairs

static int compare_bases(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static bool has_log_of(const struct loading *loading, int64_t base)
{
    return loading->bases.count > 0 &&
           bsearch(&base, loading->bases.items, loading->bases.count, sizeof base, compare_bases) != NULL;
}

static bool is_orphan(const struct loading *loading, const char *name, const char *suffix)
{
    int64_t base = base_of_name(name, suffix);
    return base >= 0 && !has_log_of(loading, base);
}

// *.deleted, unfinished replacements (.tmp) and indexes without their .log.
static enum log_load_result remove_left_overs(struct loading *loading)
{
    for (char **name = loading->names; *name != NULL; name++) {
        if (!text_ends_with(*name, ".deleted") && !text_ends_with(*name, ".tmp") &&
            !is_orphan(loading, *name, ".index") && !is_orphan(loading, *name, ".timeindex"))
            continue;
        char *path = log_path_of(loading->log, *name);
        int result = file_calls()->unlink(path);
        free(path);
        if (result != 0 && result != -ENOENT)
            return fail(loading, result, "removing a left-over file");
    }
    return LOG_LOADED;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_index(const struct loading *loading, int64_t base)
{
    size_t count = 0;
    while (loading->names[count] != NULL)
        count++;
    char *name = memory_format("%020" PRId64 ".index", base);
    bool found = bsearch(&name, loading->names, count, sizeof name, compare_names) != NULL;
    free(name);
    return found;
}

// Where the next one begins.
static int64_t end_of_segment(const struct loading *loading, size_t at)
{
    const struct log *log = loading->log;
    return at + 1 < log->segments.count ? log->segments.items[at + 1]->base_offset : INT64_MAX;
}

static enum log_load_result recover_segment(struct loading *loading, size_t at, bool apply_producers,
                                            struct recovery *recovery)
{
    struct log *log = loading->log;
    enum recovery_result result =
        segment_recover(log, log->segments.items[at], apply_producers, loading->options->now_ms, recovery);
    loading->epochs_have_changed |= recovery->epochs_have_changed;
    if (result == RECOVERY_NOT_SERVED)
        return refuse(loading, recovery->reason);
    if (result == RECOVERY_FAILED)
        return fail(loading, recovery->failure, "recovering a segment");
    return LOG_LOADED;
}

static enum log_load_result seal(struct loading *loading, struct segment *segment)
{
    int result = segment_seal(segment);
    return result == 0 ? LOG_LOADED : fail(loading, result, "closing a recovered segment");
}

// Segments whose .index is missing.
static enum log_load_result recover_without_index(struct loading *loading, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        struct segment *segment = loading->log->segments.items[i];
        if (has_index(loading, segment->base_offset))
            continue;
        logger_warn("%s.index is missing: making it anew", segment->stem);
        struct recovery recovery = {.next_offset = segment->base_offset, .end_offset = end_of_segment(loading, i)};
        enum log_load_result result = recover_segment(loading, i, false, &recovery);
        if (result == LOG_LOADED)
            result = seal(loading, segment);
        if (result != LOG_LOADED)
            return result;
    }
    return LOG_LOADED;
}

// Segments behind one that lost bytes.
static enum log_load_result drop_behind(struct loading *loading, size_t at)
{
    struct log *log = loading->log;
    while (log->segments.count > at + 1) {
        struct segment *segment = log->segments.items[log->segments.count - 1];
        logger_warn("%s: removing the segment at offset %" PRId64 ", which is behind lost bytes", log->name,
                    segment->base_offset);
        int result = segment_rename_deleted(segment);
        if (result == 0)
            result = log_remove_snapshot(log, segment->base_offset);
        if (result != 0)
            return fail(loading, result, "removing a segment behind lost bytes");
        log->segments.count--;
        log_directory_remove_segment_later(log->directory, segment, 0);
    }
    return LOG_LOADED;
}

// Recovers the segments from `first` on.
static enum log_load_result recover_from(struct loading *loading, size_t first)
{
    struct log *log = loading->log;
    int result = log_rebuild_producers(log, log->segments.items[first]->base_offset, loading->options->now_ms);
    if (result != 0)
        return fail(loading, result, "rebuilding its producer state");
    struct recovery recovery = {.next_offset = log->segments.items[first]->base_offset};
    for (size_t i = first; i < log->segments.count; i++) {
        struct segment *segment = log->segments.items[i];
        if (recovery.next_offset < segment->base_offset)
            recovery.next_offset = segment->base_offset;
        recovery.end_offset = end_of_segment(loading, i);
        enum log_load_result recovered = recover_segment(loading, i, true, &recovery);
        if (recovered == LOG_LOADED && recovery.has_lost_bytes)
            recovered = drop_behind(loading, i);
        if (recovered == LOG_LOADED && i + 1 < log->segments.count) {
            recovered = seal(loading, segment);
            result = log_take_snapshot(log, log->segments.items[i + 1]->base_offset);
        }
        if (result != 0)
            return fail(loading, result, "writing a producer snapshot");
        if (recovered != LOG_LOADED)
            return recovered;
    }
    loading->next_offset = recovery.next_offset;
    loading->producers_are_current = true;
    return LOG_LOADED;
}

// The end of the last segment by its last index entry. A file that does not end with a batch is recovered.
static enum log_load_result find_end(struct loading *loading)
{
    struct log *log = loading->log;
    struct segment *last = log_active_segment(log);
    loading->next_offset = last->base_offset;
    if (segment_size(last) == 0)
        return LOG_LOADED;
    uint8_t piece[BATCH_SCANNER_HEADERS];
    struct batch_scanner scanner;
    batch_scanner_init(&scanner, last->fd, segment_last_indexed_position(last), segment_size(last), false, piece,
                       sizeof piece);
    struct batch_header header;
    enum scan_result found;
    while ((found = batch_scanner_next(&scanner, &header)) == SCAN_BATCH)
        loading->next_offset = batch_next_offset(&header);
    if (found == SCAN_FAILED)
        return fail(loading, scanner.failure, "reading its last segment");
    bool is_whole = found == SCAN_END && loading->next_offset > last->base_offset;
    return is_whole ? LOG_LOADED : recover_from(loading, log->segments.count - 1);
}

// ---- Agreement

static enum log_load_result start_empty(struct loading *loading, int64_t base_offset)
{
    struct log *log = loading->log;
    struct segment *segment;
    int result = segment_create(log->path, base_offset, &log->config, loading->options->now_ms, &segment);
    if (result != 0)
        return fail(loading, result, "making its first segment");
    *array_append(&log->segments) = segment;
    loading->next_offset = base_offset;
    return LOG_LOADED;
}

// A log that ends before its start offset has nothing that may be read: it begins anew there.
static enum log_load_result drop_all(struct loading *loading)
{
    struct log *log = loading->log;
    logger_warn("%s ends at offset %" PRId64 ", before its start offset %" PRId64 ": it is emptied", log->name,
                loading->next_offset, log->log_start_offset);
    while (log->segments.count > 0) {
        struct segment *segment = log->segments.items[--log->segments.count];
        int result = segment_rename_deleted(segment);
        log_directory_remove_segment_later(log->directory, segment, 0);
        if (result != 0)
            return fail(loading, result, "removing segments below its start offset");
    }
    loading->producers_are_current = false;
    return start_empty(loading, log->log_start_offset);
}

static enum log_load_result settle_epochs(struct loading *loading)
{
    struct log *log = loading->log;
    log->epochs_are_ahead = leader_epoch_cache_truncate_end(&log->epochs, log->log_end_offset);
    log->epochs_are_ahead |= leader_epoch_cache_truncate_start(&log->epochs, log->log_start_offset);
    return !loading->epochs_have_changed || log_write_epochs(log) == KAFKA_NONE ? LOG_LOADED : LOG_FAILED;
}

// No snapshot at all after a clean stop: nobody with a producer id ever wrote (Kafka before 0.11), so none is looked
// for.
static int settle_producers(struct loading *loading)
{
    struct log *log = loading->log;
    int64_t end = log->log_end_offset, now_ms = loading->options->now_ms;
    int result = 0;
    if (!loading->producers_are_current) {
        bool has_none = log->snapshots.count == 0 && loading->options->is_clean;
        result = has_none ? 0 : log_rebuild_producers(log, end, now_ms);
    }
    bool has_snapshot = log->snapshots.count > 0 && log->snapshots.items[log->snapshots.count - 1] == end;
    if (result == 0 && !has_snapshot && end > log->log_start_offset)
        result = log_take_snapshot(log, end);
    if (result == 0)
        result = log_remove_stray_snapshots(log);
    transaction_list_rebuild(&log->transactions, &log->producers);
    return result;
}

static enum log_load_result settle(struct loading *loading)
{
    struct log *log = loading->log;
    const struct log_load_options *options = loading->options;
    struct segment *active = log_active_segment(log);
    if (!active->writable) {
        int result = segment_make_writable(active, &log->config, options->now_ms, true);
        if (result != 0)
            return fail(loading, result, "opening its last segment for writing");
        segment_restore_max_timestamp(active);
    }
    log->log_end_offset = loading->next_offset;
    if (settle_epochs(loading) != LOG_LOADED)
        return LOG_FAILED;
    int result = settle_producers(loading);
    if (result != 0)
        return fail(loading, result, "settling its producer state");
    int64_t recovery_point = options->is_clean ? log->log_end_offset : options->recovery_point;
    if (recovery_point > log->log_end_offset)
        recovery_point = log->log_end_offset;
    log->recovery_point = recovery_point > log->log_start_offset ? recovery_point : log->log_start_offset;
    log->last_flush_ms = options->now_ms;
    log_set_high_watermark_locked(log, options->high_watermark);
    return LOG_LOADED;
}

static enum log_load_result repair(struct loading *loading)
{
    struct log *log = loading->log;
    enum log_load_result result = LOG_LOADED;
    if (log->segments.count > 0) {
        if (log->log_start_offset < log->segments.items[0]->base_offset)
            log->log_start_offset = log->segments.items[0]->base_offset;
        size_t first = log->segments.count; // to be recovered
        if (!loading->options->is_clean)
            first = log_segment_index_of(log, loading->options->recovery_point);
        else if (!has_index(loading, log_active_segment(log)->base_offset))
            first = log->segments.count - 1;
        result = recover_without_index(loading, first);
        if (result == LOG_LOADED)
            result = first < log->segments.count ? recover_from(loading, first) : find_end(loading);
    }
    if (result == LOG_LOADED && log->segments.count > 0 && loading->next_offset < log->log_start_offset)
        result = drop_all(loading);
    if (result == LOG_LOADED && log->segments.count == 0)
        result = start_empty(loading, log->log_start_offset);
    if (result == LOG_LOADED)
        result = remove_left_overs(loading);
    return result == LOG_LOADED ? settle(loading) : result;
}

enum log_load_result log_load(struct log *log, const struct log_load_options *options, char **reason)
{
    struct loading loading = {.log = log, .options = options};
    log->log_start_offset = options->log_start_offset > 0 ? options->log_start_offset : 0;
    atomic_store(&log->is_new, options->is_new);
    enum log_load_result result = look(&loading);
    if (result == LOG_LOADED)
        result = repair(&loading);
    file_names_free(loading.names);
    array_fini(&loading.bases);
    *reason = loading.reason;
    return result;
}

enum kafka_error log_close(struct log *log)
{
    enum kafka_error error = log_check_usable(log);
    if (error != KAFKA_NONE)
        return error;
    int result = segment_seal(log_active_segment(log));
    if (result == 0)
        result = log_take_snapshot(log, log->log_end_offset);
    // The next start trusts the clean mark, and with it that this snapshot is there.
    if (result == 0 && log->producers.producers.count > 0)
        result = log_sync_snapshot(log, log->log_end_offset);
    if (result != 0)
        return log_directory_fail(log->directory, result, "Closing %s failed", log->name);
    atomic_store(&log->names_changed, true);
    return log_flush(log);
}
