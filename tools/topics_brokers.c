// SPDX-License-Identifier: Apache-2.0
#include "tools/topics_brokers.h"

#include "net/protocol/api.h"
#include "rules/topic_name.h"
#include "tools/java_hash.h"
#include "tools/topic_filter.h"
#include "tools/topic_report.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// An answer is the broker's, not a stranger's; this bounds what a broken one can cost.
static const size_t ANSWER_MEMORY_MAX = (size_t)1 << 30;
static const char CONFIG_SOURCE_DEFAULT = 5;
enum { RESOURCE_TYPE_TOPIC = 2 };

// One run: everything lives in the arena until its end.
struct topics {
    struct admin_client *client;
    struct topic_arguments *arguments;
    struct failure *failure;
    struct arena arena;
    const struct metadata_response *metadata;
    struct metadata_response_topic **chosen; // sorted by name
    int32_t chosen_count;
};

static bool fail_memory(struct topics *topics)
{
    return failure_set(topics->failure, "java.lang.OutOfMemoryError", "The answer is larger than this program accepts");
}

static int compare_topics(const void *a, const void *b)
{
    return view_compare((*(struct metadata_response_topic *const *)a)->name,
                        (*(struct metadata_response_topic *const *)b)->name);
}

// The cluster's metadata, and of its topics those that are meant, sorted by name.
static bool list_topics(struct topics *topics, const struct topic_filter *filter)
{
    struct metadata_request request = metadata_request_default;
    request.topics.count = -1; // all
    request.allow_auto_topic_creation = false;
    const void *answer;
    admin_client_begin(topics->client, "listTopics");
    if (!admin_client_send(topics->client, ADMIN_ANY_BROKER, API_METADATA, &request, &topics->arena, &answer,
                           topics->failure))
        return false;
    topics->metadata = answer;
    int32_t count = topics->metadata->topics.count < 0 ? 0 : topics->metadata->topics.count;
    topics->chosen = arena_alloc_array(&topics->arena, (size_t)count, sizeof *topics->chosen);
    if (!topics->chosen)
        return fail_memory(topics);
    bool without_internal = topic_arguments_has(topics->arguments, "exclude-internal");
    for (int32_t i = 0; i < count; i++) {
        struct metadata_response_topic *topic = &topics->metadata->topics.items[i];
        char *name = view_to_string(&topics->arena, topic->name);
        if (name && (!filter || topic_filter_matches(filter, name)) && !(without_internal && topic->is_internal))
            topics->chosen[topics->chosen_count++] = topic;
    }
    qsort(topics->chosen, (size_t)topics->chosen_count, sizeof *topics->chosen, compare_topics);
    return true;
}

// Lists with the filter that --topic is; *name is NULL without it.
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

// For actions on topics that are there: none is a failure unless --if-exists.
static bool choose_existing_topics(struct topics *topics)
{
    const char *name;
    if (!choose_topics(topics, &name))
        return false;
    if (!name || !name[0] || topics->chosen_count > 0 || topic_arguments_has(topics->arguments, "if-exists"))
        return true;
    return failure_set(topics->failure, "java.lang.IllegalArgumentException",
                       "Topic 'Optional[%s]' does not exist as expected", name);
}

static bool run_list(struct topics *topics)
{
    const char *name;
    if (!choose_topics(topics, &name))
        return false;
    for (int32_t i = 0; i < topics->chosen_count; i++)
        printf("%.*s\n", VIEW_ARGS(topics->chosen[i]->name));
    if (topics->chosen_count == 0)
        puts("");
    return true;
}

static bool check_new_topic(const struct topics *topics, const struct topic_change *change)
{
    if (topic_arguments_has(topics->arguments, "replication-factor") &&
        (change->replication_factor < 1 || change->replication_factor > INT16_MAX))
        return failure_set(topics->failure, "java.lang.IllegalArgumentException",
                           "The replication factor must be between 1 and 32767 inclusive");
    if (topic_arguments_has(topics->arguments, "partitions") && change->partitions < 1)
        return failure_set(topics->failure, "java.lang.IllegalArgumentException",
                           "The partitions must be greater than 0");
    if (change->name[0] == '\0')
        return failure_set(topics->failure, "org.apache.kafka.common.errors.InvalidTopicException",
                           "The given topic name '' cannot be represented in a request.");
    return true;
}

// The ids of one partition's replicas in a form that messages carry.
static struct int32_array replica_ids(struct arena *arena, const struct replica_list *list)
{
    struct int32_array ids = {arena_alloc_array(arena, (size_t)list->count, sizeof(int32_t)), list->count};
    if (!ids.items)
        return (struct int32_array){0};
    memcpy(ids.items, list->broker_ids, (size_t)list->count * sizeof(int32_t));
    return ids;
}

static bool fill_new_topic(struct topics *topics, const struct topic_change *change,
                           struct create_topics_request_topic *topic)
{
    topic->name = view_of_string(change->name);
    topic->num_partitions = change->assignment_count > 0 ? -1 : (int32_t)change->partitions;
    topic->replication_factor = change->assignment_count > 0 ? -1 : (int16_t)change->replication_factor;
    topic->assignments.count = change->assignment_count;
    topic->assignments.items =
        message_alloc_array(&topics->arena, &create_topics_request_assignment_schema, change->assignment_count);
    topic->configs.count = (int32_t)change->configs.count;
    topic->configs.items =
        message_alloc_array(&topics->arena, &create_topics_request_config_schema, topic->configs.count);
    if (!topic->assignments.items || !topic->configs.items)
        return fail_memory(topics);
    for (int32_t i = 0; i < change->assignment_count; i++) {
        topic->assignments.items[i].partition_index = i;
        topic->assignments.items[i].broker_ids = replica_ids(&topics->arena, &change->assignment[i]);
    }
    for (int32_t i = 0; i < topic->configs.count; i++) {
        topic->configs.items[i].name = view_of_string(change->configs.items[i].key);
        topic->configs.items[i].value = view_of_string(change->configs.items[i].value);
    }
    return true;
}

// What an answer says first that is no success, or NONE.
struct outcome {
    int16_t error_code;
    struct view error_message;
};

// Sends the request to the controller, again as long as a broker says that it is not. timeout_ms: in the request.
static bool ask_controller(struct topics *topics, int16_t api_key, const void *request, int32_t *timeout_ms,
                           void outcome_of(const void *answer, struct outcome *first), struct outcome *outcome)
{
    while (true) {
        const void *answer;
        *timeout_ms = admin_client_timeout_ms(topics->client);
        if (!admin_client_send(topics->client, ADMIN_CONTROLLER, api_key, request, &topics->arena, &answer,
                               topics->failure))
            return false;
        *outcome = (struct outcome){KAFKA_NONE, VIEW_NULL};
        outcome_of(answer, outcome);
        if (outcome->error_code != KAFKA_NOT_CONTROLLER)
            return true;
        if (!admin_client_retry(topics->client, topics->failure))
            return false;
    }
}

static bool end_with(struct topics *topics, const struct outcome *outcome)
{
    return outcome->error_code == KAFKA_NONE ||
           failure_set_error(topics->failure, outcome->error_code, outcome->error_message);
}

static void note_outcome(struct outcome *first, int16_t error_code, struct view error_message)
{
    if (first->error_code == KAFKA_NONE)
        *first = (struct outcome){error_code, error_message};
}

static void outcome_of_creation(const void *answer, struct outcome *first)
{
    const struct create_topics_response *response = answer;
    for (int32_t i = 0; i < response->topics.count; i++)
        note_outcome(first, response->topics.items[i].error_code, response->topics.items[i].error_message);
    if (response->topics.count == 0)
        note_outcome(first, KAFKA_UNKNOWN_SERVER_ERROR, view_of_string("The answer does not contain the topic"));
}

static void outcome_of_growth(const void *answer, struct outcome *first)
{
    const struct create_partitions_response *response = answer;
    for (int32_t i = 0; i < response->results.count; i++)
        note_outcome(first, response->results.items[i].error_code, response->results.items[i].error_message);
}

static void outcome_of_deletion(const void *answer, struct outcome *first)
{
    const struct delete_topics_response *response = answer;
    for (int32_t i = 0; i < response->responses.count; i++)
        note_outcome(first, response->responses.items[i].error_code, response->responses.items[i].error_message);
}

static bool create_topic(struct topics *topics, const struct topic_change *change)
{
    struct create_topics_request_topic topic = create_topics_request_topic_default;
    struct create_topics_request request = create_topics_request_default;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (!fill_new_topic(topics, change, &topic))
        return false;
    admin_client_begin(topics->client, "createTopics");
    struct outcome outcome;
    if (!ask_controller(topics, API_CREATE_TOPICS, &request, &request.timeout_ms, outcome_of_creation, &outcome))
        return false;
    if (outcome.error_code == KAFKA_TOPIC_ALREADY_EXISTS && topic_arguments_has(topics->arguments, "if-not-exists"))
        return true;
    if (!end_with(topics, &outcome))
        return false;
    printf("Created topic %s.\n", change->name);
    return true;
}

static bool run_create(struct topics *topics)
{
    struct topic_change change;
    if (!topic_change_read(topics->arguments, &topics->arena, &change, topics->failure))
        return false;
    if (topic_name_has_collision_chars(view_of_string(change.name)))
        puts("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could "
             "collide. To avoid issues it is best to use either, but not both.");
    bool ok = check_new_topic(topics, &change) && create_topic(topics, &change);
    topic_change_fini(&change);
    return ok;
}

// What each chosen topic is to grow to. An assignment names all partitions, of which those that are there are skipped.
static bool fill_growth(struct topics *topics, const struct topic_change *change,
                        struct create_partitions_request *request)
{
    request->topics.count = topics->chosen_count;
    request->topics.items =
        message_alloc_array(&topics->arena, &create_partitions_request_topic_schema, topics->chosen_count);
    if (!request->topics.items)
        return fail_memory(topics);
    for (int32_t i = 0; i < topics->chosen_count; i++) {
        struct create_partitions_request_topic *topic = &request->topics.items[i];
        int32_t present = topics->chosen[i]->partitions.count;
        topic->name = topics->chosen[i]->name;
        topic->count = (int32_t)change->partitions;
        topic->assignments.count = -1;
        if (change->assignment_count == 0)
            continue;
        int32_t count = change->assignment_count > present ? change->assignment_count - present : 0;
        topic->assignments.count = count;
        topic->assignments.items =
            message_alloc_array(&topics->arena, &create_partitions_request_assignment_schema, count);
        if (!topic->assignments.items)
            return fail_memory(topics);
        for (int32_t j = 0; j < count; j++)
            topic->assignments.items[j].broker_ids = replica_ids(&topics->arena, &change->assignment[present + j]);
    }
    return true;
}

static bool grow_topics(struct topics *topics, const struct topic_change *change)
{
    struct create_partitions_request request = create_partitions_request_default;
    if (!fill_growth(topics, change, &request))
        return false;
    admin_client_begin(topics->client, "createPartitions");
    struct outcome outcome;
    return ask_controller(topics, API_CREATE_PARTITIONS, &request, &request.timeout_ms, outcome_of_growth, &outcome) &&
           end_with(topics, &outcome);
}

static bool run_alter(struct topics *topics)
{
    struct topic_change change;
    if (!topic_change_read(topics->arguments, &topics->arena, &change, topics->failure))
        return false;
    bool ok = choose_existing_topics(topics);
    if (ok && topics->chosen_count > 0)
        ok = grow_topics(topics, &change);
    topic_change_fini(&change);
    return ok;
}

static bool run_delete(struct topics *topics)
{
    if (!choose_existing_topics(topics))
        return false;
    if (topics->chosen_count == 0)
        return true;
    struct delete_topics_request request = delete_topics_request_default;
    // By name in either form: which of them goes out is the version's business.
    request.topics.count = request.topic_names.count = topics->chosen_count;
    request.topics.items =
        message_alloc_array(&topics->arena, &delete_topics_request_topic_schema, topics->chosen_count);
    request.topic_names.items =
        arena_alloc_array(&topics->arena, (size_t)topics->chosen_count, sizeof *request.topic_names.items);
    if (!request.topics.items || !request.topic_names.items)
        return fail_memory(topics);
    for (int32_t i = 0; i < topics->chosen_count; i++)
        request.topics.items[i].name = request.topic_names.items[i] = topics->chosen[i]->name;
    admin_client_begin(topics->client, "deleteTopics");
    struct outcome outcome;
    return ask_controller(topics, API_DELETE_TOPICS, &request, &request.timeout_ms, outcome_of_deletion, &outcome) &&
           end_with(topics, &outcome);
}

static struct report_ids ids_of(struct int32_array array)
{
    return (struct report_ids){array.items, array.count < 0 ? 0 : array.count};
}

static int compare_partitions(const void *a, const void *b)
{
    int32_t index_a = ((const struct report_partition *)a)->index,
            index_b = ((const struct report_partition *)b)->index;
    return (index_a > index_b) - (index_a < index_b);
}

static bool fill_partitions(struct topics *topics, const struct metadata_response_topic *topic,
                            struct report_topic *report)
{
    report->name = view_to_string(&topics->arena, topic->name);
    report->id = topic->topic_id;
    report->partition_count = topic->partitions.count < 0 ? 0 : topic->partitions.count;
    report->partitions = arena_alloc_array(&topics->arena, (size_t)report->partition_count, sizeof *report->partitions);
    if (!report->name || !report->partitions)
        return fail_memory(topics);
    for (int32_t i = 0; i < report->partition_count; i++) {
        const struct metadata_response_partition *partition = &topic->partitions.items[i];
        report->partitions[i] = (struct report_partition){
            .index = partition->partition_index,
            .leader = partition->leader_id,
            .replicas = ids_of(partition->replica_nodes),
            .isr = ids_of(partition->isr_nodes),
        };
    }
    qsort(report->partitions, (size_t)report->partition_count, sizeof *report->partitions, compare_partitions);
    return true;
}

static bool fill_configs(struct topics *topics, const struct describe_configs_response_result *result,
                         struct report_topic *report)
{
    if (result->error_code != KAFKA_NONE)
        return failure_set_error(topics->failure, result->error_code, result->error_message);
    report->configs = arena_alloc_array(&topics->arena, (size_t)result->configs.count, sizeof *report->configs);
    if (!report->configs)
        return fail_memory(topics);
    report->config_count = result->configs.count;
    report->min_isr = 1;
    for (int32_t i = 0; i < result->configs.count; i++) {
        const struct describe_configs_response_config *config = &result->configs.items[i];
        bool is_default =
            config->config_source < 0 ? config->is_default : config->config_source == CONFIG_SOURCE_DEFAULT;
        const char *value = config->is_sensitive ? NULL : view_to_string(&topics->arena, config->value);
        report->configs[i] = (struct report_config){view_to_string(&topics->arena, config->name), value, !is_default};
        if (!report->configs[i].name)
            return fail_memory(topics);
        if (value && strcmp(report->configs[i].name, "min.insync.replicas") == 0)
            report->min_isr = strtoll(value, NULL, 10);
    }
    return true;
}

static struct report_topic *find_report(struct report_topic *reports, int32_t count, struct view name)
{
    for (int32_t i = 0; i < count; i++) {
        if (view_equal_string(name, reports[i].name))
            return &reports[i];
    }
    return NULL;
}

static bool ask_configs(struct topics *topics, struct report_topic *reports)
{
    struct describe_configs_request request = describe_configs_request_default;
    request.resources.count = topics->chosen_count;
    request.resources.items =
        message_alloc_array(&topics->arena, &describe_configs_request_resource_schema, topics->chosen_count);
    if (!request.resources.items)
        return fail_memory(topics);
    for (int32_t i = 0; i < topics->chosen_count; i++) {
        request.resources.items[i].resource_type = RESOURCE_TYPE_TOPIC;
        request.resources.items[i].resource_name = view_of_string(reports[i].name);
        request.resources.items[i].configuration_keys.count = -1;
    }
    const void *answer;
    admin_client_begin(topics->client, "describeConfigs");
    if (!admin_client_send(topics->client, ADMIN_ANY_BROKER, API_DESCRIBE_CONFIGS, &request, &topics->arena, &answer,
                           topics->failure))
        return false;
    const struct describe_configs_response *response = answer;
    for (int32_t i = 0; i < response->results.count; i++) {
        const struct describe_configs_response_result *result = &response->results.items[i];
        struct report_topic *report = find_report(reports, topics->chosen_count, result->resource_name);
        if (report && !fill_configs(topics, result, report))
            return false;
    }
    return true;
}

static void note_reassignments(const struct list_partition_reassignments_response_topic *topic,
                               struct report_topic *report)
{
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct list_partition_reassignments_response_partition *moved = &topic->partitions.items[i];
        for (int32_t j = 0; j < report->partition_count; j++) {
            if (report->partitions[j].index != moved->partition_index)
                continue;
            report->partitions[j].is_reassigned = true;
            report->partitions[j].adding = ids_of(moved->adding_replicas);
            report->partitions[j].removing = ids_of(moved->removing_replicas);
        }
    }
}

// Brokers that do not tell are taken to have none going on.
static bool ask_reassignments(struct topics *topics, struct report_topic *reports)
{
    struct list_partition_reassignments_request request = list_partition_reassignments_request_default;
    request.topics.count = -1; // all that are going on
    admin_client_begin(topics->client, "listPartitionReassignments");
    while (true) {
        const void *answer;
        struct failure ignored;
        request.timeout_ms = admin_client_timeout_ms(topics->client);
        if (!admin_client_send(topics->client, ADMIN_CONTROLLER, API_LIST_PARTITION_REASSIGNMENTS, &request,
                               &topics->arena, &answer, &ignored)) {
            if (strstr(ignored.exception, "UnsupportedVersion"))
                return true;
            *topics->failure = ignored;
            return false;
        }
        const struct list_partition_reassignments_response *response = answer;
        if (response->error_code == KAFKA_NOT_CONTROLLER) {
            if (!admin_client_retry(topics->client, topics->failure))
                return false;
            continue;
        }
        if (response->error_code == KAFKA_CLUSTER_AUTHORIZATION_FAILED)
            return true;
        if (response->error_code != KAFKA_NONE)
            return failure_set_error(topics->failure, response->error_code, response->error_message);
        for (int32_t i = 0; i < response->topics.count; i++) {
            struct report_topic *report = find_report(reports, topics->chosen_count, response->topics.items[i].name);
            if (report)
                note_reassignments(&response->topics.items[i], report);
        }
        return true;
    }
}

static bool print_reports(struct topics *topics, struct report_topic *reports)
{
    struct topic_report report;
    topic_report_init(&report, topics->arguments);
    int32_t *live = arena_alloc_array(&topics->arena, (size_t)topics->metadata->brokers.count, sizeof *live);
    if (!live)
        return fail_memory(topics);
    for (int32_t i = 0; i < topics->metadata->brokers.count; i++)
        live[i] = topics->metadata->brokers.items[i].node_id;
    report.live_brokers = (struct report_ids){live, topics->metadata->brokers.count};
    // The HashMap that Kafka's program keeps descriptions in is made for as many as there are.
    size_t count = (size_t)topics->chosen_count;
    java_hash_sort(reports, count, sizeof *reports, offsetof(struct report_topic, name),
                   java_hash_capacity(count, count));
    for (int32_t i = 0; i < topics->chosen_count; i++)
        topic_report_print(&report, &reports[i]);
    return true;
}

// What Java's decoder says of a topic id that is none.
static bool fail_topic_id(struct topics *topics, const char *text)
{
    size_t size = strlen(text);
    struct failure *failure = topics->failure;
    static const char EXCEPTION[] = "java.lang.IllegalArgumentException";
    size_t plain = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    if (size > 24)
        return failure_set(failure, EXCEPTION,
                           "Input string with prefix `%.24s` is too long to be decoded as a base64 UUID", text);
    if (plain < size)
        return failure_set(failure, EXCEPTION, "Illegal base64 character %x", (unsigned char)text[plain]);
    if (size % 4 == 1)
        return failure_set(failure, EXCEPTION, "Last unit does not have enough valid bits");
    return failure_set(failure, EXCEPTION,
                       "Input string `%s` decoded as %zu bytes, which is not equal to the expected 16 bytes of a "
                       "base64-encoded UUID",
                       text, size * 3 / 4);
}

static bool choose_topic_by_id(struct topics *topics, struct uuid id, const char *text)
{
    if (!list_topics(topics, NULL))
        return false;
    int32_t kept = 0;
    for (int32_t i = 0; i < topics->chosen_count; i++) {
        if (uuid_equal(topics->chosen[i]->topic_id, id))
            topics->chosen[kept++] = topics->chosen[i];
    }
    topics->chosen_count = kept;
    if (kept > 0 || topic_arguments_has(topics->arguments, "if-exists"))
        return true;
    return failure_set(topics->failure, "java.lang.IllegalArgumentException", "TopicId '%s' does not exist as expected",
                       text);
}

static bool run_describe(struct topics *topics)
{
    const char *text;
    struct uuid id = UUID_ZERO;
    if (!topic_arguments_string(topics->arguments, "topic-id", &text, topics->failure))
        return false;
    if (text && !uuid_of_string(view_of_string(text), &id))
        return fail_topic_id(topics, text);
    bool by_id = text && !uuid_is_zero(id);
    if (!(by_id ? choose_topic_by_id(topics, id, text) : choose_existing_topics(topics)))
        return false;
    if (topics->chosen_count == 0)
        return true;
    struct report_topic *reports = arena_alloc_array(&topics->arena, (size_t)topics->chosen_count, sizeof *reports);
    if (!reports)
        return fail_memory(topics);
    for (int32_t i = 0; i < topics->chosen_count; i++) {
        if (!fill_partitions(topics, topics->chosen[i], &reports[i]))
            return false;
    }
    return ask_configs(topics, reports) && ask_reassignments(topics, reports) && print_reports(topics, reports);
}

bool topics_brokers_run(struct admin_client *client, struct topic_arguments *arguments, struct failure *failure)
{
    struct topics topics = {.client = client, .arguments = arguments, .failure = failure};
    arena_init(&topics.arena, ANSWER_MEMORY_MAX);
    bool ok = false;
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
    arena_fini(&topics.arena);
    return ok;
}
