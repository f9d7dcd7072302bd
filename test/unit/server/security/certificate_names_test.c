// SPDX-License-Identifier: Apache-2.0
#include "server/security/certificate_names.h"

#include "test/unit/suite.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A certificate that nobody signed.
static X509 *make(const char *common_name, const char *alternatives)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Barnabas", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    if (alternatives != NULL) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternatives);
        CU_ASSERT_PTR_NOT_NULL_FATAL(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    return certificate;
}

static void expect(X509 *existing, X509 *wanted, bool dn_may_change, bool san_may_change, const char *message)
{
    char *found = certificate_check_names(existing, wanted, dn_may_change, san_may_change);
    bool is_right = message == NULL ? found == NULL : found != NULL && strncmp(found, message, strlen(message)) == 0;
    CU_ASSERT_TRUE(is_right);
    if (!is_right)
        printf("%s\n", found ? found : "nothing");
    free(found);
    X509_free(existing);
    X509_free(wanted);
}

static void keeps_distinguished_names(void)
{
    expect(make("a", NULL), make("a", NULL), false, false, NULL);
    expect(make("a", NULL), make(" A ", NULL), false, false, NULL); // the same, by the rules of X.500
    expect(make("a", NULL), make("b", NULL), false, false,
           "Keystore DistinguishedName does not match:  existing={DN=CN=a,O=Barnabas}, new={DN=CN=b,O=Barnabas}");
    expect(make("a", NULL), make("b", NULL), true, false, NULL);
    expect(make("a", NULL), make("b", NULL), false, true, "Keystore DistinguishedName does not match");
}

static void keeps_alternative_names(void)
{
    expect(make("a", "DNS:x"), make("a", "IP:10.0.0.1,DNS:x"), false, false, NULL); // more is fine
    expect(make("a", NULL), make("a", "DNS:x"), false, false, NULL);
    expect(make("a", "DNS:x,IP:::1"), make("a", "DNS:x"), false, false,
           "Keystore SubjectAltNames do not match:  existing={SAN=[DNS:x, IP Address:0:0:0:0:0:0:0:1]}, "
           "new={SAN=[DNS:x]}");
    expect(make("a", "DNS:x"), make("a", NULL), false, false,
           "Keystore SubjectAltNames do not match:  existing={SAN=[DNS:x]}, new={SAN=[]}");
    expect(make("a", "DNS:x"), make("a", NULL), false, true, NULL);
    expect(make("a", "email:x"), make("a", "DNS:x"), false, false, "Keystore SubjectAltNames do not match");
}

SUITE_MAIN("server/security/certificate_names", {"keeps distinguished names", keeps_distinguished_names},
           {"keeps alternative names", keeps_alternative_names})
