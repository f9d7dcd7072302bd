// SPDX-License-Identifier: Apache-2.0
// PKCS12 (RFC 7292) as Java reads it: a certificate is trusted only when it carries the attribute trustedKeyUsage
// (2.16.840.1.113894.746875.1.1), as keytool -importcert writes it; all others go with keys. The certificate of a key
// is the one of the same localKeyID; its chain is put together by issuers' names. Aliases are in lower case. Other than
// Java, keys that are not encrypted are read, and a key without a localKeyID gets the certificate that fits.
#ifndef NET_TLS_PKCS12_H
#define NET_TLS_PKCS12_H

#include "net/tls/store.h"

// Looks like an ASN.1 sequence.
bool pkcs12_begins(struct view bytes);

// Reads the entries in the order of the file. Without a password the encrypted parts are left out, as in Java.
int pkcs12_read(struct store_reading *reading, struct store *store) __attribute__((warn_unused_result));

#endif
