// SPDX-License-Identifier: Apache-2.0
// What the controller tells a broker: LeaderAndIsr (API key 4), StopReplica (5), UpdateMetadata (6). All three are
// carried out in their order on the replica-state thread.
#include "base/logger.h"
#include "net/request.h"
#include "server/broker.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/replica/replica_manager.h"

// Whether the request may be carried out. A KRaft controller is none of ours.
static enum kafka_error check(struct broker *broker, bool is_kraft, int64_t broker_epoch, int32_t controller_epoch)
{
    if (is_kraft)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    return replica_manager_check_controller(broker->replica_manager, broker_epoch, controller_epoch);
}

// ---- LeaderAndIsr

// One partition; an error of the whole request is repeated in each.
static void answer_state(struct broker *broker, enum kafka_error request_error, struct view topic, struct uuid topic_id,
                         const struct leader_and_isr_request_partition_state *state,
                         struct leader_and_isr_response_partition_error *answer)
{
    answer->topic_name = topic;
    answer->partition_index = state->partition_index;
    answer->error_code = (int16_t)(request_error != KAFKA_NONE ? request_error
                                                               : replica_manager_change_leader(broker->replica_manager,
                                                                                               topic, topic_id, state));
}

static int32_t state_count(const struct leader_and_isr_request *asked)
{
    int32_t count = asked->ungrouped_partition_states.count;
    for (int32_t i = 0; i < asked->topic_states.count; i++)
        count += asked->topic_states.items[i].partition_states.count;
    return count;
}

static void run_leader_and_isr(struct broker *broker, struct request *request, const void *message)
{
    const struct leader_and_isr_request *asked = message;
    struct leader_and_isr_response response = leader_and_isr_response_default;
    struct leader_and_isr_response_partition_error *answers =
        message_alloc_array(&request->arena, &leader_and_isr_response_partition_error_schema, state_count(asked));
    struct leader_and_isr_response_topic *topics =
        message_alloc_array(&request->arena, &leader_and_isr_response_topic_schema, asked->topic_states.count);
    if (answers == NULL || topics == NULL) {
        dispatch_close(request);
        return;
    }
    enum kafka_error error = check(broker, asked->is_k_raft_controller, asked->broker_epoch, asked->controller_epoch);
    response.error_code = (int16_t)error;
    struct leader_and_isr_response_partition_error *next = answers;
    for (int32_t i = 0; i < asked->ungrouped_partition_states.count; i++) {
        const struct leader_and_isr_request_partition_state *state = &asked->ungrouped_partition_states.items[i];
        answer_state(broker, error, state->topic_name, UUID_ZERO, state, next++);
    }
    for (int32_t i = 0; i < asked->topic_states.count; i++) {
        const struct leader_and_isr_request_topic_state *topic = &asked->topic_states.items[i];
        topics[i].topic_id = topic->topic_id;
        topics[i].partition_errors.items = next;
        topics[i].partition_errors.count = topic->partition_states.count;
        for (int32_t j = 0; j < topic->partition_states.count; j++)
            answer_state(broker, error, topic->topic_name, topic->topic_id, &topic->partition_states.items[j], next++);
    }
    if (request->api_version >= 5) {
        response.topics.items = topics;
        response.topics.count = asked->topic_states.count;
    } else {
        response.partition_errors.items = answers;
        response.partition_errors.count = (int32_t)(next - answers);
    }
    dispatch_respond(request, &response);
}

void leader_and_isr_serve(struct broker *broker, struct request *request, const void *message)
{
    replica_manager_enqueue(broker->replica_manager, request, message, run_leader_and_isr);
}

// ---- StopReplica

// The answer as it grows: one entry per partition of the request.
struct stop_answers {
    struct broker *broker;
    struct stop_replica_response response;
};

static void stop_one(struct stop_answers *answers, struct view topic, int32_t index, int32_t leader_epoch,
                     bool is_deletion)
{
    struct stop_replica_response_partition_error *answer =
        &answers->response.partition_errors.items[answers->response.partition_errors.count++];
    answer->topic_name = topic;
    answer->partition_index = index;
    answer->error_code = (int16_t)replica_manager_stop_replica(answers->broker->replica_manager, topic, index,
                                                               leader_epoch, is_deletion);
    if (answer->error_code != KAFKA_NONE)
        logger_warn("Not stopping the replica of partition %.*s-%d: %s.", VIEW_ARGS(topic), index,
                    kafka_error_name(answer->error_code));
}

static int32_t stop_count(const struct stop_replica_request *asked)
{
    int32_t count = asked->ungrouped_partitions.count;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += asked->topics.items[i].partition_indexes.count;
    for (int32_t i = 0; i < asked->topic_states.count; i++)
        count += asked->topic_states.items[i].partition_states.count;
    return count;
}

static void stop_all(struct stop_answers *answers, const struct stop_replica_request *asked)
{
    for (int32_t i = 0; i < asked->ungrouped_partitions.count; i++)
        stop_one(answers, asked->ungrouped_partitions.items[i].topic_name,
                 asked->ungrouped_partitions.items[i].partition_index, PARTITION_NO_EPOCH, asked->delete_partitions);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct stop_replica_request_topic *topic = &asked->topics.items[i];
        for (int32_t j = 0; j < topic->partition_indexes.count; j++)
            stop_one(answers, topic->name, topic->partition_indexes.items[j], PARTITION_NO_EPOCH,
                     asked->delete_partitions);
    }
    for (int32_t i = 0; i < asked->topic_states.count; i++) {
        const struct stop_replica_request_topic_state *topic = &asked->topic_states.items[i];
        for (int32_t j = 0; j < topic->partition_states.count; j++)
            stop_one(answers, topic->topic_name, topic->partition_states.items[j].partition_index,
                     topic->partition_states.items[j].leader_epoch, topic->partition_states.items[j].delete_partition);
    }
}

static void run_stop_replica(struct broker *broker, struct request *request, const void *message)
{
    const struct stop_replica_request *asked = message;
    struct stop_answers answers = {broker, stop_replica_response_default};
    answers.response.partition_errors.items =
        message_alloc_array(&request->arena, &stop_replica_response_partition_error_schema, stop_count(asked));
    if (answers.response.partition_errors.items == NULL) {
        dispatch_close(request);
        return;
    }
    enum kafka_error error = check(broker, asked->is_k_raft_controller, asked->broker_epoch, asked->controller_epoch);
    answers.response.error_code = (int16_t)error;
    if (error == KAFKA_NONE)
        stop_all(&answers, asked);
    dispatch_respond(request, &answers.response);
}

void stop_replica_serve(struct broker *broker, struct request *request, const void *message)
{
    replica_manager_enqueue(broker->replica_manager, request, message, run_stop_replica);
}

// ---- UpdateMetadata

static void run_update_metadata(struct broker *broker, struct request *request, const void *message)
{
    const struct update_metadata_request *asked = message;
    struct update_metadata_response response = update_metadata_response_default;
    enum kafka_error error = check(broker, asked->is_k_raft_controller, asked->broker_epoch, asked->controller_epoch);
    response.error_code = (int16_t)error;
    if (error == KAFKA_NONE)
        replica_manager_update_metadata(broker->replica_manager, asked);
    dispatch_respond(request, &response);
}

void update_metadata_serve(struct broker *broker, struct request *request, const void *message)
{
    replica_manager_enqueue(broker->replica_manager, request, message, run_update_metadata);
}
