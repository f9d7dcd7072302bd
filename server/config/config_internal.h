// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share: the struct behind server/config/config.h.
#ifndef SERVER_CONFIG_CONFIG_INTERNAL_H
#define SERVER_CONFIG_CONFIG_INTERNAL_H

#include "base/array.h"
#include "base/lock.h"
#include "base/map.h"
#include "net/endpoint.h"
#include "server/config/config.h"

struct config_value {
    char *string; // NULL: null
    union option_value value;
};

struct config_observer {
    void (*changed)(void *context);
    void *context;
};

// Immutable once created, but for what the lock guards.
struct config {
    struct properties file; // what the file and the command line say, with synonyms filled in
    struct properties unknown;
    int32_t broker_id;
    char **log_directories;
    size_t log_directory_count;
    struct endpoint_list listeners;
    struct endpoint_list advertised_listeners;
    const char *inter_broker_listener; // a name in listeners
    struct {
        ARRAY_OF(struct config_observer);
    } observers;

    struct lock lock;                         // CONFIG guards what follows
    struct config_value values[OPTION_COUNT]; // of scopes BROKER and BROKER_DYNAMIC; those of read-only options stay
    struct properties of_broker;              // /config/brokers/N
    struct properties of_cluster;             // /config/brokers/<default>
    struct map topics;                        // name to struct properties *
};

// The lock of a configuration that is otherwise read-only to its reader.
static inline struct lock *config_lock(const struct config *config)
{
    union {
        const struct config *constant;
        struct config *writable;
    } cast = {config};
    return &cast.writable->lock;
}

// Sets one value in force. The string was checked.
void config_value_set(struct config_value *value, enum option option, const char *string);

// What may be in the file. Returns NULL, or a new text for people.
char *config_check_file(const struct config *config);

// Bounds of numbers that Apache Kafka checks outside its table of options, also in what is set at run time; other
// options pass. `string` is the valid value, `number` what it says. Returns NULL, or a new text for people.
char *config_check_minimum(enum option option, const char *string, int64_t number);

// Whether this value of a key stops the start: the key is not supported, and the value not a harmless one.
bool config_is_refused(enum option option, const char *value);

// Warns of the keys in the file that are not known or not acted on.
void config_warn(const struct config *config);

// "listener.name.NAME.KEY" with the name in small letters: a new string.
char *config_listener_key(const char *listener_name, enum option option);

// Takes such a key apart; false when it is none or KEY is not known.
bool config_listener_key_parse(const char *key, struct view *listener_name, enum option *option);

// The listener's name in capitals, or NULL when there is none of that name in any case.
const char *config_find_listener(const struct config *config, struct view name);

// Whether it is one of the ssl.* keys.
bool config_is_of_tls(enum option option);

// Whether each listener may have a value of its own that is acted on.
bool config_listener_has_own(enum option option);

// As option_check, with the message naming that key.
char *config_check_named(const char *key, enum option option, const char *value);

// Checks such keys in the file. Returns NULL, or a new text for people.
char *config_check_listener_keys(const struct config *config);
void config_warn_of_listener_key(const struct config *config, const char *key, struct view name, enum option option);

// Whether passwords for ZooKeeper could be encoded. Returns NULL, or a new text for people.
char *config_check_encoder(const struct config *config);

// Sets the listeners and what depends on them. Returns NULL, or a new text for people.
char *config_derive_listeners(struct config *config);

#endif
