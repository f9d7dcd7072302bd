// SPDX-License-Identifier: Apache-2.0
#include "tools/client_tls.h"

#include "base/memory.h"
#include "net/tls/key_store.h"
#include "net/tls/tls_context.h"

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, char **error)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK)
        return true;
    *error = memory_format("The TLS library does not take %s: %s", name, reason);
    return false;
}

// The text as a file without a name, since librdkafka reads issuers from files only. Certificates are no secret.
static int write_file(const char *text)
{
    int fd = memfd_create("certificates", MFD_CLOEXEC);
    size_t size = strlen(text);
    if (fd >= 0 && write(fd, text, size) != (ssize_t)size) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool apply_identity(SSL *ssl, rd_kafka_conf_t *conf, struct client_tls *tls, char **error)
{
    struct key_identity identity = {.key = SSL_get_privatekey(ssl), .certificate = SSL_get_certificate(ssl)};
    if (!identity.key || !identity.certificate)
        return true;
    SSL_get0_chain_certs(ssl, &identity.chain);
    char *key = NULL, *certificates = NULL, path[32];
    bool ok = key_identity_write_pem(&identity, &key, &certificates) == 0;
    tls->certificates_fd = ok ? write_file(certificates) : -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", tls->certificates_fd);
    if (tls->certificates_fd < 0)
        *error = memory_format("There is no memory for the certificates");
    ok = tls->certificates_fd >= 0 && set(conf, "ssl.certificate.location", path, error) &&
         set(conf, "ssl.key.pem", key, error);
    pem_text_destroy(&key);
    pem_text_destroy(&certificates);
    return ok;
}

// As in Java, whoever is in the trust store is trusted, whoever signed it. librdkafka cannot be told so; OpenSSL looks
// up what goes for servers' certificates by this name.
static bool trust_without_issuers(void)
{
    static const char PURPOSE[] = "ssl_server";
    X509_VERIFY_PARAM *parameters = X509_VERIFY_PARAM_new();
    bool ok = parameters && X509_VERIFY_PARAM_set1(parameters, X509_VERIFY_PARAM_lookup(PURPOSE)) > 0 &&
              X509_VERIFY_PARAM_set1_name(parameters, PURPOSE) > 0 &&
              X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) > 0 &&
              X509_VERIFY_PARAM_add0_table(parameters) > 0;
    if (!ok)
        X509_VERIFY_PARAM_free(parameters);
    return ok;
}

static bool apply_trust(SSL *ssl, rd_kafka_conf_t *conf, char **error)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)));
    STACK_OF(X509) *trusted = sk_X509_new_null();
    for (int i = 0; trusted && i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (certificate)
            sk_X509_push(trusted, certificate);
    }
    char *text = NULL;
    bool ok = trusted && trust_without_issuers() && trust_store_write_pem(trusted, &text) == 0;
    if (!ok)
        *error = memory_format("There is no memory for the trusted certificates");
    ok = ok && set(conf, "ssl.ca.pem", text, error);
    pem_text_destroy(&text);
    sk_X509_free(trusted);
    return ok;
}

static const char *version_name(long version)
{
    return version == TLS1_VERSION     ? "TLSv1"
           : version == TLS1_1_VERSION ? "TLSv1.1"
           : version == TLS1_2_VERSION ? "TLSv1.2"
           : version == TLS1_3_VERSION ? "TLSv1.3"
                                       : "None";
}

// The names of the ciphers of TLS 1.3, or of those before it, with colons between them.
static char *cipher_names(SSL *ssl, bool of_1_3)
{
    char *names = memory_copy_string("");
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        if ((strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0) != of_1_3)
            continue;
        char *longer = memory_format("%s%s%s", names, names[0] ? ":" : "", SSL_CIPHER_get_name(cipher));
        free(names);
        names = longer;
    }
    return names;
}

// librdkafka has no setting for protocols, nor for the ciphers of TLS 1.3. OpenSSL has: what its configuration says of
// the system's default goes for every context that is made later.
static bool apply_protocols(SSL *ssl, char **error)
{
    char *before = cipher_names(ssl, false), *of_1_3 = cipher_names(ssl, true);
    char *text =
        memory_format("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\n"
                      "MinProtocol = %s\nMaxProtocol = %s\n%s%s%s%s%s%s",
                      version_name(SSL_get_min_proto_version(ssl)), version_name(SSL_get_max_proto_version(ssl)),
                      before[0] ? "CipherString = " : "", before, before[0] ? "\n" : "",
                      of_1_3[0] ? "Ciphersuites = " : "", of_1_3, of_1_3[0] ? "\n" : "");
    BIO *bio = BIO_new_mem_buf(text, -1);
    CONF *configuration = NCONF_new(NULL);
    bool ok = bio && configuration && NCONF_load_bio(configuration, bio, NULL) > 0 &&
              CONF_modules_load(configuration, NULL, 0) > 0;
    if (!ok) {
        *error = memory_format("OpenSSL does not take the protocols and cipher suites");
        ERR_clear_error();
    }
    NCONF_free(configuration);
    BIO_free(bio);
    free(text);
    free(before);
    free(of_1_3);
    return ok;
}

bool client_tls_apply(const struct tls_client_settings *settings, rd_kafka_conf_t *conf, struct client_tls *tls,
                      char **error)
{
    const struct tls_trust_store *trust = &settings->tls.trust_store;
    struct tls_context *context;
    tls->certificates_fd = -1;
    if (!settings->is_secured)
        return true;
    if (tls_context_create(&settings->tls, TLS_CLIENT, &context, error) < 0)
        return false;
    // One connection that is never made shows all that the settings mean.
    SSL *ssl = tls_context_open(context, "localhost");
    bool ok = ssl != NULL;
    if (!ok)
        *error = memory_format("There is no memory for a TLS connection");
    ok = ok && set(conf, "security.protocol", "ssl", error) &&
         set(conf, "ssl.endpoint.identification.algorithm", settings->tls.verifies_host ? "https" : "none", error) &&
         apply_identity(ssl, conf, tls, error) &&
         ((!trust->location && !trust->certificates) || apply_trust(ssl, conf, error)) && apply_protocols(ssl, error);
    SSL_free(ssl);
    tls_context_release(&context);
    return ok;
}

void client_tls_note_certificate(struct client_tls *tls, int x509_error, const void *der, size_t size)
{
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    free(atomic_exchange(&tls->complaint, tls_certificate_reason(certificate, x509_error)));
    X509_free(certificate);
}

char *client_tls_take_complaint(struct client_tls *tls)
{
    return atomic_exchange(&tls->complaint, NULL);
}
