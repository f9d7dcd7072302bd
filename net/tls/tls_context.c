// SPDX-License-Identifier: Apache-2.0
#include "net/tls/tls_context.h"

#include "base/memory.h"
#include "net/tls/key_store.h"
#include "net/tls/tls_protocols.h"
#include "net/tls/tls_reason.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSION_TIMEOUT_S = 86400, // Java's
    // One saves each handshake the making of a second.
    TICKETS_PER_HANDSHAKE = 1,
    // Of a peer's certificates together, as in Java (jdk.tls.maxHandshakeMessageSize).
    CERTIFICATES_SIZE_MAX = 32768,
    TICKET_KEYS_SIZE_MAX = 256,
};

struct tls_context {
    atomic_uint references;
    SSL_CTX *ctx;
    enum tls_role role;
    bool verifies_host, offloads_to_kernel;
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

static int refuse_by_openssl(const char *what, char **reason)
{
    char *words = tls_failure_reason(NULL);
    *reason = memory_format("%s: %s", what, words);
    free(words);
    return -EINVAL;
}

static int apply_key_store(const struct tls_settings *settings, struct tls_context *context, char **reason)
{
    struct key_identity identity = {0};
    *reason = NULL;
    int result = key_store_load(&settings->key_store, &identity, reason);
    if (result == -ENOENT && *reason == NULL) {
        if (context->role == TLS_CLIENT)
            return 0;
        *reason = memory_copy_string("a listener with TLS needs a certificate: neither ssl.keystore.location nor "
                                     "ssl.keystore.certificate.chain is set");
        return -EINVAL;
    }
    if (result != 0)
        return result;
    if (SSL_CTX_use_cert_and_key(context->ctx, identity.certificate, identity.key, identity.chain, 1) != 1) {
        char *what = memory_format("OpenSSL does not take the key and certificate of %s", identity.entry);
        result = refuse_by_openssl(what, reason);
        free(what);
    }
    key_identity_fini(&identity);
    return result;
}

// Sessions of one context may be resumed by another if both would have let the client in: what they ask of it, and the
// certificates that they trust, make the id.
static int apply_session_id(SSL_CTX *ctx, enum tls_client_auth client_auth, const STACK_OF(X509) * trusted)
{
    unsigned char id[EVP_MAX_MD_SIZE], fingerprint[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    unsigned char auth = (unsigned char)client_auth;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_good =
        digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(digest, &auth, 1) == 1;
    for (int i = 0; is_good && trusted != NULL && i < sk_X509_num(trusted); i++)
        is_good = X509_digest(sk_X509_value(trusted, i), EVP_sha256(), fingerprint, &size) == 1 &&
                  EVP_DigestUpdate(digest, fingerprint, size) == 1;
    is_good =
        is_good && EVP_DigestFinal_ex(digest, id, &size) == 1 && SSL_CTX_set_session_id_context(ctx, id, size) == 1;
    EVP_MD_CTX_free(digest);
    return is_good ? 0 : -ENOMEM;
}

static int trust(struct tls_context *context, const STACK_OF(X509) * trusted)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ctx);
    // As in Java, a certificate is trusted because it is in the store, not because it signed itself.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (int i = 0; i < sk_X509_num(trusted); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(trusted, i)) != 1 ||
            (context->role == TLS_SERVER && SSL_CTX_add_client_CA(context->ctx, sk_X509_value(trusted, i)) != 1))
            return -ENOMEM;
    }
    return 0;
}

static int apply_trust_store(const struct tls_settings *settings, struct tls_context *context, char **reason)
{
    STACK_OF(X509) *trusted = NULL;
    *reason = NULL;
    int result = trust_store_load(&settings->trust_store, &trusted, reason);
    if (result == -ENOENT && *reason == NULL)
        result = SSL_CTX_set_default_verify_paths(context->ctx) == 1 ? 0 : -ENOMEM;
    else if (result == 0)
        result = trust(context, trusted);
    if (result == 0)
        result = apply_session_id(context->ctx, settings->client_auth, trusted);
    sk_X509_pop_free(trusted, X509_free);
    if (result != 0 && *reason == NULL)
        return refuse_by_openssl("OpenSSL does not take the trusted certificates", reason);
    return result;
}

static void apply_verification(const struct tls_settings *settings, struct tls_context *context)
{
    int mode = SSL_VERIFY_PEER;
    if (context->role == TLS_SERVER && settings->client_auth == TLS_CLIENT_AUTH_NONE)
        mode = SSL_VERIFY_NONE;
    if (context->role == TLS_SERVER && settings->client_auth == TLS_CLIENT_AUTH_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context->ctx, mode, tls_reason_note_certificate);
}

// A session is only as good as the certificate that it was opened with.
static SSL_TICKET_RETURN take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                     size_t key_name_size, SSL_TICKET_STATUS status, void *context)
{
    (void)ssl, (void)key_name, (void)key_name_size, (void)context;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    const X509 *certificate = SSL_SESSION_get0_peer((SSL_SESSION *)session);
    if (certificate != NULL && X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static void apply_options(const struct tls_settings *settings, struct tls_context *context)
{
    SSL_CTX *ctx = context->ctx;
    SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
    // The peer's end without a close_notify is an end like any other: frames have lengths.
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_SIZE_MAX);
    // Tickets only: a session takes no memory here once its connection is gone.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, SESSION_TIMEOUT_S);
    if (context->role == TLS_SERVER) {
        SSL_CTX_set_num_tickets(ctx, TICKETS_PER_HANDSHAKE);
        SSL_CTX_set_session_ticket_cb(ctx, NULL, take_ticket, NULL);
        SSL_CTX_set_dh_auto(ctx, 1);
    }
    context->verifies_host = settings->verifies_host;
    context->offloads_to_kernel = settings->offloads_to_kernel;
    if (settings->offloads_to_kernel)
        SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
}

int tls_context_create(const struct tls_settings *settings, enum tls_role role, struct tls_context **context,
                       char **reason)
{
    struct tls_context *created = memory_alloc(sizeof *created);
    atomic_init(&created->references, 1);
    created->role = role;
    created->ctx = SSL_CTX_new(role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    int result = 0;
    if (created->ctx == NULL)
        result = refuse_by_openssl("OpenSSL gives no TLS context", reason);
    if (result == 0)
        result = tls_protocols_apply(settings, role, created->ctx, reason);
    if (result == 0)
        result = apply_key_store(settings, created, reason);
    if (result == 0)
        result = apply_trust_store(settings, created, reason);
    if (result != 0) {
        tls_context_release(&created);
        return result;
    }
    apply_verification(settings, created);
    apply_options(settings, created);
    *context = created;
    return 0;
}

void tls_context_take_ticket_keys(struct tls_context *context, const struct tls_context *before)
{
    unsigned char keys[TICKET_KEYS_SIZE_MAX];
    long size = SSL_CTX_get_tlsext_ticket_keys(before->ctx, NULL, 0);
    assert(size > 0 && size <= TICKET_KEYS_SIZE_MAX);
    // Without the keys, sessions are opened anew: nothing that anybody would notice.
    if (SSL_CTX_get_tlsext_ticket_keys(before->ctx, keys, size) == 1)
        SSL_CTX_set_tlsext_ticket_keys(context->ctx, keys, size);
    OPENSSL_cleanse(keys, sizeof keys);
    ERR_clear_error();
}

static bool set_host(SSL *ssl, const char *host, bool is_verified)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    bool is_address = address != NULL;
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    // The macro takes the const off.
    char *name = memory_copy_string(host);
    bool is_named = is_address || SSL_set_tlsext_host_name(ssl, name) == 1;
    free(name);
    if (!is_named)
        return false;
    if (!is_verified)
        return true;
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
                      : X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1;
}

SSL *tls_context_open(const struct tls_context *context, const char *host)
{
    SSL *ssl = SSL_new(context->ctx);
    if (ssl != NULL && context->role == TLS_SERVER)
        SSL_set_accept_state(ssl);
    else if (ssl != NULL)
        SSL_set_connect_state(ssl);
    if (ssl != NULL && context->role == TLS_CLIENT && !set_host(ssl, host, context->verifies_host)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    return ssl;
}

bool tls_context_offloads_to_kernel(const struct tls_context *context)
{
    return context->offloads_to_kernel;
}
