// SPDX-License-Identifier: Apache-2.0
#include "log/partition_metadata.h"

#include "base/file.h"
#include "base/memory.h"
#include "log/text_lines.h"

#include <errno.h>
#include <stdlib.h>

static bool starts_with(struct view *line, const char *prefix)
{
    size_t size = strlen(prefix);
    if (line->size < size || memcmp(line->data, prefix, size) != 0)
        return false;
    *line = view_of(line->data + size, line->size - size);
    return true;
}

static bool parse(struct view text, struct uuid *topic_id)
{
    struct view line;
    int64_t version;
    return text_next_line(&text, &line) && starts_with(&line, "version: ") && text_number(line, 0, 0, &version) &&
           text_next_line(&text, &line) && starts_with(&line, "topic_id: ") && uuid_of_string(line, topic_id) &&
           !uuid_is_zero(*topic_id);
}

int partition_metadata_read(const char *path, struct uuid *topic_id)
{
    enum { FILE_SIZE_MAX = 4096 };
    char *bytes;
    size_t size;
    *topic_id = UUID_ZERO;
    int result = file_read_whole(path, FILE_SIZE_MAX, &bytes, &size);
    if (result != 0)
        return result == -ENOENT ? 0 : result;
    if (!parse(view_of(bytes, size), topic_id))
        result = -EBADMSG;
    free(bytes);
    return result;
}

int partition_metadata_write(const char *path, struct uuid topic_id)
{
    char text[UUID_STRING_SIZE];
    uuid_to_string(topic_id, text);
    char *content = memory_format("version: 0\ntopic_id: %s", text);
    int result = file_replace_lazily(path, content, strlen(content));
    free(content);
    return result;
}
