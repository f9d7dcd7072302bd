// SPDX-License-Identifier: Apache-2.0
#include "server/security/tls_listeners.h"

#include "base/lock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/endpoint.h"
#include "net/server.h"
#include "net/tls/tls_context.h"
#include "server/config/config.h"
#include "server/config/config_tls.h"
#include "server/security/certificate_names.h"
#include "server/security/file_stamp.h"
#include "server/security/principal_mapper.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct stamps {
    struct file_stamp key_store, trust_store;
};

// One set of settings and what was made of it.
struct identity {
    struct config_tls tls;
    struct stamps stamps; // of the files before they were read
    struct tls_context *server;
    struct tls_context *client; // of the inter-broker listener
};

// Of a listener without TLS all but the name is empty.
struct listener {
    const char *name; // the configuration's
    bool is_tls, is_inter_broker;
    struct principal_mapper *mapper;
    struct identity identity; // in force
    struct stamps seen;       // at the last check
    struct stamps tried;      // what was loaded or refused last
};

struct tls_listeners {
    struct config *config;
    struct listener *items;
    size_t count;
    struct tls_context **contexts; // of the items, borrowed, for the start

    struct lock changes; // TLS_CHANGES guards what is in force, and the files' stamps
    struct server *server;
    struct lock lock; // TLS_CLIENT guards the reference below
    struct tls_context *client;
};

static struct stamps take_stamps(const struct config_tls *tls)
{
    return (struct stamps){file_stamp_take(tls->settings.key_store.location),
                           file_stamp_take(tls->settings.trust_store.location)};
}

static bool stamps_are_equal(const struct stamps *a, const struct stamps *b)
{
    return file_stamp_is_equal(&a->key_store, &b->key_store) && file_stamp_is_equal(&a->trust_store, &b->trust_store);
}

static void identity_fini(struct identity *identity)
{
    config_tls_fini(&identity->tls);
    tls_context_release(&identity->server);
    tls_context_release(&identity->client);
}

// Reads the settings and makes what follows from them. Returns NULL, or a new text for people; the identity is then
// empty.
static char *identity_load(const struct tls_listeners *listeners, const struct listener *listener,
                           const struct properties *overrides, struct identity *identity)
{
    char *reason = NULL;
    *identity = (struct identity){0};
    config_tls_read(listeners->config, overrides, listener->name, &identity->tls);
    identity->stamps = take_stamps(&identity->tls);
    int result = tls_context_create(&identity->tls.settings, TLS_SERVER, &identity->server, &reason);
    if (result == 0 && listener->is_inter_broker)
        result = tls_context_create(&identity->tls.settings, TLS_CLIENT, &identity->client, &reason);
    if (result == 0)
        return NULL;
    identity_fini(identity);
    return reason ? reason : memory_copy_string(strerror(-result));
}

static void publish_client(struct tls_listeners *listeners, struct tls_context *client)
{
    lock_acquire(&listeners->lock);
    struct tls_context *before = listeners->client;
    listeners->client = tls_context_share(client);
    lock_release(&listeners->lock);
    tls_context_release(&before);
}

// ---- Start

static char *open_listener(struct tls_listeners *listeners, struct listener *listener)
{
    char *why = NULL;
    char *rules = config_listener_string(listeners->config, NULL, listener->name, OPTION_SSL_PRINCIPAL_MAPPING_RULES);
    listener->mapper = principal_mapper_create(rules, &why);
    if (listener->mapper == NULL) {
        char *message =
            memory_format("Invalid value %s for configuration ssl.principal.mapping.rules of listener %s: %s", rules,
                          listener->name, why);
        free(why);
        free(rules);
        return message;
    }
    free(rules);
    why = identity_load(listeners, listener, NULL, &listener->identity);
    if (why != NULL) {
        char *message = memory_format("The TLS settings of listener %s cannot be used: %s", listener->name, why);
        free(why);
        return message;
    }
    listener->seen = listener->tried = listener->identity.stamps;
    if (listener->is_inter_broker)
        publish_client(listeners, listener->identity.client);
    return NULL;
}

struct tls_listeners *tls_listeners_create(struct config *config, char **reason)
{
    const struct endpoint_list *endpoints = config_listeners(config);
    struct tls_listeners *listeners = memory_alloc(sizeof *listeners);
    listeners->config = config;
    listeners->count = endpoints->count;
    listeners->items = memory_alloc_array(endpoints->count, sizeof *listeners->items);
    lock_init(&listeners->changes, LOCK_TLS_CHANGES);
    lock_init(&listeners->lock, LOCK_TLS_CLIENT);
    for (size_t i = 0; i < endpoints->count; i++) {
        struct listener *listener = &listeners->items[i];
        listener->name = endpoints->items[i].listener_name;
        listener->is_tls = endpoints->items[i].security_protocol == SECURITY_PROTOCOL_SSL;
        listener->is_inter_broker = strcasecmp(listener->name, config_inter_broker_listener(config)) == 0;
        char *message = listener->is_tls ? open_listener(listeners, listener) : NULL;
        if (message != NULL) {
            *reason = message;
            tls_listeners_destroy(&listeners);
            return NULL;
        }
        if (!listener->is_tls)
            continue;
        if (listeners->contexts == NULL)
            listeners->contexts = memory_alloc_array(endpoints->count, sizeof(struct tls_context *));
        listeners->contexts[i] = listener->identity.server;
    }
    return listeners;
}

void tls_listeners_destroy(struct tls_listeners **listeners)
{
    struct tls_listeners *gone = *listeners;
    if (gone == NULL)
        return;
    for (size_t i = 0; i < gone->count; i++) {
        identity_fini(&gone->items[i].identity);
        principal_mapper_destroy(&gone->items[i].mapper);
    }
    free(gone->items);
    free(gone->contexts);
    tls_context_release(&gone->client);
    lock_fini(&gone->changes);
    lock_fini(&gone->lock);
    free(gone);
    *listeners = NULL;
}

struct tls_context *const *tls_listeners_contexts(const struct tls_listeners *listeners)
{
    return listeners->contexts;
}

char *tls_listeners_principal(void *context, const struct endpoint *endpoint, const char *distinguished_name,
                              char **reason)
{
    struct tls_listeners *listeners = context;
    if (distinguished_name == NULL)
        return memory_copy_string("User:ANONYMOUS");
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->items[i];
        if (!listener->is_tls || strcmp(listener->name, endpoint->listener_name) != 0)
            continue;
        char *name = principal_mapper_apply(listener->mapper, distinguished_name, reason);
        char *principal = name ? memory_format("User:%s", name) : NULL;
        free(name);
        return principal;
    }
    *reason = memory_format("listener %s has no TLS", endpoint->listener_name);
    return NULL;
}

void tls_listeners_publish(struct tls_listeners *listeners, struct server *server)
{
    lock_acquire(&listeners->changes);
    listeners->server = server;
    lock_release(&listeners->changes);
}

struct tls_context *tls_listeners_client_context(struct tls_listeners *listeners)
{
    lock_acquire(&listeners->lock);
    struct tls_context *client = tls_context_share(listeners->client);
    lock_release(&listeners->lock);
    return client;
}

// ---- Changes

// The new identity takes the place of the old.
static void swap(struct tls_listeners *listeners, struct listener *listener, struct identity *identity)
{
    tls_context_take_ticket_keys(identity->server, listener->identity.server);
    if (listeners->server != NULL)
        server_replace_tls(listeners->server, listener->name, identity->server);
    if (listener->is_inter_broker)
        publish_client(listeners, identity->client);
    identity_fini(&listener->identity);
    listener->identity = *identity;
    listener->seen = listener->tried = identity->stamps;
}

static bool allows(const struct tls_listeners *listeners, const struct listener *listener,
                   const struct properties *overrides, enum option option)
{
    char *value = config_listener_string(listeners->config, overrides, listener->name, option);
    bool is_allowed = strcasecmp(value, "true") == 0;
    free(value);
    return is_allowed;
}

static bool has_trust_store(const struct config_tls *tls)
{
    const struct tls_trust_store *store = &tls->settings.trust_store;
    return (store->location != NULL && *store->location != 0) ||
           (store->certificates != NULL && *store->certificates != 0);
}

static char *check_names(const struct tls_listeners *listeners, const struct listener *listener,
                         const struct properties *overrides, const struct identity *identity)
{
    SSL *existing = tls_context_open(listener->identity.server, NULL);
    SSL *wanted = tls_context_open(identity->server, NULL);
    char *message = NULL;
    if (existing == NULL || wanted == NULL)
        message = memory_copy_string("there is no memory to compare the certificates");
    else
        message = certificate_check_names(SSL_get_certificate(existing), SSL_get_certificate(wanted),
                                          allows(listeners, listener, overrides, OPTION_SSL_ALLOW_DN_CHANGES),
                                          allows(listeners, listener, overrides, OPTION_SSL_ALLOW_SAN_CHANGES));
    SSL_free(existing);
    SSL_free(wanted);
    return message;
}

// Returns NULL with an identity that may take the place of the one in force, or a new text for people.
static char *load_compatible(struct tls_listeners *listeners, struct listener *listener,
                             const struct properties *overrides, struct identity *identity)
{
    char *message = identity_load(listeners, listener, overrides, identity);
    if (message != NULL)
        return message;
    if (!has_trust_store(&listener->identity.tls) && has_trust_store(&identity->tls))
        message = memory_copy_string("Cannot add SSL truststore to an existing listener for which no truststore was "
                                     "configured.");
    else
        message = check_names(listeners, listener, overrides, identity);
    if (message != NULL)
        identity_fini(identity);
    return message;
}

static char *reload_listener(struct tls_listeners *listeners, struct listener *listener)
{
    struct identity identity;
    listener->tried = take_stamps(&listener->identity.tls);
    char *message = load_compatible(listeners, listener, NULL, &identity);
    if (message != NULL) {
        logger_error("The certificates of listener %s have changed but cannot be used, the old ones stay in force: %s",
                     listener->name, message);
        return message;
    }
    swap(listeners, listener, &identity);
    logger_info("The certificates of listener %s have changed: new connections get the new ones", listener->name);
    return NULL;
}

void tls_listeners_check_files(void *context)
{
    struct tls_listeners *listeners = context;
    lock_acquire(&listeners->changes);
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->items[i];
        if (!listener->is_tls)
            continue;
        struct stamps now = take_stamps(&listener->identity.tls);
        // Files that are being written or replaced one after the other are given until the next check.
        bool is_settled = stamps_are_equal(&now, &listener->seen);
        listener->seen = now;
        if (is_settled && !stamps_are_equal(&now, &listener->tried))
            free(reload_listener(listeners, listener));
    }
    lock_release(&listeners->changes);
}

static bool keys_change(const struct tls_listeners *listeners, const struct listener *listener,
                        const struct properties *overrides)
{
    struct config_tls tls;
    config_tls_read(listeners->config, overrides, listener->name, &tls);
    bool is_changed = !config_tls_is_equal(&tls, &listener->identity.tls);
    config_tls_fini(&tls);
    return is_changed;
}

char *tls_listeners_check_change(struct tls_listeners *listeners, const struct properties *overrides)
{
    char *message = NULL;
    lock_acquire(&listeners->changes);
    for (size_t i = 0; message == NULL && i < listeners->count; i++) {
        struct listener *listener = &listeners->items[i];
        struct identity identity;
        if (!listener->is_tls || !keys_change(listeners, listener, overrides))
            continue;
        char *why = load_compatible(listeners, listener, overrides, &identity);
        if (why == NULL)
            identity_fini(&identity);
        else
            message = memory_format("Invalid dynamic configuration: Validation of dynamic config update of SSLFactory "
                                    "failed for listener %s: %s",
                                    listener->name, why);
        free(why);
    }
    lock_release(&listeners->changes);
    return message;
}

char *tls_listeners_reload(struct tls_listeners *listeners, const struct properties *overrides)
{
    char *message = NULL;
    lock_acquire(&listeners->changes);
    for (size_t i = 0; message == NULL && i < listeners->count; i++) {
        struct listener *listener = &listeners->items[i];
        if (!listener->is_tls || keys_change(listeners, listener, overrides))
            continue;
        struct stamps now = take_stamps(&listener->identity.tls);
        if (stamps_are_equal(&now, &listener->identity.stamps))
            continue;
        char *why = reload_listener(listeners, listener);
        if (why != NULL)
            message = memory_format("Validation of dynamic config update of SSLFactory failed for listener %s: %s",
                                    listener->name, why);
        free(why);
    }
    lock_release(&listeners->changes);
    return message;
}

void tls_listeners_apply(void *context)
{
    struct tls_listeners *listeners = context;
    lock_acquire(&listeners->changes);
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->items[i];
        struct identity identity;
        if (!listener->is_tls || !keys_change(listeners, listener, NULL))
            continue;
        char *why = load_compatible(listeners, listener, NULL, &identity);
        if (why == NULL) {
            swap(listeners, listener, &identity);
            logger_info("The TLS settings of listener %s have changed: new connections get the new ones",
                        listener->name);
        } else {
            logger_error("The new TLS settings of listener %s cannot be used, the old ones stay in force: %s",
                         listener->name, why);
        }
        free(why);
    }
    lock_release(&listeners->changes);
}
