// SPDX-License-Identifier: Apache-2.0
#include "net/tls/tls_protocols.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Bits of a set of versions.
enum { V1 = 1, V1_1 = 2, V1_2 = 4, V1_3 = 8, VERSION_COUNT = 4 };

static const struct {
    const char *name; // Java's
    unsigned bit;
    int version;
    uint64_t off;
} versions[VERSION_COUNT] = {
    {"TLSv1", V1, TLS1_VERSION, SSL_OP_NO_TLSv1},
    {"TLSv1.1", V1_1, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
    {"TLSv1.2", V1_2, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
    {"TLSv1.3", V1_3, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
};

// TLS 1.3's in Java's order, and TLS 1.2's: those with forward secrecy, AES before ChaCha20, GCM before CBC.
static const char default_suites[] = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
static const char default_ciphers[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:"
                                      "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
                                      "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
                                      "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
                                      "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
                                      "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA";

// All that may be configured: what neither encrypts nor authenticates is not among them.
static const char known_ciphers[] = "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0";
static const char known_suites[] = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                   "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256";

// Java's name for "I renegotiate securely", which OpenSSL always says.
static const char renegotiation_name[] = "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";

static bool is_set(const char *value)
{
    return value != NULL && value[strspn(value, " \t,")] != '\0';
}

// Cuts the next name off a list; NULL at its end.
static char *next_name(char **rest)
{
    for (char *name; (name = strsep(rest, ",")) != NULL;) {
        name += strspn(name, " \t");
        name[strcspn(name, " \t")] = '\0';
        if (name[0] != '\0')
            return name;
    }
    return NULL;
}

static unsigned version_of_name(const char *name)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        if (strcmp(name, versions[i].name) == 0)
            return versions[i].bit;
    }
    return 0;
}

// ssl.protocol only counts where ssl.enabled.protocols says nothing, and then for clients only, as in Java.
static int read_protocol(const char *protocol, enum tls_role role, unsigned *enabled, char **reason)
{
    *enabled = V1_2 | V1_3;
    if (!is_set(protocol) || strcmp(protocol, "TLS") == 0 || strcmp(protocol, "SSL") == 0)
        return 0;
    unsigned highest = version_of_name(protocol);
    if (highest == 0) {
        *reason =
            memory_format("ssl.protocol names %s, which is no TLS protocol; TLS, TLSv1.2 and TLSv1.3 are", protocol);
        return -EINVAL;
    }
    if (role == TLS_CLIENT)
        *enabled &= highest * 2 - 1;
    if (*enabled == 0)
        *enabled = highest;
    return 0;
}

static int read_enabled(const char *names, unsigned *enabled, char **reason)
{
    int result = 0;
    char *copy = memory_copy_string(names), *rest = copy;
    *enabled = 0;
    for (char *name; result == 0 && (name = next_name(&rest)) != NULL;) {
        unsigned bit = version_of_name(name);
        *enabled |= bit;
        if (bit == 0) {
            *reason = memory_format("ssl.enabled.protocols names %s, which is %s; TLSv1.2 and TLSv1.3 are usual, "
                                    "TLSv1 and TLSv1.1 possible",
                                    name, strncmp(name, "SSL", 3) == 0 ? "broken and not supported" : "not known");
            result = -EINVAL;
        }
    }
    free(copy);
    return result;
}

// A cipher suite by its name in Java, where those older than TLS have the prefix SSL_.
static const SSL_CIPHER *cipher_of_name(const STACK_OF(SSL_CIPHER) * known, const char *name)
{
    for (int i = 0; i < sk_SSL_CIPHER_num(known); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(known, i);
        const char *standard = SSL_CIPHER_standard_name(cipher);
        if (standard == NULL)
            continue;
        if (strcmp(name, standard) == 0 || (strncmp(name, "SSL_", 4) == 0 && strcmp(name + 4, standard + 4) == 0))
            return cipher;
    }
    return NULL;
}

static void append_name(char **list, const char *name)
{
    char *longer = *list == NULL ? memory_copy_string(name) : memory_format("%s:%s", *list, name);
    free(*list);
    *list = longer;
}

// Sorts the names of ssl.cipher.suites into OpenSSL's two lists; one without any is left NULL.
static int read_cipher_suites(const char *names, const STACK_OF(SSL_CIPHER) * known, char **suites, char **ciphers,
                              char **reason)
{
    int result = 0;
    char *copy = memory_copy_string(names), *rest = copy;
    for (char *name; result == 0 && (name = next_name(&rest)) != NULL;) {
        if (strcmp(name, renegotiation_name) == 0)
            continue;
        const SSL_CIPHER *cipher = cipher_of_name(known, name);
        if (cipher == NULL) {
            *reason = memory_format("ssl.cipher.suites names %s, which is unknown or not supported", name);
            result = -EINVAL;
        } else if (strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0) {
            append_name(suites, SSL_CIPHER_get_name(cipher));
        } else {
            append_name(ciphers, SSL_CIPHER_get_name(cipher));
        }
    }
    free(copy);
    return result;
}

static int apply_ciphers(SSL_CTX *ctx, const char *suites, const char *ciphers, char **reason)
{
    if (SSL_CTX_set_ciphersuites(ctx, suites) == 1 && SSL_CTX_set_cipher_list(ctx, ciphers) == 1)
        return 0;
    ERR_clear_error();
    *reason = memory_format("OpenSSL does not take the cipher suites %s:%s", suites, ciphers);
    return -EINVAL;
}

// Takes the versions out of *enabled that no suite is left for.
static int apply_cipher_suites(const char *names, SSL_CTX *ctx, unsigned *enabled, char **reason)
{
    if (!is_set(names))
        return apply_ciphers(ctx, default_suites, default_ciphers, reason);
    int result = apply_ciphers(ctx, known_suites, known_ciphers, reason);
    if (result != 0)
        return result;
    char *suites = NULL, *ciphers = NULL;
    result = read_cipher_suites(names, SSL_CTX_get_ciphers(ctx), &suites, &ciphers, reason);
    if (suites == NULL)
        *enabled &= ~(unsigned)V1_3;
    if (ciphers == NULL)
        *enabled &= V1_3;
    if (result == 0 && *enabled == 0) {
        *reason = memory_format("ssl.cipher.suites has no suite for any of the protocols that are enabled: %s", names);
        result = -EINVAL;
    }
    if (result == 0)
        result = apply_ciphers(ctx, suites != NULL ? suites : "", ciphers != NULL ? ciphers : default_ciphers, reason);
    free(suites);
    free(ciphers);
    return result;
}

static void apply_versions(SSL_CTX *ctx, unsigned enabled)
{
    int lowest = 0, highest = 0;
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        if ((enabled & versions[i].bit) == 0) {
            SSL_CTX_set_options(ctx, versions[i].off);
            continue;
        }
        lowest = lowest == 0 ? versions[i].version : lowest;
        highest = versions[i].version;
    }
    // These two also undo what the system's configuration of OpenSSL says.
    SSL_CTX_set_min_proto_version(ctx, lowest);
    SSL_CTX_set_max_proto_version(ctx, highest);
    // RSA keys from 1024 bits, as in Java; below TLS 1.2 all signatures are by SHA-1, which OpenSSL allows at 0 only.
    SSL_CTX_set_security_level(ctx, (enabled & (V1 | V1_1)) != 0 ? 0 : 1);
}

int tls_protocols_apply(const struct tls_settings *settings, enum tls_role role, SSL_CTX *ctx, char **reason)
{
    unsigned enabled;
    int result = read_protocol(settings->protocol, role, &enabled, reason);
    if (result == 0 && is_set(settings->enabled_protocols))
        result = read_enabled(settings->enabled_protocols, &enabled, reason);
    if (result == 0)
        result = apply_cipher_suites(settings->cipher_suites, ctx, &enabled, reason);
    if (result == 0)
        apply_versions(ctx, enabled);
    return result;
}
