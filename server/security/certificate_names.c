// SPDX-License-Identifier: Apache-2.0
#include "server/security/certificate_names.h"

#include "base/memory.h"
#include "base/view.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <strings.h>

static char *take_text(BIO *out)
{
    char *bytes;
    long size = BIO_get_mem_data(out, &bytes);
    char *text = view_dup(view_of(size > 0 ? bytes : "", size > 0 ? (size_t)size : 0));
    BIO_free(out);
    return text;
}

static char *name_text(const X509_NAME *name)
{
    BIO *out = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253);
    return take_text(out);
}

static char *alternatives_text(const GENERAL_NAMES *names)
{
    BIO *out = BIO_new(BIO_s_mem());
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (i > 0)
            BIO_puts(out, ", ");
        GENERAL_NAME_print(out, sk_GENERAL_NAME_value(names, i));
    }
    return take_text(out);
}

static char *check_subject(X509 *existing, X509 *wanted)
{
    X509_NAME *old_name = X509_get_subject_name(existing), *new_name = X509_get_subject_name(wanted);
    if (X509_NAME_cmp(old_name, new_name) == 0)
        return NULL;
    char *old_text = name_text(old_name), *new_text = name_text(new_name), *message = NULL;
    if (strcasecmp(old_text, new_text) != 0)
        message = memory_format("Keystore DistinguishedName does not match:  existing={DN=%s}, new={DN=%s}; "
                                "ssl.allow.dn.changes would allow it",
                                old_text, new_text);
    free(old_text);
    free(new_text);
    return message;
}

static bool has_name(const GENERAL_NAMES *names, GENERAL_NAME *wanted)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), wanted) == 0)
            return true;
    }
    return false;
}

static char *check_alternatives(X509 *existing, X509 *wanted)
{
    GENERAL_NAMES *old_names = X509_get_ext_d2i(existing, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAMES *new_names = X509_get_ext_d2i(wanted, NID_subject_alt_name, NULL, NULL);
    bool are_kept = true;
    for (int i = 0; i < sk_GENERAL_NAME_num(old_names); i++)
        are_kept = are_kept && has_name(new_names, sk_GENERAL_NAME_value(old_names, i));
    char *message = NULL;
    if (!are_kept) {
        char *old_text = alternatives_text(old_names), *new_text = alternatives_text(new_names);
        message = memory_format("Keystore SubjectAltNames do not match:  existing={SAN=[%s]}, new={SAN=[%s]}; "
                                "ssl.allow.san.changes would allow it",
                                old_text, new_text);
        free(old_text);
        free(new_text);
    }
    GENERAL_NAMES_free(old_names);
    GENERAL_NAMES_free(new_names);
    return message;
}

char *certificate_check_names(X509 *existing, X509 *wanted, bool dn_may_change, bool san_may_change)
{
    char *message = dn_may_change ? NULL : check_subject(existing, wanted);
    return message == NULL && !san_may_change ? check_alternatives(existing, wanted) : message;
}
