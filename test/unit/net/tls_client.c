// SPDX-License-Identifier: Apache-2.0
#include "test/unit/net/tls_client.h"

#include "base/memory.h"

#include <CUnit/CUnit.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_OVERHEAD = 18, LENGTH_SIZE = 4, CORRELATION_ID_SIZE = 4 };

struct tls_context *context_create(const struct tls_settings *settings, enum tls_role role)
{
    struct tls_settings found = *settings;
    char *own = memory_format("%s/golden/tls/%s", TEST_DATA_DIR, settings->key_store.location);
    char *trusted = memory_format("%s/golden/tls/%s", TEST_DATA_DIR, settings->trust_store.location);
    found.key_store.location = settings->key_store.location != NULL ? own : NULL;
    found.trust_store.location = settings->trust_store.location != NULL ? trusted : NULL;
    struct tls_context *context = NULL;
    char *reason = NULL;
    int result = tls_context_create(&found, role, &context, &reason);
    if (result != 0)
        fprintf(stderr, "%s\n", reason);
    CU_ASSERT_EQUAL_FATAL(result, 0);
    free(own);
    free(trusted);
    return context;
}

void tls_toy_init(struct toy *toy, const struct tls_settings *settings)
{
    toy_init(toy, "SSL://127.0.0.1:0");
    toy->tls = context_create(settings, TLS_SERVER);
    toy->config.tls_contexts = &toy->tls;
}

void tls_toy_stop(struct toy *toy)
{
    toy_stop(toy);
    tls_context_release(&toy->tls);
}

void tls_client_init(struct tls_client *client, const struct tls_client_options *options)
{
    *client = (struct tls_client){.ctx = SSL_CTX_new(TLS_client_method()), .fd = -1};
    SSL_CTX_set_security_level(client->ctx, 0);
    SSL_CTX_set_min_proto_version(client->ctx, options->version);
    SSL_CTX_set_max_proto_version(client->ctx, options->version);
    if (options->ciphers != NULL)
        CU_ASSERT_EQUAL(SSL_CTX_set_cipher_list(client->ctx, options->ciphers), 1);
    if (options->identity == NULL)
        return;
    char *path = memory_format("%s/golden/tls/%s", TEST_DATA_DIR, options->identity);
    CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_certificate_chain_file(client->ctx, path), 1);
    CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_PrivateKey_file(client->ctx, path, SSL_FILETYPE_PEM), 1);
    free(path);
}

bool tls_client_connect(struct tls_client *client, uint16_t port, SSL_SESSION *session)
{
    client->fd = client_connect("127.0.0.1", port);
    client->ssl = SSL_new(client->ctx);
    SSL_set_fd(client->ssl, client->fd);
    if (session != NULL)
        CU_ASSERT_EQUAL(SSL_set_session(client->ssl, session), 1);
    bool is_done = SSL_connect(client->ssl) == 1;
    ERR_clear_error();
    return is_done;
}

void tls_client_send(struct tls_client *client, const void *body, size_t size)
{
    uint8_t *frame = memory_alloc(size + FRAME_OVERHEAD);
    size_t written = 0, frame_size = client_frame(frame, 7, body, size);
    CU_ASSERT_EQUAL(SSL_write_ex(client->ssl, frame, frame_size, &written), 1);
    free(frame);
}

static bool read_whole(SSL *ssl, uint8_t *bytes, size_t size)
{
    for (size_t filled = 0, got; filled < size; filled += got) {
        if (SSL_read_ex(ssl, bytes + filled, size - filled, &got) != 1) {
            ERR_clear_error();
            return false;
        }
    }
    return true;
}

uint8_t *tls_client_receive(struct tls_client *client, size_t *size)
{
    uint8_t prefix[LENGTH_SIZE + CORRELATION_ID_SIZE];
    if (!read_whole(client->ssl, prefix, sizeof prefix))
        return NULL;
    size_t length = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    *size = length - CORRELATION_ID_SIZE;
    uint8_t *bytes = memory_alloc(*size + 1);
    if (read_whole(client->ssl, bytes, *size))
        return bytes;
    free(bytes);
    return NULL;
}

bool tls_client_echo(struct tls_client *client, const void *body, size_t size)
{
    tls_client_send(client, body, size);
    size_t answered = 0;
    uint8_t *answer = tls_client_receive(client, &answered);
    bool is_same = answer != NULL && answered == size && memcmp(answer, body, size) == 0;
    free(answer);
    return is_same;
}

void tls_client_disconnect(struct tls_client *client)
{
    SSL_free(client->ssl);
    client->ssl = NULL;
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void tls_client_fini(struct tls_client *client)
{
    tls_client_disconnect(client);
    SSL_CTX_free(client->ctx);
}
