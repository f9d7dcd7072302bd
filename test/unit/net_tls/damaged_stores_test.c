// SPDX-License-Identifier: Apache-2.0
// Stores cut at every byte and with every byte changed: they are refused with a reason or read, and nothing else.
#include "net/tls/jks.h"
#include "net/tls/pem.h"
#include "net/tls/pkcs12.h"
#include "test/unit/net_tls/stores.h"
#include "test/unit/suite.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <string.h>

enum { ITERATIONS_MAX = 100 };

static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *providers[2];

static int read_jks(struct store_reading *reading)
{
    struct store store = {0};
    int error = jks_read(reading, &store);
    store_fini(&store);
    return error;
}

static int read_pkcs12(struct store_reading *reading)
{
    struct store store = {0};
    int error = pkcs12_read(reading, &store);
    store_fini(&store);
    return error;
}

static int read_pem(struct store_reading *reading)
{
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *certificates = store_new_certificates();
    int error = pem_read_key(reading, &key);
    if (error == 0)
        error = pem_read_certificates(reading, certificates);
    EVP_PKEY_free(key);
    sk_X509_pop_free(certificates, X509_free);
    return error;
}

// Reads from memory of just that size, so that the sanitizer sees what reads beyond it. Returns whether it was read.
static bool try(int (*read)(struct store_reading *), const char *password, const char *bytes, size_t size)
{
    char *copy = memory_alloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    struct store_reading reading = {
        .bytes = view_of(copy, size),
        .password = password,
        .key_password = read == read_pem ? NULL : STORE_SECRET,
        .password_name = "password",
        .key_password_name = "key password",
        .wants_keys = true,
        .library = library,
        .iterations_max = ITERATIONS_MAX,
        .iterations_left = 2 * ITERATIONS_MAX,
    };
    int error = read(&reading);
    CU_ASSERT_EQUAL(error != 0, reading.reason != NULL);
    CU_ASSERT_EQUAL(error <= 0, true);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    ERR_clear_error();
    free(reading.reason);
    free(copy);
    return error == 0;
}

static void damage(int (*read)(struct store_reading *), const char *name, const char *password, bool may_be_cut)
{
    size_t size;
    char *bytes = store_bytes(name, &size);
    CU_ASSERT_TRUE(try(read, password, bytes, size));
    for (size_t cut = 0; cut < size; cut++) {
        bool is_read = try(read, password, bytes, cut);
        CU_ASSERT_TRUE(!is_read || may_be_cut);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)~bytes[i];
        (void)try(read, password, bytes, size);
        bytes[i] = (char)~bytes[i];
    }
    free(bytes);
}

static void damaged_jks(void)
{
    damage(read_jks, "several.jks", STORE_SECRET, false);
    damage(read_jks, "keytool-trust.jks", STORE_SECRET, false);
    damage(read_jks, "jks-version-1.jks", STORE_SECRET, false);
}

// Where nothing stands in the way of damage: no password, so no check of integrity.
static void damaged_jks_without_password(void)
{
    damage(read_jks, "expired.jks", NULL, false);
    damage(read_jks, "keytool-trust.jks", NULL, false);
}

static void damaged_pkcs12(void)
{
    damage(read_pkcs12, "quick.p12", STORE_SECRET, false);
    damage(read_pkcs12, "quick-nomac.p12", STORE_SECRET, false);
    damage(read_pkcs12, "quick-legacy-nomac.p12", STORE_SECRET, false);
    damage(read_pkcs12, "quick-plain-nomac.p12", STORE_SECRET, false);
}

static void damaged_pem(void)
{
    // Without its last line end, or its last certificates, a text is as good as before.
    damage(read_pem, "client.pem", NULL, true);
}

static void prepare(void)
{
    library = OSSL_LIB_CTX_new();
    providers[0] = OSSL_PROVIDER_load(library, "default");
    providers[1] = OSSL_PROVIDER_load(library, "legacy");
    CU_ASSERT_TRUE_FATAL(providers[0] != NULL && providers[1] != NULL);
}

static void clean_up(void)
{
    OSSL_PROVIDER_unload(providers[0]);
    OSSL_PROVIDER_unload(providers[1]);
    OSSL_LIB_CTX_free(library);
}

SUITE_MAIN("net_tls/damaged_stores", {"prepare", prepare}, {"damaged JKS", damaged_jks},
           {"damaged JKS without password", damaged_jks_without_password}, {"damaged PKCS12", damaged_pkcs12},
           {"damaged PEM", damaged_pem}, {"clean up", clean_up})
