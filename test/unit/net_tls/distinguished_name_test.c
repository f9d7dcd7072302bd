// SPDX-License-Identifier: Apache-2.0
// The subjects of golden/tls/subjects.pem (make_subjects.sh) and what Java calls them.
#include "net/tls/distinguished_name.h"

#include "test/unit/net_tls/stores.h"
#include "test/unit/suite.h"

#include <openssl/pem.h>
#include <string.h>

static void names_are_those_of_java(void)
{
    size_t size;
    char *certificates = store_bytes("subjects.pem", &size), *names = store_bytes("subjects.txt", &size), *rest = names;
    BIO *bio = BIO_new_mem_buf(certificates, -1);
    X509 *certificate;
    int count = 0;
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        const char *expected = strsep(&rest, "\n");
        CU_ASSERT_PTR_NOT_NULL_FATAL(expected);
        char *name = distinguished_name_to_string(X509_get_subject_name(certificate));
        CU_ASSERT_STRING_EQUAL(name, expected);
        free(name);
        X509_free(certificate);
        count++;
    }
    CU_ASSERT_EQUAL(count, 11);
    BIO_free(bio);
    free(certificates);
    free(names);
}

static void nobody_has_an_empty_name(void)
{
    X509_NAME *nobody = X509_NAME_new();
    char *name = distinguished_name_to_string(nobody);
    CU_ASSERT_STRING_EQUAL(name, "");
    free(name);
    X509_NAME_free(nobody);
}

SUITE_MAIN("net_tls/distinguished_name", {"names are those of Java", names_are_those_of_java},
           {"nobody has an empty name", nobody_has_an_empty_name})
