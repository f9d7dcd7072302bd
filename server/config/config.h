// SPDX-License-Identifier: Apache-2.0
// The broker's configuration: what the file and the command line say, what ZooKeeper adds at run time for this broker
// and for all, and every topic's overrides. Values come from the first that has one: /config/brokers/N,
// /config/brokers/<default>, the file, the default. All functions are safe from every thread; readers take a leaf lock
// (CONFIG) for a moment.
#ifndef SERVER_CONFIG_CONFIG_H
#define SERVER_CONFIG_CONFIG_H

#include "base/error.h"
#include "base/properties.h"
#include "base/view.h"
#include "rules/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct endpoint_list;
struct log_config;

// Reads and checks the settings. Warns of unknown keys and of known ones that are not acted on. Returns NULL, with a
// text for people in *reason (free() it), when a value is bad or a key is refused.
struct config *config_create(const struct properties *settings, char **reason) __attribute__((warn_unused_result));
void config_destroy(struct config **config);

// ---- The broker's values. The option's scope is BROKER or BROKER_DYNAMIC and its type the function's (asserted).

bool config_is_null(const struct config *config, enum option option);
bool config_boolean(const struct config *config, enum option option);
int64_t config_integer(const struct config *config, enum option option); // INT, SHORT, LONG; not null
int32_t config_int(const struct config *config, enum option option);     // INT, SHORT; not null

// Of a read-only option (asserted): lives as long as the configuration; NULL for null. As a file or default has it.
const char *config_string(const struct config *config, enum option option);
// Of any option: a new string, or NULL for null.
char *config_copy_string(const struct config *config, enum option option);

// ---- What follows from several values

// broker.id, or -1 until config_set_broker_id when it is to be generated.
int32_t config_broker_id(const struct config *config);
void config_set_broker_id(struct config *config, int32_t id); // once, before there are readers

const char *const *config_log_directories(const struct config *config, size_t *count); // absolute, in order
const struct endpoint_list *config_listeners(const struct config *config);
// As configured; a port of 0 is not known yet (the broker's own are in struct broker).
const struct endpoint_list *config_advertised_listeners(const struct config *config);
const char *config_inter_broker_listener(const struct config *config); // its name

// A key's value for one listener (its name in any case): what listener.name.NAME.KEY says, else what KEY says. A new
// string, or NULL for null; an empty one of an option whose default is null is not set. Overrides, if not NULL, stand
// in for what ZooKeeper says of this broker now.
char *config_listener_string(const struct config *config, const struct properties *overrides, const char *listener_name,
                             enum option option);
int64_t config_zookeeper_connection_timeout_ms(const struct config *config);
// log.flush.interval.ms and others that stand in for each other are resolved by the topic functions below.

// ---- Topics. The option's scope is TOPIC. A topic without overrides has the broker's values.

int64_t config_topic_integer(const struct config *config, struct view topic, enum option option);
bool config_topic_boolean(const struct config *config, struct view topic, enum option option);
// Everything that a log needs to know.
void config_topic_log(const struct config *config, struct view topic, struct log_config *log_config);

// Replaces a topic's overrides; NULL or an empty table removes them. Keys that are not known or have a bad value are
// left out and warned about.
void config_set_topic(struct config *config, struct view topic, const struct properties *overrides);

// The overrides, as a copy (properties_fini), for DescribeConfigs and AlterConfigs.
void config_copy_topic(const struct config *config, struct view topic, struct properties *overrides);

// ---- Changes at run time

// Checks what an admin wants to store for one broker, or for all (cluster_wide). Returns NULL, or a new text in Kafka's
// words: a key that cannot be changed so, a bad value, a key that is refused.
char *config_check_broker(const struct config *config, const struct properties *overrides, bool cluster_wide);

// Replaces what ZooKeeper says (passwords decoded) for this broker, or for all. Bad values are left out and warned
// about. Then calls the observers. Not called by two threads at once.
void config_set_broker(struct config *config, const struct properties *overrides, bool cluster_wide);

// Passwords among overrides of ZooKeeper's, which Apache Kafka keeps encrypted there by password.encoder.secret: made
// readable; those that cannot be are left out, with an error in the log.
void config_decode_passwords(const struct config *config, struct properties *overrides);

// Encrypts them. Returns NULL, or a new text for people in Kafka's words when there is no secret.
char *config_encode_passwords(const struct config *config, struct properties *overrides)
    __attribute__((warn_unused_result));

// Encrypts with password.encoder.secret what was encrypted with password.encoder.old.secret; false when there is
// nothing of the kind.
bool config_renew_passwords(const struct config *config, struct properties *overrides);

// changed(context) is called after each config_set_broker that changed a value, on its thread, without locks. For the
// life of the configuration; not once there are concurrent changes.
void config_observe(struct config *config, void (*changed)(void *context), void *context);

// ---- For DescribeConfigs

// The numbers are those of DescribeConfigs.
enum config_source {
    CONFIG_SOURCE_UNKNOWN = 0,
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_BROKER = 2,         // /config/brokers/N
    CONFIG_SOURCE_BROKER_DEFAULT = 3, // /config/brokers/<default>
    CONFIG_SOURCE_FILE = 4,
    CONFIG_SOURCE_DEFAULT = 5,
};

// The value that these overrides (NULL: none) and the broker's values give a topic's key, in its canonical form: a new
// string, or NULL for null. *source: TOPIC for an override, else the source of the broker's key, else DEFAULT.
char *config_topic_value(const struct config *config, const struct properties *overrides, enum option option,
                         enum config_source *source);

// What one source says of a broker's option: false if nothing; else *value is a new string or NULL for null.
bool config_value_of_source(const struct config *config, enum config_source source, enum option option, char **value);

// The same by a key's name, known or not; nothing by default.
bool config_key_of_source(const struct config *config, enum config_source source, const char *key, char **value);

// Adds the keys listener.name.NAME.KEY that are set somewhere (cluster_wide: for all brokers at run time) and the
// values in force. The KEY of one of them is an option: false for other keys.
void config_copy_listener_keys(const struct config *config, bool cluster_wide, struct properties *keys);
bool config_listener_key_option(const char *key, enum option *option);

// Keys of the file that no row of the table has, in order; they live as long as the configuration.
const struct properties *config_unknown(const struct config *config);

#endif
