// SPDX-License-Identifier: Apache-2.0
// A TLS client for tests of a listener: blocking, by OpenSSL itself, and the toy server with TLS.
#ifndef TEST_UNIT_NET_TLS_CLIENT_H
#define TEST_UNIT_NET_TLS_CLIENT_H

#include "test/unit/net/toy.h"

#include <openssl/ssl.h>

struct tls_client {
    SSL_CTX *ctx;
    SSL *ssl; // NULL: not connected
    int fd;
};

struct tls_client_options {
    int version;          // TLS1_2_VERSION …; 0: any
    const char *identity; // a file of test/golden/tls with key and chain, or NULL
    const char *ciphers;  // of TLS 1.2, NULL: the default
};

// A toy with one listener SSL://127.0.0.1:0 and such a context; the settings' locations are names of files of
// test/golden/tls. Not started; tls_toy_stop releases the context.
void tls_toy_init(struct toy *toy, const struct tls_settings *settings);
void tls_toy_stop(struct toy *toy);

// Fails the test if there is none.
struct tls_context *context_create(const struct tls_settings *settings, enum tls_role role);

void tls_client_init(struct tls_client *client, const struct tls_client_options *options);

// Connects, resumes the session if it is not NULL, and shakes hands. Whether that worked as far as the client can tell.
bool tls_client_connect(struct tls_client *client, uint16_t port, SSL_SESSION *session);

// Sends the body to be echoed and waits for it; with TLS 1.3 only this tells whether the server took the client.
bool tls_client_echo(struct tls_client *client, const void *body, size_t size);

// The answer's bytes without the correlation id (free() them), or NULL when the connection ended.
uint8_t *tls_client_receive(struct tls_client *client, size_t *size);
void tls_client_send(struct tls_client *client, const void *body, size_t size);

void tls_client_disconnect(struct tls_client *client);
void tls_client_fini(struct tls_client *client);

#endif
