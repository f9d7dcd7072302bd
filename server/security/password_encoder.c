// SPDX-License-Identifier: Apache-2.0
#include "server/security/password_encoder.h"

#include "base/memory.h"
#include "base/view.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    SALT_SIZE = 256,
    SALT_SIZE_MAX = 1024,
    KEY_SIZE_MAX = 32,
    VECTOR_SIZE_MAX = 16,
    CBC_VECTOR_SIZE = 16,
    GCM_VECTOR_SIZE = 12,
    TAG_SIZE = 16,
    TAG_SIZE_MIN = 12,
    BLOCK_SIZE = 16,
    ENCODED_SIZE_MAX = 1 << 20,
    ITERATIONS_MAX = 10 * 1000 * 1000,
};

struct scheme {
    const char *digest; // OpenSSL's name
    bool is_gcm;
    int key_size;
    int iterations;
    unsigned char salt[SALT_SIZE_MAX], vector[VECTOR_SIZE_MAX];
    int salt_size, vector_size, tag_size;
};

static const char default_factory[] = "PBKDF2WithHmacSHA512";

static const char *digest_of(const char *key_factory_algorithm)
{
    static const char *const names[][2] = {
        {"PBKDF2WithHmacSHA512", "SHA512"}, {"PBKDF2WithHmacSHA384", "SHA384"}, {"PBKDF2WithHmacSHA256", "SHA256"},
        {"PBKDF2WithHmacSHA224", "SHA224"}, {"PBKDF2WithHmacSHA1", "SHA1"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], key_factory_algorithm) == 0)
            return names[i][1];
    }
    return NULL;
}

static bool find_cipher(const char *name, bool *is_gcm)
{
    *is_gcm = strcmp(name, "AES/GCM/NoPadding") == 0;
    return *is_gcm || strcmp(name, "AES/CBC/PKCS5Padding") == 0;
}

static bool is_key_length(long bits)
{
    return bits == 128 || bits == 192 || bits == 256;
}

char *password_encoder_check(const struct password_encoder_settings *settings)
{
    bool is_gcm;
    if (settings->key_factory_algorithm != NULL && digest_of(settings->key_factory_algorithm) == NULL)
        return memory_format("Invalid value %s for configuration password.encoder.keyfactory.algorithm: only "
                             "PBKDF2WithHmacSHA1, 224, 256, 384 and 512 are supported",
                             settings->key_factory_algorithm);
    if (!find_cipher(settings->cipher_algorithm, &is_gcm))
        return memory_format("Invalid value %s for configuration password.encoder.cipher.algorithm: only "
                             "AES/CBC/PKCS5Padding and AES/GCM/NoPadding are supported",
                             settings->cipher_algorithm);
    if (!is_key_length(settings->key_length_bits))
        return memory_format("Invalid value %d for configuration password.encoder.key.length: AES takes 128, 192 or "
                             "256 bits",
                             settings->key_length_bits);
    return NULL;
}

static const EVP_CIPHER *cipher_of(const struct scheme *scheme)
{
    switch (scheme->key_size) {
    case 16:
        return scheme->is_gcm ? EVP_aes_128_gcm() : EVP_aes_128_cbc();
    case 24:
        return scheme->is_gcm ? EVP_aes_192_gcm() : EVP_aes_192_cbc();
    default:
        return scheme->is_gcm ? EVP_aes_256_gcm() : EVP_aes_256_cbc();
    }
}

// A cipher ready for bytes, or NULL.
static EVP_CIPHER_CTX *open_cipher(const struct scheme *scheme, const char *secret, bool encrypts)
{
    unsigned char key[KEY_SIZE_MAX];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool is_ready =
        cipher != NULL &&
        PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), scheme->salt, scheme->salt_size, scheme->iterations,
                          EVP_get_digestbyname(scheme->digest), scheme->key_size, key) == 1 &&
        EVP_CipherInit_ex(cipher, cipher_of(scheme), NULL, NULL, NULL, encrypts) == 1 &&
        (!scheme->is_gcm || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN, scheme->vector_size, NULL) == 1) &&
        EVP_CipherInit_ex(cipher, NULL, NULL, key, scheme->vector, encrypts) == 1;
    explicit_bzero(key, sizeof key);
    if (is_ready)
        return cipher;
    EVP_CIPHER_CTX_free(cipher);
    return NULL;
}

// The length of a string in Java.
static size_t java_length(const char *string)
{
    size_t length = 0;
    for (const unsigned char *at = (const unsigned char *)string; *at != 0; at++)
        length += (*at & 0xC0) == 0x80 ? 0 : *at >= 0xF0 ? 2 : 1;
    return length;
}

static char *to_base64(const unsigned char *bytes, size_t size)
{
    char *text = memory_alloc(4 * ((size + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
    return text;
}

char *password_encode(const struct password_encoder_settings *settings, const char *password)
{
    const char *factory = settings->key_factory_algorithm ? settings->key_factory_algorithm : default_factory;
    struct scheme scheme = {.digest = digest_of(factory),
                            .key_size = settings->key_length_bits / 8,
                            .iterations = settings->iterations,
                            .salt_size = SALT_SIZE};
    find_cipher(settings->cipher_algorithm, &scheme.is_gcm);
    scheme.vector_size = scheme.is_gcm ? GCM_VECTOR_SIZE : CBC_VECTOR_SIZE;
    if (RAND_bytes(scheme.salt, scheme.salt_size) != 1 || RAND_bytes(scheme.vector, scheme.vector_size) != 1)
        return NULL;
    EVP_CIPHER_CTX *cipher = open_cipher(&scheme, settings->secret, true);
    if (cipher == NULL)
        return NULL;
    size_t size = strlen(password);
    unsigned char *bytes = memory_alloc(size + BLOCK_SIZE + TAG_SIZE);
    int count = 0, rest = 0;
    char *encoded = NULL;
    if (EVP_EncryptUpdate(cipher, bytes, &count, (const unsigned char *)password, (int)size) == 1 &&
        EVP_EncryptFinal_ex(cipher, bytes + count, &rest) == 1) {
        count += rest;
        if (scheme.is_gcm && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, bytes + count) == 1)
            count += TAG_SIZE;
        char *salt = to_base64(scheme.salt, SALT_SIZE), *encrypted = to_base64(bytes, (size_t)count);
        char *vector = to_base64(scheme.vector, (size_t)scheme.vector_size);
        encoded = memory_format("keyFactoryAlgorithm:%s,cipherAlgorithm:%s,keyLength:%d,salt:%s,iterations:%d,"
                                "encryptedPassword:%s,passwordLength:%zu,initializationVector:%s%s",
                                factory, settings->cipher_algorithm, settings->key_length_bits, salt,
                                settings->iterations, encrypted, java_length(password), vector,
                                scheme.is_gcm ? ",authenticationTagLength:128" : "");
        free(salt);
        free(encrypted);
        free(vector);
    }
    EVP_CIPHER_CTX_free(cipher);
    free(bytes);
    return encoded;
}

// The value of NAME in "NAME:value,NAME:value": a new string, or NULL.
static char *find_field(const char *encoded, const char *name)
{
    for (const char *at = encoded; *at != 0;) {
        at += strspn(at, " ,");
        size_t size = strcspn(at, ",");
        const char *colon = memrchr(at, ':', size);
        if (colon != NULL && (size_t)(colon - at) == strlen(name) && strncmp(at, name, strlen(name)) == 0)
            return view_dup(view_of(colon + 1, size - (size_t)(colon + 1 - at)));
        at += size;
    }
    return NULL;
}

static bool find_number(const char *encoded, const char *name, long minimum, long maximum, int *number)
{
    char *text = find_field(encoded, name), *end = NULL;
    long value = text ? strtol(text, &end, 10) : 0;
    bool is_number = text != NULL && end != text && *end == 0 && value >= minimum && value <= maximum;
    free(text);
    *number = is_number ? (int)value : 0;
    return is_number;
}

// At most size_max bytes.
static bool find_bytes(const char *encoded, const char *name, unsigned char *bytes, size_t size_max, int *size)
{
    char *text = find_field(encoded, name);
    size_t length = text ? strlen(text) : 0;
    int decoded = -1;
    unsigned char *room = memory_alloc(length / 4 * 3 + 1);
    if (length > 0 && length % 4 == 0 && length <= ENCODED_SIZE_MAX)
        decoded = EVP_DecodeBlock(room, (const unsigned char *)text, (int)length);
    if (decoded >= 2 && text[length - 1] == '=')
        decoded -= text[length - 2] == '=' ? 2 : 1;
    bool is_found = decoded > 0 && (size_t)decoded <= size_max;
    if (is_found)
        memcpy(bytes, room, (size_t)decoded);
    *size = is_found ? decoded : 0;
    free(room);
    free(text);
    return is_found;
}

static bool read_scheme(const char *encoded, struct scheme *scheme)
{
    int key_bits, tag_bits = 0;
    char *factory = find_field(encoded, "keyFactoryAlgorithm"), *cipher = find_field(encoded, "cipherAlgorithm");
    scheme->digest = factory ? digest_of(factory) : NULL;
    bool is_known = scheme->digest != NULL && cipher != NULL && find_cipher(cipher, &scheme->is_gcm);
    free(factory);
    free(cipher);
    is_known = is_known && find_number(encoded, "keyLength", 128, 256, &key_bits) && is_key_length(key_bits) &&
               find_number(encoded, "iterations", 1, ITERATIONS_MAX, &scheme->iterations) &&
               find_bytes(encoded, "salt", scheme->salt, sizeof scheme->salt, &scheme->salt_size) &&
               find_bytes(encoded, "initializationVector", scheme->vector, sizeof scheme->vector, &scheme->vector_size);
    if (!is_known)
        return false;
    scheme->key_size = key_bits / 8;
    if (!scheme->is_gcm)
        return scheme->vector_size == CBC_VECTOR_SIZE;
    bool has_tag = find_number(encoded, "authenticationTagLength", TAG_SIZE_MIN * 8, TAG_SIZE * 8, &tag_bits);
    scheme->tag_size = tag_bits / 8;
    return has_tag && tag_bits % 8 == 0;
}

static char *decrypt(const struct scheme *scheme, const char *secret, unsigned char *bytes, int size)
{
    EVP_CIPHER_CTX *cipher = open_cipher(scheme, secret, false);
    size_t plain_size = (size_t)size + BLOCK_SIZE + 1;
    unsigned char *plain = memory_alloc(plain_size);
    int count = 0, rest = 0;
    size -= scheme->tag_size;
    bool is_right =
        cipher != NULL && size >= 0 &&
        (!scheme->is_gcm || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, scheme->tag_size, bytes + size) == 1) &&
        EVP_DecryptUpdate(cipher, plain, &count, bytes, size) == 1 &&
        EVP_DecryptFinal_ex(cipher, plain + count, &rest) == 1;
    char *password = is_right ? view_dup(view_of(plain, (size_t)count + (size_t)rest)) : NULL;
    explicit_bzero(plain, plain_size);
    free(plain);
    EVP_CIPHER_CTX_free(cipher);
    return password;
}

char *password_decode(const char *secret, const char *encoded)
{
    struct scheme scheme = {0};
    size_t length = strlen(encoded);
    int size, wanted;
    if (length > ENCODED_SIZE_MAX || !read_scheme(encoded, &scheme))
        return NULL;
    unsigned char *bytes = memory_alloc(length);
    char *password = NULL;
    if (find_bytes(encoded, "encryptedPassword", bytes, length, &size))
        password = decrypt(&scheme, secret, bytes, size);
    free(bytes);
    if (password == NULL)
        return NULL;
    // A wrong secret may leave something that looks padded.
    if (find_number(encoded, "passwordLength", 0, ENCODED_SIZE_MAX, &wanted) && java_length(password) == (size_t)wanted)
        return password;
    free(password);
    return NULL;
}
