// SPDX-License-Identifier: Apache-2.0
#include "net/tls/key_choice.h"

#include "base/memory.h"
#include "test/unit/suite.h"

#include <openssl/evp.h>
#include <string.h>

// What Java's HashMap gave first of each.
static const char *const sets[][16] = {
    {"zebra", "broker", "other", "zebra"},
    {"new", "old", "new"},
    {"a", "a", "b", "c"},
    {"q", "q", "a"},
    {"schl\xc3\xbcssel", "schl\xc3\xbcssel", "kafka"},
    {"nine", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
     "thirteen", "fourteen"},
};

static void add(struct store *store, const char *alias, EVP_PKEY *key)
{
    struct store_entry *entry = store_add(store, memory_copy_string(alias), false);
    EVP_PKEY_up_ref(key);
    entry->key = key;
    store_push(entry->certificates, X509_new());
}

static void takes_what_java_would_offer_first(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct store store = {0};
        size_t chosen;
        for (size_t j = 1; sets[i][j] != NULL; j++)
            add(&store, sets[i][j], key);
        CU_ASSERT_TRUE_FATAL(key_choice(&store, &chosen));
        CU_ASSERT_STRING_EQUAL(store.entries[chosen].alias, sets[i][0]);
        store_fini(&store);
    }
    EVP_PKEY_free(key);
}

static void prefers_ec_to_rsa(void)
{
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(1024);
    struct store store = {0};
    size_t chosen;
    add(&store, "a", rsa);
    add(&store, "b", ec);
    CU_ASSERT_TRUE_FATAL(key_choice(&store, &chosen));
    CU_ASSERT_EQUAL(chosen, 1);
    store_fini(&store);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void skips_what_is_no_key_with_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct store store = {0};
    size_t chosen;
    store_push(store_add(&store, memory_copy_string("trusted"), true)->certificates, X509_new());
    store_add(&store, memory_copy_string("bare"), false)->key = key;
    CU_ASSERT_FALSE(key_choice(&store, &chosen));
    store_push(store.entries[1].certificates, X509_new());
    CU_ASSERT_TRUE_FATAL(key_choice(&store, &chosen));
    CU_ASSERT_EQUAL(chosen, 1);
    store_fini(&store);
}

SUITE_MAIN("net_tls/key_choice", {"takes what Java would offer first", takes_what_java_would_offer_first},
           {"prefers EC to RSA", prefers_ec_to_rsa},
           {"skips what is no key with certificate", skips_what_is_no_key_with_certificate})
