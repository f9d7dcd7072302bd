// SPDX-License-Identifier: Apache-2.0
#include "tools/topic_report.h"

#include "tools/java_hash.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void topic_report_init(struct topic_report *report, const struct topic_arguments *arguments)
{
    *report = (struct topic_report){
        .under_replicated = topic_arguments_has(arguments, "under-replicated-partitions"),
        .unavailable = topic_arguments_has(arguments, "unavailable-partitions"),
        .under_min_isr = topic_arguments_has(arguments, "under-min-isr-partitions"),
        .at_min_isr = topic_arguments_has(arguments, "at-min-isr-partitions"),
        .only_overrides = topic_arguments_has(arguments, "topics-with-overrides"),
        .shows_elr = !arguments->uses_zookeeper,
    };
    report->shows_configs =
        !report->under_replicated && !report->unavailable && !report->under_min_isr && !report->at_min_isr;
    report->shows_partitions = !report->only_overrides;
}

static bool has_id(struct report_ids ids, int32_t id)
{
    for (int32_t i = 0; i < ids.count; i++) {
        if (ids.items[i] == id)
            return true;
    }
    return false;
}

// While a partition is reassigned its factor is that of the replicas that it had before, unless none of those that come
// or go is among its replicas any more.
static int32_t replication_factor(const struct report_partition *partition)
{
    bool is_going_on = false;
    for (int32_t i = 0; i < partition->replicas.count; i++) {
        is_going_on = is_going_on || has_id(partition->adding, partition->replicas.items[i]) ||
                      has_id(partition->removing, partition->replicas.items[i]);
    }
    return partition->replicas.count - (is_going_on ? partition->adding.count : 0);
}

static bool is_wanted(const struct topic_report *report, const struct report_topic *topic,
                      const struct report_partition *partition)
{
    bool has_leader = partition->leader >= 0;
    return report->shows_configs ||
           (report->under_replicated && replication_factor(partition) > partition->isr.count) ||
           (report->unavailable && (!has_leader || !has_id(report->live_brokers, partition->leader))) ||
           (report->under_min_isr && (!has_leader || partition->isr.count < topic->min_isr)) ||
           (report->at_min_isr && partition->isr.count == topic->min_isr);
}

static void print_ids(const char *label, struct report_ids ids)
{
    printf("\t%s: ", label);
    for (int32_t i = 0; i < ids.count; i++)
        printf("%s%" PRId32, i > 0 ? "," : "", ids.items[i]);
}

static void print_partition(const struct topic_report *report, const struct report_topic *topic,
                            const struct report_partition *partition)
{
    printf("\tTopic: %s\tPartition: %" PRId32 "\tLeader: ", topic->name, partition->index);
    if (partition->leader >= 0)
        printf("%" PRId32, partition->leader);
    else
        fputs("none", stdout);
    print_ids("Replicas", partition->replicas);
    print_ids("Isr", partition->isr);
    if (partition->is_reassigned) {
        print_ids("Adding Replicas", partition->adding);
        print_ids("Removing Replicas", partition->removing);
    }
    if (topic->is_marked_for_deletion)
        fputs("\tMarkedForDeletion: true", stdout);
    puts(report->shows_elr ? "\tElr: N/A\tLastKnownElr: N/A" : "");
}

static void print_configs(struct report_topic *topic)
{
    char id[UUID_STRING_SIZE];
    uuid_to_string(topic->id, id);
    printf("Topic: %s%s%s\tPartitionCount: %" PRId32 "\tReplicationFactor: %" PRId32 "\tConfigs: ", topic->name,
           uuid_is_zero(topic->id) ? "" : "\tTopicId: ", uuid_is_zero(topic->id) ? "" : id, topic->partition_count,
           topic->partition_count > 0 ? replication_factor(&topic->partitions[0]) : 0);
    size_t count = (size_t)topic->config_count;
    java_hash_sort(topic->configs, count, sizeof *topic->configs, offsetof(struct report_config, name),
                   java_hash_capacity(16, count));
    const char *separator = "";
    for (int32_t i = 0; i < topic->config_count; i++) {
        const struct report_config *config = &topic->configs[i];
        if (!config->is_override)
            continue;
        printf("%s%s=%s", separator, config->name, config->value ? config->value : "null");
        separator = ",";
    }
    puts(topic->is_marked_for_deletion ? "\tMarkedForDeletion: true" : "");
}

void topic_report_print(const struct topic_report *report, struct report_topic *topic)
{
    bool has_override = false;
    for (int32_t i = 0; i < topic->config_count; i++)
        has_override = has_override || topic->configs[i].is_override;
    if (report->shows_configs && (!report->only_overrides || has_override))
        print_configs(topic);
    for (int32_t i = 0; report->shows_partitions && i < topic->partition_count; i++) {
        if (is_wanted(report, topic, &topic->partitions[i]))
            print_partition(report, topic, &topic->partitions[i]);
    }
}
