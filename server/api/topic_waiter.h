// SPDX-License-Identifier: Apache-2.0
// CreateTopics, CreatePartitions and DeleteTopics answer when this broker's metadata cache shows what they asked for,
// or when their time is over: then the topics that are not there yet (or still there) get REQUEST_TIMED_OUT.
#ifndef SERVER_API_TOPIC_WAITER_H
#define SERVER_API_TOPIC_WAITER_H

#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct request;

// One topic that is waited for; error_code points into the response.
struct waited_topic {
    struct view name;
    int32_t partition_count; // all of them have leaders; 0: the topic is gone
    int16_t *error_code;
};

struct topic_waiter {
    struct broker *broker;
    struct request *request;
    const void *response; // as dispatch_respond takes it, in the request's arena
    struct waited_topic *topics;
    int32_t topic_count;
};

// The waiter, its topics and the response lie in the request's arena. Topics whose error_code is not NONE are not
// waited for. Answers at once when nothing is to be waited for, or timeout_ms <= 0 (all that succeeded get
// REQUEST_TIMED_OUT, as in Apache Kafka).
void topic_waiter_run(struct topic_waiter *waiter, int32_t timeout_ms);

#endif
