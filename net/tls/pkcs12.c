// SPDX-License-Identifier: Apache-2.0
#include "net/tls/pkcs12.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WHAT_SIZE = 256,
    CHAIN_LENGTH_MAX = 100,
    // Of certificates with keys and issuers' names, to put chains together.
    COMPARISONS_MAX = 1000000,
};

static const char trusted_key_usage[] = "2.16.840.1.113894.746875.1.1";

// A certificate in a bag, which a key of the same id may claim.
struct certificate_bag {
    X509 *certificate;
    ASN1_OCTET_STRING *key_id;
};

struct contents {
    struct store_reading *reading;
    struct store *store;
    const char *password; // the form that the integrity check took: NULL derives from nothing, "" from two zero bytes
    ASN1_OBJECT *trusted_key_usage;
    struct certificate_bag *bags; // in the order of the file
    size_t bag_count;
    ASN1_OCTET_STRING **key_ids; // of the store's entries, one each; NULL: none
    size_t unnamed_count;
    size_t skipped_count; // encrypted parts left out
    size_t comparison_count;
};

bool pkcs12_begins(struct view bytes)
{
    return bytes.size >= 2 && bytes.data[0] == 0x30;
}

static int password_length(const char *password)
{
    return password != NULL && strlen(password) < INT_MAX ? (int)strlen(password) : 0;
}

static int check_integrity(struct contents *contents, PKCS12 *pkcs12)
{
    struct store_reading *reading = contents->reading;
    const ASN1_INTEGER *iterations;
    if (reading->password == NULL || !PKCS12_mac_present(pkcs12))
        return 0;
    PKCS12_get0_mac(NULL, NULL, NULL, &iterations, pkcs12);
    int error = store_take_iterations(reading, iterations, "its integrity check");
    if (error != 0)
        return error;
    if (PKCS12_verify_mac(pkcs12, reading->password, password_length(reading->password)) == 1)
        return 0;
    if (*reading->password == '\0' && PKCS12_verify_mac(pkcs12, NULL, 0) == 1) {
        contents->password = NULL;
        return 0;
    }
    if (ERR_peek_last_error() != 0)
        return store_refuse(reading, EBADMSG, "its integrity check cannot be done (%s)", store_library_reason());
    return store_refuse(reading, EACCES, "the password is wrong, or the file is damaged; check %s",
                        reading->password_name);
}

static char *bag_alias(struct contents *contents, PKCS12_SAFEBAG *bag)
{
    char *name = PKCS12_get_friendlyname(bag);
    // Java numbers entries without a name.
    char *alias = name != NULL ? memory_copy_string(name) : memory_format("%zu", contents->unnamed_count++);
    OPENSSL_free(name);
    for (char *at = alias; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return alias;
}

static ASN1_OCTET_STRING *bag_key_id(const PKCS12_SAFEBAG *bag)
{
    const ASN1_TYPE *value = PKCS12_SAFEBAG_get0_attr(bag, NID_localKeyID);
    if (value == NULL || ASN1_TYPE_get(value) != V_ASN1_OCTET_STRING)
        return NULL;
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_dup(value->value.octet_string);
    if (id == NULL)
        abort();
    return id;
}

static bool bag_is_trusted(const struct contents *contents, const PKCS12_SAFEBAG *bag)
{
    const STACK_OF(X509_ATTRIBUTE) *attributes = PKCS12_SAFEBAG_get0_attrs(bag);
    for (int i = 0; i < sk_X509_ATTRIBUTE_num(attributes); i++) {
        X509_ATTRIBUTE *attribute = sk_X509_ATTRIBUTE_value(attributes, i);
        if (OBJ_cmp(X509_ATTRIBUTE_get0_object(attribute), contents->trusted_key_usage) == 0)
            return true;
    }
    return false;
}

static struct store_entry *add_entry(struct contents *contents, PKCS12_SAFEBAG *bag, bool is_trusted)
{
    struct store_entry *entry = store_add(contents->store, bag_alias(contents, bag), is_trusted);
    contents->key_ids = memory_resize(contents->key_ids, contents->store->count, sizeof *contents->key_ids);
    contents->key_ids[contents->store->count - 1] = is_trusted ? NULL : bag_key_id(bag);
    return entry;
}

static int read_key(struct contents *contents, PKCS12_SAFEBAG *bag, bool is_encrypted)
{
    struct store_reading *reading = contents->reading;
    struct store_entry *entry = add_entry(contents, bag, false);
    if (!reading->wants_keys)
        return 0;
    char what[WHAT_SIZE];
    snprintf(what, sizeof what, "entry \"%.200s\"", entry->alias);
    return is_encrypted ? store_open_key(reading, PKCS12_SAFEBAG_get0_pkcs8(bag), what, &entry->key)
                        : store_take_key(reading, PKCS12_SAFEBAG_get0_p8inf(bag), what, &entry->key);
}

static int read_certificate(struct contents *contents, PKCS12_SAFEBAG *bag)
{
    // Certificates of SDSI nobody has, nor reads Java.
    if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
        return 0;
    X509 *certificate = PKCS12_SAFEBAG_get1_cert(bag);
    if (certificate == NULL)
        return store_refuse(contents->reading, EBADMSG, "certificate %zu cannot be decoded (%s); import it again",
                            contents->bag_count + 1, store_library_reason());
    contents->bags = memory_resize(contents->bags, contents->bag_count + 1, sizeof *contents->bags);
    contents->bags[contents->bag_count++] = (struct certificate_bag){certificate, bag_key_id(bag)};
    if (bag_is_trusted(contents, bag)) {
        X509_up_ref(certificate);
        store_push(add_entry(contents, bag, true)->certificates, certificate);
    }
    return 0;
}

static int read_bags(struct contents *contents, const STACK_OF(PKCS12_SAFEBAG) * bags)
{
    int error = 0;
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags) && error == 0; i++) {
        PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
        switch (PKCS12_SAFEBAG_get_nid(bag)) {
        case NID_keyBag:
            error = read_key(contents, bag, false);
            break;
        case NID_pkcs8ShroudedKeyBag:
            error = read_key(contents, bag, true);
            break;
        case NID_certBag:
            error = read_certificate(contents, bag);
            break;
        default: // secret keys, revocation lists: nothing that TLS uses
            break;
        }
    }
    return error;
}

static int open_safe(struct contents *contents, const PKCS7 *safe, int position, STACK_OF(PKCS12_SAFEBAG) * *bags)
{
    struct store_reading *reading = contents->reading;
    char what[WHAT_SIZE];
    snprintf(what, sizeof what, "part %d", position);
    const PKCS7_ENC_CONTENT *encrypted = safe->d.encrypted != NULL ? safe->d.encrypted->enc_data : NULL;
    if (encrypted == NULL || encrypted->enc_data == NULL)
        return store_refuse(reading, EBADMSG, "%s is damaged: it has no contents; copy the store again", what);
    int error = store_check_encryption(reading, encrypted->algorithm, what);
    if (error != 0)
        return error;
    *bags =
        PKCS12_item_decrypt_d2i_ex(encrypted->algorithm, ASN1_ITEM_rptr(PKCS12_SAFEBAGS), contents->password,
                                   password_length(contents->password), encrypted->enc_data, 1, reading->library, NULL);
    if (*bags == NULL)
        return store_refuse_closed(reading, encrypted->algorithm, what, "the password is wrong, or the file is damaged",
                                   reading->password_name);
    return 0;
}

static int read_safe(struct contents *contents, PKCS7 *safe, int position)
{
    struct store_reading *reading = contents->reading;
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    int error = 0;
    if (PKCS7_type_is_encrypted(safe) && reading->password == NULL) {
        contents->skipped_count++;
        return 0;
    }
    if (PKCS7_type_is_encrypted(safe)) {
        error = open_safe(contents, safe, position, &bags);
    } else if (PKCS7_type_is_data(safe)) {
        bags = safe->d.data != NULL ? PKCS12_unpack_p7data(safe) : NULL;
        if (bags == NULL)
            error = store_refuse(reading, EBADMSG, "part %d is damaged (%s); copy the store again", position,
                                 store_library_reason());
    } else {
        error = store_refuse(reading, EBADMSG,
                             "part %d is encrypted to a public key, not with a password; make the store again with one",
                             position);
    }
    if (error == 0)
        error = read_bags(contents, bags);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return error;
}

// The next certificate to compare with something, NULL after the last or the last allowed.
static const struct certificate_bag *next_bag(struct contents *contents, const struct certificate_bag *bag)
{
    size_t next = bag == NULL ? 0 : (size_t)(bag - contents->bags) + 1;
    if (next == contents->bag_count || contents->comparison_count == COMPARISONS_MAX)
        return NULL;
    contents->comparison_count++;
    return &contents->bags[next];
}

static X509 *find_own(struct contents *contents, const struct store_entry *entry, const ASN1_OCTET_STRING *key_id)
{
    const struct certificate_bag *bag = NULL;
    while (key_id != NULL && (bag = next_bag(contents, bag)) != NULL) {
        if (bag->key_id != NULL && ASN1_OCTET_STRING_cmp(bag->key_id, key_id) == 0)
            return bag->certificate;
    }
    while (entry->key != NULL && (bag = next_bag(contents, bag)) != NULL) {
        if (X509_check_private_key(bag->certificate, entry->key) == 1)
            return bag->certificate;
    }
    return NULL;
}

static X509 *find_issuer(struct contents *contents, X509 *certificate)
{
    X509 *named = NULL;
    for (const struct certificate_bag *bag = NULL; (bag = next_bag(contents, bag)) != NULL;) {
        if (X509_NAME_cmp(X509_get_subject_name(bag->certificate), X509_get_issuer_name(certificate)) != 0)
            continue;
        if (X509_check_issued(bag->certificate, certificate) == X509_V_OK)
            return bag->certificate;
        named = named != NULL ? named : bag->certificate;
    }
    return named;
}

static bool holds(const STACK_OF(X509) * certificates, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        if (sk_X509_value(certificates, i) == certificate)
            return true;
    }
    return false;
}

static void link_chain(struct contents *contents, struct store_entry *entry, const ASN1_OCTET_STRING *key_id)
{
    X509 *certificate = find_own(contents, entry, key_id);
    while (certificate != NULL && sk_X509_num(entry->certificates) < CHAIN_LENGTH_MAX) {
        X509_up_ref(certificate);
        store_push(entry->certificates, certificate);
        bool is_root = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
        certificate = is_root ? NULL : find_issuer(contents, certificate);
        // Authorities that issued each other.
        if (certificate != NULL && holds(entry->certificates, certificate))
            break;
    }
}

static int read_contents(struct contents *contents, PKCS12 *pkcs12)
{
    int error = check_integrity(contents, pkcs12);
    if (error != 0)
        return error;
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(pkcs12);
    if (safes == NULL)
        return store_refuse(contents->reading, EBADMSG, "its contents are damaged (%s); copy the store again",
                            store_library_reason());
    for (int i = 0; i < sk_PKCS7_num(safes) && error == 0; i++)
        error = read_safe(contents, sk_PKCS7_value(safes, i), i + 1);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    if (error != 0)
        return error;
    if (contents->store->count == 0 && contents->skipped_count > 0)
        return store_refuse(contents->reading, EACCES, "its entries are encrypted and no password is given; set %s",
                            contents->reading->password_name);
    for (size_t i = 0; i < contents->store->count; i++) {
        if (!contents->store->entries[i].is_trusted)
            link_chain(contents, &contents->store->entries[i], contents->key_ids[i]);
    }
    if (contents->comparison_count == COMPARISONS_MAX)
        return store_refuse(contents->reading, EBADMSG,
                            "it has too many keys and certificates to put chains together; divide the store");
    return 0;
}

static int refuse_other(struct store_reading *reading)
{
    const unsigned char *at = reading->bytes.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)reading->bytes.size);
    X509_free(certificate);
    if (certificate != NULL)
        return store_refuse(
            reading, EBADMSG,
            "the file is a single certificate (DER), not a key store; import it into one with keytool -importcert");
    return store_refuse(reading, EBADMSG, "the file is cut short, damaged, or not PKCS12; copy or make it again");
}

int pkcs12_read(struct store_reading *reading, struct store *store)
{
    const unsigned char *at = reading->bytes.data;
    PKCS12 *pkcs12 = d2i_PKCS12(NULL, &at, (long)reading->bytes.size);
    if (pkcs12 == NULL)
        return refuse_other(reading);
    struct contents contents = {.reading = reading, .store = store, .password = reading->password};
    contents.trusted_key_usage = OBJ_txt2obj(trusted_key_usage, 1);
    if (contents.trusted_key_usage == NULL)
        abort();
    int error = read_contents(&contents, pkcs12);
    for (size_t i = 0; i < contents.bag_count; i++) {
        X509_free(contents.bags[i].certificate);
        ASN1_OCTET_STRING_free(contents.bags[i].key_id);
    }
    for (size_t i = 0; i < store->count && contents.key_ids != NULL; i++)
        ASN1_OCTET_STRING_free(contents.key_ids[i]);
    free(contents.bags);
    free(contents.key_ids);
    ASN1_OBJECT_free(contents.trusted_key_usage);
    PKCS12_free(pkcs12);
    return error;
}
