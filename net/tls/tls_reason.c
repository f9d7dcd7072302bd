// SPDX-License-Identifier: Apache-2.0
// Why a handshake failed, in words.
#include "net/tls/tls_reason.h"

#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

// What OpenSSL says shorter than a person needs it. An alert is what the peer said.
static const struct {
    int code;
    const char *words;
} ssl_reasons[] = {
    {SSL_R_NO_SHARED_CIPHER, "it offers no cipher suite that is enabled here (ssl.cipher.suites)"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it offers no TLS version that is enabled here (ssl.enabled.protocols)"},
    {SSL_R_WRONG_VERSION_NUMBER, "what it sent is no TLS, or of a version that is not enabled here"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "no TLS version is left to agree on (ssl.enabled.protocols)"},
    {SSL_R_VERSION_TOO_LOW, "its TLS version is not enabled here (ssl.enabled.protocols)"},
    {SSL_R_INAPPROPRIATE_FALLBACK, "it fell back to a lower TLS version than both sides speak"},
    {SSL_R_HTTP_REQUEST, "it sent plain text (HTTP)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it sent no certificate (ssl.client.auth is required)"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "it closed the connection during the handshake"},
    {SSL_R_NO_RENEGOTIATION, "it wanted to renegotiate"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not trust our certificate (unknown authority)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "it does not accept our certificate (alert certificate_unknown)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not accept our certificate (alert bad_certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it says that our certificate has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "it says that our certificate was revoked"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "it does not support our kind of certificate"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "it found nothing to agree on, or misses our certificate (alert handshake_failure)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it refuses our TLS versions (alert protocol_version)"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "it refuses our cipher suites (alert insufficient_security)"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it requires a certificate of ours"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "it denies us access (alert access_denied)"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "it does not know the host name that we asked for"},
};

char *tls_error_reason(unsigned long error)
{
    if (error == 0)
        return memory_copy_string("it closed the connection during the handshake");
    for (size_t i = 0; ERR_GET_LIB(error) == ERR_LIB_SSL && i < sizeof ssl_reasons / sizeof ssl_reasons[0]; i++) {
        if (ssl_reasons[i].code == ERR_GET_REASON(error))
            return memory_copy_string(ssl_reasons[i].words);
    }
    const char *reason = ERR_reason_error_string(error);
    return reason != NULL ? memory_copy_string(reason) : memory_format("OpenSSL error %lx", error);
}

char *tls_name_to_string(const X509_NAME *name)
{
    char *bytes = NULL;
    long size = 0;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        size = BIO_get_mem_data(bio, &bytes);
    char *text = memory_format("%.*s", size > 0 ? (int)size : 0, size > 0 ? bytes : "");
    BIO_free(bio);
    return text;
}

// The names that a certificate is valid for: "DNS:a, IP Address:10.0.0.1".
static char *alternative_names(X509 *certificate)
{
    char *text = NULL;
    int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    BIO *bio = at >= 0 ? BIO_new(BIO_s_mem()) : NULL;
    if (bio != NULL && X509V3_EXT_print(bio, X509_get_ext(certificate, at), 0, 0) == 1) {
        char *bytes;
        long size = BIO_get_mem_data(bio, &bytes);
        text = memory_format("%.*s", (int)size, bytes);
    }
    BIO_free(bio);
    return text;
}

char *tls_certificate_reason(X509 *certificate, long verify_result)
{
    char *subject = certificate != NULL ? tls_name_to_string(X509_get_subject_name(certificate)) : NULL;
    char *issuer = certificate != NULL ? tls_name_to_string(X509_get_issuer_name(certificate)) : NULL;
    char *names = NULL, *words;
    switch (verify_result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        names = certificate != NULL ? alternative_names(certificate) : NULL;
        words = memory_format("its certificate %s is for %s, not for the host that was asked for "
                              "(ssl.endpoint.identification.algorithm)",
                              subject != NULL ? subject : "", names != NULL ? names : "another name");
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        words = memory_format("its certificate %s, issued by %s, leads to no certificate in the trust store",
                              subject != NULL ? subject : "", issuer != NULL ? issuer : "someone");
        break;
    default:
        words = memory_format("its certificate %s is not accepted: %s", subject != NULL ? subject : "",
                              X509_verify_cert_error_string(verify_result));
    }
    free(names);
    free(issuer);
    free(subject);
    return words;
}

// Where a connection keeps what is wrong with its peer's certificate.
static int words_index = -1; // set once
static pthread_once_t words_index_once = PTHREAD_ONCE_INIT;

static void free_words(void *parent, void *words, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    (void)parent, (void)data, (void)index, (void)number, (void)pointer;
    free(words);
}

static void create_words_index(void)
{
    words_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_words);
}

int tls_reason_note_certificate(int is_good, X509_STORE_CTX *store)
{
    pthread_once(&words_index_once, create_words_index);
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (is_good || ssl == NULL || words_index < 0)
        return is_good;
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    free(SSL_get_ex_data(ssl, words_index));
    SSL_set_ex_data(ssl, words_index, tls_certificate_reason(certificate, X509_STORE_CTX_get_error(store)));
    return is_good;
}

char *tls_failure_reason(const SSL *ssl)
{
    pthread_once(&words_index_once, create_words_index);
    unsigned long error = ERR_peek_last_error();
    bool is_verification =
        ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    const char *noted = is_verification && ssl != NULL && words_index >= 0 ? SSL_get_ex_data(ssl, words_index) : NULL;
    char *words = noted != NULL ? memory_copy_string(noted) : tls_error_reason(error);
    ERR_clear_error();
    return words;
}
