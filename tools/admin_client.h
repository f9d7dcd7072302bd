// SPDX-License-Identifier: Apache-2.0
// A client for administration on net/peer, with the manners of Kafka's AdminClient: it finds a broker among the
// bootstrap servers and the controller by Metadata, warns about servers that do not answer, tries again with growing
// pauses, and gives up after default.api.timeout.ms. Confined to one thread.
#ifndef TOOLS_ADMIN_CLIENT_H
#define TOOLS_ADMIN_CLIENT_H

#include "base/arena.h"
#include "base/properties.h"
#include "tools/failure.h"

struct admin_client;

enum admin_target { ADMIN_ANY_BROKER, ADMIN_CONTROLLER };

// Reads the client's properties and looks the servers' names up; connects to nobody yet. Returns false with the failure
// that Kafka's programs print for a bad configuration.
bool admin_client_open(struct admin_client **client, const char *servers, const struct properties *properties,
                       struct failure *failure) __attribute__((warn_unused_result));
void admin_client_close(struct admin_client **client);

// Begins a call with a name for messages ("listTopics"): its deadline is default.api.timeout.ms from now.
void admin_client_begin(struct admin_client *client, const char *call_name);

// Sends the request in the highest version that both sides speak and waits for the answer, which lies in the arena. May
// be repeated within a call. Returns false with the failure at the deadline or when the broker lacks the API.
bool admin_client_send(struct admin_client *client, enum admin_target target, int16_t api_key, const void *request,
                       struct arena *arena, const void **response, struct failure *failure)
    __attribute__((warn_unused_result));

// After the answer NOT_CONTROLLER: looks for the controller anew and pauses. False with the failure at the deadline.
bool admin_client_retry(struct admin_client *client, struct failure *failure) __attribute__((warn_unused_result));

// What a request's own timeout_ms should be: request.timeout.ms, or what is left of the call.
int32_t admin_client_timeout_ms(const struct admin_client *client);

#endif
