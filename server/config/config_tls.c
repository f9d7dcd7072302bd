// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_tls.h"

#include "base/properties.h"
#include "server/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    KEY_STORE_TYPE,
    KEY_STORE_LOCATION,
    KEY_STORE_PASSWORD,
    KEY_PASSWORD,
    KEY_STORE_KEY,
    KEY_STORE_CERTIFICATE_CHAIN,
    TRUST_STORE_TYPE,
    TRUST_STORE_LOCATION,
    TRUST_STORE_PASSWORD,
    TRUST_STORE_CERTIFICATES,
    CLIENT_AUTH,
    ENABLED_PROTOCOLS,
    PROTOCOL,
    CIPHER_SUITES,
    ENDPOINT_IDENTIFICATION_ALGORITHM,
    STRING_COUNT,
};
_Static_assert((int)STRING_COUNT == (int)CONFIG_TLS_STRING_COUNT, "each option has its string");

static const enum option options[STRING_COUNT] = {
    [KEY_STORE_TYPE] = OPTION_SSL_KEYSTORE_TYPE,
    [KEY_STORE_LOCATION] = OPTION_SSL_KEYSTORE_LOCATION,
    [KEY_STORE_PASSWORD] = OPTION_SSL_KEYSTORE_PASSWORD,
    [KEY_PASSWORD] = OPTION_SSL_KEY_PASSWORD,
    [KEY_STORE_KEY] = OPTION_SSL_KEYSTORE_KEY,
    [KEY_STORE_CERTIFICATE_CHAIN] = OPTION_SSL_KEYSTORE_CERTIFICATE_CHAIN,
    [TRUST_STORE_TYPE] = OPTION_SSL_TRUSTSTORE_TYPE,
    [TRUST_STORE_LOCATION] = OPTION_SSL_TRUSTSTORE_LOCATION,
    [TRUST_STORE_PASSWORD] = OPTION_SSL_TRUSTSTORE_PASSWORD,
    [TRUST_STORE_CERTIFICATES] = OPTION_SSL_TRUSTSTORE_CERTIFICATES,
    [CLIENT_AUTH] = OPTION_SSL_CLIENT_AUTH,
    [ENABLED_PROTOCOLS] = OPTION_SSL_ENABLED_PROTOCOLS,
    [PROTOCOL] = OPTION_SSL_PROTOCOL,
    [CIPHER_SUITES] = OPTION_SSL_CIPHER_SUITES,
    [ENDPOINT_IDENTIFICATION_ALGORITHM] = OPTION_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM,
};

static enum tls_client_auth client_auth(const char *word)
{
    if (strcmp(word, "required") == 0)
        return TLS_CLIENT_AUTH_REQUIRED;
    return strcmp(word, "requested") == 0 ? TLS_CLIENT_AUTH_REQUESTED : TLS_CLIENT_AUTH_NONE;
}

void config_tls_read(const struct config *config, const struct properties *overrides, const char *listener_name,
                     struct config_tls *tls)
{
    char **strings = tls->strings;
    for (int i = 0; i < STRING_COUNT; i++)
        strings[i] = config_listener_string(config, overrides, listener_name, options[i]);
    char *offload = config_listener_string(config, overrides, listener_name, OPTION_BARNABAS_SSL_KERNEL_OFFLOAD);
    tls->settings = (struct tls_settings){
        .key_store = {.type = strings[KEY_STORE_TYPE],
                      .location = strings[KEY_STORE_LOCATION],
                      .password = strings[KEY_STORE_PASSWORD],
                      .key_password = strings[KEY_PASSWORD],
                      .key = strings[KEY_STORE_KEY],
                      .certificate_chain = strings[KEY_STORE_CERTIFICATE_CHAIN]},
        .trust_store = {.type = strings[TRUST_STORE_TYPE],
                        .location = strings[TRUST_STORE_LOCATION],
                        .password = strings[TRUST_STORE_PASSWORD],
                        .certificates = strings[TRUST_STORE_CERTIFICATES]},
        .client_auth = client_auth(strings[CLIENT_AUTH]),
        .enabled_protocols = strings[ENABLED_PROTOCOLS],
        .protocol = strings[PROTOCOL],
        .cipher_suites = strings[CIPHER_SUITES],
        .verifies_host = strcasecmp(strings[ENDPOINT_IDENTIFICATION_ALGORITHM], "https") == 0,
        .offloads_to_kernel = strcasecmp(offload, "true") == 0,
    };
    free(offload);
}

void config_tls_fini(struct config_tls *tls)
{
    for (int i = 0; i < STRING_COUNT; i++) {
        if (tls->strings[i] != NULL)
            explicit_bzero(tls->strings[i], strlen(tls->strings[i]));
        free(tls->strings[i]);
        tls->strings[i] = NULL;
    }
}

bool config_tls_is_equal(const struct config_tls *a, const struct config_tls *b)
{
    for (int i = 0; i < STRING_COUNT; i++) {
        const char *x = a->strings[i] ? a->strings[i] : "", *y = b->strings[i] ? b->strings[i] : "";
        if (strcmp(x, y) != 0)
            return false;
    }
    return true;
}
