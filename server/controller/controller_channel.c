// SPDX-License-Identifier: Apache-2.0
#include "server/controller/controller_channel.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/peer.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/metadata_cache.h"
#include "server/security/tls_listeners.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

// Nothing interrupts a connect that is under way.
enum { CONNECT_TIMEOUT_MS = 3000 };

struct controller_channel {
    struct broker *broker;
    struct lock lock;
    struct peer *peer LOCK_GUARDED; // set by the channel's thread
    bool is_interrupted LOCK_GUARDED;
};

struct controller_channel *controller_channel_create(struct broker *broker)
{
    struct controller_channel *channel = memory_alloc(sizeof *channel);
    channel->broker = broker;
    lock_init(&channel->lock, LOCK_CONTROL_SENDER);
    return channel;
}

// Returns false when the channel was interrupted.
static bool set_peer(struct controller_channel *channel, struct peer *peer)
{
    lock_acquire(&channel->lock);
    struct peer *before = channel->peer;
    channel->peer = peer;
    bool is_interrupted = channel->is_interrupted;
    lock_release(&channel->lock);
    peer_destroy(&before);
    return !is_interrupted;
}

void controller_channel_destroy(struct controller_channel **channel)
{
    if (*channel == NULL)
        return;
    controller_channel_reset(*channel);
    lock_fini(&(*channel)->lock);
    free(*channel);
    *channel = NULL;
}

static int connect_peer(struct controller_channel *channel, int64_t deadline_ms, struct peer **peer)
{
    struct broker *broker = channel->broker;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    int32_t id = metadata_snapshot_controller_id(snapshot);
    const struct metadata_broker *controller = id >= 0 ? metadata_snapshot_broker(snapshot, id) : NULL;
    const struct metadata_endpoint *endpoint =
        controller ? metadata_broker_endpoint(controller, config_inter_broker_listener(broker->config)) : NULL;
    int error = -EHOSTUNREACH;
    if (endpoint != NULL) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "%d", broker->id);
        bool is_tls = endpoint->security_protocol == SECURITY_PROTOCOL_SSL;
        struct tls_context *tls = is_tls ? tls_listeners_client_context(broker->tls_listeners) : NULL;
        const struct peer_config config = {.host = endpoint->host,
                                           .port = (uint16_t)endpoint->port,
                                           .security_protocol = (enum security_protocol)endpoint->security_protocol,
                                           .tls = tls,
                                           .client_id = client_id};
        int64_t connect_deadline_ms = clock_monotonic_ms() + CONNECT_TIMEOUT_MS;
        char *reason = NULL;
        error =
            peer_connect(&config, connect_deadline_ms < deadline_ms ? connect_deadline_ms : deadline_ms, peer, &reason);
        tls_context_release(&tls);
        if (reason != NULL)
            logger_warn("The controller, broker %d at %s:%d, cannot be reached by TLS: %s", id, endpoint->host,
                        endpoint->port, reason);
        free(reason);
    }
    metadata_snapshot_unref(snapshot);
    if (error == 0 && !set_peer(channel, *peer))
        error = -ECANCELED;
    return error;
}

int controller_channel_call(struct controller_channel *channel, int16_t api_key, int16_t api_version,
                            const void *request, struct arena *arena, const void **response, int64_t deadline_ms)
{
    lock_acquire(&channel->lock);
    struct peer *peer = channel->peer;
    lock_release(&channel->lock);
    int error = peer == NULL ? connect_peer(channel, deadline_ms, &peer) : 0;
    return error == 0 ? peer_call(peer, api_key, api_version, request, arena, response, deadline_ms) : error;
}

void controller_channel_reset(struct controller_channel *channel)
{
    (void)set_peer(channel, NULL);
}

void controller_channel_interrupt(struct controller_channel *channel)
{
    lock_acquire(&channel->lock);
    channel->is_interrupted = true;
    if (channel->peer != NULL)
        peer_interrupt(channel->peer);
    lock_release(&channel->lock);
}
