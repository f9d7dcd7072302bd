// SPDX-License-Identifier: Apache-2.0
#include "net/tls/distinguished_name.h"

#include "base/array.h"
#include "net/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

struct text {
    ARRAY_OF(char);
};

static const struct {
    int nid;
    const char *keyword;
} keywords[] = {
    {NID_commonName, "CN"},          {NID_countryName, "C"},      {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"}, {NID_organizationName, "O"}, {NID_organizationalUnitName, "OU"},
    {NID_streetAddress, "STREET"},   {NID_domainComponent, "DC"}, {NID_userId, "UID"},
};

static void append(struct text *text, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *array_append(text) = bytes[i];
}

static const char *keyword_of(const ASN1_OBJECT *object)
{
    int nid = OBJ_obj2nid(object);
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (keywords[i].nid == nid)
            return keywords[i].keyword;
    }
    return NULL;
}

static bool is_string(const ASN1_STRING *value)
{
    switch (ASN1_STRING_type(value)) {
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_UTF8STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_GENERALSTRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
        return true;
    default:
        return false;
    }
}

// '#' and its DER.
static void append_hex(struct text *text, const ASN1_STRING *value)
{
    ASN1_TYPE type = {.type = ASN1_STRING_type(value)};
    type.value.asn1_string = (ASN1_STRING *)(uintptr_t)value;
    unsigned char *der = NULL;
    int size = i2d_ASN1_TYPE(&type, &der);
    append(text, "#", 1);
    for (int i = 0; i < size; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", der[i]);
        append(text, hex, 2);
    }
    OPENSSL_free(der);
}

static bool is_blank(unsigned char byte)
{
    return byte == ' ' || byte == '\r';
}

// The bytes of the character there in UTF-8; 0 when there is none, with *bad, how many one replacement stands for.
static size_t character_size(const unsigned char *bytes, size_t size, size_t *bad)
{
    unsigned char first = bytes[0];
    *bad = 1;
    if (first < 0x80)
        return 1;
    size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    for (size_t i = 1; i < wanted; i++) {
        unsigned char low = 0x80, high = 0xbf;
        if (i == 1 && (first == 0xe0 || first == 0xf0))
            low = first == 0xe0 ? 0xa0 : 0x90;
        if (i == 1 && (first == 0xed || first == 0xf4))
            high = first == 0xed ? 0x9f : 0x8f;
        if (i >= size || bytes[i] < low || bytes[i] > high) {
            *bad = i;
            return 0;
        }
    }
    return wanted;
}

// Blanks at both ends and what means something in a name get a backslash. Java takes the bytes of every kind of string
// for UTF-8.
static void append_escaped(struct text *text, const unsigned char *bytes, size_t size)
{
    size_t lead = 0, trail = size;
    while (lead < size && is_blank(bytes[lead]))
        lead++;
    while (trail > lead && is_blank(bytes[trail - 1]))
        trail--;
    for (size_t i = 0, part; i < size; i += part) {
        size_t bad;
        part = character_size(bytes + i, size - i, &bad);
        if (bytes[i] == '\0' || part == 0) {
            append(text, part == 0 ? "\xef\xbf\xbd" : "\\00", 3);
            part = part == 0 ? bad : part;
            continue;
        }
        if (i < lead || i >= trail || strchr(",=+<>#;\"\\", bytes[i]) != NULL)
            append(text, "\\", 1);
        append(text, (const char *)&bytes[i], part);
    }
}

static void append_attribute(struct text *text, const X509_NAME_ENTRY *entry)
{
    const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    const char *keyword = keyword_of(object);
    char number[128];
    if (keyword == NULL) {
        OBJ_obj2txt(number, sizeof number, object, 1);
        append(text, number, strlen(number));
    } else {
        append(text, keyword, strlen(keyword));
    }
    append(text, "=", 1);
    if (keyword != NULL && is_string(value))
        append_escaped(text, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    else
        append_hex(text, value);
}

// The attributes from the last set to the first, within a set in their order.
char *distinguished_name_to_string(const X509_NAME *name)
{
    struct text text = {0};
    int end = X509_NAME_entry_count(name);
    while (end > 0) {
        int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, end - 1)), start = end;
        while (start > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, start - 1)) == set)
            start--;
        for (int i = start; i < end; i++) {
            if (text.count > 0)
                append(&text, i == start ? "," : "+", 1);
            append_attribute(&text, X509_NAME_get_entry(name, i));
        }
        end = start;
    }
    append(&text, "", 1);
    ERR_clear_error();
    return text.items;
}

char *tls_peer_distinguished_name(const SSL *ssl)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == NULL)
        return NULL;
    char *name = distinguished_name_to_string(X509_get_subject_name(certificate));
    X509_free(certificate);
    return name;
}
