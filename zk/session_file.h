// SPDX-License-Identifier: Apache-2.0
// Lets a broker that was killed start again at once. The session's id and password are kept in a file of the (first)
// log directory, readable by the owner only: who has them may end that session. The next start takes the session up and
// closes it, so that the old registration and /controller vanish, and registers anew. Apache Kafka ignores plain files
// there. Confined to one thread at a time.
#ifndef ZK_SESSION_FILE_H
#define ZK_SESSION_FILE_H

#include "zk/session.h"

#define ZK_SESSION_FILE_NAME "zookeeper-session"

struct zk_session_file;

// Opens or creates DIRECTORY/zookeeper-session and locks it as long as it is open, so that a second process with the
// same log directory cannot end the first one's session: -EAGAIN then. 0, or another -errno when it cannot be used.
int zk_session_file_open(const char *directory, struct zk_session_file **file) __attribute__((warn_unused_result));

// Before the broker's own session is opened: ends the session that the file names, if there is one, and empties the
// file. ZK_OK also when that session had expired already. When ZooKeeper does not answer it returns what
// zk_session_open() would (after the connection timeout), with its reason. What was done is logged.
enum zk_result zk_session_file_end_previous(struct zk_session_file *file, const struct zk_session_config *config,
                                            char reason[ZK_REASON_SIZE]) __attribute__((warn_unused_result));

// Replaces what the file says. 0 or -errno.
int zk_session_file_write(struct zk_session_file *file, struct zk_session_id session)
    __attribute__((warn_unused_result));

// Closes the file, and removes it unless it names a session that may still live (has_ended false), for the next start
// to end. *file may be NULL.
void zk_session_file_close(struct zk_session_file **file, bool has_ended);

#endif
