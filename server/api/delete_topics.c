// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/messages.h"
#include "net/request.h"
#include "server/api/topic_waiter.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/controller.h"
#include "server/controller/topic_admin.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"

// What the admin thread works on, in the request's arena.
struct deletion_task {
    struct broker *broker;
    struct request *request;
    int32_t timeout_ms;
    struct delete_topics_response response;
    struct topic_waiter waiter;
};

// One result per topic, by name or id as the client said it.
static bool prepare_results(struct deletion_task *task, const struct delete_topics_request *asked)
{
    bool by_id = task->request->api_version >= 6;
    int32_t count = by_id ? asked->topics.count : asked->topic_names.count;
    count = count > 0 ? count : 0;
    struct delete_topics_response_topic *results =
        message_alloc_array(&task->request->arena, &delete_topics_response_topic_schema, count);
    if (results == NULL)
        return false;
    task->response = delete_topics_response_default;
    task->response.responses.items = results;
    task->response.responses.count = count;
    for (int32_t i = 0; i < count; i++) {
        results[i].name = by_id ? asked->topics.items[i].name : asked->topic_names.items[i];
        results[i].topic_id = by_id ? asked->topics.items[i].topic_id : UUID_ZERO;
    }
    return true;
}

static void fail_all(struct deletion_task *task, enum kafka_error error)
{
    for (int32_t i = 0; i < task->response.responses.count; i++)
        task->response.responses.items[i].error_code = (int16_t)error;
}

static bool names_and_ids_are_mixed(const struct deletion_task *task)
{
    for (int32_t i = 0; i < task->response.responses.count; i++) {
        const struct delete_topics_response_topic *result = &task->response.responses.items[i];
        if (!view_is_null(result->name) && !uuid_is_zero(result->topic_id))
            return true;
    }
    return false;
}

// Finds the names of ids, and what there is to delete at all.
static void resolve(struct deletion_task *task)
{
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(task->broker->metadata_cache);
    for (int32_t i = 0; i < task->response.responses.count; i++) {
        struct delete_topics_response_topic *result = &task->response.responses.items[i];
        bool by_id = !uuid_is_zero(result->topic_id);
        const struct metadata_topic *topic = by_id ? metadata_snapshot_topic_of_id(snapshot, result->topic_id)
                                                   : metadata_snapshot_topic(snapshot, result->name);
        if (topic == NULL)
            result->error_code = by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        else if (by_id)
            result->name = view_copy(&task->request->arena, view_of(topic->name, topic->name_size));
    }
    metadata_snapshot_unref(snapshot);
}

static void run_deletion(void *context, bool is_dropped)
{
    struct deletion_task *task = context;
    struct arena *arena = &task->request->arena;
    int32_t count = task->response.responses.count;
    if (is_dropped) {
        fail_all(task, KAFKA_NOT_CONTROLLER);
        dispatch_respond(task->request, &task->response);
        return;
    }
    task->waiter = (struct topic_waiter){
        .broker = task->broker, .request = task->request, .response = &task->response, .topic_count = count};
    task->waiter.topics = arena_alloc_array(arena, (size_t)count, sizeof *task->waiter.topics);
    if (task->waiter.topics == NULL) {
        dispatch_close(task->request);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        struct delete_topics_response_topic *result = &task->response.responses.items[i];
        task->waiter.topics[i] = (struct waited_topic){.name = result->name, .error_code = &result->error_code};
        if (result->error_code != KAFKA_NONE)
            continue;
        struct topic_outcome outcome;
        topic_admin_delete(task->broker, arena, result->name, &outcome);
        result->error_code = (int16_t)outcome.error;
    }
    topic_waiter_run(&task->waiter, task->timeout_ms);
}

void delete_topics_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct delete_topics_request *asked = message;
    struct deletion_task *task = arena_alloc(&request->arena, sizeof *task);
    if (task != NULL)
        *task = (struct deletion_task){.broker = broker, .request = request, .timeout_ms = asked->timeout_ms};
    if (task == NULL || !prepare_results(task, asked)) {
        dispatch_close(request);
        return;
    }
    enum kafka_error error = KAFKA_NONE;
    if (!controller_is_active(broker->controller))
        error = KAFKA_NOT_CONTROLLER;
    else if (!config_boolean(broker->config, OPTION_DELETE_TOPIC_ENABLE))
        error = request->api_version < 3 ? KAFKA_INVALID_REQUEST : KAFKA_TOPIC_DELETION_DISABLED;
    else if (names_and_ids_are_mixed(task))
        error = KAFKA_INVALID_REQUEST;
    if (error != KAFKA_NONE) {
        fail_all(task, error);
        dispatch_respond(request, &task->response);
        return;
    }
    resolve(task);
    controller_run_admin(broker->controller, run_deletion, task);
}
