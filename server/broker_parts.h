// SPDX-License-Identifier: Apache-2.0
// The steps of a broker's start that are more than one call (server/broker.c says in which order they come). Each logs
// why it failed, once, and returns false.
#ifndef SERVER_BROKER_PARTS_H
#define SERVER_BROKER_PARTS_H

#include "log/log_manager.h"

#include <stdbool.h>

struct broker;

// ---- Identity (server/broker_identity.c)

// Who this broker and its cluster are, by configuration, ZooKeeper and meta.properties: sets broker->id and
// broker->cluster_id. The log directories are locked, the session is open.
bool broker_identify(struct broker *broker, const struct log_identity *stored);

// Whether the directories belong to the configured broker.id, before ZooKeeper is asked for anything.
bool broker_check_stored_id(struct broker *broker, const struct log_identity *stored);

// ---- Endpoints (server/broker_endpoints.c)

// Loads what the listeners with TLS need.
bool broker_open_tls(struct broker *broker);

// Opens the listeners and works out what is advertised. Nobody is served yet.
bool broker_open_listeners(struct broker *broker);

// Holds the server to the limits of connections whenever they change.
void broker_follow_limits(struct broker *broker);

// Warns of advertised names that do not resolve; may wait for the name service.
void broker_check_advertised(void *broker);
void broker_close_listeners(struct broker *broker);

// ---- ZooKeeper (server/broker_zookeeper.c)

// Ends a predecessor's session, opens ours, creates the fixed paths.
bool broker_open_session(struct broker *broker);

// Reads the overrides of this broker, of all brokers and of all topics.
bool broker_read_configs(struct broker *broker);

// Registers under /brokers/ids and follows the session from now on.
bool broker_register(struct broker *broker);

// Ends the session; no callback comes afterwards.
void broker_close_session(struct broker *broker);
void broker_free_session(struct broker *broker);

// A log directory failed: tells the controller through ZooKeeper, and ends the broker when it was the last. A job of
// the scheduler.
void broker_report_directories(void *broker);

#endif
