// SPDX-License-Identifier: Apache-2.0
// Passwords in ZooKeeper are encrypted; in memory they are not.
#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config_internal.h"
#include "server/security/password_encoder.h"

static bool is_password(const char *key)
{
    enum option option;
    bool is_known =
        option_find(OPTION_SCOPE_BROKER, view_of_string(key), &option) || config_listener_key_option(key, &option);
    return is_known && option_row(option)->type == OPTION_TYPE_PASSWORD;
}

static struct password_encoder_settings settings_of(const struct config *config)
{
    return (struct password_encoder_settings){
        .secret = config->values[OPTION_PASSWORD_ENCODER_SECRET].string,
        .key_factory_algorithm = config->values[OPTION_PASSWORD_ENCODER_KEYFACTORY_ALGORITHM].string,
        .cipher_algorithm = config->values[OPTION_PASSWORD_ENCODER_CIPHER_ALGORITHM].string,
        .key_length_bits = (int)config->values[OPTION_PASSWORD_ENCODER_KEY_LENGTH].value.integer,
        .iterations = (int)config->values[OPTION_PASSWORD_ENCODER_ITERATIONS].value.integer,
    };
}

char *config_check_encoder(const struct config *config)
{
    struct password_encoder_settings settings = settings_of(config);
    return settings.secret != NULL ? password_encoder_check(&settings) : NULL;
}

void config_decode_passwords(const struct config *config, struct properties *overrides)
{
    const char *secret = config->values[OPTION_PASSWORD_ENCODER_SECRET].string;
    struct properties decoded = {0};
    for (size_t i = 0; i < overrides->count; i++) {
        const struct property *property = &overrides->items[i];
        if (!is_password(property->key)) {
            properties_set(&decoded, property->key, property->value);
            continue;
        }
        char *password = secret ? password_decode(secret, property->value) : NULL;
        if (password != NULL)
            properties_set(&decoded, property->key, password);
        else
            logger_error("Dynamic password config %s could not be decoded, ignoring: %s", property->key,
                         secret ? "it was encoded with another password.encoder.secret, or is damaged"
                                : "password.encoder.secret is not configured");
        free(password);
    }
    properties_fini(overrides);
    *overrides = decoded;
}

char *config_encode_passwords(const struct config *config, struct properties *overrides)
{
    struct password_encoder_settings settings = settings_of(config);
    for (size_t i = 0; i < overrides->count; i++) {
        struct property *property = &overrides->items[i];
        if (!is_password(property->key))
            continue;
        if (settings.secret == NULL)
            return memory_copy_string("Password encoder secret not configured");
        char *encoded = password_encode(&settings, property->value);
        if (encoded == NULL)
            return memory_format("The password %s could not be encoded", property->key);
        free(property->value);
        property->value = encoded;
    }
    return NULL;
}

bool config_renew_passwords(const struct config *config, struct properties *overrides)
{
    struct password_encoder_settings settings = settings_of(config);
    const char *old_secret = config->values[OPTION_PASSWORD_ENCODER_OLD_SECRET].string;
    bool has_changed = false;
    for (size_t i = 0; settings.secret != NULL && old_secret != NULL && i < overrides->count; i++) {
        struct property *property = &overrides->items[i];
        char *password = is_password(property->key) ? password_decode(old_secret, property->value) : NULL;
        char *encoded = password ? password_encode(&settings, password) : NULL;
        free(password);
        if (encoded == NULL)
            continue;
        free(property->value);
        property->value = encoded;
        has_changed = true;
    }
    return has_changed;
}
