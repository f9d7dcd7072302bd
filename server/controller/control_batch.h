// SPDX-License-Identifier: Apache-2.0
// What one step of the state machines wants brokers to be told, collected per broker and sent together: LeaderAndIsr to
// each broker concerned, then UpdateMetadata to all live and shutting-down brokers (each LeaderAndIsr implies it for
// the same partitions), then StopReplica. What is told is what was true when it was added, and an addition for the same
// partition and broker replaces the one before. Nothing goes to brokers outside the live set. Confined to the
// controller's thread.
#ifndef SERVER_CONTROLLER_CONTROL_BATCH_H
#define SERVER_CONTROLLER_CONTROL_BATCH_H

#include "base/arena.h"
#include "server/controller/controller_context.h"

struct control_batch;

// A request to one broker, complete but for its encoding. The arena holds the message and all that it refers to; who
// gets the request frees it with control_request_destroy.
struct control_request {
    struct arena arena;
    int32_t broker_id;
    int32_t controller_epoch; // of the controller that asks
    int16_t api_key, api_version;
    const void *message;
};

void control_request_destroy(struct control_request **request);

// send takes ownership; requests to one broker come in the order in which they are to be sent. interbroker_listener
// names the endpoint that LeaderAndIsr lists for leaders; it must outlive the batch.
struct control_batch *control_batch_create(const struct controller_context *context, const char *interbroker_listener,
                                           void (*send)(void *send_context, struct control_request *request),
                                           void *send_context);
void control_batch_destroy(struct control_batch **batch);

// The partition's current leadership (it must have one) and assignment for these brokers.
void control_batch_add_leader_and_isr(struct control_batch *batch, const struct broker_ids *brokers,
                                      const struct controlled_partition *partition, bool is_new);

// To all live and shutting-down brokers: the partition's state, as leader -2 while its topic is being deleted. A
// partition without leadership is left out. partition NULL: only the brokers.
void control_batch_add_update_metadata(struct control_batch *batch, const struct controlled_partition *partition);

// The same to one broker only.
void control_batch_add_update_metadata_for(struct control_batch *batch, int32_t broker_id,
                                           const struct controlled_partition *partition);

void control_batch_add_stop_replica(struct control_batch *batch, int32_t broker_id,
                                    const struct controlled_partition *partition, bool is_delete);

// Hands the requests to send and empties the batch.
void control_batch_send(struct control_batch *batch);

// Forgets what was added.
void control_batch_clear(struct control_batch *batch);

#endif
