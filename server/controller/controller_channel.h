// SPDX-License-Identifier: Apache-2.0
// This broker's calls to the cluster's controller: one request, one answer, to the inter-broker listener of the broker
// that the last UpdateMetadata named as controller. Confined to one thread, but for controller_channel_interrupt.
#ifndef SERVER_CONTROLLER_CONTROLLER_CHANNEL_H
#define SERVER_CONTROLLER_CONTROLLER_CHANNEL_H

#include "base/arena.h"

#include <stdint.h>

struct broker;
struct controller_channel;

struct controller_channel *controller_channel_create(struct broker *broker);
void controller_channel_destroy(struct controller_channel **channel);

// Connects when there is no connection to the present controller. *response lies in the arena. 0 or -errno:
// -EHOSTUNREACH when no controller is known; as peer_call otherwise. After any error, and when the answer says that the
// broker is not the controller, controller_channel_reset is called before the next try.
int controller_channel_call(struct controller_channel *channel, int16_t api_key, int16_t api_version,
                            const void *request, struct arena *arena, const void **response, int64_t deadline_ms)
    __attribute__((warn_unused_result));
void controller_channel_reset(struct controller_channel *channel);

// Ends the call under way and all later ones with -ECANCELED. Any thread.
void controller_channel_interrupt(struct controller_channel *channel);

#endif
