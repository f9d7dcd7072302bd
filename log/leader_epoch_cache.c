// SPDX-License-Identifier: Apache-2.0
#include "log/leader_epoch_cache.h"

#include "base/file.h"
#include "log/text_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCH_FILE_SIZE_MAX = 64 * 1024 * 1024 };

static bool parse_entry(struct view line, struct leader_epoch_cache *cache)
{
    struct view epoch, offset, rest;
    int64_t epoch_number, offset_number;
    if (!text_next_word(&line, &epoch) || !text_next_word(&line, &offset) || text_next_word(&line, &rest))
        return false;
    if (!text_number(epoch, 0, INT32_MAX, &epoch_number) || !text_number(offset, 0, INT64_MAX, &offset_number))
        return false;
    leader_epoch_cache_assign(cache, (int32_t)epoch_number, offset_number);
    return true;
}

static bool parse(struct view text, struct leader_epoch_cache *cache)
{
    struct view line;
    int64_t version, count;
    if (!text_next_line(&text, &line))
        return true;
    if (!text_number(line, 0, 0, &version))
        return false;
    if (!text_next_line(&text, &line) || !text_number(line, 0, INT32_MAX, &count))
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (!text_next_line(&text, &line) || !parse_entry(line, cache))
            return false;
    }
    return !text_next_line(&text, &line);
}

int leader_epoch_cache_read(struct leader_epoch_cache *cache, const char *path)
{
    char *bytes;
    size_t size;
    int result = file_read_whole(path, EPOCH_FILE_SIZE_MAX, &bytes, &size);
    if (result != 0)
        return result == -ENOENT ? 0 : result;
    if (!parse(view_of(bytes, size), cache)) {
        array_fini(cache);
        result = -EBADMSG;
    }
    free(bytes);
    return result;
}

int leader_epoch_cache_write(const struct leader_epoch_cache *cache, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return -errno;
    fprintf(stream, "0\n%zu\n", cache->count);
    for (size_t i = 0; i < cache->count; i++)
        fprintf(stream, "%" PRId32 " %" PRId64 "\n", cache->items[i].epoch, cache->items[i].start_offset);
    int result = fclose(stream) == 0 ? file_replace_lazily(path, text, size) : -errno;
    free(text);
    return result;
}

void leader_epoch_cache_fini(struct leader_epoch_cache *cache)
{
    array_fini(cache);
}

int32_t leader_epoch_cache_latest(const struct leader_epoch_cache *cache)
{
    return cache->count > 0 ? cache->items[cache->count - 1].epoch : -1;
}

bool leader_epoch_cache_assign(struct leader_epoch_cache *cache, int32_t epoch, int64_t start_offset)
{
    if (epoch < 0)
        return false;
    if (cache->count > 0) {
        const struct leader_epoch *last = &cache->items[cache->count - 1];
        if (last->epoch == epoch && last->start_offset <= start_offset)
            return false;
    }
    while (cache->count > 0 && (cache->items[cache->count - 1].epoch >= epoch ||
                                cache->items[cache->count - 1].start_offset >= start_offset))
        cache->count--;
    *array_append(cache) = (struct leader_epoch){epoch, start_offset};
    return true;
}

bool leader_epoch_cache_extend(struct leader_epoch_cache *cache, int32_t epoch, int64_t start_offset)
{
    return epoch > leader_epoch_cache_latest(cache) && leader_epoch_cache_assign(cache, epoch, start_offset);
}

bool leader_epoch_cache_truncate_end(struct leader_epoch_cache *cache, int64_t offset)
{
    size_t before = cache->count;
    while (cache->count > 0 && cache->items[cache->count - 1].start_offset >= offset)
        cache->count--;
    return cache->count != before;
}

bool leader_epoch_cache_truncate_start(struct leader_epoch_cache *cache, int64_t offset)
{
    size_t below = 0;
    while (below < cache->count && cache->items[below].start_offset <= offset)
        below++;
    if (below == 0 || (below == 1 && cache->items[0].start_offset == offset))
        return false;
    cache->items[below - 1].start_offset = offset;
    cache->count -= below - 1;
    memmove(cache->items, cache->items + below - 1, cache->count * sizeof *cache->items);
    return true;
}

int32_t leader_epoch_cache_epoch_of(const struct leader_epoch_cache *cache, int64_t offset)
{
    int32_t epoch = -1;
    for (size_t i = cache->count; i > 0 && epoch < 0; i--) {
        if (cache->items[i - 1].start_offset <= offset)
            epoch = cache->items[i - 1].epoch;
    }
    return epoch;
}

void leader_epoch_cache_end_offset(const struct leader_epoch_cache *cache, int32_t epoch, int64_t log_end_offset,
                                   int32_t *found_epoch, int64_t *end_offset)
{
    *found_epoch = -1;
    *end_offset = -1;
    int32_t latest = leader_epoch_cache_latest(cache);
    if (epoch < 0 || latest < 0 || epoch > latest)
        return;
    if (epoch == latest) {
        *found_epoch = epoch;
        *end_offset = log_end_offset;
        return;
    }
    size_t next = 0;
    while (cache->items[next].epoch <= epoch)
        next++;
    *found_epoch = next > 0 ? cache->items[next - 1].epoch : epoch;
    *end_offset = cache->items[next].start_offset;
}
