// SPDX-License-Identifier: Apache-2.0
// libzookeeper_mt behind zk/client.h. It runs two threads per handle; everything here is called on its completion
// thread, in the order in which the server answered, watches in between where they belong. When a handle is closed the
// library may forget operations whose end its completion thread had not yet told of: those are ended here.
#include "base/arena.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "zk/client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zookeeper/zookeeper.h>

static_assert(sizeof(((struct zk_session_id *)0)->password) == sizeof(((clientid_t *)0)->passwd), "session password");

struct zk_client {
    zhandle_t *handle;
    void (*notify)(void *context, const struct zk_event *event);
    void *context;
    struct lock lock;                 // LOCK_ZK_CLIENT
    struct list started LOCK_GUARDED; // operations that have not ended
};

// What a completion needs.
struct started {
    struct list link; // in the client's list
    struct zk_client *client;
    struct zk_op *ops;
    size_t count;
    struct arena *arena;
    void (*done)(void *context, bool lost);
    void *context;
    zoo_op_t *multi; // of a multi only
    zoo_op_result_t *results;
    struct Stat *stats;
};

// Its lines look like "2026-11-21 12:00:00,123:99(0x7f):ZOO_WARN@function@line: text". What matters of them is told by
// the session in words of its own.
static void log_library_line(const char *line)
{
    const char *text = strstr(line, ":ZOO_");
    logger_debug("ZooKeeper client: %s", text ? text + 1 : line);
}

static enum zk_result result_of_code(int code)
{
    switch (code) {
    case ZOK:
        return ZK_OK;
    case ZNONODE:
        return ZK_NO_NODE;
    case ZNODEEXISTS:
        return ZK_NODE_EXISTS;
    case ZBADVERSION:
        return ZK_BAD_VERSION;
    case ZNOTEMPTY:
        return ZK_NOT_EMPTY;
    case ZNOAUTH:
    case ZAUTHFAILED:
        return ZK_NO_AUTH;
    case ZSESSIONEXPIRED:
    case ZINVALIDSTATE:
        return ZK_SESSION_EXPIRED;
    case ZCLOSING:
        return ZK_CLOSED;
    default:
        logger_warn("ZooKeeper refused an operation: %s (%d)", zerror(code), code);
        return ZK_FAILED;
    }
}

// Operations that these end may be tried again on the next connection.
static bool code_is_lost(int code)
{
    return code == ZCONNECTIONLOSS || code == ZOPERATIONTIMEOUT || code == ZSESSIONMOVED || code == ZTHROTTLEDOP;
}

static void copy_stat(struct zk_stat *to, const struct Stat *from)
{
    *to = (struct zk_stat){
        .czxid = from->czxid,
        .mzxid = from->mzxid,
        .ctime_ms = from->ctime,
        .mtime_ms = from->mtime,
        .version = from->version,
        .children_version = from->cversion,
        .ephemeral_owner = from->ephemeralOwner,
        .child_count = from->numChildren,
    };
}

static void free_started(struct started *started)
{
    lock_acquire(&started->client->lock);
    list_remove(&started->link);
    lock_release(&started->client->lock);
    free(started->multi);
    free(started->results);
    free(started->stats);
    free(started);
}

static void finish(struct started *started, bool lost)
{
    void (*done)(void *, bool) = started->done;
    void *context = started->context;

    free_started(started);
    done(context, lost);
}

// Ends an operation that has no answer but its code. Returns false if there is an answer to be taken first.
static bool finish_without_answer(struct started *started, int code)
{
    if (code == ZOK)
        return false;
    bool lost = code_is_lost(code);

    if (!lost)
        started->ops[0].result = result_of_code(code);
    finish(started, lost);
    return true;
}

static void complete_void(int code, const void *data)
{
    struct started *started = (struct started *)(uintptr_t)data;

    if (finish_without_answer(started, code))
        return;
    started->ops[0].result = ZK_OK;
    finish(started, false);
}

static void complete_stat(int code, const struct Stat *stat, const void *data)
{
    struct started *started = (struct started *)(uintptr_t)data;

    if (finish_without_answer(started, code))
        return;
    copy_stat(&started->ops[0].stat, stat);
    started->ops[0].result = ZK_OK;
    finish(started, false);
}

static void complete_data(int code, const char *value, int size, const struct Stat *stat, const void *data)
{
    struct started *started = (struct started *)(uintptr_t)data;

    if (finish_without_answer(started, code))
        return;
    struct zk_op *op = &started->ops[0];

    op->result = ZK_OK;
    copy_stat(&op->stat, stat);
    op->answer = VIEW_NULL;
    if (started->arena && value && size >= 0) {
        op->answer = view_copy(started->arena, view_of(value, (size_t)size));
        if (view_is_null(op->answer))
            op->result = ZK_TOO_LARGE;
    }
    finish(started, false);
}

static void complete_create(int code, const char *path, const void *data)
{
    struct started *started = (struct started *)(uintptr_t)data;

    if (finish_without_answer(started, code))
        return;
    struct zk_op *op = &started->ops[0];

    op->result = ZK_OK;
    op->answer = VIEW_NULL;
    if (started->arena) {
        op->answer = view_of_string(arena_format(started->arena, "%s", path));
        if (view_is_null(op->answer))
            op->result = ZK_TOO_LARGE;
    }
    finish(started, false);
}

static void complete_children(int code, const struct String_vector *names, const struct Stat *stat, const void *data)
{
    struct started *started = (struct started *)(uintptr_t)data;

    if (finish_without_answer(started, code))
        return;
    struct zk_op *op = &started->ops[0];
    size_t count = started->arena && names->count > 0 ? (size_t)names->count : 0;
    const char **children = started->arena ? arena_alloc_array(started->arena, count, sizeof *children) : NULL;

    op->result = started->arena && !children ? ZK_TOO_LARGE : ZK_OK;
    for (size_t i = 0; i < count && op->result == ZK_OK; i++) {
        children[i] = arena_format(started->arena, "%s", names->data[i]);
        if (!children[i])
            op->result = ZK_TOO_LARGE;
    }
    copy_stat(&op->stat, stat);
    op->children = children;
    op->child_count = op->result == ZK_OK ? count : 0;
    finish(started, false);
}

// A multi that failed names the code of the operation that did; those before it say 0 though nothing was done.
static void complete_multi(int code, const void *data)
{
    struct started *started = (struct started *)(uintptr_t)data;
    bool lost = code_is_lost(code), named = false;

    for (size_t i = 0; i < started->count && !lost; i++) {
        struct zk_op *op = &started->ops[i];
        int own = started->results[i].err;

        if (code == ZOK) {
            op->result = ZK_OK;
            copy_stat(&op->stat, &started->stats[i]);
        } else if (own == ZOK || own == ZRUNTIMEINCONSISTENCY) {
            op->result = ZK_NOT_TRIED;
        } else {
            op->result = result_of_code(own);
            named = true;
        }
    }
    if (!lost && code != ZOK && !named)
        for (size_t i = 0; i < started->count; i++)
            started->ops[i].result = result_of_code(code);
    finish(started, lost);
}

static void watch_session(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle, (void)path;
    struct zk_client *client = context;
    struct zk_event event = {.kind = ZK_EVENT_DISCONNECTED};

    if (type != ZOO_SESSION_EVENT)
        return;
    if (state == ZOO_CONNECTED_STATE)
        event.kind = ZK_EVENT_CONNECTED;
    else if (state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE)
        event.kind = ZK_EVENT_EXPIRED;
    client->notify(client->context, &event);
}

static void watch_path(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle, (void)state;
    struct zk_client *client = context;
    struct zk_event event = {.path = path};

    if (type == ZOO_CREATED_EVENT)
        event.kind = ZK_EVENT_NODE_CREATED;
    else if (type == ZOO_DELETED_EVENT)
        event.kind = ZK_EVENT_NODE_DELETED;
    else if (type == ZOO_CHANGED_EVENT)
        event.kind = ZK_EVENT_DATA_CHANGED;
    else if (type == ZOO_CHILD_EVENT)
        event.kind = ZK_EVENT_CHILDREN_CHANGED;
    else
        return;
    client->notify(client->context, &event);
}

// The library takes what stands before the last colon for the host, and no brackets around an IPv6 address.
static char *without_brackets(const char *hosts)
{
    char *plain = memory_copy_string(hosts), *to = plain;

    for (; *hosts && *hosts != '/'; hosts++)
        if (*hosts != '[' && *hosts != ']')
            *to++ = *hosts;
    memmove(to, hosts, strlen(hosts) + 1);
    return plain;
}

static int library_open(const struct zk_client_options *options, struct zk_client **client)
{
    struct zk_client *new = memory_alloc(sizeof *new);
    clientid_t id = {0};

    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    new->notify = options->notify;
    new->context = options->context;
    lock_init(&new->lock, LOCK_ZK_CLIENT);
    list_init(&new->started);
    if (options->take_up) {
        id.client_id = options->take_up->id;
        memcpy(id.passwd, options->take_up->password, sizeof id.passwd);
    }
    char *hosts = without_brackets(options->hosts);

    new->handle = zookeeper_init2(hosts, watch_session, options->session_timeout_ms, options->take_up ? &id : NULL, new,
                                  0, log_library_line);
    int error = new->handle ? 0 : errno == EINVAL ? -EINVAL : -ENOENT;

    free(hosts);
    if (error) {
        lock_fini(&new->lock);
        free(new);
        return error;
    }
    // Otherwise it resolves all names before each operation; so it does after a lost connection only.
    zoo_set_servers_resolution_delay(new->handle, -1);
    *client = new;
    return 0;
}

static int mode_flags(enum zk_create_mode mode)
{
    return mode == ZK_EPHEMERAL ? ZOO_EPHEMERAL : mode == ZK_PERSISTENT_SEQUENTIAL ? ZOO_PERSISTENT_SEQUENTIAL : 0;
}

static int data_size(struct view data)
{
    return view_is_null(data) ? -1 : (int)data.size;
}

static int start_multi(zhandle_t *handle, struct started *started)
{
    size_t count = started->count;
    zoo_op_t *multi = started->multi = memory_alloc_array(count, sizeof *multi);

    started->results = memory_alloc_array(count, sizeof *started->results);
    started->stats = memory_alloc_array(count, sizeof *started->stats);
    for (size_t i = 0; i < count; i++) {
        const struct zk_op *op = &started->ops[i];

        switch (op->kind) {
        case ZK_OP_CHECK:
            zoo_check_op_init(&multi[i], op->path, op->version);
            break;
        case ZK_OP_CREATE:
            zoo_create_op_init(&multi[i], op->path, (const char *)op->data.data, data_size(op->data),
                               &ZOO_OPEN_ACL_UNSAFE, mode_flags(op->mode), NULL, 0);
            break;
        case ZK_OP_SET_DATA:
            zoo_set_op_init(&multi[i], op->path, (const char *)op->data.data, data_size(op->data), op->version,
                            &started->stats[i]);
            break;
        case ZK_OP_DELETE:
            zoo_delete_op_init(&multi[i], op->path, op->version);
            break;
        case ZK_OP_EXISTS:
        case ZK_OP_GET_DATA:
        case ZK_OP_GET_CHILDREN:
            assert(!"reads are never part of a multi");
        }
    }
    return zoo_amulti(handle, (int)count, multi, started->results, complete_multi, started);
}

static int start_single(struct zk_client *client, struct started *started, bool watch)
{
    zhandle_t *handle = client->handle;
    const struct zk_op *op = &started->ops[0];
    watcher_fn watcher = watch ? watch_path : NULL;

    switch (op->kind) {
    case ZK_OP_CREATE:
        return zoo_acreate(handle, op->path, (const char *)op->data.data, data_size(op->data), &ZOO_OPEN_ACL_UNSAFE,
                           mode_flags(op->mode), complete_create, started);
    case ZK_OP_SET_DATA:
        return zoo_aset(handle, op->path, (const char *)op->data.data, data_size(op->data), op->version, complete_stat,
                        started);
    case ZK_OP_DELETE:
        return zoo_adelete(handle, op->path, op->version, complete_void, started);
    case ZK_OP_EXISTS:
        return zoo_awexists(handle, op->path, watcher, client, complete_stat, started);
    case ZK_OP_GET_DATA:
        return zoo_awget(handle, op->path, watcher, client, complete_data, started);
    case ZK_OP_GET_CHILDREN:
        return zoo_awget_children2(handle, op->path, watcher, client, complete_children, started);
    case ZK_OP_CHECK:
        break;
    }
    assert(!"a check is always part of a multi");
    return ZBADARGUMENTS;
}

static bool library_start(struct zk_client *client, struct zk_op *ops, size_t count, bool watch, struct arena *arena,
                          void (*done)(void *context, bool lost), void *context)
{
    struct started *started = memory_alloc(sizeof *started);

    *started = (struct started){
        .client = client, .ops = ops, .count = count, .arena = arena, .done = done, .context = context};
    lock_acquire(&client->lock);
    list_append(&client->started, &started->link);
    lock_release(&client->lock);
    int code = count == 1 ? start_single(client, started, watch) : start_multi(client->handle, started);

    if (code == ZOK)
        return true;
    if (code != ZBADARGUMENTS && code != ZMARSHALLINGERROR) {
        free_started(started);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        ops[i].result = ZK_FAILED;
    logger_warn("The ZooKeeper client cannot send an operation on %s: %s", ops[count - 1].path, zerror(code));
    finish(started, false);
    return true;
}

static struct zk_session_id library_session_id(struct zk_client *client)
{
    const clientid_t *id = zoo_client_id(client->handle);
    struct zk_session_id session = {.id = id->client_id};

    memcpy(session.password, id->passwd, sizeof session.password);
    return session;
}

static int library_session_timeout_ms(struct zk_client *client)
{
    return zoo_recv_timeout(client->handle);
}

static void library_close(struct zk_client *client)
{
    int code = zookeeper_close(client->handle);

    if (code != ZOK)
        logger_debug("ZooKeeper client: closing said %s", zerror(code));
    // Its threads have ended.
    lock_acquire(&client->lock);
    while (!list_is_empty(&client->started)) {
        struct started *started = LIST_ELEMENT(client->started.next, struct started, link);

        lock_release(&client->lock);
        started->ops[0].result = ZK_CLOSED;
        finish(started, false);
        lock_acquire(&client->lock);
    }
    lock_release(&client->lock);
    lock_fini(&client->lock);
    free(client);
}

const struct zk_client_calls *zk_client_library(void)
{
    static const struct zk_client_calls calls = {
        .open = library_open,
        .start = library_start,
        .session_id = library_session_id,
        .session_timeout_ms = library_session_timeout_ms,
        .close = library_close,
    };
    return &calls;
}
