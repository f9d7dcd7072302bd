// SPDX-License-Identifier: Apache-2.0
// A broker's registration under /brokers/ids. Nobody else's znode is ever deleted: a znode that another session owns
// is waited for, at most as long as a session lives, and then respected.
#ifndef ZK_REGISTRATION_H
#define ZK_REGISTRATION_H

#include "zk/formats.h"
#include "zk/session.h"
#include "zk/session_file.h"

struct zk_registration {
    int32_t broker_id;
    const struct zk_broker *broker; // its timestamp_ms is ignored: the time of the registration is written
    bool sole;                      // refuse when any other broker id is registered
};

// Registers the broker (multi of an ephemeral create and a set) and gives its epoch, the znode's czxid. Before, the
// session's identity is written to the file (NULL: to none), so that a successor can end it.
// ZK_NODE_EXISTS: refused, and reason tells people why: the id is taken by another live session (it was waited for, one
// session timeout long), an address is another broker's, or sole is set and another broker is there. The caller
// logs the reason. ZK_CLOSED: the session was told to stop waiting. After a session expired: call it again from the
// session listener's opened().
enum zk_result zk_register_broker(struct zk_session *session, const struct zk_registration *registration,
                                  struct zk_session_file *file, int64_t *broker_epoch, char reason[ZK_REASON_SIZE])
    __attribute__((warn_unused_result));

// Writes the registration anew, for changed listeners; the broker's epoch stays. ZK_NO_NODE if it has gone.
enum zk_result zk_update_registration(struct zk_session *session, const struct zk_registration *registration)
    __attribute__((warn_unused_result));

#endif
