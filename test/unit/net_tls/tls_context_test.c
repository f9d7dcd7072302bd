// SPDX-License-Identifier: Apache-2.0
#include "net/tls/tls_context.h"

#include "test/unit/net_tls/stores.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

// A broker's settings with a store that works; the path is freed by whoever has to.
static struct tls_settings settings_of_broker(char **path)
{
    *path = store_path("broker.pem");
    return (struct tls_settings){.key_store = {.type = "PEM", .location = *path}};
}

static void check_refused(const struct tls_settings *settings, enum tls_role role, const char *words)
{
    struct tls_context *context = NULL;
    char *reason = NULL;
    CU_ASSERT_EQUAL(tls_context_create(settings, role, &context, &reason), -EINVAL);
    CU_ASSERT_PTR_NULL(context);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, words));
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    free(reason);
}

// The names in OpenSSL, in the order of preference, and the versions.
static void check_offers(const struct tls_settings *settings, enum tls_role role, int lowest, int highest,
                         const char *ciphers)
{
    struct tls_context *context = NULL;
    char *reason = NULL;
    int result = tls_context_create(settings, role, &context, &reason);
    CU_ASSERT_EQUAL(result, 0);
    if (result != 0) {
        printf("%s\n", reason);
        free(reason);
        return;
    }
    SSL *ssl = tls_context_open(context, role == TLS_CLIENT ? "localhost" : NULL);
    CU_ASSERT_EQUAL(SSL_get_min_proto_version(ssl), lowest);
    CU_ASSERT_EQUAL(SSL_get_max_proto_version(ssl), highest);
    char names[2048] = "";
    STACK_OF(SSL_CIPHER) *supported = SSL_get1_supported_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(supported); i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", i > 0 ? ":" : "",
                 SSL_CIPHER_get_name(sk_SSL_CIPHER_value(supported, i)));
    }
    if (ciphers != NULL)
        CU_ASSERT_STRING_EQUAL(names, ciphers);
    sk_SSL_CIPHER_free(supported);
    SSL_free(ssl);
    tls_context_release(&context);
}

static void protocols_are_those_that_are_named(void)
{
    char *path;
    struct tls_settings settings = settings_of_broker(&path);
    check_offers(&settings, TLS_SERVER, TLS1_2_VERSION, TLS1_3_VERSION, NULL);
    settings.enabled_protocols = " TLSv1.3 , ";
    check_offers(&settings, TLS_SERVER, TLS1_3_VERSION, TLS1_3_VERSION,
                 "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256");
    settings.enabled_protocols = "TLSv1.1,TLSv1";
    check_offers(&settings, TLS_SERVER, TLS1_VERSION, TLS1_1_VERSION, NULL);
    settings.enabled_protocols = "";
    settings.protocol = "TLSv1.2";
    check_offers(&settings, TLS_SERVER, TLS1_2_VERSION, TLS1_3_VERSION, NULL);
    check_offers(&settings, TLS_CLIENT, TLS1_2_VERSION, TLS1_2_VERSION, NULL);
    settings.protocol = "TLSv9";
    check_refused(&settings, TLS_SERVER, "ssl.protocol names TLSv9");
    settings.protocol = NULL;
    settings.enabled_protocols = "TLSv1.2,TLSv1.4";
    check_refused(&settings, TLS_SERVER, "ssl.enabled.protocols names TLSv1.4, which is not known");
    settings.enabled_protocols = "SSLv3";
    check_refused(&settings, TLS_SERVER, "ssl.enabled.protocols names SSLv3, which is broken and not supported");
    free(path);
}

static void cipher_suites_have_the_names_of_java(void)
{
    char *path;
    struct tls_settings settings = settings_of_broker(&path);
    settings.cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256,SSL_RSA_WITH_NULL_MD5";
    check_refused(&settings, TLS_SERVER, "ssl.cipher.suites names SSL_RSA_WITH_NULL_MD5");
    settings.cipher_suites = "TLS_DH_anon_WITH_AES_128_GCM_SHA256";
    check_refused(&settings, TLS_SERVER, "ssl.cipher.suites names TLS_DH_anon_WITH_AES_128_GCM_SHA256");
    settings.cipher_suites = "ECDHE-RSA-AES128-GCM-SHA256";
    check_refused(&settings, TLS_SERVER, "ssl.cipher.suites names ECDHE-RSA-AES128-GCM-SHA256");
    settings.cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256,"
                             "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
    check_offers(&settings, TLS_SERVER, TLS1_2_VERSION, TLS1_3_VERSION,
                 "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384");
    settings.cipher_suites = "TLS_RSA_WITH_AES_128_CBC_SHA";
    check_offers(&settings, TLS_SERVER, TLS1_2_VERSION, TLS1_2_VERSION, "AES128-SHA");
    settings.cipher_suites = "TLS_CHACHA20_POLY1305_SHA256";
    check_offers(&settings, TLS_SERVER, TLS1_3_VERSION, TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256");
    settings.enabled_protocols = "TLSv1.2";
    check_refused(&settings, TLS_SERVER, "ssl.cipher.suites has no suite for any of the protocols that are enabled");
    free(path);
}

static void a_broker_needs_a_certificate(void)
{
    struct tls_settings settings = {0};
    check_refused(&settings, TLS_SERVER, "needs a certificate: neither ssl.keystore.location nor");
    check_offers(&settings, TLS_CLIENT, TLS1_2_VERSION, TLS1_3_VERSION, NULL);
}

static void clients_check_the_host_they_ask_for(void)
{
    struct tls_settings settings = {.verifies_host = true};
    struct tls_context *context = NULL;
    char *reason = NULL;
    CU_ASSERT_EQUAL_FATAL(tls_context_create(&settings, TLS_CLIENT, &context, &reason), 0);
    SSL *named = tls_context_open(context, "broker.example.com"), *numbered = tls_context_open(context, "::1");
    CU_ASSERT_STRING_EQUAL(X509_VERIFY_PARAM_get0_host(SSL_get0_param(named), 0), "broker.example.com");
    CU_ASSERT_PTR_NULL(X509_VERIFY_PARAM_get0_host(SSL_get0_param(numbered), 0));
    char *address = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(numbered));
    CU_ASSERT_STRING_EQUAL(address, "0:0:0:0:0:0:0:1");
    OPENSSL_free(address);
    SSL_free(named);
    SSL_free(numbered);
    tls_context_release(&context);
}

SUITE_MAIN("net_tls/tls_context", {"protocols are those that are named", protocols_are_those_that_are_named},
           {"cipher suites have the names of Java", cipher_suites_have_the_names_of_java},
           {"a broker needs a certificate", a_broker_needs_a_certificate},
           {"clients check the host they ask for", clients_check_the_host_they_ask_for})
