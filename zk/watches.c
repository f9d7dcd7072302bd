// SPDX-License-Identifier: Apache-2.0
#include "zk/watches.h"
#include "base/memory.h"
#include "zk/session_internal.h"

#include <stdlib.h>

void zk_watch_add(struct zk_session *session, enum zk_watch_kind kind, const char *path,
                  void (*notify)(void *context, const struct zk_event *event), void *context)
{
    struct watch *watch = memory_alloc(sizeof *watch);

    *watch = (struct watch){notify, context};
    lock_acquire(&session->lock);
    struct watch *replaced = map_put(&session->watches[kind], view_of_string(path), watch);
    lock_release(&session->lock);
    free(replaced);
}

void zk_watch_remove(struct zk_session *session, enum zk_watch_kind kind, const char *path)
{
    lock_acquire(&session->lock);
    struct watch *removed = map_remove(&session->watches[kind], view_of_string(path));
    lock_release(&session->lock);
    free(removed);
}

bool session_watches_locked(struct zk_session *session, const struct zk_op *op)
{
    if (op->kind == ZK_OP_EXISTS || op->kind == ZK_OP_GET_DATA)
        return map_get(&session->watches[ZK_WATCH_NODE], view_of_string(op->path)) != NULL;
    if (op->kind == ZK_OP_GET_CHILDREN)
        return map_get(&session->watches[ZK_WATCH_CHILDREN], view_of_string(op->path)) != NULL;
    return false;
}

static void dispatch_to(struct zk_session *session, enum zk_watch_kind kind, const struct zk_event *event)
{
    struct watch watch = {NULL, NULL};

    lock_acquire(&session->lock);
    const struct watch *found = map_get(&session->watches[kind], view_of_string(event->path));
    if (found)
        watch = *found;
    lock_release(&session->lock);
    // Without the lock (zk 4): the callback takes locks of lower rank.
    if (watch.notify)
        watch.notify(watch.context, event);
}

void session_dispatch(struct zk_session *session, const struct zk_event *event)
{
    if (event->kind != ZK_EVENT_CHILDREN_CHANGED)
        dispatch_to(session, ZK_WATCH_NODE, event);
    if (event->kind == ZK_EVENT_CHILDREN_CHANGED || event->kind == ZK_EVENT_NODE_DELETED)
        dispatch_to(session, ZK_WATCH_CHILDREN, event);
}

void session_forget_watches(struct zk_session *session)
{
    lock_acquire(&session->lock);
    for (size_t i = 0; i < 2; i++) {
        size_t at = 0;
        void *watch;

        while (map_next(&session->watches[i], &at, NULL, &watch))
            free(watch);
        map_fini(&session->watches[i]);
    }
    lock_release(&session->lock);
}
