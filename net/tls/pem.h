// SPDX-License-Identifier: Apache-2.0
// PEM text as Apache Kafka takes it: PKCS#8 keys, plain or encrypted, and certificates, in files or inline, where
// spaces may stand for line ends; anything may stand between the parts. Read beyond that: several certificates in one
// line, and the older forms of plain keys (RSA PRIVATE KEY, EC PRIVATE KEY).
#ifndef NET_TLS_PEM_H
#define NET_TLS_PEM_H

#include "net/tls/store.h"

// Whether there is a part in the text.
bool pem_begins(struct view text);

// Adds the one private key of the text. With a key password the key has to be encrypted, without it must not be.
int pem_read_key(struct store_reading *reading, EVP_PKEY **key) __attribute__((warn_unused_result));

// Adds all certificates of the text, in its order; at least one.
int pem_read_certificates(struct store_reading *reading, STACK_OF(X509) * certificates)
    __attribute__((warn_unused_result));

#endif
