// SPDX-License-Identifier: Apache-2.0
// What tls_failure_reason of net/tls/tls_context.h has to be told.
#ifndef NET_TLS_TLS_REASON_H
#define NET_TLS_TLS_REASON_H

#include "net/tls/tls_context.h"

// The callback of a context's verification: notes for the connection what is wrong with a certificate, and decides
// nothing.
int tls_reason_note_certificate(int is_good, X509_STORE_CTX *store);

// A name as RFC 2253 writes it, for messages: free() it.
char *tls_name_to_string(const X509_NAME *name);

#endif
