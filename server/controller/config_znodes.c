// SPDX-License-Identifier: Apache-2.0
#include "server/controller/config_znodes.h"

#include "base/arena.h"
#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <stdlib.h>
#include <string.h>

// ZooKeeper closes the connection on a packet above 1 MB.
enum { CONFIG_ARENA_SIZE_MAX = 16 << 20, ZNODE_SIZE_MAX = 1000 * 1000 };

enum zk_result config_znode_read(struct zk_session *session, const char *entity_path, struct properties *overrides)
{
    struct arena arena;
    arena_init(&arena, CONFIG_ARENA_SIZE_MAX);
    struct view data;
    struct zk_config config;
    const char *path = zk_path_config_entity(&arena, view_of_string(entity_path));
    enum zk_result result = zk_get(session, &arena, path, &data, NULL);
    bool is_there = result == ZK_OK;
    if (is_there)
        result = zk_read_config_data(&arena, data, &config);
    if (result == ZK_BAD_DATA)
        logger_error("The configuration in %s cannot be read and is ignored: %.*s", path, VIEW_ARGS(data));
    for (size_t i = 0; result == ZK_OK && i < config.count; i++)
        properties_set(overrides, config.entries[i].key, config.entries[i].value);
    arena_fini(&arena);
    return !is_there && result == ZK_NO_NODE ? ZK_OK : result;
}

enum zk_result config_znode_write(struct zk_session *session, const char *entity_path,
                                  const struct properties *overrides)
{
    struct arena arena;
    arena_init(&arena, CONFIG_ARENA_SIZE_MAX);
    struct zk_config config = {.entries = memory_alloc_array(overrides->count, sizeof *config.entries),
                               .count = overrides->count};
    for (size_t i = 0; i < overrides->count; i++)
        config.entries[i] = (struct zk_config_entry){overrides->items[i].key, overrides->items[i].value};
    struct view data = zk_write_config_data(&arena, &config);
    free(config.entries);
    enum zk_result result = ZK_BAD_DATA;
    if (data.size > ZNODE_SIZE_MAX)
        result = ZK_TOO_LARGE;
    else if (!view_is_null(data))
        result = zk_write_config(session, zk_path_config_entity(&arena, view_of_string(entity_path)), data);
    arena_fini(&arena);
    return result;
}

bool config_znode_allows_unclean_election(struct zk_session *session, const struct config *config, const char *topic)
{
    struct properties overrides = {0};
    char *entity_path = memory_format("topics/%s", topic);
    bool is_allowed = config_boolean(config, OPTION_UNCLEAN_LEADER_ELECTION_ENABLE);
    enum zk_result result = config_znode_read(session, entity_path, &overrides);
    const char *value = properties_get(&overrides, option_row(OPTION_TOPIC_UNCLEAN_LEADER_ELECTION_ENABLE)->name);
    if (result != ZK_OK)
        is_allowed = false;
    else if (value != NULL)
        is_allowed = strcasecmp(value, "true") == 0;
    properties_fini(&overrides);
    free(entity_path);
    return is_allowed;
}
