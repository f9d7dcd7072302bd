// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "net/protocol/messages.h"
#include "net/request.h"
#include "rules/options.h"
#include "server/api/error_message.h"
#include "server/api/topic_waiter.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/controller.h"
#include "server/controller/topic_admin.h"
#include "server/dispatch.h"
#include "server/handlers.h"

#include <stdlib.h>
#include <string.h>

#define METADATA_TOPIC "__cluster_metadata"

// What the admin thread works on, in the request's arena.
struct creation_task {
    struct broker *broker;
    struct request *request;
    const struct create_topics_request *asked;
    struct create_topics_response response;
    struct topic_waiter waiter;
};

static void fail(struct create_topics_response_topic *result, enum kafka_error error, const char *message)
{
    result->error_code = (int16_t)error;
    result->error_message = error_message(message);
}

// One result per topic of the request; names that must not or cannot be created are refused here.
static bool prepare_results(struct creation_task *task)
{
    const struct create_topics_request *asked = task->asked;
    int32_t count = asked->topics.count > 0 ? asked->topics.count : 0;
    struct create_topics_response_topic *results =
        message_alloc_array(&task->request->arena, &create_topics_response_topic_schema, count);
    if (results == NULL)
        return false;
    task->response = create_topics_response_default;
    task->response.topics.items = results;
    task->response.topics.count = count;
    struct map seen = MAP_EMPTY;
    for (int32_t i = 0; i < count; i++) {
        struct create_topics_response_topic *result = &results[i];
        result->name = asked->topics.items[i].name;
        if (!controller_is_active(task->broker->controller)) {
            fail(result, KAFKA_NOT_CONTROLLER, NULL);
            continue;
        }
        struct create_topics_response_topic *before = map_get(&seen, result->name);
        if (view_equal_string(result->name, METADATA_TOPIC)) {
            fail(result, KAFKA_INVALID_REQUEST, "Creation of internal topic " METADATA_TOPIC " is prohibited.");
        } else if (before != NULL) {
            fail(before, KAFKA_INVALID_REQUEST, "Found multiple entries for this topic.");
            fail(result, KAFKA_INVALID_REQUEST, "Found multiple entries for this topic.");
        } else {
            map_put(&seen, result->name, result);
        }
    }
    map_fini(&seen);
    return true;
}

static bool has_zero_byte(struct view text)
{
    return text.size > 0 && memchr(text.data, 0, text.size) != NULL;
}

// Returns false, with the result's error, for configurations that no topic can have.
static bool collect_overrides(struct arena *arena, const struct create_topics_request_topic *topic,
                              struct create_topics_response_topic *result, struct properties *overrides)
{
    const char *nulls = NULL;
    for (int32_t i = 0; i < topic->configs.count; i++) {
        struct view name = topic->configs.items[i].name, value = topic->configs.items[i].value;
        if (view_is_null(value)) {
            if (nulls == NULL || strlen(nulls) < ERROR_MESSAGE_SIZE_MAX)
                nulls = arena_format(arena, "%s%s%.*s", nulls ? nulls : "", nulls ? "," : "", VIEW_ARGS(name));
            continue;
        }
        if (has_zero_byte(name) || has_zero_byte(value)) {
            fail(result, KAFKA_INVALID_CONFIG, "A configuration's name or value holds a zero byte");
            return false;
        }
        char *key = view_dup(name), *text = view_dup(value);
        properties_set(overrides, key, text);
        free(key);
        free(text);
    }
    if (nulls != NULL)
        fail(result, KAFKA_INVALID_CONFIG,
             arena_format(arena, "Null value not supported for topic configs: %s", nulls));
    return nulls == NULL;
}

static const struct given_replicas *collect_given(struct arena *arena, const struct create_topics_request_topic *topic)
{
    struct given_replicas *given =
        arena_alloc_array(arena, topic->assignments.count > 0 ? (size_t)topic->assignments.count : 0, sizeof *given);
    for (int32_t i = 0; given != NULL && i < topic->assignments.count; i++) {
        const struct create_topics_request_assignment *assignment = &topic->assignments.items[i];
        given[i] =
            (struct given_replicas){.partition = assignment->partition_index,
                                    .broker_ids = assignment->broker_ids.items,
                                    .count = assignment->broker_ids.count > 0 ? assignment->broker_ids.count : 0};
    }
    return given;
}

// What the topic's configuration is now, with where each value comes from (KIP-525).
static void describe(struct broker *broker, struct arena *arena, const struct properties *overrides,
                     struct create_topics_response_topic *result)
{
    int32_t count = 0;
    for (int option = 0; option < OPTION_COUNT; option++)
        count += option_row((enum option)option)->scope == OPTION_SCOPE_TOPIC;
    struct create_topics_response_config *configs =
        message_alloc_array(arena, &create_topics_response_config_schema, count);
    if (configs == NULL)
        return;
    result->configs.items = configs;
    result->configs.count = 0;
    for (int i = 0; i < OPTION_COUNT; i++) {
        enum option option = (enum option)i;
        if (option_row(option)->scope != OPTION_SCOPE_TOPIC)
            continue;
        enum config_source source;
        char *value = config_topic_value(broker->config, overrides, option, &source);
        struct create_topics_response_config *config = &configs[result->configs.count++];
        config->name = view_of_string(option_row(option)->name);
        config->value = view_copy(arena, view_of_string(value));
        config->config_source = (int8_t)source;
        config->is_sensitive = option_row(option)->type == OPTION_TYPE_PASSWORD;
        free(value);
    }
}

static void create(struct creation_task *task, int32_t at)
{
    struct arena *arena = &task->request->arena;
    const struct create_topics_request_topic *topic = &task->asked->topics.items[at];
    struct create_topics_response_topic *result = &task->response.topics.items[at];
    struct properties overrides = {0};
    struct topic_outcome outcome = {.partition_count = 0};
    if (collect_overrides(arena, topic, result, &overrides)) {
        const struct topic_creation creation = {
            .name = topic->name,
            .partition_count = topic->num_partitions,
            .replication_factor = topic->replication_factor,
            .given = collect_given(arena, topic),
            .given_count = topic->assignments.count > 0 ? topic->assignments.count : 0,
            .overrides = &overrides,
        };
        if (creation.given == NULL)
            outcome.error = KAFKA_UNKNOWN_SERVER_ERROR;
        else
            topic_admin_create(task->broker, arena, &creation, task->asked->validate_only, &outcome);
        fail(result, outcome.error, outcome.message);
    }
    if (result->error_code == KAFKA_NONE) {
        result->topic_id = outcome.id;
        result->num_partitions = outcome.partition_count;
        result->replication_factor = outcome.replication_factor;
        describe(task->broker, arena, &overrides, result);
    }
    task->waiter.topics[at] = (struct waited_topic){
        .name = topic->name, .partition_count = outcome.partition_count, .error_code = &result->error_code};
    properties_fini(&overrides);
}

static void run_creation(void *context, bool is_dropped)
{
    struct creation_task *task = context;
    int32_t count = task->response.topics.count;
    if (!is_dropped) {
        task->waiter = (struct topic_waiter){
            .broker = task->broker, .request = task->request, .response = &task->response, .topic_count = count};
        task->waiter.topics = arena_alloc_array(&task->request->arena, (size_t)count, sizeof *task->waiter.topics);
        if (task->waiter.topics == NULL) {
            dispatch_close(task->request);
            return;
        }
    }
    for (int32_t i = 0; i < count; i++) {
        struct create_topics_response_topic *result = &task->response.topics.items[i];
        if (is_dropped)
            fail(result, KAFKA_NOT_CONTROLLER, NULL);
        else if (result->error_code == KAFKA_NONE)
            create(task, i);
        else
            task->waiter.topics[i] = (struct waited_topic){.name = result->name, .error_code = &result->error_code};
    }
    if (is_dropped || task->asked->validate_only)
        dispatch_respond(task->request, &task->response);
    else
        topic_waiter_run(&task->waiter, task->asked->timeout_ms);
}

void create_topics_serve(struct broker *broker, struct request *request, const void *message)
{
    struct creation_task *task = arena_alloc(&request->arena, sizeof *task);
    if (task != NULL)
        *task = (struct creation_task){.broker = broker, .request = request, .asked = message};
    if (task == NULL || !prepare_results(task))
        dispatch_close(request);
    else if (!controller_is_active(broker->controller))
        dispatch_respond(request, &task->response);
    else
        controller_run_admin(broker->controller, run_creation, task);
}
