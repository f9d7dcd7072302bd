// SPDX-License-Identifier: Apache-2.0
// What is configured about TLS for one listener or one client: the values of Kafka's ssl.* keys as they are written.
// The strings belong to whoever fills it in; nothing that takes settings keeps them. NULL and "" mean that a key is not
// set, but for a store's password: there "" is an empty password.
#ifndef NET_TLS_TLS_SETTINGS_H
#define NET_TLS_TLS_SETTINGS_H

#include <stdbool.h>

// Who we are: a file, or (type PEM only) key and chain given inline.
struct tls_key_store {
    const char *type;              // ssl.keystore.type: JKS (default), PKCS12 or PEM
    const char *location;          // ssl.keystore.location; PEM: one file with the key and its chain
    const char *password;          // ssl.keystore.password
    const char *key_password;      // ssl.key.password; not set: the store's password, no password in PEM
    const char *key;               // ssl.keystore.key: PKCS#8 in PEM text
    const char *certificate_chain; // ssl.keystore.certificate.chain: PEM text
};

// Whom we believe.
struct tls_trust_store {
    const char *type;         // ssl.truststore.type: JKS (default), PKCS12 or PEM
    const char *location;     // ssl.truststore.location
    const char *password;     // ssl.truststore.password; not set: the store is read without a check of its integrity
    const char *certificates; // ssl.truststore.certificates: PEM text
};

// ssl.client.auth
enum tls_client_auth {
    TLS_CLIENT_AUTH_NONE,
    TLS_CLIENT_AUTH_REQUESTED, // none is fine, but what is sent must verify
    TLS_CLIENT_AUTH_REQUIRED,
};

struct tls_settings {
    struct tls_key_store key_store;     // a server needs one; a client may have one
    struct tls_trust_store trust_store; // none: the system's certificates
    enum tls_client_auth client_auth;   // servers
    const char *enabled_protocols;      // ssl.enabled.protocols, "TLSv1.2,TLSv1.3"
    const char *protocol;               // ssl.protocol; a highest version like "TLSv1.2", "TLSv1.3" (default), or "TLS"
    const char *cipher_suites;          // ssl.cipher.suites, names as in Java (IANA's), comma-separated; not set: ours
    bool verifies_host;                 // clients: ssl.endpoint.identification.algorithm is https
    bool offloads_to_kernel;            // servers: give the record layer to the kernel (kTLS) where it can
};

#endif
