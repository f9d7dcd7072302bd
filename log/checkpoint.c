// SPDX-License-Identifier: Apache-2.0
#include "log/checkpoint.h"

#include "base/file.h"
#include "log/text_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKPOINT_FILE_SIZE_MAX = 256 * 1024 * 1024 };

void checkpoint_append(struct checkpoint *checkpoint, const char *topic, int32_t partition, int64_t offset)
{
    *array_append(checkpoint) = (struct checkpoint_entry){memory_copy_string(topic), partition, offset};
}

void checkpoint_fini(struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->count; i++)
        free(checkpoint->items[i].topic);
    array_fini(checkpoint);
}

static int compare_place(struct view topic, int32_t partition, const struct checkpoint_entry *entry)
{
    int order = view_compare(topic, view_of_string(entry->topic));
    return order != 0 ? order : (partition > entry->partition) - (partition < entry->partition);
}

// Of a place that is in the file twice, the lower offset comes first.
static int compare_entries(const void *a, const void *b)
{
    const struct checkpoint_entry *first = a, *second = b;
    int order = compare_place(view_of_string(first->topic), first->partition, b);
    return order != 0 ? order : (first->offset > second->offset) - (first->offset < second->offset);
}

void checkpoint_sort(struct checkpoint *checkpoint)
{
    if (checkpoint->count > 1)
        qsort(checkpoint->items, checkpoint->count, sizeof *checkpoint->items, compare_entries);
}

bool checkpoint_equal(const struct checkpoint *a, const struct checkpoint *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (compare_entries(&a->items[i], &b->items[i]) != 0 || a->items[i].offset != b->items[i].offset)
            return false;
    }
    return true;
}

int64_t checkpoint_find(const struct checkpoint *checkpoint, struct view topic, int32_t partition, int64_t absent)
{
    size_t low = 0, high = checkpoint->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_place(topic, partition, &checkpoint->items[middle]);
        if (order == 0)
            return checkpoint->items[middle].offset;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return absent;
}

static bool parse_entry(struct view line, struct checkpoint *checkpoint)
{
    struct view topic, partition, offset, rest;
    int64_t partition_number, offset_number;
    if (!text_next_word(&line, &topic) || !text_next_word(&line, &partition) || !text_next_word(&line, &offset) ||
        text_next_word(&line, &rest) || memchr(topic.data, 0, topic.size) != NULL)
        return false;
    if (!text_number(partition, 0, INT32_MAX, &partition_number) || !text_number(offset, 0, INT64_MAX, &offset_number))
        return false;
    *array_append(checkpoint) = (struct checkpoint_entry){view_dup(topic), (int32_t)partition_number, offset_number};
    return true;
}

static bool parse(struct view text, struct checkpoint *checkpoint, int *line_number)
{
    struct view line;
    int64_t version, count;
    *line_number = 1;
    if (!text_next_line(&text, &line))
        return true;
    if (!text_number(line, 0, 0, &version))
        return false;
    *line_number = 2;
    if (!text_next_line(&text, &line) || !text_number(line, 0, INT32_MAX, &count))
        return false;
    for (int64_t i = 0; i < count; i++) {
        (*line_number)++;
        if (!text_next_line(&text, &line) || !parse_entry(line, checkpoint))
            return false;
    }
    (*line_number)++;
    return !text_next_line(&text, &line);
}

int checkpoint_read(const char *path, struct checkpoint *checkpoint, int *line_number)
{
    char *bytes;
    size_t size;
    *line_number = 0;
    int result = file_read_whole(path, CHECKPOINT_FILE_SIZE_MAX, &bytes, &size);
    if (result != 0)
        return result == -ENOENT ? 0 : result;
    struct checkpoint parsed = CHECKPOINT_EMPTY;
    if (parse(view_of(bytes, size), &parsed, line_number)) {
        checkpoint_sort(&parsed);
        *checkpoint = parsed;
    } else {
        checkpoint_fini(&parsed);
        result = -EBADMSG;
    }
    free(bytes);
    return result;
}

int checkpoint_write(const char *path, const struct checkpoint *checkpoint)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return -errno;
    fprintf(stream, "0\n%zu\n", checkpoint->count);
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_entry *entry = &checkpoint->items[i];
        fprintf(stream, "%s %" PRId32 " %" PRId64 "\n", entry->topic, entry->partition, entry->offset);
    }
    int result = fclose(stream) == 0 ? file_replace(path, text, size) : -errno;
    free(text);
    return result;
}
