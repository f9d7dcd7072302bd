// SPDX-License-Identifier: Apache-2.0
// What is to be watched. Once a path is known here, each read of it (exists or get for a node watch, get-children for a
// children watch) also sets ZooKeeper's one-shot watch. When it fires, notify is called once, and not again until the
// owner has read the path anew. Watches survive lost connections; after a new session the owner reads everything anew.
// A get of a missing znode sets no watch: where a znode may be missing, call zk_exists().
#ifndef ZK_WATCHES_H
#define ZK_WATCHES_H

#include "zk/session.h"

enum zk_watch_kind {
    ZK_WATCH_NODE,     // created, deleted, data changed
    ZK_WATCH_CHILDREN, // children came or went; also when the znode itself is deleted
};

// notify runs on the ZooKeeper client's thread and must only enqueue: no operation, no waiting. It may be called (once)
// after zk_watch_remove has returned, and after a session ended, so context outlives zk_session_shutdown(). One
// watch per path and kind: a second one replaces the first. The path is copied.
void zk_watch_add(struct zk_session *session, enum zk_watch_kind kind, const char *path,
                  void (*notify)(void *context, const struct zk_event *event), void *context);

// Nothing happens if it is not there. ZooKeeper's own watch stays until it fires; then nobody is called.
void zk_watch_remove(struct zk_session *session, enum zk_watch_kind kind, const char *path);

#endif
