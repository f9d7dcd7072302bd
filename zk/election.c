// SPDX-License-Identifier: Apache-2.0
#include "zk/election.h"
#include "base/arena.h"
#include "base/clock.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

enum { ARENA_SIZE_MAX = 4 << 20 };

// The epoch of the last election; creates the znode for the first one.
static enum zk_result read_epoch(struct zk_session *session, struct arena *arena, struct zk_controller_epoch *epoch)
{
    struct view data;
    struct zk_stat stat;
    enum zk_result result = zk_get(session, arena, ZK_PATH_CONTROLLER_EPOCH, &data, &stat);

    if (result == ZK_NO_NODE) {
        result = zk_create(session, ZK_PATH_CONTROLLER_EPOCH, zk_write_controller_epoch(arena, 0), ZK_PERSISTENT);
        if (!result) {
            *epoch = (struct zk_controller_epoch){0, 0};
            return ZK_OK;
        }
        if (result == ZK_NODE_EXISTS)
            result = zk_get(session, arena, ZK_PATH_CONTROLLER_EPOCH, &data, &stat);
    }
    if (!result)
        result = zk_read_controller_epoch(data, &epoch->epoch);
    if (!result)
        epoch->version = stat.version;
    return result;
}

static enum zk_result read_controller(struct zk_session *session, struct arena *arena, int32_t *broker_id,
                                      struct zk_stat *stat)
{
    struct view data;
    enum zk_result result = zk_get(session, arena, ZK_PATH_CONTROLLER, &data, stat);

    return result ? result : zk_read_controller(data, broker_id);
}

enum zk_result zk_controller_get(struct zk_session *session, int32_t *broker_id)
{
    struct arena arena;

    arena_init(&arena, ARENA_SIZE_MAX);
    enum zk_result result = read_controller(session, &arena, broker_id, NULL);
    arena_fini(&arena);
    return result;
}

// The multi was refused (zk 2): by another broker, or by its own first try over a connection that broke. Only the
// latter leaves both our znode, owned by this very session, and our epoch.
static enum zk_result verify(struct zk_session *session, struct arena *arena, int32_t broker_id, int32_t epoch_wanted,
                             struct zk_controller_epoch *epoch, int32_t *elected_id)
{
    struct zk_stat stat;
    struct zk_controller_epoch current;
    int32_t id = -1;
    enum zk_result result = read_controller(session, arena, &id, &stat);

    if (result && result != ZK_NO_NODE)
        return result;
    if (!result && id == broker_id && stat.ephemeral_owner == zk_session_identity(session).id) {
        result = read_epoch(session, arena, &current);
        if (result)
            return result;
        if (current.epoch == epoch_wanted) {
            *epoch = current;
            return ZK_OK;
        }
    }
    *elected_id = id;
    return ZK_NODE_EXISTS;
}

static enum zk_result elect(struct zk_session *session, struct arena *arena, int32_t broker_id,
                            struct zk_controller_epoch *epoch, int32_t *elected_id)
{
    struct zk_controller_epoch last;
    enum zk_result result = read_epoch(session, arena, &last);

    if (result)
        return result;
    if (last.epoch == INT32_MAX)
        return ZK_BAD_DATA;
    struct zk_op ops[] = {
        {.kind = ZK_OP_CREATE,
         .mode = ZK_EPHEMERAL,
         .path = ZK_PATH_CONTROLLER,
         .data = zk_write_controller(arena, broker_id, clock_now_ms())},
        {.kind = ZK_OP_SET_DATA,
         .path = ZK_PATH_CONTROLLER_EPOCH,
         .data = zk_write_controller_epoch(arena, last.epoch + 1),
         .version = last.version},
    };
    struct zk_request request = {ops, 2};

    result = zk_session_run(session, NULL, &request, 1);
    if (result)
        return result;
    if (ops[0].result == ZK_OK) {
        *epoch = (struct zk_controller_epoch){last.epoch + 1, ops[1].stat.version};
        return ZK_OK;
    }
    if (ops[0].result == ZK_NODE_EXISTS || ops[1].result == ZK_BAD_VERSION)
        return verify(session, arena, broker_id, last.epoch + 1, epoch, elected_id);
    return ops[0].result == ZK_NOT_TRIED ? ops[1].result : ops[0].result;
}

enum zk_result zk_elect_controller(struct zk_session *session, int32_t broker_id, struct zk_controller_epoch *epoch,
                                   int32_t *elected_id)
{
    struct arena arena;

    arena_init(&arena, ARENA_SIZE_MAX);
    enum zk_result result = elect(session, &arena, broker_id, epoch, elected_id);
    arena_fini(&arena);
    return result;
}

enum zk_result zk_resign_controller(struct zk_session *session, struct zk_controller_epoch epoch)
{
    struct zk_op op = {.kind = ZK_OP_DELETE, .path = ZK_PATH_CONTROLLER, .version = ZK_ANY_VERSION};
    enum zk_result result = zk_write_fenced(session, epoch.version, &op, 1);

    return result ? result : op.result;
}
