// SPDX-License-Identifier: Apache-2.0
// What znodes hold. The first byte names the kind, the rest is the znode. What can be read is written, and the written
// bytes, read and written again, stay what they are.
#include "base/arena.h"
#include "test/fuzz/fuzz_input.h"
#include "zk/connect_string.h"
#include "zk/formats.h"
#include "zk/paths.h"

#include <assert.h>

enum { MEMORY_PER_BYTE_MAX = 256, MEMORY_MIN = 4096 };

// Reads one kind and writes it again; the null view when it cannot be read. Kinds that hold a number alone are written
// from it.
typedef struct view rewrite(struct arena *arena, struct view bytes);

#define REWRITE(name, type, read, write)                                                                               \
    static struct view name(struct arena *arena, struct view bytes)                                                    \
    {                                                                                                                  \
        type value;                                                                                                    \
        return read(arena, bytes, &value) == ZK_OK ? write(arena, &value) : VIEW_NULL;                                 \
    }

REWRITE(rewrite_broker, struct zk_broker, zk_read_broker, zk_write_broker)
REWRITE(rewrite_topic, struct zk_topic, zk_read_topic, zk_write_topic)
REWRITE(rewrite_state, struct zk_partition_state, zk_read_partition_state, zk_write_partition_state)
REWRITE(rewrite_config, struct zk_config, zk_read_config_data, zk_write_config_data)
REWRITE(rewrite_reassignment, struct zk_partition_list, zk_read_reassignment, zk_write_reassignment)
REWRITE(rewrite_election, struct zk_partition_list, zk_read_preferred_election, zk_write_preferred_election)
REWRITE(rewrite_features, struct zk_features, zk_read_features, zk_write_features)

static struct view rewrite_isr_change(struct arena *arena, struct view bytes)
{
    struct zk_partition_list list;
    return zk_read_isr_change(arena, bytes, &list) == ZK_OK ? zk_write_preferred_election(arena, &list) : VIEW_NULL;
}

static struct view rewrite_controller(struct arena *arena, struct view bytes)
{
    int32_t id;
    return zk_read_controller(bytes, &id) == ZK_OK ? zk_write_controller(arena, id, 1700000000000) : VIEW_NULL;
}

static struct view rewrite_epoch(struct arena *arena, struct view bytes)
{
    int32_t epoch;
    return zk_read_controller_epoch(bytes, &epoch) == ZK_OK ? zk_write_controller_epoch(arena, epoch) : VIEW_NULL;
}

static struct view rewrite_change(struct arena *arena, struct view bytes)
{
    const char *path;
    return zk_read_config_change(arena, bytes, &path) == ZK_OK ? zk_write_config_change(arena, path) : VIEW_NULL;
}

static struct view rewrite_block(struct arena *arena, struct view bytes)
{
    struct zk_producer_id_block block;
    return zk_read_producer_id_block(bytes, &block) == ZK_OK ? zk_write_producer_id_block(arena, &block) : VIEW_NULL;
}

static struct view rewrite_cluster_id(struct arena *arena, struct view bytes)
{
    const char *id;
    return zk_read_cluster_id(arena, bytes, &id) == ZK_OK ? zk_write_cluster_id(arena, id) : VIEW_NULL;
}

static struct view rewrite_log_dir_event(struct arena *arena, struct view bytes)
{
    int32_t id;
    return zk_read_log_dir_event(bytes, &id) == ZK_OK ? zk_write_log_dir_event(arena, id) : VIEW_NULL;
}

static rewrite *const kinds[] = {
    rewrite_broker,   rewrite_topic,    rewrite_state,      rewrite_config,        rewrite_reassignment,
    rewrite_election, rewrite_features, rewrite_isr_change, rewrite_controller,    rewrite_epoch,
    rewrite_change,   rewrite_block,    rewrite_cluster_id, rewrite_log_dir_event,
};
enum { KINDS = sizeof kinds / sizeof kinds[0], KIND_ISR_CHANGE = 7 };

static void run_names(struct arena *arena, struct view text)
{
    const char *unescaped = zk_entity_unescape(arena, text);
    const char *name = view_to_string(arena, text);
    struct connect_string parsed;
    if (unescaped != NULL)
        (void)!zk_entity_escape(arena, view_of_string(unescaped));
    if (name == NULL)
        return;
    const char *escaped = zk_entity_escape(arena, view_of_string(name));
    if (escaped != NULL && strcmp(escaped, ZK_DEFAULT_ENTITY) != 0) {
        const char *again = zk_entity_unescape(arena, view_of_string(escaped));
        assert(again == NULL || strcmp(again, name) == 0);
        (void)again;
    }
    zk_sequence_of_name(name);
    if (connect_string_parse(name, &parsed) == 0)
        connect_string_fini(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_of(data, size);
    struct arena arena;
    unsigned kind = input_byte(&input) % (KINDS + 1);
    arena_init(&arena, MEMORY_MIN + input.size * MEMORY_PER_BYTE_MAX);
    if (kind == KINDS) {
        run_names(&arena, input);
    } else {
        struct view written = kinds[kind](&arena, input);
        arena_extend(&arena, MEMORY_MIN + written.size * MEMORY_PER_BYTE_MAX);
        if (!view_is_null(written) && kind != KIND_ISR_CHANGE) {
            struct view again = kinds[kind](&arena, written);
            assert(view_equal(written, again));
            (void)again;
        }
    }
    arena_fini(&arena);
    return 0;
}
