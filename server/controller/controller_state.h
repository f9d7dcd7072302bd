// SPDX-License-Identifier: Apache-2.0
// The inside of the controller, shared by its files: controller.c (life, events, election), controller_startup.c (what
// a new controller reads), controller_changes.c (what changes in ZooKeeper), controller_brokers.c (brokers that come
// and go), controller_requests.c (what brokers and clients ask), controller_responses.c (what brokers answer).
//
// All fields but `broker`, the queues and the atomic ones are confined to the controller's thread.
#ifndef SERVER_CONTROLLER_CONTROLLER_STATE_H
#define SERVER_CONTROLLER_CONTROLLER_STATE_H

#include "server/broker.h"
#include "server/controller/control_sender.h"
#include "server/controller/controller.h"
#include "server/controller/event_queue.h"
#include "server/controller/topic_deletion.h"
#include "server/controller/zk_state_store.h"
#include "zk/election.h"

#include <stdatomic.h>

struct producer_id_manager;
struct topic_creator;

struct broker_sender {
    int32_t broker_id;
    struct control_sender *sender;
};

struct controller {
    struct broker *broker;
    struct event_queue *events; // the controller's thread
    struct event_queue *admin;  // the admin thread
    _Atomic bool is_active;
    _Atomic bool is_registered;    // false from a session's end until the broker is registered anew
    _Atomic int32_t session_count; // of sessions that ended
    int32_t term_session;          // session_count when this controller was elected
    struct topic_creator *topic_creator;
    struct producer_id_manager *producer_ids;

    bool backs_off;                   // the last term failed at its start: the next election waits
    struct zk_controller_epoch epoch; // of this controller, while active
    struct controller_context context;
    struct zk_state_store zk_store;
    struct state_store store;
    struct control_batch *batch;
    struct state_machine machine;
    struct topic_deletion deletion;
    struct {
        ARRAY_OF(struct broker_sender);
    } senders;
};

// Runs process(controller, argument) on the controller's thread; argument is a heap string (or NULL), freed afterwards.
// STALE_CONTROLLER_EPOCH from it makes the controller look whether it has to resign. Nothing runs after a stop.
typedef enum kafka_error controller_process(struct controller *controller, const char *argument);
void controller_put(struct controller *controller, controller_process *process, char *argument);

// What every event ends with: resigns if a write was fenced off, logs other errors.
void controller_conclude(struct controller *controller, enum kafka_error error);

// controller_startup.c: all that follows from having won the election.
enum kafka_error controller_take_office(struct controller *controller) __attribute__((warn_unused_result));

// Reads these topics (watching each from now on), gives an id to those without one and puts their assignments into the
// context. added (may be NULL) gets the partitions that were not there before.
enum kafka_error controller_read_topics(struct controller *controller, const char *const *names, size_t count,
                                        struct controlled_partitions *added) __attribute__((warn_unused_result));

// Reads the registrations of all brokers; ones that cannot be used are logged and left out. The caller owns the
// brokers.
struct live_brokers {
    ARRAY_OF(struct live_broker *);
};
enum kafka_error controller_read_brokers(struct controller *controller, struct live_brokers *brokers)
    __attribute__((warn_unused_result));

// controller_changes.c: watches, and what is done when they fire.
void controller_watch_all(struct controller *controller);
void controller_unwatch_all(struct controller *controller);
void controller_watch_topic(struct controller *controller, const char *topic);
void controller_unwatch_topic(struct controller *controller, const char *topic);
// Watches the registration of a broker, and reads it so that the watch is set.
enum kafka_error controller_watch_broker(struct controller *controller, int32_t broker_id)
    __attribute__((warn_unused_result));

void controller_unwatch_broker(struct controller *controller, int32_t broker_id);

// The election on /preferred_replica_election that an operator asked for, then its znode's deletion.
enum kafka_error controller_elect_preferred(struct controller *controller) __attribute__((warn_unused_result));

// Deletes all children of a notification folder under the controller's epoch.
enum kafka_error controller_delete_children(struct controller *controller, const char *path)
    __attribute__((warn_unused_result));

// Removes entries of /admin/delete_topics.
enum kafka_error controller_delete_topic_deletions(struct controller *controller, const char *const *names,
                                                   size_t count) __attribute__((warn_unused_result));

// Marks topics for deletion, unknown ones are dropped from /admin/delete_topics.
enum kafka_error controller_queue_deletions(struct controller *controller, const char *const *names, size_t count)
    __attribute__((warn_unused_result));

// controller_brokers.c: /brokers/ids has other children; a registration was rewritten; a log directory failed.
controller_process controller_process_brokers, controller_process_registrations, controller_process_log_dir_events;

// These replicas went offline: leaders move, ISRs shrink.
enum kafka_error controller_take_replicas_offline(struct controller *controller,
                                                  const struct partition_replicas *replicas)
    __attribute__((warn_unused_result));

// controller_responses.c: called by senders with a broker's answer.
void controller_answered(void *context, struct control_request *request, const void *response);

// controller.c: the sender of a broker is made and ended with its registration.
void controller_add_sender(struct controller *controller, const struct live_broker *broker);
void controller_remove_sender(struct controller *controller, int32_t broker_id);
void controller_send_metadata(struct controller *controller); // UpdateMetadata without partitions to all

#endif
