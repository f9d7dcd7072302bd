// SPDX-License-Identifier: Apache-2.0
// A certificate's subject as Java's X500Principal.getName() writes it: RFC 2253, that is the last part first, with the
// keywords of that RFC only. Principals and their mapping rules are about this text, so it has to be the same.
#ifndef NET_TLS_DISTINGUISHED_NAME_H
#define NET_TLS_DISTINGUISHED_NAME_H

#include <openssl/types.h>

// Free() it. Thread-safe.
char *distinguished_name_to_string(const X509_NAME *name);

#endif
