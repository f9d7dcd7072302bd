// SPDX-License-Identifier: Apache-2.0
// The broker's one session with ZooKeeper (and a tool's). Connections that break are taken up again within the session;
// when ZooKeeper declares the session expired, a thread of this module ("zk-session") tells the listeners, opens a new
// one, for as long as it takes, and tells them again.
//
// Operations here and in zk/znodes.h wait for their answer: never call them from a request handler, nor from a watch's
// notify. A lost connection is waited out and the operation repeated, for ever, within the session: a repeated create
// may meet its own first try (ZK_NODE_EXISTS), a repeated conditional write ZK_BAD_VERSION. They end early with
// ZK_SESSION_EXPIRED, also when a new session has been opened meanwhile, and with ZK_CLOSED once the session is ended.
// All functions are safe from every thread.
#ifndef ZK_SESSION_H
#define ZK_SESSION_H

#include "zk/client.h"

enum { ZK_REASON_SIZE = 1024 };

struct zk_session;

struct zk_session_config {
    const char *connect;                  // zookeeper.connect: "host:port,host:port/chroot"
    int session_timeout_ms;               // zookeeper.session.timeout.ms
    int connection_timeout_ms;            // zookeeper.connection.timeout.ms; 0: the session timeout
    int in_flight_max;                    // zookeeper.max.in.flight.requests; 0: 10
    bool create_chroot;                   // brokers create a missing chroot level by level; tools do not
    const struct zk_client_calls *client; // NULL: the library
    // Take this session up instead of opening one (NULL); it is not replaced when it expires. ZK_SESSION_EXPIRED when
    // it is over already.
    const struct zk_session_id *take_up;
};

// The listener's functions run on the zk-session thread.
struct zk_session_listener {
    // The session is over, its ephemeral znodes are gone. Until it returns no new session is opened, and operations
    // fail with ZK_SESSION_EXPIRED: a controller resigns here. Must not call operations. May be NULL.
    void (*expired)(void *context);

    // A new session is there; may call operations. What was watched is to be read (and so watched) anew: watches of the
    // old session are gone. Not called for the first session. May be NULL.
    void (*opened)(void *context);
    void *context;
};

// Connects, waiting for the connection timeout at most. On failure *session is untouched and reason says, for people,
// who did not answer and what to do: ZK_TIMED_OUT, ZK_NO_AUTH (the chroot cannot be created), ZK_BAD_DATA (the connect
// string cannot be used) or ZK_FAILED.
enum zk_result zk_session_open(const struct zk_session_config *config, struct zk_session **session,
                               char reason[ZK_REASON_SIZE]) __attribute__((warn_unused_result));

// Listeners are told in the order in which they came. They cannot be removed: their context outlives the shutdown.
void zk_session_listen(struct zk_session *session, const struct zk_session_listener *listener);

// From now on operations do not wait for a connection that is missing or breaks: they return ZK_CLOSED. Called first
// when a broker stops, so that it can while ZooKeeper is away. With a connection everything goes on as before.
void zk_session_stop_waiting(struct zk_session *session);
bool zk_session_is_stopping(struct zk_session *session); // whether that, or a shutdown, was asked for

// Ends the session: its ephemeral znodes vanish, operations that wait return ZK_CLOSED, no listener or watch is called
// after it has returned. Not from the zk-session thread. May be called again.
void zk_session_shutdown(struct zk_session *session);

// Shuts down and frees; no other thread uses the session any more. *session may be NULL.
void zk_session_destroy(struct zk_session **session);

// Of the session in force (or the last one).
struct zk_session_id zk_session_identity(struct zk_session *session);
int zk_session_timeout_ms(struct zk_session *session); // as granted by ZooKeeper
bool zk_session_is_connected(struct zk_session *session);

// One operation (count 1) or one multi of checks and writes (count > 1).
struct zk_request {
    struct zk_op *ops;
    size_t count;
};

// Runs the requests in order, pipelined up to in_flight_max. Returns when all are answered; each op has its result, and
// answers are in the arena (may be NULL for writes). Reads of a path that zk/watches.h knows are watched. Returns ZK_OK
// when each request was answered, however; ZK_SESSION_EXPIRED or ZK_CLOSED otherwise, as all unanswered ops say then.
enum zk_result zk_session_run(struct zk_session *session, struct arena *arena, struct zk_request *requests,
                              size_t count) __attribute__((warn_unused_result));

#endif
