// SPDX-License-Identifier: Apache-2.0
#include "net/tls/store.h"

#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { REASON_SIZE = 1024 };

struct store_entry *store_add(struct store *store, char *alias, bool is_trusted)
{
    store->entries = memory_resize(store->entries, store->count + 1, sizeof *store->entries);
    struct store_entry *entry = &store->entries[store->count++];
    *entry = (struct store_entry){.alias = alias, .is_trusted = is_trusted, .certificates = store_new_certificates()};
    return entry;
}

void store_fini(struct store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        free(store->entries[i].alias);
        EVP_PKEY_free(store->entries[i].key);
        sk_X509_pop_free(store->entries[i].certificates, X509_free);
    }
    free(store->entries);
    *store = (struct store){0};
}

int store_refuse(struct store_reading *reading, int error, const char *format, ...)
{
    char text[REASON_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(reading->reason);
    reading->reason = memory_copy_string(text);
    ERR_clear_error();
    return -error;
}

const char *store_library_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason != NULL ? reason : "no reason given";
}

STACK_OF(X509) * store_new_certificates(void)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    if (certificates == NULL)
        abort();
    return certificates;
}

void store_push(STACK_OF(X509) * certificates, X509 *certificate)
{
    if (sk_X509_push(certificates, certificate) <= 0)
        abort();
}

int store_take_iterations(struct store_reading *reading, const ASN1_INTEGER *iterations, const char *what)
{
    // Without a count it is 1.
    int64_t count = 1;
    if (iterations != NULL &&
        (ASN1_INTEGER_get_int64(&count, iterations) != 1 || count < 1 || (uint64_t)count > reading->iterations_max))
        return store_refuse(reading, EBADMSG,
                            "%s asks for a number of key derivation rounds outside of 1 to %llu; make the store again "
                            "with fewer",
                            what, (unsigned long long)reading->iterations_max);
    if ((uint64_t)count > reading->iterations_left)
        return store_refuse(reading, EBADMSG,
                            "its entries ask for more than %d key derivation rounds together; make the store again "
                            "with fewer",
                            STORE_ITERATIONS_TOTAL_MAX);
    reading->iterations_left -= (uint64_t)count;
    return 0;
}

// PBES2 holds a key derivation of its own, whose count is what matters. Others than PBKDF2 (scrypt) Java does not read.
static int check_pbes2(struct store_reading *reading, const ASN1_TYPE *parameter, const char *what)
{
    PBE2PARAM *scheme = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), parameter);
    PBKDF2PARAM *derivation = NULL;
    int error;
    if (scheme != NULL && OBJ_obj2nid(scheme->keyfunc->algorithm) == NID_id_pbkdf2)
        derivation = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), scheme->keyfunc->parameter);
    if (derivation == NULL)
        error =
            store_refuse(reading, EBADMSG,
                         "%s is encrypted with a key derivation other than PBKDF2; make it again with PBKDF2", what);
    else
        error = store_take_iterations(reading, derivation->iter, what);
    PBKDF2PARAM_free(derivation);
    PBE2PARAM_free(scheme);
    return error;
}

int store_check_encryption(struct store_reading *reading, const X509_ALGOR *algorithm, const char *what)
{
    const ASN1_OBJECT *object;
    const void *value;
    int type;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    if (OBJ_obj2nid(object) == NID_pbes2)
        return check_pbes2(reading, algorithm->parameter, what);
    PBEPARAM *parameter = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), algorithm->parameter);
    if (parameter == NULL) {
        char name[128];
        OBJ_obj2txt(name, sizeof name, object, 0);
        return store_refuse(reading, EBADMSG,
                            "%s is encrypted with %s, which is no password based encryption known here", what, name);
    }
    int error = store_take_iterations(reading, parameter->iter, what);
    PBEPARAM_free(parameter);
    return error;
}

int store_refuse_closed(struct store_reading *reading, const X509_ALGOR *algorithm, const char *what,
                        const char *damaged, const char *password_name)
{
    if (ERR_GET_REASON(ERR_peek_error()) != ERR_R_UNSUPPORTED)
        return store_refuse(reading, EACCES, "%s does not open: %s (%s); check %s", what, damaged,
                            store_library_reason(), password_name);
    char name[128];
    OBJ_obj2txt(name, sizeof name, algorithm->algorithm, 0);
    return store_refuse(reading, ENOTSUP,
                        "%s is encrypted with %s, for which OpenSSL's legacy provider is missing; install it, or make "
                        "the store again with keytool -importkeystore",
                        what, name);
}

int store_take_key(struct store_reading *reading, const PKCS8_PRIV_KEY_INFO *plain, const char *what, EVP_PKEY **key)
{
    EVP_PKEY *taken = EVP_PKCS82PKEY(plain);
    if (taken == NULL)
        return store_refuse(
            reading, EBADMSG,
            "%s cannot be used: its private key is damaged or of a kind that OpenSSL does not know (%s)", what,
            store_library_reason());
    *key = taken;
    return 0;
}

int store_open_key(struct store_reading *reading, const X509_SIG *encrypted, const char *what, EVP_PKEY **key)
{
    const X509_ALGOR *algorithm;
    const ASN1_OCTET_STRING *bytes;
    X509_SIG_get0(encrypted, &algorithm, &bytes);
    int error = store_check_encryption(reading, algorithm, what);
    if (error != 0)
        return error;
    const char *password = reading->key_password;
    size_t length = strlen(password);
    PKCS8_PRIV_KEY_INFO *plain =
        length < INT_MAX ? PKCS8_decrypt_ex(encrypted, password, (int)length, reading->library, NULL) : NULL;
    // As an empty password some programs derive keys from two zero bytes, others from nothing.
    if (plain == NULL && length == 0)
        plain = PKCS8_decrypt_ex(encrypted, NULL, 0, reading->library, NULL);
    if (plain == NULL)
        return store_refuse_closed(reading, algorithm, what, "the key password is wrong, or the key is damaged",
                                   reading->key_password_name);
    error = store_take_key(reading, plain, what, key);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return error;
}

int store_decode_certificate(struct store_reading *reading, struct view bytes, const char *what, X509 **certificate)
{
    const unsigned char *at = bytes.data;
    X509 *decoded = bytes.size <= LONG_MAX ? d2i_X509(NULL, &at, (long)bytes.size) : NULL;
    if (decoded == NULL)
        return store_refuse(reading, EBADMSG, "%s is no X.509 certificate (%s); import it again", what,
                            store_library_reason());
    *certificate = decoded;
    return 0;
}
