// SPDX-License-Identifier: Apache-2.0
// Which versions of TLS and which cipher suites a context has: ssl.enabled.protocols, ssl.protocol, ssl.cipher.suites
// applied to OpenSSL's. Thread-safe.
#ifndef NET_TLS_TLS_PROTOCOLS_H
#define NET_TLS_TLS_PROTOCOLS_H

#include "net/tls/tls_context.h"

// Returns 0, or -EINVAL with a reason that names the key and the value (free() it).
int tls_protocols_apply(const struct tls_settings *settings, enum tls_role role, SSL_CTX *ctx, char **reason)
    __attribute__((warn_unused_result));

#endif
