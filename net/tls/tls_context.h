// SPDX-License-Identifier: Apache-2.0
// All that the TLS connections of one listener, or of one client, share: identity, trusted certificates, protocols,
// ciphers, the keys of session tickets. Immutable once published, reference counted; every function is thread-safe.
#ifndef NET_TLS_TLS_CONTEXT_H
#define NET_TLS_TLS_CONTEXT_H

#include "net/tls/tls_settings.h"

#include <openssl/types.h>

struct tls_context;

enum tls_role { TLS_SERVER, TLS_CLIENT };

// Loads the stores and checks what can be checked before a peer comes: that the key belongs to the certificate, that
// the certificate is valid now, that protocols and cipher suites are known and leave something to agree on. Returns 0
// with a reference in *context; or -EINVAL (a value or a store is unusable), -ENOENT, -EACCES … (a file cannot be read)
// with a reason for people that names the file, entry or key in *reason (free() it).
int tls_context_create(const struct tls_settings *settings, enum tls_role role, struct tls_context **context,
                       char **reason) __attribute__((warn_unused_result));

// Makes sessions of connections of `before` resumable with this new context of the same listener, as long as both
// trust the same certificates and ask clients for theirs in the same way. Before the context is published.
void tls_context_take_ticket_keys(struct tls_context *context, const struct tls_context *before);

// One more reference, and one less. NULL is fine.
struct tls_context *tls_context_share(struct tls_context *context);
void tls_context_release(struct tls_context **context);

// A connection of the context; for net. SSL_free() it. It keeps the context's SSL_CTX alive. NULL when there is no
// memory. A client verifies the broker by `host` if the settings ask for it and names it (SNI) if it is a name.
SSL *tls_context_open(const struct tls_context *context, const char *host);

// Whether connections should give their record layer to the kernel.
bool tls_context_offloads_to_kernel(const struct tls_context *context);

// What OpenSSL's calls on this thread last failed with, in words that a person understands, and forgets it; for a
// connection whose handshake failed, also what was wrong with the peer's certificate. Free() it.
char *tls_failure_reason(const SSL *ssl);

// The same words for an error code of OpenSSL (0: none, the peer closed), and for what is wrong with a peer's
// certificate (NULL: it is not known), an X509_V_ERR_…; for those who learn of a failed handshake by other ways.
char *tls_error_reason(unsigned long error);
char *tls_certificate_reason(X509 *certificate, long verify_result);

// The subject of the peer's certificate as Java's X500Principal.getName() writes it (RFC 2253); NULL without one.
// Free() it.
char *tls_peer_distinguished_name(const SSL *ssl);

#endif
