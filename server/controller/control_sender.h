// SPDX-License-Identifier: Apache-2.0
// The controller's line to one broker: a thread that sends the requests of its queue one after the other to the
// broker's inter-broker listener. A request is repeated on a new connection, every 100 ms, until it is answered or the
// sender is destroyed (the broker's registration vanished, or this controller's time is over).
#ifndef SERVER_CONTROLLER_CONTROL_SENDER_H
#define SERVER_CONTROLLER_CONTROL_SENDER_H

#include "server/controller/control_batch.h"

struct control_sender;
struct tls_listeners;

struct control_sender_config {
    int32_t broker_id;
    const char *host; // copied
    uint16_t port;
    int16_t security_protocol;
    struct tls_listeners *tls_listeners; // for SSL; outlives the sender
    const char *client_id;               // copied
    int64_t request_timeout_ms;

    // Called on the sender's thread with the answer, which lies in the request's arena; takes ownership of the request.
    void (*answered)(void *context, struct control_request *request, const void *response);
    void *context;
};

// Starts the thread. 0 or -errno.
int control_sender_create(const struct control_sender_config *config, struct control_sender **sender)
    __attribute__((warn_unused_result));

// Takes ownership of the request. Any thread; returns at once.
void control_sender_put(struct control_sender *sender, struct control_request *request);

// Interrupts what is under way, waits for the thread, frees all queued requests.
void control_sender_destroy(struct control_sender **sender);

#endif
