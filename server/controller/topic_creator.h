// SPDX-License-Identifier: Apache-2.0
// Automatic creation of topics, internal ones included. Safe from every thread.
#ifndef SERVER_CONTROLLER_TOPIC_CREATOR_H
#define SERVER_CONTROLLER_TOPIC_CREATOR_H

#include "base/error.h"
#include "base/view.h"

struct broker;
struct event_queue;
struct topic_creator;

// Topics are created on that queue's thread; it must have ended before the creator is destroyed.
struct topic_creator *topic_creator_create(struct broker *broker, struct event_queue *admin);
void topic_creator_destroy(struct topic_creator **creator);

// See controller_create_topic_automatically.
enum kafka_error topic_creator_request(struct topic_creator *creator, struct view topic)
    __attribute__((warn_unused_result));

#endif
