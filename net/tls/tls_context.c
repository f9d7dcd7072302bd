// SPDX-License-Identifier: Apache-2.0
#include "net/tls/tls_context.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

struct tls_context {
    atomic_uint references;
    SSL_CTX *ctx;
};

struct tls_context *tls_context_share(struct tls_context *context)
{
    if (context != NULL)
        atomic_fetch_add(&context->references, 1);
    return context;
}

void tls_context_release(struct tls_context **context)
{
    struct tls_context *gone = *context;
    *context = NULL;
    if (gone == NULL || atomic_fetch_sub(&gone->references, 1) > 1)
        return;
    SSL_CTX_free(gone->ctx);
    free(gone);
}
