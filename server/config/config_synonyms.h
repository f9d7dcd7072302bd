// SPDX-License-Identifier: Apache-2.0
// What each source says about a key and about the keys that stand in for it, the one in force first (KIP-226). Plain
// values of one thread.
#ifndef SERVER_CONFIG_CONFIG_SYNONYMS_H
#define SERVER_CONFIG_CONFIG_SYNONYMS_H

#include "base/array.h"
#include "server/config/config.h"

struct config_synonym {
    const char *name; // of the table, or of the file
    enum config_source source;
    char *value;
};

struct config_synonyms {
    ARRAY_OF(struct config_synonym);
};

// The value becomes the list's own.
void config_synonyms_add(struct config_synonyms *synonyms, const char *name, enum config_source source, char *value);
void config_synonyms_fini(struct config_synonyms *synonyms);

// cluster_wide: only what is set for all brokers at run time.
void config_synonyms_of_broker(const struct config *config, enum option option, bool cluster_wide,
                               struct config_synonyms *synonyms);
// Of listener.name.NAME.KEY, and behind it of KEY.
void config_synonyms_of_listener_key(const struct config *config, const char *key, enum option option,
                                     bool cluster_wide, struct config_synonyms *synonyms);
void config_synonyms_of_topic(const struct config *config, enum option option, const struct properties *overrides,
                              struct config_synonyms *synonyms);

#endif
