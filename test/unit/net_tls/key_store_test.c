// SPDX-License-Identifier: Apache-2.0
// Stores made by keytool, openssl and Java that are as they should be.
#include "net/tls/key_store.h"

#include "net/tls/tls_settings.h"
#include "test/unit/net_tls/stores.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static void check_subject(const X509 *certificate, const char *subject)
{
    char text[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, subject);
}

// The broker's own certificate, the intermediate's, and the root's unless the chain ends before.
static void check_identity(const struct key_identity *identity, const char *subject, int chain_length)
{
    CU_ASSERT_EQUAL(X509_check_private_key(identity->certificate, identity->key), 1);
    check_subject(identity->certificate, subject);
    CU_ASSERT_EQUAL_FATAL(sk_X509_num(identity->chain), chain_length);
    if (chain_length > 0)
        check_subject(sk_X509_value(identity->chain, 0), "Test Intermediate");
    if (chain_length > 1)
        check_subject(sk_X509_value(identity->chain, 1), "Test Root");
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

static void check_loads(const char *type, const char *name, const char *password, const char *key_password,
                        const char *entry, const char *subject, int chain_length)
{
    char *path = store_path(name), *reason = NULL;
    struct tls_key_store settings = {
        .type = type, .location = path, .password = password, .key_password = key_password};
    struct key_identity identity;
    int error = key_store_load(&settings, &identity, &reason);
    if (error != 0)
        fprintf(stderr, "%s: %d %s\n", name, error, reason);
    CU_ASSERT_EQUAL_FATAL(error, 0);
    CU_ASSERT_PTR_NULL(reason);
    check_identity(&identity, subject, chain_length);
    char *expected = memory_format("%s of ssl.keystore.location %s", entry, path);
    CU_ASSERT_EQUAL(strncmp(identity.entry, expected, strlen(expected)), 0);
    free(expected);
    key_identity_fini(&identity);
    free(path);
}

static void reads_key_stores_of_keytool(void)
{
    static const char broker[] = "entry \"broker\"", cn[] = "broker.example.com";
    check_loads("JKS", "keytool.jks", STORE_SECRET, NULL, broker, cn, 2);
    check_loads("JKS", "keytool.jks", STORE_SECRET, STORE_SECRET, broker, cn, 2);
    check_loads("JKS", "keytool-key-password.jks", STORE_SECRET, KEY_SECRET, broker, cn, 2);
    check_loads("JKS", "keytool-is-pkcs12.jks", STORE_SECRET, NULL, broker, cn, 2);
    check_loads(NULL, "keytool-is-pkcs12.jks", STORE_SECRET, "", broker, cn, 2);
    check_loads("pkcs12", "keytool.p12", STORE_SECRET, NULL, broker, cn, 2);
    check_loads("PKCS12", "keytool.jks", STORE_SECRET, NULL, broker, cn, 2);
    check_loads("PKCS12", "keytool-legacy.p12", STORE_SECRET, NULL, broker, cn, 2);
    check_loads("JKS", "jks-version-1.jks", STORE_SECRET, NULL, broker, cn, 2);
    check_loads("PKCS12", "java-key-password.p12", STORE_SECRET, KEY_SECRET, broker, cn, 2);
    check_loads("JKS", "java-beyond-ascii.jks", BEYOND_ASCII, NULL, "entry \"schl\xc3\xbcssel\"", cn, 2);
    check_loads("JKS", "several.jks", STORE_SECRET, NULL, "entry \"broker-ec\"", "broker-ec.example.com", 1);
    check_loads("PKCS12", "several.p12", STORE_SECRET, NULL, "entry \"broker-ec\"", "broker-ec.example.com", 2);
}

static void reads_key_stores_of_openssl(void)
{
    static const char *const names[] = {"openssl.p12", "openssl-legacy.p12", "openssl-3des.p12", "openssl-nomac.p12",
                                        "openssl-plain.p12"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_loads("PKCS12", names[i], STORE_SECRET, NULL, "entry \"broker\"", "broker.example.com", 2);
    check_loads("PKCS12", "openssl-empty-password.p12", "", NULL, "entry \"broker\"", "broker.example.com", 2);
    check_loads("PKCS12", "openssl-legacy-empty-password.p12", "", NULL, "entry \"broker\"", "broker.example.com", 2);
    check_loads("PKCS12", "openssl-beyond-ascii.p12", BEYOND_ASCII, NULL, "entry \"broker\"", "broker.example.com", 2);
}

static void reads_pem_files(void)
{
    check_loads("PEM", "broker.pem", NULL, NULL, "certificate 1", "broker.example.com", 2);
    check_loads("PEM", "broker.pem", "", "", "certificate 1", "broker.example.com", 2);
    check_loads("PEM", "broker-encrypted.pem", NULL, KEY_SECRET, "certificate 1", "broker.example.com", 2);
}

// A text in one line with spaces for line ends, as it stands in a properties file.
static char *in_one_line(const char *name)
{
    size_t size;
    char *text = store_bytes(name, &size);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\n' ? ' ' : *at;
    return text;
}

static void check_inline(const char *key_name, const char *chain_name, const char *key_password, const char *subject,
                         int chain_length)
{
    for (int is_one_line = 0; is_one_line < 2; is_one_line++) {
        size_t size;
        char *key = is_one_line ? in_one_line(key_name) : store_bytes(key_name, &size), *reason = NULL;
        char *chain = is_one_line ? in_one_line(chain_name) : store_bytes(chain_name, &size);
        struct tls_key_store settings = {
            .type = "PEM", .key = key, .certificate_chain = chain, .key_password = key_password};
        struct key_identity identity;
        int error = key_store_load(&settings, &identity, &reason);
        if (error != 0)
            fprintf(stderr, "%s: %d %s\n", key_name, error, reason);
        CU_ASSERT_EQUAL_FATAL(error, 0);
        check_identity(&identity, subject, chain_length);
        CU_ASSERT_STRING_EQUAL(identity.entry, "certificate 1 of ssl.keystore.certificate.chain (PEM)");
        key_identity_fini(&identity);
        free(key);
        free(chain);
    }
}

static void reads_pem_inline(void)
{
    static const char cn[] = "broker.example.com";
    check_inline("broker-key.pem", "broker-chain.pem", NULL, cn, 2);
    check_inline("broker-key-encrypted.pem", "broker-chain.pem", KEY_SECRET, cn, 2);
    check_inline("broker-key-rc2.pem", "broker-chain.pem", KEY_SECRET, cn, 2);
    check_inline("broker-key-pkcs1.pem", "broker-chain.pem", NULL, cn, 2);
    check_inline("broker-ec-key-sec1.pem", "broker-ec-chain.pem", NULL, "broker-ec.example.com", 1);
}

static bool has_subject(const STACK_OF(X509) * certificates, const char *subject)
{
    bool is_found = false;
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        char text[256] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(sk_X509_value(certificates, i)), NID_commonName, text,
                                  sizeof text);
        is_found = is_found || strcmp(text, subject) == 0;
    }
    return is_found;
}

static void check_trusts(const char *type, const char *name, const char *password, int count, const char *subject)
{
    char *path = store_path(name), *reason = NULL;
    struct tls_trust_store settings = {.type = type, .location = path, .password = password};
    STACK_OF(X509) *certificates = NULL;
    int error = trust_store_load(&settings, &certificates, &reason);
    if (error != 0)
        fprintf(stderr, "%s: %d %s\n", name, error, reason);
    CU_ASSERT_EQUAL_FATAL(error, 0);
    CU_ASSERT_PTR_NULL(reason);
    CU_ASSERT_EQUAL(sk_X509_num(certificates), count);
    CU_ASSERT_TRUE(has_subject(certificates, subject));
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    sk_X509_pop_free(certificates, X509_free);
    free(path);
}

static void reads_trust_stores(void)
{
    check_trusts("JKS", "keytool-trust.jks", STORE_SECRET, 2, "Test Root");
    // Without a password integrity is not checked.
    check_trusts("JKS", "keytool-trust.jks", NULL, 2, "Test Root");
    check_trusts("JKS", "keytool-trust.p12", STORE_SECRET, 2, "Test Root");
    check_trusts("PKCS12", "keytool-trust-legacy.p12", STORE_SECRET, 1, "Test Root");
    check_trusts("PEM", "trust.pem", NULL, 2, "Test Root");
    check_trusts("PEM", "root.pem", NULL, 1, "Test Root");
    // The own certificates of key entries are trusted too, those of their chains are not; no key is opened for it.
    check_trusts("JKS", "keytool-key-password.jks", STORE_SECRET, 1, "broker.example.com");
    check_trusts("PKCS12", "openssl.p12", STORE_SECRET, 1, "broker.example.com");
    check_trusts("PKCS12", "several.p12", STORE_SECRET, 3, "broker.example.com");
    check_trusts("JKS", "several.jks", STORE_SECRET, 3, "broker.example.com");
}

static void reads_trusted_certificates_inline(void)
{
    char *text = in_one_line("trust.pem"), *reason = NULL;
    struct tls_trust_store settings = {.type = "PEM", .certificates = text};
    STACK_OF(X509) *certificates = NULL;
    CU_ASSERT_EQUAL_FATAL(trust_store_load(&settings, &certificates, &reason), 0);
    CU_ASSERT_EQUAL(sk_X509_num(certificates), 2);
    sk_X509_pop_free(certificates, X509_free);
    free(text);
}

static void no_store_is_no_error(void)
{
    struct tls_key_store key_store = {.type = "JKS", .location = ""};
    struct tls_trust_store trust_store = {0};
    struct key_identity identity;
    STACK_OF(X509) * certificates;
    char left_over[] = "left over", *reason = left_over;
    CU_ASSERT_EQUAL(key_store_load(&key_store, &identity, &reason), -ENOENT);
    CU_ASSERT_PTR_NULL(reason);
    reason = left_over;
    CU_ASSERT_EQUAL(trust_store_load(&trust_store, &certificates, &reason), -ENOENT);
    CU_ASSERT_PTR_NULL(reason);
}

static void writes_pem_that_is_read_again(void)
{
    char *path = store_path("keytool.jks"), *reason = NULL, *key, *chain, *again;
    struct tls_key_store settings = {.type = "JKS", .location = path, .password = STORE_SECRET};
    struct key_identity identity, second;
    CU_ASSERT_EQUAL_FATAL(key_store_load(&settings, &identity, &reason), 0);
    CU_ASSERT_EQUAL_FATAL(key_identity_write_pem(&identity, &key, &chain), 0);
    struct tls_key_store written = {.type = "PEM", .key = key, .certificate_chain = chain};
    CU_ASSERT_EQUAL_FATAL(key_store_load(&written, &second, &reason), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(identity.key, second.key), 1);
    CU_ASSERT_EQUAL(X509_cmp(identity.certificate, second.certificate), 0);
    CU_ASSERT_EQUAL(sk_X509_num(second.chain), 2);
    CU_ASSERT_EQUAL_FATAL(trust_store_write_pem(second.chain, &again), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(chain, again));
    pem_text_destroy(&key);
    pem_text_destroy(&chain);
    pem_text_destroy(&again);
    CU_ASSERT_PTR_NULL(key);
    key_identity_fini(&identity);
    key_identity_fini(&second);
    free(path);
}

SUITE_MAIN("net_tls/key_store", {"reads key stores of keytool", reads_key_stores_of_keytool},
           {"reads key stores of openssl", reads_key_stores_of_openssl}, {"reads PEM files", reads_pem_files},
           {"reads PEM inline", reads_pem_inline}, {"reads trust stores", reads_trust_stores},
           {"reads trusted certificates inline", reads_trusted_certificates_inline},
           {"no store is no error", no_store_is_no_error},
           {"writes PEM that is read again", writes_pem_that_is_read_again})
