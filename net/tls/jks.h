// SPDX-License-Identifier: Apache-2.0
// Sun's JKS, versions 1 and 2. Integers are big-endian, strings Java's modified UTF-8 behind a 16-bit length.
//
//     FEEDFEED, version, number of entries (32 bits each), then per entry
//       1 (key):      alias, date (64), length and encrypted key, number of certificates, those
//       2 (trusted):  alias, date (64), one certificate
//     a certificate:  its type (version 2: "X.509"), length and DER
//     SHA-1 of the password in UTF-16, "Mighty Aphrodite" and all bytes before
//
// The encrypted key is PKCS#8's EncryptedPrivateKeyInfo with Sun's own algorithm 1.3.6.1.4.1.42.2.17.1.1 over: a salt
// of 20 bytes; the key, XORed with a stream of SHA-1(password, the 20 bytes before), which the salt begins; and
// SHA-1(password, the key).
#ifndef NET_TLS_JKS_H
#define NET_TLS_JKS_H

#include "net/tls/store.h"

bool jks_begins(struct view bytes);
bool jks_begins_jceks(struct view bytes);

// Reads the entries in the order of the file. Sun's algorithm derives with one round: no bound is needed.
int jks_read(struct store_reading *reading, struct store *store) __attribute__((warn_unused_result));

#endif
