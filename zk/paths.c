// SPDX-License-Identifier: Apache-2.0
#include "zk/paths.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *zk_path_broker(struct arena *arena, int32_t broker_id)
{
    return arena_format(arena, ZK_PATH_BROKER_IDS "/%d", broker_id);
}

const char *zk_path_topic(struct arena *arena, struct view topic)
{
    return arena_format(arena, ZK_PATH_TOPICS "/%.*s", VIEW_ARGS(topic));
}

const char *zk_path_topic_partitions(struct arena *arena, struct view topic)
{
    return arena_format(arena, ZK_PATH_TOPICS "/%.*s/partitions", VIEW_ARGS(topic));
}

const char *zk_path_partition(struct arena *arena, struct view topic, int32_t partition)
{
    return arena_format(arena, ZK_PATH_TOPICS "/%.*s/partitions/%d", VIEW_ARGS(topic), partition);
}

const char *zk_path_partition_state(struct arena *arena, struct view topic, int32_t partition)
{
    return arena_format(arena, ZK_PATH_TOPICS "/%.*s/partitions/%d/state", VIEW_ARGS(topic), partition);
}

const char *zk_path_delete_topic(struct arena *arena, struct view topic)
{
    return arena_format(arena, ZK_PATH_DELETE_TOPICS "/%.*s", VIEW_ARGS(topic));
}

const char *zk_path_config_topic(struct arena *arena, struct view topic)
{
    return arena_format(arena, ZK_PATH_CONFIG_TOPICS "/%.*s", VIEW_ARGS(topic));
}

const char *zk_path_config_broker(struct arena *arena, int32_t broker_id)
{
    if (broker_id == -1)
        return arena_format(arena, ZK_PATH_CONFIG_BROKERS "/" ZK_DEFAULT_ENTITY);
    return arena_format(arena, ZK_PATH_CONFIG_BROKERS "/%d", broker_id);
}

const char *zk_path_config_entity(struct arena *arena, struct view entity_path)
{
    return arena_format(arena, "/config/%.*s", VIEW_ARGS(entity_path));
}

const char *zk_path_child(struct arena *arena, const char *parent, const char *child)
{
    return arena_format(arena, "%s/%s", parent, child);
}

int64_t zk_sequence_of_name(const char *name)
{
    const char *underscore = strrchr(name, '_');
    const char *digits = underscore ? underscore + 1 : name;

    if (!*digits || strlen(digits) > 10 || strspn(digits, "0123456789") != strlen(digits))
        return -1;
    return strtoll(digits, NULL, 10);
}

const char *zk_entity_escape(struct arena *arena, struct view name)
{
    static const char hex[] = "0123456789ABCDEF";

    if (view_equal_string(name, ZK_DEFAULT_ENTITY))
        return arena_format(arena, ZK_DEFAULT_ENTITY);
    char *escaped = arena_alloc_array(arena, name.size + 1, 3);

    for (size_t i = 0, to = 0; escaped && i < name.size; i++) {
        uint8_t c = name.data[i];

        if ((c < 0x80 && isalnum(c)) || c == '.' || c == '-' || c == '_') {
            escaped[to++] = (char)c;
            continue;
        }
        escaped[to++] = '%';
        escaped[to++] = hex[c >> 4];
        escaped[to++] = hex[c & 15];
    }
    return escaped;
}

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

const char *zk_entity_unescape(struct arena *arena, struct view name)
{
    char *plain = arena_alloc(arena, name.size + 1);

    for (size_t i = 0, to = 0; plain && i < name.size; i++) {
        uint8_t c = name.data[i];

        if (c == '%') {
            if (name.size - i < 3 || hex_value(name.data[i + 1]) < 0 || hex_value(name.data[i + 2]) < 0)
                return NULL;
            c = (uint8_t)(hex_value(name.data[i + 1]) << 4 | hex_value(name.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == 0)
            return NULL;
        plain[to++] = (char)c;
    }
    return plain;
}
