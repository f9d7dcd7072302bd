// SPDX-License-Identifier: Apache-2.0
// How an operation on ZooKeeper ended. Callers tell a missing znode from a lost race, which Kafka's error codes cannot,
// so this is zk's own domain; zk_result_to_kafka_error() is the bridge to what a client reads.
#ifndef ZK_RESULT_H
#define ZK_RESULT_H

#include "base/error.h"

enum zk_result {
    ZK_OK,
    ZK_NO_NODE,
    ZK_NODE_EXISTS,
    ZK_BAD_VERSION,
    ZK_NOT_EMPTY,
    ZK_NO_AUTH,         // the znode's ACL forbids it
    ZK_FENCED,          // another controller has taken over: /controller_epoch has another version
    ZK_NOT_TRIED,       // part of a multi whose other part failed; nothing was changed
    ZK_SESSION_EXPIRED, // the session is over, whether a write took place is unknown; a new session follows by itself
    ZK_CLOSED,          // zk_session_shutdown() was called meanwhile
    ZK_TIMED_OUT,       // nobody answered within the connection timeout
    ZK_BAD_DATA,        // a znode holds what nobody can read
    ZK_TOO_LARGE,       // the answer does not fit into the caller's arena
    ZK_FAILED,          // anything else; the log has ZooKeeper's own word for it
};

// "NO_NODE" …, for the log.
const char *zk_result_name(enum zk_result result);

// ZK_OK: NONE. ZK_NO_NODE: UNKNOWN_TOPIC_OR_PARTITION. ZK_NODE_EXISTS: TOPIC_ALREADY_EXISTS. ZK_NO_AUTH:
// CLUSTER_AUTHORIZATION_FAILED. ZK_FENCED: NOT_CONTROLLER. Lost, expired and closed sessions, timeouts and lost races
// (ZK_BAD_VERSION, ZK_NOT_TRIED): REQUEST_TIMED_OUT, which clients retry. The rest: UNKNOWN_SERVER_ERROR.
// Who knows better (a config entity that does not exist) translates by himself.
enum kafka_error zk_result_to_kafka_error(enum zk_result result);

#endif
