// SPDX-License-Identifier: Apache-2.0
#include "zk/znodes.h"
#include "base/arena.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "zk/formats.h"
#include "zk/paths.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Enough for the children of one znode and for any of the small znodes read here.
enum { OWN_ARENA_SIZE_MAX = 64 << 20 };

static enum zk_result run_one(struct zk_session *session, struct arena *arena, struct zk_op *op)
{
    struct zk_request request = {op, 1};
    enum zk_result result = zk_session_run(session, arena, &request, 1);

    return result ? result : op->result;
}

enum zk_result zk_exists(struct zk_session *session, const char *path, struct zk_stat *stat)
{
    struct zk_op op = {.kind = ZK_OP_EXISTS, .path = path};
    enum zk_result result = run_one(session, NULL, &op);

    if (!result && stat)
        *stat = op.stat;
    return result;
}

enum zk_result zk_get(struct zk_session *session, struct arena *arena, const char *path, struct view *data,
                      struct zk_stat *stat)
{
    struct zk_op op = {.kind = ZK_OP_GET_DATA, .path = path};
    enum zk_result result = run_one(session, arena, &op);

    if (!result && data)
        *data = op.answer;
    if (!result && stat)
        *stat = op.stat;
    return result;
}

enum zk_result zk_children(struct zk_session *session, struct arena *arena, const char *path, struct zk_names *children)
{
    struct zk_op op = {.kind = ZK_OP_GET_CHILDREN, .path = path};
    enum zk_result result = run_one(session, arena, &op);

    if (!result)
        *children = (struct zk_names){op.children, op.child_count};
    return result;
}

enum zk_result zk_get_many(struct zk_session *session, struct arena *arena, const char *const *paths, size_t count,
                           struct zk_data *results)
{
    struct zk_op *ops = memory_alloc_array(count + 1, sizeof *ops);
    struct zk_request *requests = memory_alloc_array(count + 1, sizeof *requests);

    for (size_t i = 0; i < count; i++) {
        ops[i] = (struct zk_op){.kind = ZK_OP_GET_DATA, .path = paths[i]};
        requests[i] = (struct zk_request){&ops[i], 1};
    }
    enum zk_result result = zk_session_run(session, arena, requests, count);

    for (size_t i = 0; i < count && !result; i++)
        results[i] = (struct zk_data){ops[i].result, ops[i].answer, ops[i].stat};
    for (size_t i = 0; i < count && !result; i++)
        if (ops[i].result == ZK_TOO_LARGE)
            result = ZK_TOO_LARGE;
    free(ops);
    free(requests);
    return result;
}

enum zk_result zk_create(struct zk_session *session, const char *path, struct view data, enum zk_create_mode mode)
{
    struct zk_op op = {.kind = ZK_OP_CREATE, .mode = mode, .path = path, .data = data};

    return run_one(session, NULL, &op);
}

// Creates the parents of the path from the top; those that exist are fine.
static enum zk_result create_parents(struct zk_session *session, const char *path)
{
    enum zk_result result = ZK_OK;

    for (const char *end = strchr(path + 1, '/'); end && !result; end = strchr(end + 1, '/')) {
        char *parent = memory_format("%.*s", (int)(end - path), path);

        result = zk_create(session, parent, VIEW_NULL, ZK_PERSISTENT);
        if (result == ZK_NODE_EXISTS)
            result = ZK_OK;
        free(parent);
    }
    return result;
}

enum zk_result zk_create_recursive(struct zk_session *session, const char *path, struct view data)
{
    enum zk_result result = zk_create(session, path, data, ZK_PERSISTENT);

    if (result != ZK_NO_NODE)
        return result;
    result = create_parents(session, path);
    return result ? result : zk_create(session, path, data, ZK_PERSISTENT);
}

enum zk_result zk_create_sequential(struct zk_session *session, struct arena *arena, const char *prefix,
                                    struct view data, const char **path)
{
    struct zk_op op = {.kind = ZK_OP_CREATE, .mode = ZK_PERSISTENT_SEQUENTIAL, .path = prefix, .data = data};
    enum zk_result result = run_one(session, arena, &op);

    if (!result && path)
        *path = (const char *)op.answer.data;
    return result;
}

enum zk_result zk_set(struct zk_session *session, const char *path, struct view data, int32_t version,
                      struct zk_stat *stat)
{
    struct zk_op op = {.kind = ZK_OP_SET_DATA, .path = path, .data = data, .version = version};
    enum zk_result result = run_one(session, NULL, &op);

    if (!result && stat)
        *stat = op.stat;
    return result;
}

enum zk_result zk_delete(struct zk_session *session, const char *path, int32_t version)
{
    struct zk_op op = {.kind = ZK_OP_DELETE, .path = path, .version = version};

    return run_one(session, NULL, &op);
}

enum zk_result zk_write_fenced(struct zk_session *session, int32_t controller_epoch_version, struct zk_op *ops,
                               size_t count)
{
    struct zk_op *pairs = memory_alloc_array(count + 1, 2 * sizeof *pairs);
    struct zk_request *requests = memory_alloc_array(count + 1, sizeof *requests);

    for (size_t i = 0; i < count; i++) {
        assert(ops[i].kind == ZK_OP_CREATE || ops[i].kind == ZK_OP_SET_DATA || ops[i].kind == ZK_OP_DELETE);
        pairs[2 * i] =
            (struct zk_op){.kind = ZK_OP_CHECK, .path = ZK_PATH_CONTROLLER_EPOCH, .version = controller_epoch_version};
        pairs[2 * i + 1] = ops[i];
        requests[i] = (struct zk_request){&pairs[2 * i], 2};
    }
    enum zk_result result = zk_session_run(session, NULL, requests, count);

    for (size_t i = 0; i < count; i++) {
        enum zk_result check = pairs[2 * i].result;

        ops[i].result = pairs[2 * i + 1].result;
        ops[i].stat = pairs[2 * i + 1].stat;
        if (!result && (check == ZK_BAD_VERSION || check == ZK_NO_NODE))
            result = ZK_FENCED;
    }
    free(pairs);
    free(requests);
    return result;
}

static enum zk_result delete_one(struct zk_session *session, const int32_t *fence, const char *path)
{
    struct zk_op op = {.kind = ZK_OP_DELETE, .path = path, .version = ZK_ANY_VERSION};

    if (!fence)
        return run_one(session, NULL, &op);
    enum zk_result result = zk_write_fenced(session, *fence, &op, 1);

    return result ? result : op.result;
}

// Children first. Znodes that vanish meanwhile are what was wanted.
static enum zk_result delete_tree(struct zk_session *session, const int32_t *fence, const char *path)
{
    struct arena arena;
    struct zk_names children = {NULL, 0};

    arena_init(&arena, OWN_ARENA_SIZE_MAX);
    enum zk_result result = zk_children(session, &arena, path, &children);

    for (size_t i = 0; i < children.count && !result; i++) {
        char *child = memory_format("%s/%s", path, children.names[i]);

        result = delete_tree(session, fence, child);
        free(child);
    }
    if (!result)
        result = delete_one(session, fence, path);
    arena_fini(&arena);
    return result == ZK_NO_NODE ? ZK_OK : result;
}

enum zk_result zk_delete_recursive(struct zk_session *session, const char *path)
{
    return delete_tree(session, NULL, path);
}

enum zk_result zk_delete_recursive_fenced(struct zk_session *session, int32_t controller_epoch_version,
                                          const char *path)
{
    return delete_tree(session, &controller_epoch_version, path);
}

// set of any version, or a recursive create when the first attempt (which may be a multi around it) said NO_NODE.
static enum zk_result create_config(struct zk_session *session, const char *path, struct view data)
{
    enum zk_result result = zk_create_recursive(session, path, data);

    return result == ZK_NODE_EXISTS ? zk_set(session, path, data, ZK_ANY_VERSION, NULL) : result;
}

enum zk_result zk_write_config(struct zk_session *session, const char *path, struct view data)
{
    struct zk_stat controller = {.version = 0};
    enum zk_result result = zk_get(session, NULL, ZK_PATH_CONTROLLER, NULL, &controller);

    if (result)
        return result == ZK_NO_NODE ? ZK_FENCED : result;
    struct zk_op ops[] = {
        {.kind = ZK_OP_CHECK, .path = ZK_PATH_CONTROLLER, .version = controller.version},
        {.kind = ZK_OP_SET_DATA, .path = path, .data = data, .version = ZK_ANY_VERSION},
    };
    struct zk_request request = {ops, 2};

    result = zk_session_run(session, NULL, &request, 1);
    if (result)
        return result;
    if (ops[0].result == ZK_NO_NODE || ops[0].result == ZK_BAD_VERSION)
        return ZK_FENCED;
    return ops[1].result == ZK_NO_NODE ? create_config(session, path, data) : ops[1].result;
}

enum zk_result zk_write_config_unchecked(struct zk_session *session, const char *path, struct view data)
{
    enum zk_result result = zk_set(session, path, data, ZK_ANY_VERSION, NULL);

    return result == ZK_NO_NODE ? create_config(session, path, data) : result;
}

enum zk_result zk_notify_config_change(struct zk_session *session, const char *entity_path)
{
    struct arena arena;
    enum zk_result result = zk_create_recursive(session, ZK_PATH_CONFIG_CHANGES, VIEW_NULL);

    if (result && result != ZK_NODE_EXISTS)
        return result;
    arena_init(&arena, OWN_ARENA_SIZE_MAX);
    struct view data = zk_write_config_change(&arena, entity_path);

    result = view_is_null(data) ? ZK_TOO_LARGE
                                : zk_create_sequential(session, &arena, ZK_PATH_CONFIG_CHANGE_PREFIX, data, NULL);
    arena_fini(&arena);
    return result;
}

enum zk_result zk_create_fixed_paths(struct zk_session *session)
{
    static const char *const paths[] = {
        ZK_PATH_CONSUMERS,      ZK_PATH_BROKER_IDS,      ZK_PATH_TOPICS,         ZK_PATH_CONFIG_CHANGES,
        ZK_PATH_DELETE_TOPICS,  ZK_PATH_BROKER_SEQUENCE, ZK_PATH_ISR_CHANGES,    ZK_PATH_PRODUCER_ID_BLOCK,
        ZK_PATH_LOG_DIR_EVENTS, ZK_PATH_CONFIG_TOPICS,   ZK_PATH_CONFIG_CLIENTS, ZK_PATH_CONFIG_USERS,
        ZK_PATH_CONFIG_BROKERS, ZK_PATH_CONFIG_IPS,
    };

    enum { COUNT = sizeof paths / sizeof *paths };
    struct zk_op ops[COUNT] = {0};
    struct zk_request requests[COUNT];
    enum zk_result result = zk_create_recursive(session, paths[0], VIEW_NULL);

    // Who finds the first finds them all, and creates the others in one go for the sake of a quick start. On an empty
    // ZooKeeper each has to wait for its parents.
    bool is_restart = result == ZK_NODE_EXISTS;

    for (size_t i = 1; i < COUNT; i++) {
        ops[i] = (struct zk_op){.kind = ZK_OP_CREATE, .mode = ZK_PERSISTENT, .path = paths[i], .result = ZK_NO_NODE};
        requests[i] = (struct zk_request){&ops[i], 1};
    }
    if (is_restart) {
        result = zk_session_run(session, NULL, requests + 1, COUNT - 1);
        if (result)
            return result;
    }
    for (size_t i = 1; i < COUNT && (!result || result == ZK_NODE_EXISTS); i++) {
        bool is_there = is_restart && ops[i].result != ZK_NO_NODE;

        result = is_there ? ops[i].result : zk_create_recursive(session, paths[i], VIEW_NULL);
    }
    return result == ZK_NODE_EXISTS ? ZK_OK : result;
}

enum zk_result zk_cluster_id_get(struct zk_session *session, char *id, size_t size)
{
    struct arena arena;
    struct view data;
    const char *read;

    arena_init(&arena, OWN_ARENA_SIZE_MAX);
    enum zk_result result = zk_get(session, &arena, ZK_PATH_CLUSTER_ID, &data, NULL);

    if (!result)
        result = zk_read_cluster_id(&arena, data, &read);
    if (!result && strlen(read) >= size)
        result = ZK_TOO_LARGE;
    if (!result)
        memcpy(id, read, strlen(read) + 1);
    arena_fini(&arena);
    return result;
}

enum zk_result zk_cluster_id_get_or_create(struct zk_session *session, char *id, size_t size)
{
    struct arena arena;
    char new[UUID_STRING_SIZE];
    enum zk_result result = zk_cluster_id_get(session, id, size);

    if (result != ZK_NO_NODE)
        return result;
    uuid_to_string(uuid_random(), new);
    arena_init(&arena, OWN_ARENA_SIZE_MAX);
    result = zk_create_recursive(session, ZK_PATH_CLUSTER_ID, zk_write_cluster_id(&arena, new));
    arena_fini(&arena);
    // Read back in either case: the one that is there is the one that counts.
    return result && result != ZK_NODE_EXISTS ? result : zk_cluster_id_get(session, id, size);
}

enum zk_result zk_generate_broker_id(struct zk_session *session, int32_t reserved_broker_max_id, int32_t *broker_id)
{
    struct zk_stat stat;
    struct view empty = view_of("", 0);
    enum zk_result result = zk_set(session, ZK_PATH_BROKER_SEQUENCE, empty, ZK_ANY_VERSION, &stat);

    if (result == ZK_NO_NODE) {
        result = zk_create_recursive(session, ZK_PATH_BROKER_SEQUENCE, VIEW_NULL);
        if (!result || result == ZK_NODE_EXISTS)
            result = zk_set(session, ZK_PATH_BROKER_SEQUENCE, empty, ZK_ANY_VERSION, &stat);
    }
    if (!result)
        *broker_id = reserved_broker_max_id + stat.version;
    return result;
}
