// SPDX-License-Identifier: Apache-2.0
// From a request's bytes to its handler, and from the answer back to bytes. Which APIs are served in which versions is
// what their schemas say (net/protocol); each of them has one handler, a function named after the schema:
//
//     void list_offsets_serve(struct broker *broker, struct request *request, const void *message);
//
// declared in server/handlers.h. `message` is the decoded request (const struct list_offsets_request *), in the
// request's arena, its views in the receive buffer. The handler never blocks; it, or whoever it hands the request to,
// ends it by exactly one of the functions below, at once or later, from any thread. They never block and take only
// locks of net.
#ifndef SERVER_DISPATCH_H
#define SERVER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct request;

// The function that net calls with every request (server_start's handle); context is the broker.
void dispatch_request(void *context, struct request *request);

// Encodes the answer (the response struct of the request's API; it lives in the request's arena, or is not needed after
// the call but for what views and record sources refer to) and sends it. The request is gone afterwards.
void dispatch_respond(struct request *request, const void *response);

// Nothing is sent, the connection goes on: Produce with acks=0.
void dispatch_respond_none(struct request *request);

// Closes the connection.
void dispatch_close(struct request *request);

// The served range of an API; false when it is not served.
bool dispatch_versions(int16_t api_key, int16_t *version_min, int16_t *version_max);

#endif
