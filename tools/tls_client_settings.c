// SPDX-License-Identifier: Apache-2.0
#include "tools/tls_client_settings.h"

#include "base/memory.h"
#include "tools/command.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char SECURITY_PROTOCOL[] = "security.protocol";
static const char ENDPOINT_ALGORITHM[] = "ssl.endpoint.identification.algorithm";

// Keys whose values go into the settings as they are.
static const struct {
    const char *key;
    size_t offset;
} text_keys[] = {
    {"ssl.keystore.type", offsetof(struct tls_settings, key_store.type)},
    {"ssl.keystore.location", offsetof(struct tls_settings, key_store.location)},
    {"ssl.keystore.password", offsetof(struct tls_settings, key_store.password)},
    {"ssl.key.password", offsetof(struct tls_settings, key_store.key_password)},
    {"ssl.keystore.key", offsetof(struct tls_settings, key_store.key)},
    {"ssl.keystore.certificate.chain", offsetof(struct tls_settings, key_store.certificate_chain)},
    {"ssl.truststore.type", offsetof(struct tls_settings, trust_store.type)},
    {"ssl.truststore.location", offsetof(struct tls_settings, trust_store.location)},
    {"ssl.truststore.password", offsetof(struct tls_settings, trust_store.password)},
    {"ssl.truststore.certificates", offsetof(struct tls_settings, trust_store.certificates)},
    {"ssl.enabled.protocols", offsetof(struct tls_settings, enabled_protocols)},
    {"ssl.protocol", offsetof(struct tls_settings, protocol)},
    {"ssl.cipher.suites", offsetof(struct tls_settings, cipher_suites)},
};

// Keys that choose among Java's implementations: the values that mean what happens here anyway.
static const struct {
    const char *key, *values;
} java_keys[] = {
    {"ssl.keymanager.algorithm", " SunX509 NewSunX509 PKIX "},
    {"ssl.trustmanager.algorithm", " PKIX SunX509 X509 "},
    {"ssl.engine.factory.class", " org.apache.kafka.common.security.ssl.DefaultSslEngineFactory "},
    {"ssl.secure.random.implementation", " SHA1PRNG NativePRNG NativePRNGNonBlocking DRBG "},
    {"ssl.provider", " "},
};

static bool is_text_key(const char *key)
{
    for (size_t i = 0; i < sizeof text_keys / sizeof text_keys[0]; i++) {
        if (strcmp(text_keys[i].key, key) == 0)
            return true;
    }
    return false;
}

bool tls_client_settings_has(const char *key)
{
    return strcmp(key, SECURITY_PROTOCOL) == 0 || strncmp(key, "ssl.", 4) == 0 || strncmp(key, "sasl.", 5) == 0;
}

static bool read_protocol(const char *protocol, bool *is_secured, char **error)
{
    static const char *const known[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && strcasecmp(protocol, known[i]) != 0)
        i++;
    if (i == sizeof known / sizeof known[0]) {
        *error = memory_format("Invalid value %s for configuration security.protocol: String must be one of (case "
                               "insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT",
                               protocol);
        return false;
    }
    if (i > 1) {
        *error = memory_format("Invalid value %s for configuration security.protocol: SASL is not supported, only "
                               "PLAINTEXT and SSL are",
                               protocol);
        return false;
    }
    *is_secured = i == 1;
    return true;
}

// Is the value one that changes nothing here?
static bool check_java_key(const struct property *property, const char *values, char **error)
{
    char *word = memory_format(" %s ", property->value);
    bool is_fine = property->value[0] == '\0' || (!strchr(property->value, ' ') && strstr(values, word));
    free(word);
    if (!is_fine)
        *error = memory_format("Invalid value %s for configuration %s: has no counterpart here, where OpenSSL secures "
                               "the connection",
                               property->value, property->key);
    return is_fine;
}

static bool read_key(const struct property *property, struct tls_settings *tls, char **error)
{
    for (size_t i = 0; i < sizeof text_keys / sizeof text_keys[0]; i++) {
        if (strcmp(text_keys[i].key, property->key) != 0)
            continue;
        const char **field = (const char **)(void *)((char *)tls + text_keys[i].offset);
        *field = property->value[0] ? property->value : NULL;
        return true;
    }
    for (size_t i = 0; i < sizeof java_keys / sizeof java_keys[0]; i++) {
        if (strcmp(java_keys[i].key, property->key) == 0)
            return check_java_key(property, java_keys[i].values, error);
    }
    if (strcmp(property->key, ENDPOINT_ALGORITHM) == 0) {
        tls->verifies_host = property->value[0] != '\0';
        if (tls->verifies_host && strcasecmp(property->value, "https") != 0) {
            *error = memory_format("Invalid value %s for configuration %s: Unknown identification algorithm: it is "
                                   "https, or empty to accept any host",
                                   property->value, property->key);
            return false;
        }
        return true;
    }
    command_log("WARN", "barnabas.tools", "The configuration '%s' is not known and has no effect.", property->key);
    return true;
}

// Java takes values without the blanks around them; passwords, too.
static void set_trimmed(struct properties *values, const struct property *property)
{
    const char *first = property->value + strspn(property->value, " \t\r\n\f");
    size_t size = strlen(first);
    while (size > 0 && strchr(" \t\r\n\f", first[size - 1]))
        size--;
    char *value = memory_format("%.*s", (int)size, first);
    properties_set(values, property->key, value);
    free(value);
}

static bool collect_values(const struct properties *properties, struct tls_client_settings *settings, char **error)
{
    for (size_t i = 0; i < properties->count; i++) {
        const struct property *property = &properties->items[i];
        if (strncmp(property->key, "sasl.", 5) == 0) {
            *error = memory_format("The configuration %s is not supported: SASL is not", property->key);
            return false;
        }
        if (tls_client_settings_has(property->key))
            set_trimmed(&settings->values, property);
    }
    return true;
}

static bool read_values(struct tls_client_settings *settings, char **error)
{
    const char *protocol = properties_get(&settings->values, SECURITY_PROTOCOL);
    if (protocol && !read_protocol(protocol, &settings->is_secured, error))
        return false;
    for (size_t i = 0; i < settings->values.count; i++) {
        const struct property *value = &settings->values.items[i];
        if (strcmp(value->key, SECURITY_PROTOCOL) == 0)
            continue;
        if (settings->is_secured) {
            if (!read_key(value, &settings->tls, error))
                return false;
        } else if (is_text_key(value->key)) {
            command_log(
                "WARN", "barnabas.tools",
                "The configuration '%s' has no effect: the connection is not encrypted unless security.protocol "
                "is SSL.",
                value->key);
        }
    }
    return true;
}

bool tls_client_settings_read(const struct properties *properties, struct tls_client_settings *settings, char **error)
{
    struct tls_client_settings read = {.tls.verifies_host = true};
    bool ok = collect_values(properties, &read, error) && read_values(&read, error);
    if (ok)
        *settings = read;
    else
        tls_client_settings_fini(&read);
    return ok;
}

void tls_client_settings_fini(struct tls_client_settings *settings)
{
    properties_fini(&settings->values);
    *settings = (struct tls_client_settings){0};
}
