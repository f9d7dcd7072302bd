// SPDX-License-Identifier: Apache-2.0
// The controller part of a broker: takes part in the election on /controller and, while it holds it, keeps the
// cluster's brokers, topics, partitions and replicas as state machines, writes their changes to ZooKeeper under the
// controller's epoch and tells the brokers (its own too) by LeaderAndIsr, UpdateMetadata and StopReplica.
//
// One thread runs one queue of events; ZooKeeper's callbacks and every function here only enqueue. What an API needs
// from ZooKeeper without being the controller's business (writing topics and configurations) runs on a second thread,
// the admin thread. All functions are safe from every thread and never wait for ZooKeeper, except where they say so.
#ifndef SERVER_CONTROLLER_CONTROLLER_H
#define SERVER_CONTROLLER_CONTROLLER_H

#include "base/error.h"
#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct controller;

// The broker's configuration, ZooKeeper session and metadata cache must exist and outlive it. Nothing runs yet.
struct controller *controller_create(struct broker *broker);

// Starts the controller's and the admin thread and takes part in the election. After the broker has registered itself
// and serves its listeners: the winner sends requests to its own inter-broker listener at once. 0 or -errno.
int controller_start(struct controller *controller) __attribute__((warn_unused_result));

// Ends the threads: events not yet run are dropped (requests waiting in them are answered with NOT_CONTROLLER), senders
// are stopped, /controller is left to the end of the session. Waits. Before the listeners and the session are closed.
void controller_stop(struct controller *controller);

// Frees it (*controller may be NULL); not started or stopped.
void controller_destroy(struct controller **controller);

// Whether this broker is the active controller, as far as it knows now.
bool controller_is_active(const struct controller *controller);

// The broker's ZooKeeper session has expired: if it was the controller it is none any more. Returns at once; the
// resignation is the next event that the controller's thread runs.
void controller_session_expired(struct controller *controller);

// A new session was opened and the broker has registered itself under broker_epoch (the czxid of its znode): watches
// are set anew and the election is tried again.
void controller_session_opened(struct controller *controller, int64_t broker_epoch);

// Automatic creation of a topic that a client asked for by name (auto.create.topics.enable is the caller's business),
// and of the internal topics, which get their own partition count, replication factor and configuration. Checks what
// can be checked at once and creates the topic in the background; a topic that is being created is not created twice.
// Returns LEADER_NOT_AVAILABLE when it is on its way, INVALID_TOPIC_EXCEPTION or INVALID_REPLICATION_FACTOR otherwise.
enum kafka_error controller_create_topic_automatically(struct controller *controller, struct view topic)
    __attribute__((warn_unused_result));

// Somebody who needs a producer id. It stays where it is until done is called.
struct producer_id_wait {
    // NONE with producer_id set, or COORDINATOR_LOAD_IN_PROGRESS, which clients retry. Called once, from any thread,
    // also before controller_take_producer_id returns, without locks.
    void (*done)(struct producer_id_wait *wait, enum kafka_error error);
    int64_t producer_id;
    struct producer_id_manager *manager; // the callee's
};

// The next producer id for InitProducerId. Blocks of 1,000 ids are asked of the controller ahead of need; while the
// first or a late one is on its way the id is waited for, some seconds at most. Never blocks.
void controller_take_producer_id(struct controller *controller, struct producer_id_wait *wait);

// Asks the cluster's controller to move the leadership of this broker's partitions away (ControlledShutdown), up to
// controlled.shutdown.max.retries times. Waits for the answers; called by the thread that stops the broker, before
// controller_stop. Does nothing if controlled.shutdown.enable is false. Failure is logged, the broker stops anyway.
void controller_request_shutdown(struct controller *controller);

// A topic's (the null view: every topic's) unclean leader election was enabled: its offline partitions are elected for
// again. Nothing happens if this broker is not the controller.
void controller_retry_elections(struct controller *controller, struct view topic);

// Calls run(context) on the admin thread, where operations on ZooKeeper may be waited for; with is_dropped when the
// controller is stopped before: only to answer and to free.
void controller_run_admin(struct controller *controller, void (*run)(void *context, bool is_dropped), void *context);

#endif
