// SPDX-License-Identifier: Apache-2.0
#include "server/controller/control_sender.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/thread.h"
#include "net/peer.h"
#include "server/security/tls_listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_BACKOFF_MS = 100, CONNECT_TIMEOUT_MS = 3000 };

struct queued {
    struct list link;
    struct control_request *request;
};

struct control_sender {
    struct control_sender_config config; // immutable, as are the strings
    char *host, *client_id;
    struct thread thread;
    struct lock lock;
    struct condition changed;
    struct list queue LOCK_GUARDED;
    bool is_stopped LOCK_GUARDED;
    struct peer *peer LOCK_GUARDED; // set and cleared by the thread, interrupted by destroy
};

// The next request, or NULL when the sender is to end.
static struct control_request *take(struct control_sender *sender)
{
    struct control_request *request = NULL;
    lock_acquire(&sender->lock);
    while (!sender->is_stopped && list_is_empty(&sender->queue))
        condition_wait(&sender->changed, &sender->lock);
    if (!sender->is_stopped) {
        struct queued *queued = LIST_ELEMENT(list_take_first(&sender->queue), struct queued, link);
        request = queued->request;
        free(queued);
    }
    lock_release(&sender->lock);
    return request;
}

// Returns false when the sender is to end: nobody would interrupt a call on the new peer.
static bool set_peer(struct control_sender *sender, struct peer *peer)
{
    lock_acquire(&sender->lock);
    struct peer *before = sender->peer;
    sender->peer = peer;
    bool is_running = !sender->is_stopped;
    lock_release(&sender->lock);
    if (before != peer)
        peer_destroy(&before);
    return is_running;
}

// Returns false when the sender is to end.
static bool wait_before_retry(struct control_sender *sender)
{
    int64_t deadline_ms = clock_monotonic_ms() + RETRY_BACKOFF_MS;
    lock_acquire(&sender->lock);
    while (!sender->is_stopped && condition_wait_until(&sender->changed, &sender->lock, deadline_ms)) {
    }
    bool is_stopped = sender->is_stopped;
    lock_release(&sender->lock);
    return !is_stopped;
}

// The reason: a new string, or NULL.
static int connect_peer(struct control_sender *sender, struct peer **peer, char **reason)
{
    struct tls_context *tls = NULL;
    if (sender->config.security_protocol == SECURITY_PROTOCOL_SSL)
        tls = tls_listeners_client_context(sender->config.tls_listeners);
    const struct peer_config config = {.host = sender->host,
                                       .port = sender->config.port,
                                       .security_protocol = (enum security_protocol)sender->config.security_protocol,
                                       .tls = tls,
                                       .client_id = sender->client_id};
    int error = peer_connect(&config, clock_monotonic_ms() + CONNECT_TIMEOUT_MS, peer, reason);
    tls_context_release(&tls);
    return error == 0 && !set_peer(sender, *peer) ? -ECANCELED : error;
}

// One try; connects when there is no connection.
static int call(struct control_sender *sender, struct peer **peer, struct control_request *request,
                const void **response, char **reason)
{
    int error = *peer == NULL ? connect_peer(sender, peer, reason) : 0;
    if (error == 0)
        error = peer_call(*peer, request->api_key, request->api_version, request->message, &request->arena, response,
                          clock_monotonic_ms() + sender->config.request_timeout_ms);
    if (error != 0) {
        set_peer(sender, NULL);
        *peer = NULL;
    }
    return error;
}

static void run_sender(void *context)
{
    struct control_sender *sender = context;
    struct peer *peer = NULL;
    for (struct control_request *request; (request = take(sender)) != NULL;) {
        const void *response = NULL;
        bool is_running = true;
        for (bool is_first = true; is_running; is_first = false) {
            char *reason = NULL;
            int error = call(sender, &peer, request, &response, &reason);
            if (error == 0)
                break;
            is_running = wait_before_retry(sender);
            if (is_running && is_first)
                logger_warn("Broker %d at %s:%d does not answer the controller's request %d, which is repeated: %s",
                            sender->config.broker_id, sender->host, sender->config.port, request->api_key,
                            reason ? reason : strerror(-error));
            free(reason);
        }
        if (is_running)
            sender->config.answered(sender->config.context, request, response);
        else
            control_request_destroy(&request);
    }
    set_peer(sender, NULL);
}

static void sender_free(struct control_sender *sender)
{
    condition_fini(&sender->changed);
    lock_fini(&sender->lock);
    free(sender->host);
    free(sender->client_id);
    free(sender);
}

int control_sender_create(const struct control_sender_config *config, struct control_sender **created)
{
    struct control_sender *sender = memory_alloc(sizeof *sender);
    sender->config = *config;
    sender->config.host = sender->host = memory_copy_string(config->host);
    sender->config.client_id = sender->client_id = memory_copy_string(config->client_id);
    lock_init(&sender->lock, LOCK_CONTROL_SENDER);
    condition_init(&sender->changed);
    list_init(&sender->queue);
    int error = thread_start(&sender->thread, run_sender, sender, "control-send-%d", config->broker_id);
    if (error == 0) {
        *created = sender;
        return 0;
    }
    sender_free(sender);
    return error;
}

void control_sender_put(struct control_sender *sender, struct control_request *request)
{
    struct queued *queued = memory_alloc(sizeof *queued);
    queued->request = request;
    lock_acquire(&sender->lock);
    list_append(&sender->queue, &queued->link);
    condition_signal(&sender->changed);
    lock_release(&sender->lock);
}

void control_sender_destroy(struct control_sender **destroyed)
{
    struct control_sender *sender = *destroyed;
    if (sender == NULL)
        return;
    lock_acquire(&sender->lock);
    sender->is_stopped = true;
    if (sender->peer != NULL)
        peer_interrupt(sender->peer);
    condition_signal(&sender->changed);
    lock_release(&sender->lock);
    thread_join(&sender->thread);
    for (struct list *link; (link = list_take_first(&sender->queue)) != NULL;) {
        struct queued *queued = LIST_ELEMENT(link, struct queued, link);
        control_request_destroy(&queued->request);
        free(queued);
    }
    sender_free(sender);
    *destroyed = NULL;
}
