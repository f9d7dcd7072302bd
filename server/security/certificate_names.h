// SPDX-License-Identifier: Apache-2.0
// Whether a certificate that is to take the place of another while the broker runs bears the same names (KIP-226,
// KIP-978). Thread-safe.
#ifndef SERVER_SECURITY_CERTIFICATE_NAMES_H
#define SERVER_SECURITY_CERTIFICATE_NAMES_H

#include <openssl/x509.h>
#include <stdbool.h>

// The distinguished name must be the same unless it may change, and no alternative name may be missing unless they may.
// Returns NULL, or a new text for people in Kafka's words.
char *certificate_check_names(X509 *existing, X509 *wanted, bool dn_may_change, bool san_may_change);

#endif
