// SPDX-License-Identifier: Apache-2.0
// What the readers of key store files (jks, pkcs12, pem) have in common: what they are given, what they find, and how
// they refuse. Confined to the calling thread. Readers return 0 or -errno with a sentence in reason, which says the
// entry and what is wrong, not the file: key_store.c puts that in front.
#ifndef NET_TLS_STORE_H
#define NET_TLS_STORE_H

#include "base/view.h"

#include <openssl/types.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // What one store may cost to open: Java's bound for a single key derivation, and one for all of them together.
    STORE_ITERATIONS_MAX = 5000000,
    STORE_ITERATIONS_TOTAL_MAX = 50000000,
};

struct store_entry {
    char *alias;
    bool is_trusted;               // a trusted certificate; otherwise a key entry
    EVP_PKEY *key;                 // of a key entry, when wanted
    STACK_OF(X509) * certificates; // a key's own first, then those that issued it; maybe empty
};

struct store {
    struct store_entry *entries;
    size_t count;
};

struct store_reading {
    struct view bytes;
    const char *password;          // NULL: none, so that integrity is not checked
    const char *key_password;      // opens the keys
    const char *password_name;     // the settings that they come from, for messages
    const char *key_password_name; //
    bool wants_keys;               // otherwise keys stay closed
    OSSL_LIB_CTX *library;         // ciphers to open the store with, the old ones among them
    uint64_t iterations_max;       // for one key derivation
    uint64_t iterations_left;      // for all that follow
    char *reason;
};

// A new entry at the end; the alias is taken over. Pointers to entries are valid until the next call.
struct store_entry *store_add(struct store *store, char *alias, bool is_trusted);

void store_fini(struct store *store);

// Sets the reason (replacing an earlier one) and returns -error. Empties OpenSSL's queue of errors.
int store_refuse(struct store_reading *reading, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));

// The first of OpenSSL's errors that wait, in words: the later ones say where it was noticed. Constant text.
const char *store_library_reason(void);

// Refuses what did not open: for its cipher, when OpenSSL does not have it, or else for the password named.
int store_refuse_closed(struct store_reading *reading, const X509_ALGOR *algorithm, const char *what,
                        const char *damaged, const char *password_name) __attribute__((warn_unused_result));

// Opens an encrypted PKCS#8 key, with at most the iterations allowed. Of `what` the reason speaks.
int store_open_key(struct store_reading *reading, const X509_SIG *encrypted, const char *what, EVP_PKEY **key)
    __attribute__((warn_unused_result));

// A key that is not encrypted any more.
int store_take_key(struct store_reading *reading, const PKCS8_PRIV_KEY_INFO *plain, const char *what, EVP_PKEY **key)
    __attribute__((warn_unused_result));

// Checks what a password based encryption costs, before it is done.
int store_check_encryption(struct store_reading *reading, const X509_ALGOR *algorithm, const char *what)
    __attribute__((warn_unused_result));
int store_take_iterations(struct store_reading *reading, const ASN1_INTEGER *iterations, const char *what)
    __attribute__((warn_unused_result));

// Decodes one certificate. Of `what` the reason speaks.
int store_decode_certificate(struct store_reading *reading, struct view bytes, const char *what, X509 **certificate)
    __attribute__((warn_unused_result));

// Puts a certificate at the end of the stack, which takes it over.
void store_push(STACK_OF(X509) * certificates, X509 *certificate);
STACK_OF(X509) * store_new_certificates(void);

#endif
