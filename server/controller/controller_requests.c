// SPDX-License-Identifier: Apache-2.0
// What brokers and clients ask of the controller: ControlledShutdown, AllocateProducerIds, ListPartitionReassignments.
// Each is an event on the controller's thread; only the active controller serves them.
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/protocol/messages.h"
#include "net/request.h"
#include "server/config/config.h"
#include "server/controller/controller_channel.h"
#include "server/controller/controller_state.h"
#include "server/dispatch.h"
#include "server/handlers.h"
#include "server/metadata_cache.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PRODUCER_ID_BLOCK_SIZE = 1000 };

// Answers the request; is_active is false too when the controller stops before it came to it.
typedef enum kafka_error answer_function(struct controller *controller, struct request *request, const void *message,
                                         bool is_active);

struct request_event {
    struct event event;
    struct controller *controller;
    struct request *request;
    const void *message;
    answer_function *answer;
};

static void run_request(struct event *event, bool is_dropped)
{
    struct request_event *waiting = (struct request_event *)event;
    struct controller *controller = waiting->controller;
    bool is_active = !is_dropped && atomic_load(&controller->is_active);
    enum kafka_error error = waiting->answer(controller, waiting->request, waiting->message, is_active);
    free(waiting);
    if (is_active)
        controller_conclude(controller, error);
}

static void put_request(struct broker *broker, struct request *request, const void *message, answer_function *answer)
{
    struct request_event *waiting = memory_alloc(sizeof *waiting);
    waiting->event.run = run_request;
    waiting->controller = broker->controller;
    waiting->request = request;
    waiting->message = message;
    waiting->answer = answer;
    event_queue_put(broker->controller->events, &waiting->event);
}

// ---- ControlledShutdown

// Moves leaders away from the broker and takes its followers out of ISRs.
static enum kafka_error shut_broker_down(struct controller *controller, int32_t broker_id)
{
    struct controlled_partitions led = {0};
    struct partition_replicas followed = {0};
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(&controller->context, &walk));) {
        if (partition->assignment.replicas.count < 2 || !partition->has_leadership ||
            partition->topic->is_queued_for_deletion || !broker_ids_contain(&partition->assignment.replicas, broker_id))
            continue;
        if (partition->leadership.leader == broker_id)
            *array_append(&led) = partition;
        else
            partition_replicas_add(&followed, partition, broker_id);
    }
    enum kafka_error error = partition_state_machine_move(&controller->machine, &led, PARTITION_ONLINE,
                                                          ELECTION_CONTROLLED_SHUTDOWN, false, NULL);
    if (error == KAFKA_NONE) {
        for (size_t i = 0; i < followed.count; i++)
            control_batch_add_stop_replica(controller->batch, broker_id, followed.items[i].partition, false);
        control_batch_send(controller->batch);
        error = replica_state_machine_move(&controller->machine, &followed, REPLICA_OFFLINE);
    }
    array_fini(&led);
    array_fini(&followed);
    return error;
}

static bool is_still_led(const struct controlled_partition *partition, int32_t broker_id)
{
    return partition->has_leadership && partition->leadership.leader == broker_id &&
           partition->assignment.replicas.count > 1 && !partition->topic->is_queued_for_deletion;
}

static void list_remaining(struct controller *controller, int32_t broker_id, struct arena *arena,
                           struct controlled_shutdown_response *response)
{
    int32_t count = 0;
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(&controller->context, &walk));)
        count += is_still_led(partition, broker_id);
    response->remaining_partitions.items =
        message_alloc_array(arena, &controlled_shutdown_response_remaining_partition_schema, count);
    if (response->remaining_partitions.items == NULL) {
        response->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        return;
    }
    walk = (struct partition_walk){0};
    for (struct controlled_partition *partition; (partition = controller_context_next(&controller->context, &walk));) {
        if (is_still_led(partition, broker_id)) {
            struct controlled_shutdown_response_remaining_partition *remaining =
                &response->remaining_partitions.items[response->remaining_partitions.count++];
            remaining->topic_name = view_copy(arena, view_of_string(partition->topic->name));
            remaining->partition_index = partition->index;
        }
    }
}

static enum kafka_error check_shutdown(const struct controller *controller, int32_t broker_id, int64_t broker_epoch)
{
    const struct live_broker *broker = controller_context_broker(&controller->context, broker_id);
    if (broker == NULL)
        return broker_epoch == -1 ? KAFKA_BROKER_NOT_AVAILABLE : KAFKA_UNKNOWN_SERVER_ERROR;
    return broker_epoch != -1 && broker_epoch < broker->epoch ? KAFKA_STALE_BROKER_EPOCH : KAFKA_NONE;
}

static enum kafka_error answer_controlled_shutdown(struct controller *controller, struct request *request,
                                                   const void *message, bool is_active)
{
    const struct controlled_shutdown_request *asked = message;
    struct controlled_shutdown_response response = controlled_shutdown_response_default;
    enum kafka_error error =
        is_active ? check_shutdown(controller, asked->broker_id, asked->broker_epoch) : KAFKA_STALE_CONTROLLER_EPOCH;
    response.error_code = (int16_t)error;
    enum kafka_error result = KAFKA_NONE;
    if (error == KAFKA_NONE) {
        logger_info("Broker %d shuts down: its partitions are moved away", asked->broker_id);
        controller_context_broker(&controller->context, asked->broker_id)->is_shutting_down = true;
        result = shut_broker_down(controller, asked->broker_id);
        response.error_code = (int16_t)result;
        if (result == KAFKA_NONE)
            list_remaining(controller, asked->broker_id, &request->arena, &response);
    }
    dispatch_respond(request, &response);
    return result;
}

void controlled_shutdown_serve(struct broker *broker, struct request *request, const void *message)
{
    put_request(broker, request, message, answer_controlled_shutdown);
}

// ---- AllocateProducerIds

static enum zk_result take_next_block(struct controller *controller, int32_t broker_id,
                                      struct zk_producer_id_block *block)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    enum zk_result result;
    do {
        struct view data;
        struct zk_stat stat;
        struct zk_producer_id_block last;
        result = zk_get(controller->broker->zk, &arena, ZK_PATH_PRODUCER_ID_BLOCK, &data, &stat);
        if (result != ZK_OK)
            break;
        *block = (struct zk_producer_id_block){.broker_id = broker_id, .first = 0};
        result = zk_read_producer_id_block(data, &last);
        if (result == ZK_OK && last.last > INT64_MAX - PRODUCER_ID_BLOCK_SIZE) {
            logger_error("All producer ids are used up: %lld was the last", (long long)last.last);
            result = ZK_FAILED;
        }
        if (result == ZK_OK)
            block->first = last.last + 1;
        else if (result != ZK_NO_NODE)
            break;
        block->last = block->first + PRODUCER_ID_BLOCK_SIZE - 1;
        result = zk_set(controller->broker->zk, ZK_PATH_PRODUCER_ID_BLOCK, zk_write_producer_id_block(&arena, block),
                        stat.version, NULL);
    } while (result == ZK_BAD_VERSION);
    arena_fini(&arena);
    return result;
}

static enum kafka_error answer_allocate_producer_ids(struct controller *controller, struct request *request,
                                                     const void *message, bool is_active)
{
    const struct allocate_producer_ids_request *asked = message;
    struct allocate_producer_ids_response response = allocate_producer_ids_response_default;
    const struct live_broker *broker =
        is_active ? controller_context_broker(&controller->context, asked->broker_id) : NULL;
    struct zk_producer_id_block block;
    enum kafka_error error = KAFKA_NONE;
    if (!is_active)
        error = KAFKA_NOT_CONTROLLER;
    else if (broker == NULL)
        error = KAFKA_BROKER_ID_NOT_REGISTERED;
    else if (broker->epoch != asked->broker_epoch)
        error = KAFKA_STALE_BROKER_EPOCH;
    else
        error = zk_result_to_kafka_error(take_next_block(controller, asked->broker_id, &block));
    response.error_code = (int16_t)error;
    if (error == KAFKA_NONE) {
        response.producer_id_start = block.first;
        response.producer_id_len = (int32_t)(block.last - block.first + 1);
    } else {
        logger_info("Broker %d gets no producer ids: %s", asked->broker_id, kafka_error_name((int16_t)error));
    }
    dispatch_respond(request, &response);
    return KAFKA_NONE;
}

void allocate_producer_ids_serve(struct broker *broker, struct request *request, const void *message)
{
    put_request(broker, request, message, answer_allocate_producer_ids);
}

// ---- ListPartitionReassignments

static struct int32_array copy_ids(struct arena *arena, const struct broker_ids *ids)
{
    struct int32_array copy = {.items = arena_alloc_array(arena, ids->count, sizeof *ids->items),
                               .count = (int32_t)ids->count};
    if (copy.items == NULL)
        copy.count = 0;
    else if (ids->count > 0)
        memcpy(copy.items, ids->items, ids->count * sizeof *ids->items);
    return copy;
}

static bool is_listed(const struct list_partition_reassignments_request *asked,
                      const struct controlled_partition *partition)
{
    for (int32_t t = 0; t < asked->topics.count; t++) {
        if (!view_equal_string(asked->topics.items[t].name, partition->topic->name))
            continue;
        for (int32_t p = 0; p < asked->topics.items[t].partition_indexes.count; p++) {
            if (asked->topics.items[t].partition_indexes.items[p] == partition->index)
                return true;
        }
    }
    return asked->topics.count < 0;
}

// The partitions of one topic that are being reassigned; leaves out the topic when there are none.
static void list_topic(struct arena *arena, const struct list_partition_reassignments_request *asked,
                       const struct controlled_topic *topic, struct list_partition_reassignments_response *response)
{
    struct list_partition_reassignments_response_topic *listed = &response->topics.items[response->topics.count];
    listed->partitions.items = message_alloc_array(arena, &list_partition_reassignments_response_partition_schema,
                                                   (int32_t)topic->partitions.count);
    for (size_t p = 0; listed->partitions.items != NULL && p < topic->partitions.count; p++) {
        const struct controlled_partition *partition = topic->partitions.items[p];
        if (!controlled_partition_is_being_reassigned(partition) || !is_listed(asked, partition))
            continue;
        struct list_partition_reassignments_response_partition *to =
            &listed->partitions.items[listed->partitions.count++];
        to->partition_index = partition->index;
        to->replicas = copy_ids(arena, &partition->assignment.replicas);
        to->adding_replicas = copy_ids(arena, &partition->assignment.adding);
        to->removing_replicas = copy_ids(arena, &partition->assignment.removing);
    }
    if (listed->partitions.count > 0) {
        listed->name = view_copy(arena, view_of_string(topic->name));
        response->topics.count++;
    }
}

static enum kafka_error answer_list_reassignments(struct controller *controller, struct request *request,
                                                  const void *message, bool is_active)
{
    struct list_partition_reassignments_response response = list_partition_reassignments_response_default;
    const struct controller_context *context = &controller->context;
    size_t reassigned = 0;
    for (size_t i = 0; is_active && i < context->topics.count; i++)
        reassigned += controlled_topic_is_being_reassigned(context->topics.items[i]);
    response.topics.items =
        message_alloc_array(&request->arena, &list_partition_reassignments_response_topic_schema, (int32_t)reassigned);
    if (!is_active)
        response.error_code = KAFKA_NOT_CONTROLLER;
    else if (response.topics.items == NULL)
        response.error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    for (size_t i = 0; response.error_code == KAFKA_NONE && i < context->topics.count; i++) {
        if (controlled_topic_is_being_reassigned(context->topics.items[i]))
            list_topic(&request->arena, message, context->topics.items[i], &response);
    }
    dispatch_respond(request, &response);
    return KAFKA_NONE;
}

void list_partition_reassignments_serve(struct broker *broker, struct request *request, const void *message)
{
    put_request(broker, request, message, answer_list_reassignments);
}

// ---- The broker's own shutdown

// One try. Returns whether nothing is led here any more.
static bool ask_for_shutdown(struct controller_channel *channel, struct broker *broker)
{
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct controlled_shutdown_request request = controlled_shutdown_request_default;
    request.broker_id = broker->id;
    request.broker_epoch = atomic_load(&broker->epoch);
    const void *answer = NULL;
    int64_t deadline_ms = clock_monotonic_ms() + config_integer(broker->config, OPTION_CONTROLLER_SOCKET_TIMEOUT_MS);
    int error = controller_channel_call(channel, API_CONTROLLED_SHUTDOWN, 3, &request, &arena, &answer, deadline_ms);
    const struct controlled_shutdown_response *response = answer;
    bool is_done = error == 0 && response->error_code == KAFKA_NONE && response->remaining_partitions.count <= 0;
    if (is_done)
        logger_info("Controlled shutdown: the controller has moved this broker's partitions away");
    else if (error != 0)
        logger_warn("Controlled shutdown: the controller could not be asked: %s", strerror(-error));
    else
        logger_warn("Controlled shutdown: %s, %d partitions are still led here", kafka_error_name(response->error_code),
                    response->remaining_partitions.count);
    controller_channel_reset(channel);
    arena_fini(&arena);
    return is_done;
}

void controller_request_shutdown(struct controller *controller)
{
    struct broker *broker = controller->broker;
    if (!config_boolean(broker->config, OPTION_CONTROLLED_SHUTDOWN_ENABLE))
        return;
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(broker->metadata_cache);
    bool is_alone = metadata_snapshot_broker_count(snapshot) <= 1;
    metadata_snapshot_unref(snapshot);
    int32_t tries = config_int(broker->config, OPTION_CONTROLLED_SHUTDOWN_MAX_RETRIES);
    int64_t backoff_ms = config_integer(broker->config, OPTION_CONTROLLED_SHUTDOWN_RETRY_BACKOFF_MS);
    struct controller_channel *channel = controller_channel_create(broker);
    bool is_done = false;
    for (int32_t i = 0; i < tries && !is_done; i++) {
        if (i > 0)
            nanosleep(&(struct timespec){backoff_ms / 1000, backoff_ms % 1000 * 1000000}, NULL);
        is_done = ask_for_shutdown(channel, broker);
        // Nobody else could take the partitions over.
        if (is_alone)
            break;
    }
    if (!is_done)
        logger_warn("The broker stops without a controlled shutdown");
    controller_channel_destroy(&channel);
}
