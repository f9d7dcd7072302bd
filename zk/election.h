// SPDX-License-Identifier: Apache-2.0
// The election of the controller: one multi creates the ephemeral /controller and raises /controller_epoch.
#ifndef ZK_ELECTION_H
#define ZK_ELECTION_H

#include "zk/session.h"

struct zk_controller_epoch {
    int32_t epoch;   // the number that goes into requests and states
    int32_t version; // the znode's data version, for zk_write_fenced()
};

// Who is controller; ZK_NO_NODE when nobody is. Set a node watch on ZK_PATH_CONTROLLER and call zk_exists() to learn of
// its end.
enum zk_result zk_controller_get(struct zk_session *session, int32_t *broker_id) __attribute__((warn_unused_result));

// Tries to become controller, and reads who is when that fails: ZK_OK, then *epoch is ours; ZK_NODE_EXISTS, then
// *elected_id is the other one (-1 if it has vanished again: try again). After a lost connection it is verified by
// reading whether the write had taken place. ZK_BAD_DATA: /controller_epoch cannot be read.
enum zk_result zk_elect_controller(struct zk_session *session, int32_t broker_id, struct zk_controller_epoch *epoch,
                                   int32_t *elected_id) __attribute__((warn_unused_result));

// Gives the office up: deletes /controller if the epoch still is ours (ZK_FENCED otherwise).
enum zk_result zk_resign_controller(struct zk_session *session, struct zk_controller_epoch epoch)
    __attribute__((warn_unused_result));

#endif
