// SPDX-License-Identifier: Apache-2.0
// The committed offsets of a group, by topic and partition. The group's lock is held.
#include "base/memory.h"
#include "server/group/group.h"

#include <stdlib.h>

#define KEY_SIZE_MAX (32767 + 4)

// The key of a partition in the map: its number's bytes, then the topic.
static struct view make_key(uint8_t *key, struct view topic, int32_t partition)
{
    memcpy(key, &partition, sizeof partition);
    size_t size = topic.size < KEY_SIZE_MAX - 4 ? topic.size : KEY_SIZE_MAX - 4;
    if (size > 0)
        memcpy(key + sizeof partition, topic.data, size);
    return view_of(key, sizeof partition + size);
}

static void offset_destroy(struct group_offset *offset)
{
    if (offset == NULL)
        return;
    free(offset->topic);
    free(offset->metadata_copy);
    free(offset);
}

void group_set_offset(struct group *group, const struct group_offset *offset)
{
    uint8_t key[KEY_SIZE_MAX];
    struct group_offset *copy = memory_alloc(sizeof *copy);
    *copy = *offset;
    copy->topic = memory_copy_string(offset->topic);
    copy->metadata_copy = view_dup(offset->metadata);
    copy->metadata = view_of(copy->metadata_copy, offset->metadata.size);
    offset_destroy(map_put(&group->offsets, make_key(key, view_of_string(offset->topic), offset->partition), copy));
}

void group_remove_offset(struct group *group, struct view topic, int32_t partition)
{
    uint8_t key[KEY_SIZE_MAX];
    offset_destroy(map_remove(&group->offsets, make_key(key, topic, partition)));
}

struct group_offset *group_find_offset(const struct group *group, struct view topic, int32_t partition)
{
    uint8_t key[KEY_SIZE_MAX];
    return map_get(&group->offsets, make_key(key, topic, partition));
}

void group_clear_offsets(struct group *group)
{
    size_t at = 0;
    void *offset;
    while (map_next(&group->offsets, &at, NULL, &offset))
        offset_destroy(offset);
    map_fini(&group->offsets);
}
