// SPDX-License-Identifier: Apache-2.0
// Follows /config/changes: a thread that reads new notifications, then the entity that each one names, and applies the
// overrides of topics and of this broker. Notifications older than 15 minutes are deleted, as every broker does.
#ifndef SERVER_CONTROLLER_CONFIG_CHANGES_H
#define SERVER_CONTROLLER_CONFIG_CHANGES_H

#include "base/error.h"
#include "base/view.h"

struct broker;
struct config_changes;

// The broker's configuration, ZooKeeper session, log manager and replica manager must exist and outlive it.
struct config_changes *config_changes_create(struct broker *broker);

// Starts the thread: watches /config/changes and reads the configurations of all entities once. After the replica
// manager has loaded its logs. 0 or -errno.
int config_changes_start(struct config_changes *changes) __attribute__((warn_unused_result));

// Waits for the thread's end.
void config_changes_stop(struct config_changes *changes);
void config_changes_destroy(struct config_changes **changes);

// A new ZooKeeper session was opened: everything is read and watched anew. Any thread; returns at once.
void config_changes_session_opened(struct config_changes *changes);

// Reads the overrides of /config/topics/T (none when there is no such znode) and gives them to the broker's
// configuration (config_set_topic), which then has the topic's values. Waits for ZooKeeper; any thread that may.
enum kafka_error config_changes_read_topic(struct broker *broker, struct view topic)
    __attribute__((warn_unused_result));

#endif
