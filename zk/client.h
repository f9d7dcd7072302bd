// SPDX-License-Identifier: Apache-2.0
// The ZooKeeper client library behind a table, so that a test can replace it. Only zk/session.c calls it; everybody
// else uses zk/session.h and zk/znodes.h.
#ifndef ZK_CLIENT_H
#define ZK_CLIENT_H

#include "base/view.h"
#include "zk/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct zk_client;

enum zk_op_kind {
    ZK_OP_CHECK, // only inside a multi
    ZK_OP_CREATE,
    ZK_OP_SET_DATA,
    ZK_OP_DELETE,
    ZK_OP_EXISTS, // reads are never part of a multi
    ZK_OP_GET_DATA,
    ZK_OP_GET_CHILDREN,
};

enum zk_create_mode { ZK_PERSISTENT, ZK_EPHEMERAL, ZK_PERSISTENT_SEQUENTIAL };

enum { ZK_ANY_VERSION = -1 };

struct zk_stat {
    int64_t czxid; // of a broker's registration: its broker epoch
    int64_t mzxid;
    int64_t ctime_ms;
    int64_t mtime_ms;
    int32_t version; // of a partition's state: its partition epoch
    int32_t children_version;
    int64_t ephemeral_owner; // session id, 0 for a persistent znode
    int32_t child_count;
};

// One operation: what is asked, and what came back.
struct zk_op {
    enum zk_op_kind kind;
    enum zk_create_mode mode; // of a create
    const char *path;         // below the chroot; must live until the operation has ended
    struct view data;         // of create and set; the null view is ZooKeeper's null, not an empty znode
    int32_t version;          // of check, set and delete: expected data version, or ZK_ANY_VERSION

    enum zk_result result;
    struct zk_stat stat;   // of exists, get, children and set
    struct view answer;    // get: the data; create: the path, with the sequence number where it has one. In the arena
    const char **children; // in the arena, in the server's order
    size_t child_count;
};

struct zk_event {
    enum zk_event_kind {
        ZK_EVENT_CONNECTED, // also after an interruption within the same session
        ZK_EVENT_DISCONNECTED,
        ZK_EVENT_EXPIRED,
        ZK_EVENT_NODE_CREATED,
        ZK_EVENT_NODE_DELETED,
        ZK_EVENT_DATA_CHANGED,
        ZK_EVENT_CHILDREN_CHANGED,
    } kind;
    const char *path; // of the last four, only during the call
};

// A session's identity: with it another process can take the session up again.
struct zk_session_id {
    int64_t id; // 0: none
    uint8_t password[16];
};

struct zk_client_options {
    const char *hosts; // "host:port,host:port/chroot"
    int session_timeout_ms;
    const struct zk_session_id *take_up; // continue this session instead of opening one, or NULL
    // Called on the client's own thread, which it must not hold up. A lost connection is taken up again by the client.
    void (*notify)(void *context, const struct zk_event *event);
    void *context;
};

struct zk_client_calls {
    // Starts connecting, in the background. 0, or -errno: -EINVAL hosts cannot be parsed, -ENOENT no name resolves.
    int (*open)(const struct zk_client_options *options, struct zk_client **client);

    // Starts one operation, or a multi of several writes and checks; watch: a read also sets ZooKeeper's one-shot
    // watch. When the answer is there, done(context, false) is called, mostly on the client's own thread, with the
    // operations' results filled in and answers in the arena (NULL: answers are dropped). done(context, true): the
    // connection broke, whether the operation took place is unknown. done is called exactly once for each true return,
    // at the latest while close runs. False: the session is over, nothing was started.
    bool (*start)(struct zk_client *client, struct zk_op *ops, size_t count, bool watch, struct arena *arena,
                  void (*done)(void *context, bool lost), void *context);

    struct zk_session_id (*session_id)(struct zk_client *client);
    int (*session_timeout_ms)(struct zk_client *client); // as granted by the server

    // Ends the session if connected (its ephemeral znodes vanish then), else leaves it to expire. Waits for the
    // client's threads; nobody else uses the client any more.
    void (*close)(struct zk_client *client);
};

// libzookeeper_mt.
const struct zk_client_calls *zk_client_library(void);

#endif
