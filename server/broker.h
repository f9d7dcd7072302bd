// SPDX-License-Identifier: Apache-2.0
// The broker: all its parts in one place, and the order in which they start and stop (server/broker.c). Handlers and
// parts get it as their first argument. The pointers are set while the broker starts, each part before those that use
// it, and do not change until the threads that use them have ended; what changes later has its own rule below.
#ifndef SERVER_BROKER_H
#define SERVER_BROKER_H

#include "base/properties.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct config_changes;
struct controller;
struct endpoint_list;
struct group_coordinator;
struct log_manager;
struct metadata_cache;
struct readiness;
struct registration;
struct replica_manager;
struct scheduler;
struct server;
struct timer;
struct tls_listeners;
struct zk_session;
struct zk_session_file;

struct broker {
    struct config *config;
    int32_t id;            // broker.id, once it is known
    char *cluster_id;      // 22 characters, once it is known
    _Atomic int64_t epoch; // czxid of our registration; -1 before
    struct timer *timer;
    struct scheduler *scheduler;
    struct zk_session *zk;
    struct metadata_cache *metadata_cache;
    struct readiness *readiness; // NULL: nothing is held
    struct log_manager *log_manager;
    struct replica_manager *replica_manager;
    struct group_coordinator *group_coordinator;
    struct tls_listeners *tls_listeners;
    struct server *server;
    const struct endpoint_list *advertised_listeners; // with real ports
    struct registration *registration;
    struct controller *controller;
    struct config_changes *config_changes;

    // Of server/broker.c alone, confined to the main thread.
    atomic_bool is_serving; // also read by whoever finds a log directory failed
    bool logs_are_loaded;
    int started_count;
    size_t connections_max; // since memory was last given back; the job's
};

// The first part of the start, with these settings (of the file and the command line): everything up to bound
// listeners, but nobody is served yet and ZooKeeper knows of no broker, so that the process may still end without more
// ado. NULL when it could not: what was opened is closed again, and why was logged.
struct broker *broker_open(const struct properties *settings);

// The rest: registers the broker and serves. False when it could not, which was logged; then broker_stop.
bool broker_serve(struct broker *broker) __attribute__((warn_unused_result));

// The broker is to stop: what waits for ZooKeeper gives up, so that broker_serve returns soon. From any thread, as long
// as the broker is there.
void broker_stop_waiting(struct broker *broker);

// Orderly end: moves leadership away, answers what was accepted, closes the logs cleanly, ends the session.
void broker_stop(struct broker **broker);

// Asks the program to stop the broker because it cannot go on (no log directory left, another broker has taken its
// place): sends the process SIGUSR1, which it waits for. Any thread; the cause was logged by the caller. Returns at
// once.
void broker_request_stop(struct broker *broker);

#endif
