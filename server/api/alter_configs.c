// SPDX-License-Identifier: Apache-2.0
// AlterConfigs (everything of a resource is replaced) and IncrementalAlterConfigs (KIP-339). Any broker serves them for
// topics and for the brokers' common configuration; a broker's own only that broker.
#include "net/protocol/messages.h"
#include "net/request.h"
#include "server/api/error_message.h"
#include "server/broker.h"
#include "server/controller/config_admin.h"
#include "server/controller/controller.h"
#include "server/dispatch.h"
#include "server/handlers.h"

// What the admin thread works on, in the request's arena.
struct alteration_task {
    struct broker *broker;
    struct request *request;
    struct config_resource *resources;
    int32_t count;
    bool validate_only;
};

static int32_t count_of(int32_t count)
{
    return count > 0 ? count : 0;
}

static void respond_alter(struct alteration_task *task)
{
    struct alter_configs_response response = alter_configs_response_default;
    response.responses.items =
        message_alloc_array(&task->request->arena, &alter_configs_response_resource_schema, task->count);
    if (response.responses.items == NULL) {
        dispatch_close(task->request);
        return;
    }
    response.responses.count = task->count;
    for (int32_t i = 0; i < task->count; i++) {
        struct alter_configs_response_resource *result = &response.responses.items[i];
        result->resource_type = task->resources[i].type;
        result->resource_name = task->resources[i].name;
        result->error_code = (int16_t)task->resources[i].error;
        result->error_message = error_message(task->resources[i].message);
    }
    dispatch_respond(task->request, &response);
}

static void respond_incremental(struct alteration_task *task)
{
    struct incremental_alter_configs_response response = incremental_alter_configs_response_default;
    response.responses.items =
        message_alloc_array(&task->request->arena, &incremental_alter_configs_response_resource_schema, task->count);
    if (response.responses.items == NULL) {
        dispatch_close(task->request);
        return;
    }
    response.responses.count = task->count;
    for (int32_t i = 0; i < task->count; i++) {
        struct incremental_alter_configs_response_resource *result = &response.responses.items[i];
        result->resource_type = task->resources[i].type;
        result->resource_name = task->resources[i].name;
        result->error_code = (int16_t)task->resources[i].error;
        result->error_message = error_message(task->resources[i].message);
    }
    dispatch_respond(task->request, &response);
}

static void run_alteration(void *context, bool is_dropped)
{
    struct alteration_task *task = context;
    for (int32_t i = 0; is_dropped && i < task->count; i++)
        task->resources[i].error = KAFKA_REQUEST_TIMED_OUT;
    if (!is_dropped)
        config_admin_alter(task->broker, &task->request->arena, task->resources, task->count, task->validate_only);
    if (task->request->api_key == API_ALTER_CONFIGS)
        respond_alter(task);
    else
        respond_incremental(task);
}

static struct alteration_task *new_task(struct broker *broker, struct request *request, int32_t count,
                                        bool validate_only)
{
    struct alteration_task *task = arena_alloc(&request->arena, sizeof *task);
    if (task == NULL)
        return NULL;
    *task = (struct alteration_task){broker, request, NULL, count, validate_only};
    task->resources = arena_alloc_array(&request->arena, (size_t)count, sizeof *task->resources);
    return task->resources != NULL ? task : NULL;
}

void alter_configs_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct alter_configs_request *asked = message;
    struct alteration_task *task = new_task(broker, request, count_of(asked->resources.count), asked->validate_only);
    for (int32_t i = 0; task != NULL && i < task->count; i++) {
        const struct alter_configs_request_resource *from = &asked->resources.items[i];
        int32_t count = count_of(from->configs.count);
        struct config_change *changes = arena_alloc_array(&request->arena, (size_t)count, sizeof *changes);
        if (changes == NULL) {
            task = NULL;
            break;
        }
        for (int32_t c = 0; c < count; c++)
            changes[c] = (struct config_change){from->configs.items[c].name, from->configs.items[c].value, CONFIG_SET};
        task->resources[i] = (struct config_resource){
            .type = from->resource_type, .name = from->resource_name, .changes = changes, .change_count = count};
    }
    if (task == NULL)
        dispatch_close(request);
    else
        controller_run_admin(broker->controller, run_alteration, task);
}

void incremental_alter_configs_serve(struct broker *broker, struct request *request, const void *message)
{
    const struct incremental_alter_configs_request *asked = message;
    struct alteration_task *task = new_task(broker, request, count_of(asked->resources.count), asked->validate_only);
    for (int32_t i = 0; task != NULL && i < task->count; i++) {
        const struct incremental_alter_configs_request_resource *from = &asked->resources.items[i];
        int32_t count = count_of(from->configs.count);
        struct config_change *changes = arena_alloc_array(&request->arena, (size_t)count, sizeof *changes);
        if (changes == NULL) {
            task = NULL;
            break;
        }
        for (int32_t c = 0; c < count; c++)
            changes[c] = (struct config_change){from->configs.items[c].name, from->configs.items[c].value,
                                                from->configs.items[c].config_operation};
        task->resources[i] = (struct config_resource){.type = from->resource_type,
                                                      .name = from->resource_name,
                                                      .changes = changes,
                                                      .change_count = count,
                                                      .is_incremental = true};
    }
    if (task == NULL)
        dispatch_close(request);
    else
        controller_run_admin(broker->controller, run_alteration, task);
}
