// SPDX-License-Identifier: Apache-2.0
#include "server/security/password_encoder.h"

#include "base/memory.h"
#include "test/unit/suite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// As Apache Kafka 3.9.1 encoded them with "the secret".
static const char of_kafka_cbc[] =
    "initializationVector:EHbZNVVyRx74gLLy5i5x5w==,keyLength:128,salt:M5moas/asmyUYnbDdMjBDCn4Z4VLQIDIVg/"
    "tvFmxzuC0p5Ud6gQ8JtAvsFCLNLK03AAS4UpQ2FQ6loJS7px3VIY6oCeh4nK3sTDGEJIUbJqkI77jcrQ51NHN3MgEJg1taBv/sdL"
    "lohMFrh8MbO2Ovcuz7dHirxZ4VaZWaYKB+MROpDvq467F+Z5dy5cySnqMDCxxRt6qsKxycqN19SfvHl7OW75QUQPRQwElLkJyODp"
    "vZrY9so9NoGVcORgXsoDcRR+GpDUpl7AwwN7BR3V6IqkfQqoBQV7E8cS8esiwnIEdeUYOGg4HEoOmk/+fZdO6sDSq/9Z6nHNRE3h"
    "ctJPMfg==,keyFactoryAlgorithm:PBKDF2WithHmacSHA512,cipherAlgorithm:AES/CBC/PKCS5Padding,iterations:4"
    "096,passwordLength:9,encryptedPassword:i8LpkBi5r2eQWpOW7aQzGA==";
static const char of_kafka_gcm[] =
    "initializationVector:TfCZELuL8P6hTJ0Z,keyLength:256,salt:0POgt/DAP1QLcD4Zf5n5rJs5DyCJK9q0pI91U5f6F6Z"
    "osrUK7BVRj/wQLA+iP81j2Qqnd1Z7aEH99/ASEhdbziTUsewcTcaw+/PFTE+HTihh9hxlPqMM9iR79lJDvzlyhS/WG93UX2Ugmp3"
    "0V3lAdFtRIkfLfVXo4FUKysStnfc7m6NTCTswU7PvQhcQd6gdSv8tC8eSrIwY4ukO6nN2YAvpPxbJg8PWeNg3rK+PtDZp84q03Nx"
    "g5+IKEuHPKJ1Nnbn6kuIunXMOB556DdajcfcRWfoqL1DgW4hZzVkMX6b56vIneAQfwnJNPWdKGqyVph1d0PdbaU1lwb1UJbzV+Q="
    "=,keyFactoryAlgorithm:PBKDF2WithHmacSHA256,cipherAlgorithm:AES/GCM/NoPadding,authenticationTagLength"
    ":128,iterations:1024,passwordLength:7,encryptedPassword:8M73u3T8mSn9r855W0kRyFcB3HQRDmE=";

static const char strange[] = "k\u00e9y-p\U0001F511ss";

static bool decodes_to(const char *secret, const char *encoded, const char *expected)
{
    char *password = password_decode(secret, encoded);
    bool is_right = expected == NULL ? password == NULL : password != NULL && strcmp(password, expected) == 0;
    free(password);
    return is_right;
}

static void reads_what_kafka_wrote(void)
{
    CU_ASSERT_TRUE(decodes_to("the secret", of_kafka_cbc, strange));
    CU_ASSERT_TRUE(decodes_to("the secret", of_kafka_gcm, "another"));
    CU_ASSERT_TRUE(decodes_to("a secret", of_kafka_cbc, NULL));
    CU_ASSERT_TRUE(decodes_to("a secret", of_kafka_gcm, NULL));
}

static void reads_what_it_wrote(void)
{
    static const char *const ciphers[] = {"AES/CBC/PKCS5Padding", "AES/GCM/NoPadding"};
    static const char *const passwords[] = {"", "x", "sixteen letters.", strange};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 4; j++) {
            struct password_encoder_settings settings = {"s", NULL, ciphers[i], 128 + 64 * (int)i, 1024};
            CU_ASSERT_PTR_NULL(password_encoder_check(&settings));
            char *encoded = password_encode(&settings, passwords[j]);
            CU_ASSERT_PTR_NOT_NULL_FATAL(encoded);
            CU_ASSERT_PTR_NULL(strstr(encoded, "sixteen"));
            bool is_empty_gcm = i == 1 && j == 0;
            CU_ASSERT_TRUE(decodes_to("s", encoded, passwords[j]) || is_empty_gcm);
            CU_ASSERT_TRUE(decodes_to("t", encoded, NULL));
            free(encoded);
        }
    }
}

static void refuses_what_it_lacks(void)
{
    static const struct password_encoder_settings settings[] = {
        {"s", "PBKDF1", "AES/CBC/PKCS5Padding", 128, 4096},
        {"s", NULL, "DES/CBC/PKCS5Padding", 128, 4096},
        {"s", NULL, "AES/CBC/PKCS5Padding", 64, 4096},
    };
    static const char *const keys[] = {"password.encoder.keyfactory.algorithm", "password.encoder.cipher.algorithm",
                                       "password.encoder.key.length"};
    for (size_t i = 0; i < 3; i++) {
        char *message = password_encoder_check(&settings[i]);
        CU_ASSERT_TRUE(message != NULL && strstr(message, keys[i]) != NULL);
        free(message);
    }
}

// Any byte may be another, or the text may end there: nothing is read beyond its end, and no password comes of it, or
// the right one where the byte does not count.
static void survives_damage(void)
{
    const char *const texts[] = {of_kafka_cbc, of_kafka_gcm, "", ",:,:", "keyLength:128", "salt:====", "plain text"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t size = strlen(texts[i]);
        for (size_t at = 0; at < size; at += 7) {
            char *text = memory_copy_string(texts[i]);
            text[at] = ':';
            free(password_decode("the secret", text));
            text[at] = 0;
            CU_ASSERT_TRUE(decodes_to("the secret", text, NULL) || at + 8 > size);
            free(text);
        }
    }
    char *slow = memory_format("%s,iterations:2000000000", "keyLength:128,cipherAlgorithm:AES/CBC/PKCS5Padding");
    CU_ASSERT_TRUE(decodes_to("the secret", slow, NULL));
    free(slow);
}

SUITE_MAIN("server/security/password_encoder", {"reads what Kafka wrote", reads_what_kafka_wrote},
           {"reads what it wrote", reads_what_it_wrote}, {"refuses what it lacks", refuses_what_it_lacks},
           {"survives damage", survives_damage})
