// SPDX-License-Identifier: Apache-2.0
// What kafka-topics --describe prints, and which of it the filters ask for. Confined to the main thread.
#ifndef TOOLS_TOPIC_REPORT_H
#define TOOLS_TOPIC_REPORT_H

#include "base/uuid.h"
#include "tools/topic_arguments.h"

#include <stdbool.h>
#include <stdint.h>

struct report_ids {
    const int32_t *items;
    int32_t count;
};

struct report_partition {
    int32_t index;
    int32_t leader; // -1: none
    struct report_ids replicas, isr;
    bool is_reassigned;
    struct report_ids adding, removing;
};

struct report_config {
    const char *name;
    const char *value; // NULL: null
    bool is_override;
};

struct report_topic {
    const char *name;
    struct uuid id; // zero: none
    struct report_partition *partitions;
    int32_t partition_count;
    struct report_config *configs; // put into the order of Kafka's programs by printing
    int32_t config_count;
    int64_t min_isr;
    bool is_marked_for_deletion;
};

struct topic_report {
    bool shows_configs, shows_partitions, only_overrides;
    bool under_replicated, unavailable, under_min_isr, at_min_isr;
    bool shows_elr; // Kafka 3.9 has two more columns
    struct report_ids live_brokers;
};

void topic_report_init(struct topic_report *report, const struct topic_arguments *arguments);

// Partitions are expected in the order of their indexes.
void topic_report_print(const struct topic_report *report, struct report_topic *topic);

#endif
