// SPDX-License-Identifier: Apache-2.0
#include "net/tls/jks.h"

#include "base/big_endian.h"
#include "base/memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAGIC = 0xFEEDFEED,
    MAGIC_JCEKS = 0xCECECECE,
    ENTRY_KEY = 1,
    ENTRY_TRUSTED = 2,
    DIGEST_SIZE = SHA_DIGEST_LENGTH,
    WHAT_SIZE = 256,
};

static const char whitener[] = "Mighty Aphrodite";
static const char protector[] = "1.3.6.1.4.1.42.2.17.1.1";

// The bytes that are left, in front of the digest.
struct cursor {
    const uint8_t *at;
    size_t left;
};

static bool begins_with(struct view bytes, uint32_t magic)
{
    return bytes.size >= 4 && big_endian_load_u32(bytes.data) == magic;
}

bool jks_begins(struct view bytes)
{
    return begins_with(bytes, MAGIC);
}

bool jks_begins_jceks(struct view bytes)
{
    return begins_with(bytes, MAGIC_JCEKS);
}

static bool take(struct cursor *cursor, size_t size, struct view *bytes)
{
    if (size > cursor->left)
        return false;
    *bytes = view_of(cursor->at, size);
    cursor->at += size;
    cursor->left -= size;
    return true;
}

static bool take_u32(struct cursor *cursor, uint32_t *value)
{
    struct view bytes;
    if (!take(cursor, 4, &bytes))
        return false;
    *value = big_endian_load_u32(bytes.data);
    return true;
}

static bool take_string(struct cursor *cursor, struct view *string)
{
    struct view size;
    return take(cursor, 2, &size) && take(cursor, big_endian_load_u16(size.data), string);
}

static bool take_block(struct cursor *cursor, struct view *block)
{
    uint32_t size;
    return take_u32(cursor, &size) && take(cursor, size, block);
}

static uint32_t next_code_point(const uint8_t **at, const uint8_t *end)
{
    uint8_t first = *(*at)++;
    int following = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    uint32_t point = following == 0 ? first : first & (0x3FU >> following);
    for (; following > 0 && *at < end && (**at & 0xC0) == 0x80; following--)
        point = point << 6 | (*(*at)++ & 0x3FU);
    return point;
}

// A password as Java digests it, in UTF-16.
struct secret {
    uint8_t *bytes;
    size_t size;
    EVP_MD *sha1;
};

static void secret_init(struct secret *secret, OSSL_LIB_CTX *library, const char *password)
{
    size_t length = strlen(password);
    *secret = (struct secret){memory_alloc(2 * length + 1), 0, EVP_MD_fetch(library, "SHA1", NULL)};
    const uint8_t *at = (const uint8_t *)password, *end = at + length;
    while (at < end) {
        uint32_t point = next_code_point(&at, end);
        if (point >= 0x10000) {
            big_endian_store_16(secret->bytes + secret->size, (uint16_t)(0xD800 + ((point - 0x10000) >> 10 & 0x3FF)));
            secret->size += 2;
            point = 0xDC00 + (point & 0x3FF);
        }
        big_endian_store_16(secret->bytes + secret->size, (uint16_t)point);
        secret->size += 2;
    }
}

static void secret_fini(struct secret *secret)
{
    OPENSSL_cleanse(secret->bytes, secret->size);
    free(secret->bytes);
    EVP_MD_free(secret->sha1);
}

// SHA-1 of the password and the bytes; between them a text or nothing.
static bool secret_digest(const struct secret *secret, const char *text, struct view bytes, uint8_t *digest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && secret->sha1 != NULL && EVP_DigestInit_ex(context, secret->sha1, NULL) == 1 &&
                   EVP_DigestUpdate(context, secret->bytes, secret->size) == 1 &&
                   EVP_DigestUpdate(context, text, strlen(text)) == 1 &&
                   EVP_DigestUpdate(context, bytes.data, bytes.size) == 1 &&
                   EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return is_done;
}

// `sealed` is salt, encrypted key, digest. Writes the key, sealed.size - 2 * DIGEST_SIZE bytes.
static bool unseal(const struct secret *secret, struct view sealed, uint8_t *plain)
{
    size_t size = sealed.size - 2 * DIGEST_SIZE;
    const uint8_t *encrypted = sealed.data + DIGEST_SIZE;
    uint8_t stream[DIGEST_SIZE], digest[DIGEST_SIZE];
    memcpy(stream, sealed.data, DIGEST_SIZE);
    for (size_t i = 0; i < size; i++) {
        if (i % DIGEST_SIZE == 0 && !secret_digest(secret, "", view_of(stream, DIGEST_SIZE), stream))
            return false;
        plain[i] = encrypted[i] ^ stream[i % DIGEST_SIZE];
    }
    OPENSSL_cleanse(stream, sizeof stream);
    return secret_digest(secret, "", view_of(plain, size), digest) &&
           CRYPTO_memcmp(digest, encrypted + size, DIGEST_SIZE) == 0;
}

static int open_sealed(struct store_reading *reading, struct view sealed, const char *what, EVP_PKEY **key)
{
    if (sealed.size <= 2 * DIGEST_SIZE)
        return store_refuse(reading, EBADMSG, "%s is damaged: its encrypted key is too short", what);
    size_t size = sealed.size - 2 * DIGEST_SIZE;
    uint8_t *plain = memory_alloc(size);
    struct secret secret;
    secret_init(&secret, reading->library, reading->key_password);
    int error;
    const unsigned char *at = plain;
    PKCS8_PRIV_KEY_INFO *info = NULL;
    if (!unseal(&secret, sealed, plain))
        error = store_refuse(reading, EACCES, "%s does not open: the key password is wrong; check %s", what,
                             reading->key_password_name);
    else if ((info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)size)) == NULL)
        error = store_refuse(reading, EBADMSG, "%s is damaged: its private key is not PKCS#8", what);
    else
        error = store_take_key(reading, info, what, key);
    PKCS8_PRIV_KEY_INFO_free(info);
    secret_fini(&secret);
    OPENSSL_cleanse(plain, size);
    free(plain);
    return error;
}

static int open_key(struct store_reading *reading, struct view block, const char *what, EVP_PKEY **key)
{
    const unsigned char *at = block.data;
    X509_SIG *encrypted = d2i_X509_SIG(NULL, &at, (long)block.size);
    if (encrypted == NULL)
        return store_refuse(reading, EBADMSG, "%s is damaged: its encrypted key cannot be decoded", what);
    const X509_ALGOR *algorithm;
    const ASN1_OCTET_STRING *sealed;
    X509_SIG_get0(encrypted, &algorithm, &sealed);
    char name[128];
    OBJ_obj2txt(name, sizeof name, algorithm->algorithm, 1);
    int error;
    if (strcmp(name, protector) != 0)
        error = store_refuse(reading, EBADMSG,
                             "%s is protected by %s, which is not JKS's own algorithm; convert the store to PKCS12 "
                             "with keytool -importkeystore",
                             what, name);
    else
        error =
            open_sealed(reading, view_of(ASN1_STRING_get0_data(sealed), (size_t)ASN1_STRING_length(sealed)), what, key);
    X509_SIG_free(encrypted);
    return error;
}

static int cut_short(struct store_reading *reading, const struct cursor *cursor, const char *what)
{
    return store_refuse(
        reading, EBADMSG,
        "%s is cut short or damaged: it goes on beyond byte %zu, where the entries end; copy the store again", what,
        (size_t)(cursor->at - reading->bytes.data) + cursor->left);
}

static int read_certificate(struct store_reading *reading, struct cursor *cursor, uint32_t version, const char *what,
                            struct store_entry *entry)
{
    struct view type = view_of_string("X.509"), block;
    if ((version == 2 && !take_string(cursor, &type)) || !take_block(cursor, &block))
        return cut_short(reading, cursor, what);
    if (!view_equal_string(type, "X.509"))
        return store_refuse(reading, EBADMSG, "%s has a certificate of a type other than X.509", what);
    X509 *certificate;
    int error = store_decode_certificate(reading, block, what, &certificate);
    if (error == 0)
        store_push(entry->certificates, certificate);
    return error;
}

static int read_key_entry(struct store_reading *reading, struct cursor *cursor, uint32_t version, const char *what,
                          struct store_entry *entry)
{
    struct view block;
    uint32_t count;
    if (!take_block(cursor, &block) || !take_u32(cursor, &count))
        return cut_short(reading, cursor, what);
    int error = reading->wants_keys ? open_key(reading, block, what, &entry->key) : 0;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        char part[WHAT_SIZE];
        snprintf(part, sizeof part, "%.200s: certificate %u", what, i + 1);
        error = read_certificate(reading, cursor, version, part, entry);
    }
    return error;
}

static int read_entry(struct store_reading *reading, struct cursor *cursor, uint32_t version, uint32_t position,
                      struct store *store)
{
    char what[WHAT_SIZE];
    struct view alias, date;
    uint32_t tag;
    snprintf(what, sizeof what, "entry %u", position);
    if (!take_u32(cursor, &tag))
        return cut_short(reading, cursor, what);
    if (tag != ENTRY_KEY && tag != ENTRY_TRUSTED)
        return store_refuse(reading, EBADMSG, "%s is damaged: it is of the unknown kind %u; copy the store again", what,
                            tag);
    if (!take_string(cursor, &alias) || !take(cursor, 8, &date))
        return cut_short(reading, cursor, what);
    struct store_entry *entry = store_add(store, view_dup(alias), tag == ENTRY_TRUSTED);
    snprintf(what, sizeof what, "entry \"%.200s\"", entry->alias);
    return tag == ENTRY_KEY ? read_key_entry(reading, cursor, version, what, entry)
                            : read_certificate(reading, cursor, version, what, entry);
}

static int check_integrity(struct store_reading *reading, struct view signed_bytes)
{
    uint8_t digest[DIGEST_SIZE];
    struct secret secret;
    secret_init(&secret, reading->library, reading->password);
    bool is_whole = secret_digest(&secret, whitener, signed_bytes, digest) &&
                    CRYPTO_memcmp(digest, signed_bytes.data + signed_bytes.size, DIGEST_SIZE) == 0;
    secret_fini(&secret);
    if (is_whole)
        return 0;
    return store_refuse(reading, EACCES, "the password is wrong, or the file is damaged or cut short; check %s",
                        reading->password_name);
}

int jks_read(struct store_reading *reading, struct store *store)
{
    struct view bytes = reading->bytes;
    uint32_t magic, version, count;
    if (bytes.size < 12 + DIGEST_SIZE)
        return store_refuse(reading, EBADMSG, "the file is cut short: it has %zu bytes; copy it again", bytes.size);
    struct cursor cursor = {bytes.data, bytes.size - DIGEST_SIZE};
    if (reading->password != NULL) {
        int error = check_integrity(reading, view_of(cursor.at, cursor.left));
        if (error != 0)
            return error;
    }
    // A file too short for these three was refused above.
    if (!take_u32(&cursor, &magic) || !take_u32(&cursor, &version) || !take_u32(&cursor, &count) ||
        (version != 1 && version != 2))
        return store_refuse(reading, EBADMSG,
                            "the file is not of JKS version 1 or 2; convert it to PKCS12 with keytool -importkeystore");
    for (uint32_t i = 0; i < count; i++) {
        int error = read_entry(reading, &cursor, version, i + 1, store);
        if (error != 0)
            return error;
    }
    return 0;
}
