// SPDX-License-Identifier: Apache-2.0
// Changes of topics' and brokers' configurations: what AlterConfigs and IncrementalAlterConfigs check and write.
// Waits for ZooKeeper: the admin thread.
#ifndef SERVER_CONTROLLER_CONFIG_ADMIN_H
#define SERVER_CONTROLLER_CONFIG_ADMIN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/properties.h"
#include "base/view.h"
#include "rules/options.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;

// The numbers are those of IncrementalAlterConfigs (KIP-339).
enum config_operation { CONFIG_SET = 0, CONFIG_DELETE = 1, CONFIG_APPEND = 2, CONFIG_SUBTRACT = 3 };

enum config_resource_type { CONFIG_RESOURCE_TOPIC = 2, CONFIG_RESOURCE_BROKER = 4 };

struct config_change {
    struct view name;
    struct view value; // may be null
    int8_t operation;  // enum config_operation, or what a client made up
};

// One topic or broker. The outcome is for people, in the arena, or NULL.
struct config_resource {
    int8_t type;
    struct view name; // empty: all brokers
    const struct config_change *changes;
    int32_t change_count;
    bool is_incremental; // else the changes replace everything
    enum kafka_error error;
    const char *message;
};

// Checks in Apache Kafka's order, with its errors and words; unless validate_only, writes what passes and the change
// notifications.
void config_admin_alter(struct broker *broker, struct arena *arena, struct config_resource *resources, int32_t count,
                        bool validate_only);

// Applies one change to the overrides. Lists are those of the scope's options. Returns NULL, or a new text that tells
// why not (INVALID_CONFIG).
char *config_change_apply(const struct config_change *change, enum option_scope scope, struct properties *overrides);

#endif
