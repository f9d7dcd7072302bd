// SPDX-License-Identifier: Apache-2.0
#include "tools/tls_client_settings.h"

#include "base/memory.h"
#include "test/unit/suite.h"

#include <stdlib.h>
#include <string.h>

// Pairs of key and value, NULL at the end.
static bool reads(const char *const *pairs, struct tls_client_settings *settings, char **error)
{
    struct properties properties = {0};
    for (size_t i = 0; pairs[i]; i += 2)
        properties_set(&properties, pairs[i], pairs[i + 1]);
    bool ok = tls_client_settings_read(&properties, settings, error);
    properties_fini(&properties);
    return ok;
}

static void nothing_said(void)
{
    struct tls_client_settings settings;
    char *error;
    CU_ASSERT_TRUE_FATAL(reads((const char *const[]){"client.id", "me", NULL}, &settings, &error));
    CU_ASSERT_FALSE(settings.is_secured);
    tls_client_settings_fini(&settings);
}

static void values_as_written(void)
{
    static const char *const pairs[] = {"security.protocol",
                                        "ssl",
                                        "ssl.keystore.location",
                                        " /a/b.p12\t",
                                        "ssl.keystore.password",
                                        "pass word ",
                                        "ssl.truststore.type",
                                        "",
                                        "ssl.enabled.protocols",
                                        "TLSv1.3",
                                        "ssl.keymanager.algorithm",
                                        "SunX509",
                                        "ssl.provider",
                                        "",
                                        NULL};
    struct tls_client_settings settings;
    char *error;
    CU_ASSERT_TRUE_FATAL(reads(pairs, &settings, &error));
    CU_ASSERT(settings.is_secured);
    CU_ASSERT_STRING_EQUAL(settings.tls.key_store.location, "/a/b.p12");
    CU_ASSERT_STRING_EQUAL(settings.tls.key_store.password, "pass word");
    CU_ASSERT_STRING_EQUAL(settings.tls.enabled_protocols, "TLSv1.3");
    CU_ASSERT_PTR_NULL(settings.tls.trust_store.type);
    CU_ASSERT_PTR_NULL(settings.tls.cipher_suites);
    CU_ASSERT(settings.tls.verifies_host);
    tls_client_settings_fini(&settings);
}

static void hosts(void)
{
    static const struct {
        const char *value;
        bool verifies;
    } cases[] = {{"https", true}, {"HTTPS", true}, {"", false}, {"  ", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const pairs[] = {"security.protocol", "SSL", "ssl.endpoint.identification.algorithm",
                                     cases[i].value, NULL};
        struct tls_client_settings settings;
        char *error;
        CU_ASSERT_TRUE_FATAL(reads(pairs, &settings, &error));
        CU_ASSERT_EQUAL(settings.tls.verifies_host, cases[i].verifies);
        tls_client_settings_fini(&settings);
    }
}

static void refused(void)
{
    static const char *const wrong[][2] = {
        {"security.protocol", "SASL_SSL"},
        {"security.protocol", "sasl_plaintext"},
        {"security.protocol", "TLS"},
        {"ssl.endpoint.identification.algorithm", "ldaps"},
        {"ssl.engine.factory.class", "com.example.Factory"},
        {"ssl.provider", "BC"},
        {"ssl.trustmanager.algorithm", "PKI"},
        {"ssl.secure.random.implementation", "SHA1PRNG DRBG"},
        {"sasl.mechanism", "PLAIN"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const pairs[] = {"security.protocol", "SSL", wrong[i][0], wrong[i][1], NULL};
        struct tls_client_settings settings;
        char *error = NULL;
        CU_ASSERT_FALSE(reads(pairs, &settings, &error));
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        CU_ASSERT_PTR_NOT_NULL(strstr(error, wrong[i][0]));
        free(error);
    }
}

SUITE_MAIN("tools/tls_client_settings", {"nothing said", nothing_said}, {"values as written", values_as_written},
           {"hosts", hosts}, {"refused", refused})
