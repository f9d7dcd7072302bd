// SPDX-License-Identifier: Apache-2.0
// The half of key_store.h that writes.
#include "net/tls/key_store.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <string.h>

// What was written into the BIO as text with a zero behind it, and the BIO's own copy cleansed.
static char *take_text(BIO *bio)
{
    char *bytes;
    long size = BIO_get_mem_data(bio, &bytes);
    char *text = size > 0 ? OPENSSL_strndup(bytes, (size_t)size) : NULL;
    BIO_free(bio);
    return text;
}

static bool write_certificates(BIO *bio, X509 *first, STACK_OF(X509) * others)
{
    bool is_written = first == NULL || PEM_write_bio_X509(bio, first) == 1;
    for (int i = 0; i < sk_X509_num(others) && is_written; i++)
        is_written = PEM_write_bio_X509(bio, sk_X509_value(others, i)) == 1;
    return is_written;
}

static char *certificates_text(X509 *first, STACK_OF(X509) * others)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && write_certificates(bio, first, others))
        return take_text(bio);
    BIO_free(bio);
    return NULL;
}

static char *key_text(EVP_PKEY *key)
{
    // Memory of this kind is cleansed when freed.
    BIO *bio = BIO_new(BIO_s_secmem());
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        return take_text(bio);
    BIO_free(bio);
    return NULL;
}

int key_identity_write_pem(const struct key_identity *identity, char **key, char **certificates)
{
    char *key_written = key_text(identity->key);
    char *certificates_written = certificates_text(identity->certificate, identity->chain);
    if (key_written == NULL || certificates_written == NULL) {
        pem_text_destroy(&key_written);
        pem_text_destroy(&certificates_written);
        return -ENOMEM;
    }
    *key = key_written;
    *certificates = certificates_written;
    return 0;
}

int trust_store_write_pem(STACK_OF(X509) * certificates, char **text)
{
    char *written = certificates_text(NULL, certificates);
    if (written == NULL)
        return -ENOMEM;
    *text = written;
    return 0;
}

void pem_text_destroy(char **text)
{
    if (*text != NULL)
        OPENSSL_cleanse(*text, strlen(*text));
    OPENSSL_free(*text);
    *text = NULL;
}
