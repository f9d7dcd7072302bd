// SPDX-License-Identifier: Apache-2.0
// What the targets for key stores read with: old ciphers, few rounds of key derivation.
#ifndef TEST_FUZZ_STORE_READING_H
#define TEST_FUZZ_STORE_READING_H

#include "net/tls/store.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdlib.h>

enum { FUZZ_ITERATIONS_MAX = 10, FUZZ_ITERATIONS_TOTAL_MAX = 100 };

static inline struct store_reading store_reading_of(struct view bytes, const char *password)
{
    static OSSL_LIB_CTX *library;
    if (library == NULL) {
        library = OSSL_LIB_CTX_new();
        OSSL_PROVIDER_load(library, "default");
        OSSL_PROVIDER_load(library, "legacy");
    }
    ERR_clear_error();
    return (struct store_reading){
        .bytes = bytes,
        .password = password,
        .key_password = password,
        .password_name = "password",
        .key_password_name = "key password",
        .wants_keys = password != NULL,
        .library = library,
        .iterations_max = FUZZ_ITERATIONS_MAX,
        .iterations_left = FUZZ_ITERATIONS_TOTAL_MAX,
    };
}

// A failure has a reason, a success has none.
static inline void store_reading_check(struct store_reading *reading, int error)
{
    assert(error <= 0 && (error != 0) == (reading->reason != NULL));
    (void)error;
    free(reading->reason);
}

#endif
