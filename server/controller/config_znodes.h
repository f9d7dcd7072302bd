// SPDX-License-Identifier: Apache-2.0
// Configuration entities in ZooKeeper as tables of keys and values. All functions wait for ZooKeeper; any thread that
// may.
#ifndef SERVER_CONTROLLER_CONFIG_ZNODES_H
#define SERVER_CONTROLLER_CONFIG_ZNODES_H

#include "base/properties.h"
#include "base/view.h"
#include "zk/result.h"

#include <stdbool.h>

struct config;
struct zk_session;

// The entity "topics/t1", "brokers/1", "brokers/<default>" …; adds to *overrides. A missing znode is ZK_OK and adds
// nothing. ZK_BAD_DATA, with a line in the log, for one that cannot be read.
enum zk_result config_znode_read(struct zk_session *session, const char *entity_path, struct properties *overrides)
    __attribute__((warn_unused_result));

// Writes the entity as Kafka's brokers do (behind a check of /controller), without a change notification.
enum zk_result config_znode_write(struct zk_session *session, const char *entity_path,
                                  const struct properties *overrides) __attribute__((warn_unused_result));

// unclean.leader.election.enable of a topic, as ZooKeeper and the broker have it now. False when it cannot be read.
bool config_znode_allows_unclean_election(struct zk_session *session, const struct config *config, const char *topic);

#endif
