// SPDX-License-Identifier: Apache-2.0
// PEM text with keys and certificates. The first byte: odd with a key password ("key-secret"), even without.
#include "net/tls/pem.h"
#include "test/fuzz/store_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct view text = view_of(data + 1, size - 1);
    struct store_reading reading = store_reading_of(text, data[0] % 2 == 1 ? "key-secret" : NULL);
    EVP_PKEY *key = NULL;
    store_reading_check(&reading, pem_read_key(&reading, &key));
    EVP_PKEY_free(key);
    reading = store_reading_of(text, NULL);
    STACK_OF(X509) *certificates = store_new_certificates();
    store_reading_check(&reading, pem_read_certificates(&reading, certificates));
    sk_X509_pop_free(certificates, X509_free);
    return 0;
}
