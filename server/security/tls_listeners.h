// SPDX-License-Identifier: Apache-2.0
// TLS of the broker's listeners: their contexts, made of what is configured; who a client is by its certificate; and
// certificates that change while the broker runs, because a file was replaced or because an admin changed a listener's
// ssl.* keys (KIP-226). A change takes effect as a whole or not at all: new files are used only when they can be read,
// key and certificate match and the names in the certificate stay (ssl.allow.dn.changes, ssl.allow.san.changes);
// otherwise what was there stays in force and one line in the log says why.
// All functions are thread-safe once the thing is created, and read files: not for poll threads.
#ifndef SERVER_SECURITY_TLS_LISTENERS_H
#define SERVER_SECURITY_TLS_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct endpoint;
struct properties;
struct server;
struct tls_context;
struct tls_listeners;

// Loads the key stores and trust stores of every listener with TLS. NULL, with a text for people in *reason (free() it)
// that names listener, file and what is wrong. The configuration outlives it.
struct tls_listeners *tls_listeners_create(struct config *config, char **reason) __attribute__((warn_unused_result));
void tls_listeners_destroy(struct tls_listeners **listeners);

// For server_config: one context per listener in their order (borrowed), NULL when none has TLS.
struct tls_context *const *tls_listeners_contexts(const struct tls_listeners *listeners);

// For server_config: the principal of a client, a new string; context is a struct tls_listeners.
char *tls_listeners_principal(void *context, const struct endpoint *listener, const char *distinguished_name,
                              char **reason);

// From now on new contexts go to this server; once, before there are changes. NULL: to none any more.
void tls_listeners_publish(struct tls_listeners *listeners, struct server *server);

// What this broker connects to the inter-broker listeners of others with: a new reference, NULL when that listener is
// without TLS.
struct tls_context *tls_listeners_client_context(struct tls_listeners *listeners);

// Loads files that have changed, once they have stopped changing. A periodic job; context is a struct tls_listeners.
void tls_listeners_check_files(void *context);

// Whether these overrides of this broker, in place of those in force, would work. Returns NULL, or a new text for
// people in Kafka's words.
char *tls_listeners_check_change(struct tls_listeners *listeners, const struct properties *overrides);

// Loads at once what has changed of the files of listeners whose keys do not change with these overrides, as Apache
// Kafka does for an admin. Returns NULL, or a new text for people that says why the old stay.
char *tls_listeners_reload(struct tls_listeners *listeners, const struct properties *overrides)
    __attribute__((warn_unused_result));

// Puts in force what the configuration says now. An observer of it; context is a struct tls_listeners.
void tls_listeners_apply(void *context);

#endif
