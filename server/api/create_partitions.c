// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "net/protocol/messages.h"
#include "net/request.h"
#include "server/api/error_message.h"
#include "server/api/topic_waiter.h"
#include "server/broker.h"
#include "server/controller/controller.h"
#include "server/controller/topic_admin.h"
#include "server/dispatch.h"
#include "server/handlers.h"

// What the admin thread works on, in the request's arena.
struct growth_task {
    struct broker *broker;
    struct request *request;
    const struct create_partitions_request *asked;
    struct create_partitions_response response;
    struct topic_waiter waiter;
};

static void fail(struct create_partitions_response_result *result, enum kafka_error error, const char *message)
{
    result->error_code = (int16_t)error;
    result->error_message = error_message(message);
}

static bool prepare_results(struct growth_task *task)
{
    int32_t count = task->asked->topics.count > 0 ? task->asked->topics.count : 0;
    struct create_partitions_response_result *results =
        message_alloc_array(&task->request->arena, &create_partitions_response_result_schema, count);
    if (results == NULL)
        return false;
    task->response = create_partitions_response_default;
    task->response.results.items = results;
    struct map seen = MAP_EMPTY;
    for (int32_t i = 0; i < count; i++) {
        struct view name = task->asked->topics.items[i].name;
        struct create_partitions_response_result *before = map_get(&seen, name);
        // A topic that is there twice is answered once, where it was first.
        struct create_partitions_response_result *result = before;
        if (before == NULL) {
            result = &results[task->response.results.count++];
            result->name = name;
        }
        if (!controller_is_active(task->broker->controller))
            fail(result, KAFKA_NOT_CONTROLLER, NULL);
        else if (before != NULL)
            fail(result, KAFKA_INVALID_REQUEST, "Duplicate topic in request.");
        map_put(&seen, name, result);
    }
    map_fini(&seen);
    return true;
}

static void grow(struct growth_task *task, const struct create_partitions_request_topic *topic,
                 struct create_partitions_response_result *result, struct waited_topic *waited)
{
    struct arena *arena = &task->request->arena;
    struct topic_outcome outcome = {.error = KAFKA_UNKNOWN_SERVER_ERROR};
    int32_t given_count = topic->assignments.count > 0 ? topic->assignments.count : 0;
    struct given_replicas *given = arena_alloc_array(arena, (size_t)given_count, sizeof *given);
    for (int32_t i = 0; given != NULL && i < given_count; i++) {
        const struct int32_array *ids = &topic->assignments.items[i].broker_ids;
        given[i] = (struct given_replicas){.broker_ids = ids->items, .count = ids->count > 0 ? ids->count : 0};
    }
    if (given != NULL)
        topic_admin_grow(task->broker, arena, topic->name, topic->count, topic->assignments.count < 0 ? NULL : given,
                         given_count, task->asked->validate_only, &outcome);
    fail(result, outcome.error, outcome.message);
    waited->partition_count = topic->count;
}

static void run_growth(void *context, bool is_dropped)
{
    struct growth_task *task = context;
    int32_t count = task->response.results.count;
    task->waiter = (struct topic_waiter){
        .broker = task->broker, .request = task->request, .response = &task->response, .topic_count = count};
    task->waiter.topics = arena_alloc_array(&task->request->arena, (size_t)count, sizeof *task->waiter.topics);
    if (task->waiter.topics == NULL) {
        dispatch_close(task->request);
        return;
    }
    int32_t at = 0;
    for (int32_t i = 0; at < count && i < task->asked->topics.count; i++) {
        const struct create_partitions_request_topic *topic = &task->asked->topics.items[i];
        struct create_partitions_response_result *result = &task->response.results.items[at];
        // Duplicates have no result of their own.
        if (topic->name.data != result->name.data)
            continue;
        task->waiter.topics[at] = (struct waited_topic){.name = topic->name, .error_code = &result->error_code};
        if (is_dropped)
            fail(result, KAFKA_NOT_CONTROLLER, NULL);
        else if (result->error_code == KAFKA_NONE)
            grow(task, topic, result, &task->waiter.topics[at]);
        at++;
    }
    if (is_dropped || task->asked->validate_only)
        dispatch_respond(task->request, &task->response);
    else
        topic_waiter_run(&task->waiter, task->asked->timeout_ms);
}

void create_partitions_serve(struct broker *broker, struct request *request, const void *message)
{
    struct growth_task *task = arena_alloc(&request->arena, sizeof *task);
    if (task != NULL)
        *task = (struct growth_task){.broker = broker, .request = request, .asked = message};
    if (task == NULL || !prepare_results(task))
        dispatch_close(request);
    else if (!controller_is_active(broker->controller))
        dispatch_respond(request, &task->response);
    else
        controller_run_admin(broker->controller, run_growth, task);
}
