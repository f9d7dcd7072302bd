// SPDX-License-Identifier: Apache-2.0
#include "tools/topics_zookeeper.h"

#include "rules/options.h"
#include "rules/topic_name.h"
#include "tools/topic_filter.h"
#include "tools/topic_report.h"
#include "tools/topics_zookeeper_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t CLUSTER_MEMORY_MAX = (size_t)1 << 30;

// One run: everything lives in the arena until its end.
struct topics {
    struct topic_store store;
    struct topic_arguments *arguments;
    struct failure *failure;
    struct arena arena;
    const char **chosen; // sorted
    size_t chosen_count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_topics(struct topics *topics, const struct topic_filter *filter)
{
    struct zk_names names;
    if (!topic_store_topics(&topics->store, &names))
        return false;
    bool without_internal = topic_arguments_has(topics->arguments, "exclude-internal");
    topics->chosen = names.names;
    for (size_t i = 0; i < names.count; i++) {
        if ((!filter || topic_filter_matches(filter, names.names[i])) &&
            !(without_internal && topic_name_is_internal(view_of_string(names.names[i]))))
            topics->chosen[topics->chosen_count++] = names.names[i];
    }
    if (topics->chosen_count > 1)
        qsort(topics->chosen, topics->chosen_count, sizeof *topics->chosen, compare_names);
    return true;
}

static bool choose_topics(struct topics *topics, const char **name)
{
    struct topic_filter filter;
    if (!topic_arguments_filter(topics->arguments, name, &filter, topics->failure))
        return false;
    if (!*name)
        return list_topics(topics, NULL);
    bool ok = list_topics(topics, &filter);
    topic_filter_fini(&filter);
    return ok;
}

static bool choose_existing_topics(struct topics *topics)
{
    const char *name;
    if (!choose_topics(topics, &name))
        return false;
    if (!name || !name[0] || topics->chosen_count > 0 || topic_arguments_has(topics->arguments, "if-exists"))
        return true;
    return failure_set(topics->failure, "java.lang.IllegalArgumentException", "Topic '%s' does not exist as expected",
                       name);
}

static bool run_list(struct topics *topics)
{
    const char *name;
    if (!choose_topics(topics, &name))
        return false;
    for (size_t i = 0; i < topics->chosen_count; i++) {
        bool is_marked;
        if (!topic_store_is_marked(&topics->store, topics->chosen[i], &is_marked))
            return false;
        printf("%s%s\n", topics->chosen[i], is_marked ? " - marked for deletion" : "");
    }
    return true;
}

// The words of 2.8 differ from those of later versions.
static bool check_name(const struct topics *topics, const char *name)
{
    static const char EXCEPTION[] = "org.apache.kafka.common.errors.InvalidTopicException";
    size_t size = strlen(name);
    if (topic_name_is_valid(view_of(name, size)))
        return true;
    if (size == 0)
        return failure_set(topics->failure, EXCEPTION, "Topic name is illegal, it can't be empty");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return failure_set(topics->failure, EXCEPTION, "Topic name cannot be \".\" or \"..\"");
    if (size > TOPIC_NAME_SIZE_MAX)
        return failure_set(topics->failure, EXCEPTION,
                           "Topic name is illegal, it can't be longer than %d characters, topic name: %s",
                           TOPIC_NAME_SIZE_MAX, name);
    return failure_set(topics->failure, EXCEPTION,
                       "Topic name \"%s\" is illegal, it contains a character other than ASCII alphanumerics, '.', "
                       "'_' and '-'",
                       name);
}

// A name that is taken, or differs from another one only by '.' and '_'.
static bool check_is_free(struct topics *topics, const char *name, bool *exists)
{
    struct zk_names names;
    if (!topic_store_topics(&topics->store, &names))
        return false;
    *exists = false;
    char colliding[512] = "";
    for (size_t i = 0; i < names.count; i++) {
        *exists = *exists || strcmp(names.names[i], name) == 0;
        size_t used = strlen(colliding);
        if (topic_name_has_collision_chars(view_of_string(name)) &&
            topic_name_collides(view_of_string(names.names[i]), view_of_string(name)))
            snprintf(colliding + used, sizeof colliding - used, "%s%s", used ? ", " : "", names.names[i]);
    }
    if (*exists && topic_arguments_has(topics->arguments, "if-not-exists"))
        return true;
    if (*exists)
        return failure_set(topics->failure, "org.apache.kafka.common.errors.TopicExistsException",
                           "Topic '%s' already exists.", name);
    if (colliding[0])
        return failure_set(topics->failure, "org.apache.kafka.common.errors.InvalidTopicException",
                           "Topic '%s' collides with existing topics: %s", name, colliding);
    return true;
}

static void warn_format_version(const struct properties *configs)
{
    const char *version = properties_get(configs, "message.format.version");
    if (version)
        printf("WARNING: The configuration message.format.version=%s is specified. This configuration will be ignored "
               "if the version is newer than the inter.broker.protocol.version specified in the broker.\n",
               version);
}

static bool spread(struct topics *topics, const struct topic_brokers *brokers, int64_t partition_count,
                   int32_t replication_factor, int32_t first_partition, int32_t start_index,
                   const struct replica_list **lists)
{
    const char *message = NULL;
    enum kafka_error error =
        replica_assignment_spread(&topics->arena, brokers->items, brokers->count, (int32_t)partition_count,
                                  replication_factor, first_partition, start_index, lists, &message);
    return error == KAFKA_NONE ||
           failure_set_error(topics->failure, (int16_t)error, message ? view_of_string(message) : VIEW_NULL);
}

static bool spread_new_topic(struct topics *topics, const struct topic_change *change,
                             const struct replica_list **lists, int32_t *count)
{
    *lists = change->assignment;
    *count = change->assignment_count;
    if (*count > 0)
        return true;
    struct topic_brokers brokers;
    bool heeds_racks = !topic_arguments_has(topics->arguments, "disable-rack-aware");
    if (!topic_store_brokers(&topics->store, heeds_racks, &brokers))
        return false;
    *count = (int32_t)change->partitions;
    return spread(topics, &brokers, change->partitions, (int32_t)change->replication_factor, 0, -1, lists);
}

static bool create_topic(struct topics *topics, const struct topic_change *change)
{
    const struct replica_list *lists;
    int32_t count;
    bool exists;
    if (!spread_new_topic(topics, change, &lists, &count) || !check_name(topics, change->name) ||
        !check_is_free(topics, change->name, &exists))
        return false;
    if (exists)
        return true;
    if (!topic_store_create(&topics->store, change->name, lists, count, &change->configs))
        return false;
    printf("Created topic %s.\n", change->name);
    return true;
}

static bool run_create(struct topics *topics)
{
    struct topic_change change;
    if (!topic_change_read(topics->arguments, &topics->arena, &change, topics->failure))
        return false;
    warn_format_version(&change.configs);
    if (topic_name_has_collision_chars(view_of_string(change.name)))
        puts("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could "
             "collide. To avoid issues it is best to use either, but not both.");
    bool ok = create_topic(topics, &change);
    topic_change_fini(&change);
    return ok;
}

static bool has_broker(const struct topic_brokers *brokers, int32_t id)
{
    for (int32_t i = 0; i < brokers->count; i++) {
        if (brokers->items[i].id == id)
            return true;
    }
    return false;
}

// Partitions that a person places: as many replicas as the others have, on brokers that are there.
static bool check_placed(const struct topics *topics, const struct topic_brokers *brokers,
                         const struct replica_list *lists, int32_t count, int32_t first, int32_t replication_factor)
{
    static const char EXCEPTION[] = "org.apache.kafka.common.errors.InvalidReplicaAssignmentException";
    for (int32_t i = 0; i < count; i++) {
        if (lists[i].count != replication_factor)
            return failure_set(topics->failure, EXCEPTION,
                               "Inconsistent replication factor between partitions, partition 0 has %" PRId32
                               " while partitions [%" PRId32 "] have replication factors [%" PRId32 "], respectively.",
                               replication_factor, first + i, lists[i].count);
        for (int32_t j = 0; j < lists[i].count; j++) {
            if (!has_broker(brokers, lists[i].broker_ids[j]))
                return failure_set(topics->failure, EXCEPTION, "Unknown broker(s) in replica assignment: %" PRId32 ".",
                                   lists[i].broker_ids[j]);
        }
    }
    return true;
}

// New partitions go on where partition 0 begins.
static int32_t start_index(const struct topic_brokers *brokers, int32_t first_replica)
{
    for (int32_t i = 0; i < brokers->count; i++) {
        if (brokers->items[i].id >= first_replica)
            return i;
    }
    return 0;
}

static bool grow_topic(struct topics *topics, const struct topic_change *change, const char *name)
{
    struct zk_topic topic;
    struct topic_brokers brokers;
    bool heeds_racks = !topic_arguments_has(topics->arguments, "disable-rack-aware");
    if (!topic_store_read(&topics->store, name, &topic) || !topic_store_brokers(&topics->store, heeds_racks, &brokers))
        return false;
    if (topic.partition_count == 0 || topic.partitions[0].replicas.count == 0)
        return failure_set(topics->failure, "org.apache.kafka.common.errors.InvalidTopicException",
                           "The topic %s does not exist", name);
    int32_t present = (int32_t)topic.partition_count;
    if (change->partitions <= present)
        return failure_set(topics->failure, "org.apache.kafka.common.errors.InvalidPartitionsException",
                           "The number of partitions for a topic can only be increased. Topic %s currently has "
                           "%" PRId32 " partitions, %" PRId64 " would not be an increase.",
                           name, present, change->partitions);
    const struct zk_int_list *first = &topic.partitions[0].replicas;
    int32_t added = (int32_t)change->partitions - present;
    const struct replica_list *lists;
    if (change->assignment_count > present) {
        lists = change->assignment + present;
        if (change->assignment_count - present != added)
            return failure_set(topics->failure, "org.apache.kafka.common.errors.InvalidReplicaAssignmentException",
                               "Partitions should be a consecutive 0-based integer sequence");
        if (!check_placed(topics, &brokers, lists, added, present, (int32_t)first->count))
            return false;
    } else if (!spread(topics, &brokers, added, (int32_t)first->count, present, start_index(&brokers, first->items[0]),
                       &lists)) {
        return false;
    }
    return topic_store_grow(&topics->store, name, &topic, lists, added);
}

// Adds the new configurations to those that are there and takes away those named by --delete-config.
static bool change_configs(struct topics *topics, const struct topic_change *change, const char *name)
{
    struct properties configs = {0};
    bool ok = topic_store_configs(&topics->store, name, &configs);
    for (size_t i = 0; ok && i < change->configs.count; i++)
        properties_set(&configs, change->configs.items[i].key, change->configs.items[i].value);
    const char *removed;
    for (size_t at = 0; ok && (removed = arguments_next(&topics->arguments->arguments, "delete-config", &at));)
        properties_remove(&configs, removed);
    char *error = ok ? options_check_topic(&configs) : NULL;
    if (error)
        ok = topic_fail_config(topics->failure, error);
    free(error);
    ok = ok && topic_store_set_configs(&topics->store, name, &configs);
    properties_fini(&configs);
    if (ok)
        printf("Updated config for topic %s.\n", name);
    return ok;
}

static bool alter_topic(struct topics *topics, const struct topic_change *change, const char *name)
{
    if (topic_arguments_has(topics->arguments, "config") || topic_arguments_has(topics->arguments, "delete-config")) {
        puts("WARNING: Altering topic configuration from this script has been deprecated and may be removed in future "
             "releases.\n"
             "         Going forward, please use kafka-configs.sh for this functionality");
        if (!change_configs(topics, change, name))
            return false;
    }
    if (!topic_arguments_has(topics->arguments, "partitions"))
        return true;
    puts("WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the "
         "messages will be affected");
    if (strcmp(name, TOPIC_NAME_OFFSETS) == 0)
        return failure_set(topics->failure, "java.lang.IllegalArgumentException",
                           "The number of partitions for the offsets topic cannot be changed.");
    if (!grow_topic(topics, change, name))
        return false;
    puts("Adding partitions succeeded!");
    return true;
}

// Names to take back must be those of configurations.
static bool check_removed_names(const struct topics *topics)
{
    const char *name;
    for (size_t at = 0; (name = arguments_next(&topics->arguments->arguments, "delete-config", &at));) {
        enum option option;
        char message[256];
        snprintf(message, sizeof message, "Unknown topic config name: %s", name);
        if (!option_find(OPTION_SCOPE_TOPIC, view_of_string(name), &option))
            return topic_fail_config(topics->failure, message);
    }
    return true;
}

static bool run_alter(struct topics *topics)
{
    struct topic_change change;
    if (!topic_change_read(topics->arguments, &topics->arena, &change, topics->failure))
        return false;
    warn_format_version(&change.configs);
    bool ok = check_removed_names(topics) && choose_existing_topics(topics);
    for (size_t i = 0; ok && i < topics->chosen_count; i++)
        ok = alter_topic(topics, &change, topics->chosen[i]);
    topic_change_fini(&change);
    return ok;
}

static bool run_delete(struct topics *topics)
{
    if (!choose_existing_topics(topics))
        return false;
    for (size_t i = 0; i < topics->chosen_count; i++) {
        const char *name = topics->chosen[i];
        if (topic_name_is_internal(view_of_string(name)))
            return failure_set(topics->failure, "kafka.admin.AdminOperationException",
                               "Topic %s is a kafka internal topic and is not allowed to be marked for deletion.",
                               name);
        bool was_marked;
        if (!topic_store_mark(&topics->store, name, &was_marked))
            return false;
        if (was_marked)
            printf("Topic %s is already marked for deletion.\n", name);
        else
            printf("Topic %s is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set "
                   "to true.\n",
                   name);
    }
    return true;
}

static struct report_ids ids_of(struct zk_int_list list)
{
    return (struct report_ids){list.items, (int32_t)list.count};
}

static bool describe_topic(struct topics *topics, const struct topic_report *report, const char *name)
{
    struct zk_topic topic;
    struct properties configs = {0};
    struct report_topic described = {.name = name};
    if (!topic_store_read(&topics->store, name, &topic) ||
        !topic_store_is_marked(&topics->store, name, &described.is_marked_for_deletion))
        return false;
    described.id = topic.id;
    described.partition_count = (int32_t)topic.partition_count;
    described.partitions = arena_alloc_array(&topics->arena, topic.partition_count, sizeof *described.partitions);
    struct zk_partition_state *states = arena_alloc_array(&topics->arena, topic.partition_count, sizeof *states);
    if (!described.partitions || !states || !topic_store_states(&topics->store, name, &topic, states) ||
        !topic_store_configs(&topics->store, name, &configs))
        return false;
    for (size_t i = 0; i < topic.partition_count; i++)
        described.partitions[i] = (struct report_partition){
            .index = topic.partitions[i].id,
            .leader = states[i].leader,
            .replicas = ids_of(topic.partitions[i].replicas),
            .isr = ids_of(states[i].isr),
            .is_reassigned = topic.partitions[i].adding.count + topic.partitions[i].removing.count > 0,
            .adding = ids_of(topic.partitions[i].adding),
            .removing = ids_of(topic.partitions[i].removing),
        };
    described.config_count = (int32_t)configs.count;
    described.configs = memory_alloc_array(configs.count + 1, sizeof *described.configs);
    for (size_t i = 0; i < configs.count; i++)
        described.configs[i] = (struct report_config){configs.items[i].key, configs.items[i].value, true};
    topic_report_print(report, &described);
    free(described.configs);
    properties_fini(&configs);
    return true;
}

static bool run_describe(struct topics *topics)
{
    struct topic_report report;
    struct topic_brokers brokers;
    topic_report_init(&report, topics->arguments);
    if (!choose_existing_topics(topics) || !topic_store_brokers(&topics->store, false, &brokers))
        return false;
    int32_t *live = arena_alloc_array(&topics->arena, (size_t)brokers.count, sizeof *live);
    for (int32_t i = 0; live && i < brokers.count; i++)
        live[i] = brokers.items[i].id;
    report.live_brokers = (struct report_ids){live, live ? brokers.count : 0};
    for (size_t i = 0; i < topics->chosen_count; i++) {
        if (!describe_topic(topics, &report, topics->chosen[i]))
            return false;
    }
    return true;
}

bool topics_zookeeper_run(const char *connect, struct topic_arguments *arguments, struct failure *failure)
{
    struct topics topics = {.arguments = arguments, .failure = failure};
    arena_init(&topics.arena, CLUSTER_MEMORY_MAX);
    topic_store_open(&topics.store, connect, &topics.arena, failure);
    bool ok;
    if (topic_arguments_has(arguments, "create"))
        ok = run_create(&topics);
    else if (topic_arguments_has(arguments, "alter"))
        ok = run_alter(&topics);
    else if (topic_arguments_has(arguments, "list"))
        ok = run_list(&topics);
    else if (topic_arguments_has(arguments, "describe"))
        ok = run_describe(&topics);
    else
        ok = run_delete(&topics);
    topic_store_close(&topics.store);
    arena_fini(&topics.arena);
    return ok;
}
