// SPDX-License-Identifier: Apache-2.0
// Passwords as Apache Kafka keeps them in ZooKeeper: encrypted by a key that is derived from password.encoder.secret,
// with all that is needed to decrypt them but the secret, as text (KIP-226):
//   keyFactoryAlgorithm:…,cipherAlgorithm:…,keyLength:bits,salt:…,iterations:n,encryptedPassword:…,passwordLength:n,
//   initializationVector:…  and for GCM authenticationTagLength:bits, in any order, bytes as base64
// Thread-safe; deriving a key takes milliseconds.
#ifndef SERVER_SECURITY_PASSWORD_ENCODER_H
#define SERVER_SECURITY_PASSWORD_ENCODER_H

struct password_encoder_settings {
    const char *secret;                // password.encoder.secret
    const char *key_factory_algorithm; // PBKDF2WithHmacSHA512 … SHA1; NULL: SHA512
    const char *cipher_algorithm;      // AES/CBC/PKCS5Padding or AES/GCM/NoPadding
    int key_length_bits;               // 128, 192 or 256
    int iterations;
};

// NULL, or a new text for people that says which setting is not supported.
char *password_encoder_check(const struct password_encoder_settings *settings);

// A new string. The settings pass the check. NULL when OpenSSL refuses.
char *password_encode(const struct password_encoder_settings *settings, const char *password);

// What was encoded: a new string, or NULL when the text is damaged or the secret is another.
char *password_decode(const char *secret, const char *encoded);

#endif
