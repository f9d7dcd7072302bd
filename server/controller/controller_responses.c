// SPDX-License-Identifier: Apache-2.0
// What brokers answer to the controller's requests. Senders hand the answers over; they are looked at on the
// controller's thread, and only if the controller that asked is still in office.
#include "server/controller/controller_state.h"

#include "base/logger.h"
#include "base/memory.h"
#include "net/protocol/messages.h"

#include <stdlib.h>

struct answer_event {
    struct event event;
    struct controller *controller;
    struct control_request *request;
    const void *response;
};

static struct controlled_partition *find_partition(struct controlled_topic *topic, int32_t index)
{
    return topic != NULL ? controlled_topic_partition(topic, index) : NULL;
}

// KAFKA_STORAGE_ERROR says that the replica's log directory has failed.
static enum kafka_error take_leader_and_isr(struct controller *controller, int32_t broker_id,
                                            const struct leader_and_isr_response *response)
{
    if (response->error_code != KAFKA_NONE) {
        logger_error("Broker %d refused a LeaderAndIsr: %s", broker_id, kafka_error_name(response->error_code));
        return KAFKA_NONE;
    }
    struct partition_replicas offline = {0};
    for (int32_t t = 0; t < response->topics.count; t++) {
        const struct leader_and_isr_response_topic *answered = &response->topics.items[t];
        struct controlled_topic *topic = controller_context_topic_of_id(&controller->context, answered->topic_id);
        for (int32_t p = 0; p < answered->partition_errors.count; p++) {
            int32_t index = answered->partition_errors.items[p].partition_index;
            bool has_failed = answered->partition_errors.items[p].error_code == KAFKA_KAFKA_STORAGE_ERROR;
            struct controlled_partition *partition = find_partition(topic, index);
            if (partition == NULL)
                continue;
            bool was_online = controlled_partition_replica_is_online(&controller->context, partition, broker_id);
            controlled_partition_set_on_offline_dir(partition, broker_id, has_failed);
            if (has_failed && was_online)
                partition_replicas_add(&offline, partition, broker_id);
        }
    }
    enum kafka_error error = KAFKA_NONE;
    if (offline.count > 0) {
        logger_warn("%zu replicas of broker %d are on a failed log directory and count as offline", offline.count,
                    broker_id);
        error = controller_take_replicas_offline(controller, &offline);
    }
    array_fini(&offline);
    return error;
}

static bool asked_to_delete(const struct stop_replica_request *request, struct view topic, int32_t index)
{
    for (int32_t t = 0; t < request->topic_states.count; t++) {
        const struct stop_replica_request_topic_state *state = &request->topic_states.items[t];
        if (!view_equal(state->topic_name, topic))
            continue;
        for (int32_t p = 0; p < state->partition_states.count; p++) {
            if (state->partition_states.items[p].partition_index == index)
                return state->partition_states.items[p].delete_partition;
        }
    }
    return false;
}

// Replicas that were to be deleted are now, or cannot be.
static enum kafka_error take_stop_replica(struct controller *controller, int32_t broker_id,
                                          const struct stop_replica_request *request,
                                          const struct stop_replica_response *response)
{
    struct partition_replicas deleted = {0}, failed = {0};
    for (int32_t i = 0; i < response->partition_errors.count; i++) {
        const struct stop_replica_response_partition_error *answered = &response->partition_errors.items[i];
        struct controlled_topic *topic = controller_context_topic(&controller->context, answered->topic_name);
        struct controlled_partition *partition = find_partition(topic, answered->partition_index);
        if (partition == NULL || !topic->is_deletion_started ||
            !asked_to_delete(request, answered->topic_name, answered->partition_index))
            continue;
        bool is_deleted = response->error_code == KAFKA_NONE && answered->error_code == KAFKA_NONE;
        partition_replicas_add(is_deleted ? &deleted : &failed, partition, broker_id);
    }
    if (response->error_code != KAFKA_NONE)
        logger_error("Broker %d refused a StopReplica: %s", broker_id, kafka_error_name(response->error_code));
    // Completing topics comes last: it removes them, and failed points into one that stays.
    enum kafka_error error = KAFKA_NONE;
    if (failed.count > 0)
        error = topic_deletion_fail(&controller->deletion, &failed);
    if (error == KAFKA_NONE && deleted.count > 0)
        error = topic_deletion_complete(&controller->deletion, &deleted);
    array_fini(&deleted);
    array_fini(&failed);
    return error;
}

static enum kafka_error take_answer(struct controller *controller, const struct control_request *request,
                                    const void *response)
{
    switch (request->api_key) {
    case API_LEADER_AND_ISR:
        return take_leader_and_isr(controller, request->broker_id, response);
    case API_STOP_REPLICA:
        return take_stop_replica(controller, request->broker_id, request->message, response);
    case API_UPDATE_METADATA: {
        const struct update_metadata_response *answer = response;
        if (answer->error_code != KAFKA_NONE)
            logger_error("Broker %d refused an UpdateMetadata: %s", request->broker_id,
                         kafka_error_name(answer->error_code));
        return KAFKA_NONE;
    }
    default:
        return KAFKA_NONE;
    }
}

static void run_answer(struct event *event, bool is_dropped)
{
    struct answer_event *answer = (struct answer_event *)event;
    struct controller *controller = answer->controller;
    if (!is_dropped && atomic_load(&controller->is_active) &&
        answer->request->controller_epoch == controller->context.epoch)
        controller_conclude(controller, take_answer(controller, answer->request, answer->response));
    control_request_destroy(&answer->request);
    free(answer);
}

void controller_answered(void *context, struct control_request *request, const void *response)
{
    struct controller *controller = context;
    struct answer_event *answer = memory_alloc(sizeof *answer);
    answer->event.run = run_answer;
    answer->controller = controller;
    answer->request = request;
    answer->response = response;
    event_queue_put(controller->events, &answer->event);
}
