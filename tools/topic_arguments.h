// SPDX-License-Identifier: Apache-2.0
// The command line of kafka-topics: with --bootstrap-server as Kafka 3.9 reads it, with --zookeeper as 2.8 does. What
// is wrong in it ends the process with code 1 and Kafka's words; what Kafka finds out later is found out here later, by
// topic_arguments_… functions that return false with the failure. Confined to the main thread.
#ifndef TOOLS_TOPIC_ARGUMENTS_H
#define TOOLS_TOPIC_ARGUMENTS_H

#include "base/properties.h"
#include "rules/replica_assignment.h"
#include "tools/arguments.h"
#include "tools/failure.h"

struct topic_arguments {
    struct arguments arguments;
    bool uses_zookeeper;
};

void topic_arguments_read(struct topic_arguments *topic, int argc, char **argv);

static inline bool topic_arguments_has(const struct topic_arguments *topic, const char *name)
{
    return arguments_has(&topic->arguments, name);
}

// A single value (NULL when it is not given), and a number (otherwise when it is not given).
bool topic_arguments_string(struct topic_arguments *topic, const char *name, const char **value,
                            struct failure *failure) __attribute__((warn_unused_result));
bool topic_arguments_number(struct topic_arguments *topic, const char *name, int64_t otherwise, int64_t *value,
                            struct failure *failure) __attribute__((warn_unused_result));

// The value of --topic as an expression: *filter (topic_filter_fini) is made only where there is one, else *name is
// NULL.
struct topic_filter;
bool topic_arguments_filter(struct topic_arguments *topic, const char **name, struct topic_filter *filter,
                            struct failure *failure) __attribute__((warn_unused_result));

// What the topic is to be made or changed to.
struct topic_change {
    const char *name;
    int64_t partitions;         // -1: not given
    int64_t replication_factor; // -1: not given
    const struct replica_list *assignment;
    int32_t assignment_count; // 0: not given
    struct properties configs;
};

// The assignment lies in the arena; topic_change_fini frees the rest.
bool topic_change_read(struct topic_arguments *topic, struct arena *arena, struct topic_change *change,
                       struct failure *failure) __attribute__((warn_unused_result));
void topic_change_fini(struct topic_change *change);

// Text for a failure of the rules for configurations: whether the exception is that of an unknown name or a bad value.
bool topic_fail_config(struct failure *failure, const char *message);

#endif
