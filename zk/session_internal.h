// SPDX-License-Identifier: Apache-2.0
// What zk/session.c and zk/watches.c share.
#ifndef ZK_SESSION_INTERNAL_H
#define ZK_SESSION_INTERNAL_H

#include "base/array.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/thread.h"
#include "zk/connect_string.h"
#include "zk/session.h"
#include "zk/watches.h"

enum session_state { SESSION_CONNECTING, SESSION_CONNECTED, SESSION_EXPIRED, SESSION_CLOSED };

struct watch {
    void (*notify)(void *context, const struct zk_event *event);
    void *context;
};

// Guarded by its lock, except what never changes after zk_session_open.
struct zk_session {
    struct lock lock;         // LOCK_ZK_SESSION
    struct condition changed; // anything below changed
    struct connect_string connect;
    char *connect_text; // hosts and chroot, for the client
    int session_timeout_ms, connection_timeout_ms;
    size_t in_flight_max;
    const struct zk_client_calls *calls;

    struct zk_client *client LOCK_GUARDED; // NULL while there is none
    size_t users LOCK_GUARDED;             // threads inside a function of the client
    enum session_state state LOCK_GUARDED;
    uint64_t generation LOCK_GUARDED; // of the session: 1, 2 …
    size_t in_flight LOCK_GUARDED;
    bool is_impatient LOCK_GUARDED; // no longer waits for connections
    struct zk_session_id identity LOCK_GUARDED;
    int granted_timeout_ms LOCK_GUARDED;

    struct {
        ARRAY_OF(struct zk_session_listener);
    } listeners LOCK_GUARDED;
    struct map watches[2] LOCK_GUARDED; // by enum zk_watch_kind, path to struct watch

    struct thread thread; // replaces sessions that have expired
    bool thread_started;
};

// Whether a read of the path is to set a watch.
bool session_watches_locked(struct zk_session *session, const struct zk_op *op) LOCK_REQUIRES(session->lock);

// Calls who watches the event's path.
void session_dispatch(struct zk_session *session, const struct zk_event *event);

// Frees the table of watches.
void session_forget_watches(struct zk_session *session);

#endif
