// SPDX-License-Identifier: Apache-2.0
#include "net/tls/pem.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHAT_SIZE = 64 };

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

// One part: -----BEGIN label----- body -----END label-----.
struct part {
    struct view label, body;
};

static const uint8_t *find(struct view text, const char *what)
{
    return text.size > 0 ? memmem(text.data, text.size, what, strlen(what)) : NULL;
}

static struct view after(struct view text, const uint8_t *at)
{
    return view_of(at, (size_t)(text.data + text.size - at));
}

bool pem_begins(struct view text)
{
    return find(text, begin_mark) != NULL;
}

// The next part, which is taken off the text. Returns 1, 0 at the end, or -EBADMSG for one without its end.
static int next_part(struct view *text, struct part *part)
{
    const uint8_t *begin = find(*text, begin_mark);
    if (begin == NULL)
        return 0;
    struct view rest = after(*text, begin + strlen(begin_mark));
    const uint8_t *label_end = find(rest, dashes);
    if (label_end == NULL)
        return -EBADMSG;
    part->label = view_of(rest.data, (size_t)(label_end - rest.data));
    rest = after(rest, label_end + strlen(dashes));
    const uint8_t *end = find(rest, end_mark);
    if (end == NULL)
        return -EBADMSG;
    part->body = view_of(rest.data, (size_t)(end - rest.data));
    rest = after(rest, end + strlen(end_mark));
    // The end has to repeat the label.
    if (rest.size < part->label.size + strlen(dashes) || memcmp(rest.data, part->label.data, part->label.size) != 0 ||
        memcmp(rest.data + part->label.size, dashes, strlen(dashes)) != 0)
        return -EBADMSG;
    *text = after(rest, rest.data + part->label.size + strlen(dashes));
    return 1;
}

// "Proc-Type: 4,ENCRYPTED" and the like in front of the base64, a line each.
static struct view without_headers(struct view body)
{
    const uint8_t *colon, *line_end;
    while ((colon = find(body, ":")) != NULL) {
        struct view rest = after(body, colon);
        if ((line_end = find(rest, "\n")) == NULL)
            break;
        body = after(rest, line_end + 1);
    }
    return body;
}

// Decodes base64 with white space anywhere. Returns new memory of *capacity bytes, to be cleansed, or NULL.
static uint8_t *decode(struct view body, size_t *size, size_t *capacity)
{
    body = without_headers(body);
    if (body.size > INT_MAX)
        return NULL;
    uint8_t *packed = memory_alloc(body.size + 1);
    size_t packed_size = 0, padding = 0;
    bool is_base64 = true;
    for (size_t i = 0; i < body.size; i++) {
        uint8_t byte = body.data[i];
        if (isspace(byte))
            continue;
        packed[packed_size++] = byte;
        padding += byte == '=';
        is_base64 =
            is_base64 && (isalnum(byte) || byte == '+' || byte == '/' || byte == '=') && (byte == '=' || padding == 0);
    }
    *capacity = packed_size / 4 * 3 + 1;
    uint8_t *bytes = memory_alloc(*capacity);
    int decoded = -1;
    if (is_base64 && packed_size > 0 && packed_size % 4 == 0 && padding <= 2)
        decoded = EVP_DecodeBlock(bytes, packed, (int)packed_size);
    OPENSSL_cleanse(packed, body.size);
    free(packed);
    if (decoded < (int)padding) {
        OPENSSL_cleanse(bytes, *capacity);
        free(bytes);
        return NULL;
    }
    *size = (size_t)decoded - padding;
    return bytes;
}

static bool label_is(const struct part *part, const char *label)
{
    return view_equal_string(part->label, label);
}

static bool is_certificate(const struct part *part)
{
    return label_is(part, "CERTIFICATE") || label_is(part, "X509 CERTIFICATE") || label_is(part, "TRUSTED CERTIFICATE");
}

static bool is_key(const struct part *part)
{
    static const char end[] = "PRIVATE KEY";
    size_t size = strlen(end);
    return part->label.size >= size && memcmp(part->label.data + part->label.size - size, end, size) == 0;
}

static int refuse_unfinished(struct store_reading *reading, const char *what, int position)
{
    return store_refuse(reading, EBADMSG,
                        "the text is cut short or damaged: the %s %d has no matching END line; copy it again", what,
                        position);
}

static int open_plain_key(struct store_reading *reading, struct view bytes, EVP_PKEY **key)
{
    const unsigned char *at = bytes.data;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)bytes.size);
    if (info == NULL)
        return store_refuse(
            reading, EBADMSG,
            "the private key is damaged: it is not PKCS#8 (%s); write it again with openssl pkcs8 -topk8",
            store_library_reason());
    int error = store_take_key(reading, info, "the private key", key);
    PKCS8_PRIV_KEY_INFO_free(info);
    return error;
}

static int open_encrypted_key(struct store_reading *reading, struct view bytes, EVP_PKEY **key)
{
    const unsigned char *at = bytes.data;
    X509_SIG *encrypted = d2i_X509_SIG(NULL, &at, (long)bytes.size);
    if (encrypted == NULL)
        return store_refuse(reading, EBADMSG,
                            "the private key is damaged: it is not an encrypted PKCS#8 key (%s); write it again with "
                            "openssl pkcs8 -topk8",
                            store_library_reason());
    int error = store_open_key(reading, encrypted, "the private key", key);
    X509_SIG_free(encrypted);
    return error;
}

static int open_old_key(struct store_reading *reading, int type, struct view bytes, EVP_PKEY **key)
{
    const unsigned char *at = bytes.data;
    EVP_PKEY *opened = d2i_PrivateKey(type, NULL, &at, (long)bytes.size);
    if (opened == NULL)
        return store_refuse(reading, EBADMSG,
                            "the private key is damaged (%s); write it again with openssl pkcs8 -topk8",
                            store_library_reason());
    *key = opened;
    return 0;
}

static int open_key(struct store_reading *reading, const struct part *part, EVP_PKEY **key)
{
    bool is_encrypted = label_is(part, "ENCRYPTED PRIVATE KEY");
    if (find(part->body, "ENCRYPTED") != NULL)
        return store_refuse(
            reading, EBADMSG,
            "the private key is encrypted in OpenSSL's old form; write it as PKCS#8 with openssl pkcs8 -topk8");
    if (is_encrypted && reading->key_password == NULL)
        return store_refuse(reading, EACCES, "the private key is encrypted and no key password is given; set %s",
                            reading->key_password_name);
    if (!is_encrypted && reading->key_password != NULL)
        return store_refuse(
            reading, EINVAL,
            "the private key is not encrypted, but %s is set; encrypt the key or take the password away",
            reading->key_password_name);
    size_t size, capacity;
    uint8_t *bytes = decode(part->body, &size, &capacity);
    if (bytes == NULL)
        return store_refuse(reading, EBADMSG, "the private key is damaged: it is not base64; copy it again");
    struct view der = view_of(bytes, size);
    int error;
    if (is_encrypted)
        error = open_encrypted_key(reading, der, key);
    else if (label_is(part, "PRIVATE KEY"))
        error = open_plain_key(reading, der, key);
    else if (label_is(part, "RSA PRIVATE KEY"))
        error = open_old_key(reading, EVP_PKEY_RSA, der, key);
    else if (label_is(part, "EC PRIVATE KEY"))
        error = open_old_key(reading, EVP_PKEY_EC, der, key);
    else
        error =
            store_refuse(reading, EBADMSG,
                         "a private key of the kind %.*s cannot be used; write it as PKCS#8 with openssl pkcs8 -topk8",
                         (int)(part->label.size < 64 ? part->label.size : 64), (const char *)part->label.data);
    OPENSSL_cleanse(bytes, capacity);
    free(bytes);
    return error;
}

int pem_read_key(struct store_reading *reading, EVP_PKEY **key)
{
    struct view text = reading->bytes;
    struct part part, found;
    int status, position = 1, count = 0;
    for (; (status = next_part(&text, &part)) == 1; position++) {
        if (is_key(&part)) {
            found = part;
            count++;
        }
    }
    if (status != 0)
        return refuse_unfinished(reading, "part", position);
    if (count == 0)
        return store_refuse(
            reading, ENOKEY,
            "there is no private key; add it as PKCS#8 (BEGIN PRIVATE KEY or BEGIN ENCRYPTED PRIVATE KEY)");
    if (count > 1)
        return store_refuse(reading, EBADMSG, "expected one private key, but found %d; keep the one to use", count);
    return open_key(reading, &found, key);
}

static int read_certificate(struct store_reading *reading, const struct part *part, int position,
                            STACK_OF(X509) * certificates)
{
    char what[WHAT_SIZE];
    snprintf(what, sizeof what, "certificate %d", position);
    size_t size, capacity;
    uint8_t *bytes = decode(part->body, &size, &capacity);
    if (bytes == NULL)
        return store_refuse(reading, EBADMSG, "%s is damaged: it is not base64; copy it again", what);
    X509 *certificate;
    // What stands behind a TRUSTED CERTIFICATE is OpenSSL's own and left alone.
    int error = store_decode_certificate(reading, view_of(bytes, size), what, &certificate);
    free(bytes);
    if (error == 0)
        store_push(certificates, certificate);
    return error;
}

int pem_read_certificates(struct store_reading *reading, STACK_OF(X509) * certificates)
{
    struct view text = reading->bytes;
    struct part part;
    int status, position = 1, count = 0, error = 0;
    for (; (status = next_part(&text, &part)) == 1 && error == 0; position++) {
        if (is_certificate(&part))
            error = read_certificate(reading, &part, ++count, certificates);
    }
    if (error != 0)
        return error;
    if (status != 0)
        return refuse_unfinished(reading, "part", position);
    if (count == 0)
        return store_refuse(reading, EBADMSG, "there is no certificate; at least one is expected (BEGIN CERTIFICATE)");
    return 0;
}
