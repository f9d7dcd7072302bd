// SPDX-License-Identifier: Apache-2.0
#include "server/controller/control_batch.h"

#include "base/logger.h"
#include "base/memory.h"
#include "net/protocol/messages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// A partition as it was when something about it was added; everything lies in the batch's arena.
struct told_partition {
    struct view topic;
    struct uuid topic_id;
    int32_t index;
    int32_t leader, leader_epoch, partition_epoch, controller_epoch;
    int8_t recovery_state;
    struct int32_array isr, replicas, adding, removing, offline;
};

struct told_entry {
    struct told_partition told;
    int32_t broker_id; // unless it is for all
    bool is_new;       // LeaderAndIsr
    bool is_delete;    // StopReplica
};

// Entries by broker and partition.
struct told_list {
    ARRAY_OF(struct told_entry);
    struct map places; // struct told_key → place + 1
};

struct told_key {
    const struct controlled_partition *partition;
    int64_t broker_id;
};

struct control_batch {
    const struct controller_context *context;
    const char *interbroker_listener;
    void (*send)(void *send_context, struct control_request *request);
    void *send_context;
    struct arena arena;
    struct told_list leader_and_isr, update_metadata, stop_replica;
    struct broker_ids update_metadata_brokers;
};

void control_request_destroy(struct control_request **request)
{
    if (*request == NULL)
        return;
    arena_fini(&(*request)->arena);
    free(*request);
    *request = NULL;
}

struct control_batch *control_batch_create(const struct controller_context *context, const char *interbroker_listener,
                                           void (*send)(void *send_context, struct control_request *request),
                                           void *send_context)
{
    struct control_batch *batch = memory_alloc(sizeof *batch);
    batch->context = context;
    batch->interbroker_listener = interbroker_listener;
    batch->send = send;
    batch->send_context = send_context;
    arena_init(&batch->arena, SIZE_MAX);
    return batch;
}

void control_batch_destroy(struct control_batch **batch)
{
    if (*batch == NULL)
        return;
    control_batch_clear(*batch);
    free(*batch);
    *batch = NULL;
}

static void told_list_clear(struct told_list *list)
{
    array_fini(list);
    map_fini(&list->places);
    list->places = MAP_EMPTY;
}

void control_batch_clear(struct control_batch *batch)
{
    told_list_clear(&batch->leader_and_isr);
    told_list_clear(&batch->update_metadata);
    told_list_clear(&batch->stop_replica);
    broker_ids_fini(&batch->update_metadata_brokers);
    arena_fini(&batch->arena);
}

// The entry of the broker and the partition; a new one is zeroed.
static struct told_entry *told_list_entry(struct told_list *list, const struct controlled_partition *partition,
                                          int32_t broker_id)
{
    struct told_key key = {.partition = partition, .broker_id = broker_id};
    uintptr_t place = (uintptr_t)map_get(&list->places, MAP_KEY_OF(key));
    if (place == 0) {
        *array_append(list) = (struct told_entry){.broker_id = broker_id};
        place = list->count;
        map_put(&list->places, MAP_KEY_OF(key), (void *)place);
    }
    return &list->items[place - 1];
}

// An arena without a maximum fails only when the system has no memory left.
static void *need_alloc(struct arena *arena, size_t count, size_t size)
{
    void *memory = arena_alloc_array(arena, count, size);
    assert(memory != NULL);
    return memory;
}

static struct int32_array copy_ids(struct arena *arena, const int32_t *ids, size_t count)
{
    struct int32_array copy = {.items = need_alloc(arena, count, sizeof *ids), .count = (int32_t)count};
    if (count > 0)
        memcpy(copy.items, ids, count * sizeof *ids);
    return copy;
}

static struct told_partition tell(struct control_batch *batch, const struct controlled_partition *partition)
{
    struct arena *arena = &batch->arena;
    const struct leadership *leadership = &partition->leadership;
    const struct partition_assignment *assignment = &partition->assignment;
    struct told_partition told = {
        .topic = view_copy(arena, view_of_string(partition->topic->name)),
        .topic_id = partition->topic->id,
        .index = partition->index,
        .leader = leadership->leader,
        .leader_epoch = leadership->leader_epoch,
        .partition_epoch = leadership->partition_epoch,
        .controller_epoch = leadership->controller_epoch,
        .recovery_state = (int8_t)leadership->recovery_state,
        .isr = copy_ids(arena, leadership->isr.items, leadership->isr.count),
        .replicas = copy_ids(arena, assignment->replicas.items, assignment->replicas.count),
        .adding = copy_ids(arena, assignment->adding.items, assignment->adding.count),
        .removing = copy_ids(arena, assignment->removing.items, assignment->removing.count),
    };
    told.offline.items = need_alloc(arena, assignment->replicas.count, sizeof *told.offline.items);
    for (size_t i = 0; i < assignment->replicas.count; i++) {
        if (!controlled_partition_replica_is_online(batch->context, partition, assignment->replicas.items[i]))
            told.offline.items[told.offline.count++] = assignment->replicas.items[i];
    }
    return told;
}

void control_batch_add_leader_and_isr(struct control_batch *batch, const struct broker_ids *brokers,
                                      const struct controlled_partition *partition, bool is_new)
{
    assert(partition->has_leadership);
    for (size_t i = 0; i < brokers->count; i++) {
        struct told_entry *entry = told_list_entry(&batch->leader_and_isr, partition, brokers->items[i]);
        entry->told = tell(batch, partition);
        entry->is_new |= is_new;
    }
    control_batch_add_update_metadata(batch, partition);
}

static void add_partition_state(struct control_batch *batch, const struct controlled_partition *partition)
{
    if (partition == NULL)
        return;
    if (!partition->has_leadership) {
        logger_debug("Partition %s-%d has no leader yet and is left out of UpdateMetadata", partition->topic->name,
                     partition->index);
        return;
    }
    struct told_entry *entry = told_list_entry(&batch->update_metadata, partition, 0);
    entry->told = tell(batch, partition);
    if (partition->topic->is_queued_for_deletion) {
        // Apache Kafka's "during delete" leadership: epoch 0 of leader -2.
        entry->told.leader = LEADER_DURING_DELETE;
        entry->told.leader_epoch = 0;
        entry->told.partition_epoch = 0;
    }
}

void control_batch_add_update_metadata(struct control_batch *batch, const struct controlled_partition *partition)
{
    for (size_t i = 0; i < batch->context->brokers.count; i++)
        broker_ids_add(&batch->update_metadata_brokers, batch->context->brokers.items[i]->id);
    add_partition_state(batch, partition);
}

void control_batch_add_update_metadata_for(struct control_batch *batch, int32_t broker_id,
                                           const struct controlled_partition *partition)
{
    broker_ids_add(&batch->update_metadata_brokers, broker_id);
    add_partition_state(batch, partition);
}

void control_batch_add_stop_replica(struct control_batch *batch, int32_t broker_id,
                                    const struct controlled_partition *partition, bool is_delete)
{
    struct told_entry *entry = told_list_entry(&batch->stop_replica, partition, broker_id);
    entry->told = tell(batch, partition);
    entry->told.leader_epoch = controlled_partition_leader_epoch(partition);
    entry->is_delete |= is_delete;
}

static int compare_entries(const void *a, const void *b)
{
    const struct told_entry *one = a, *other = b;
    if (one->broker_id != other->broker_id)
        return one->broker_id < other->broker_id ? -1 : 1;
    int order = view_compare(one->told.topic, other->told.topic);
    if (order != 0)
        return order;
    return one->told.index < other->told.index ? -1 : one->told.index > other->told.index;
}

static void told_list_sort(struct told_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_entries);
}

// How many entries from `from` on are of the same broker, or (by_topic) of the same broker and topic.
static size_t run_length(const struct told_list *list, size_t from, bool by_topic)
{
    size_t end = from + 1;
    while (end < list->count && list->items[end].broker_id == list->items[from].broker_id &&
           (!by_topic || view_equal(list->items[end].told.topic, list->items[from].told.topic)))
        end++;
    return end - from;
}

static struct control_request *new_request(const struct control_batch *batch, int32_t broker_id, int16_t api_key,
                                           int16_t api_version)
{
    struct control_request *request = memory_alloc(sizeof *request);
    arena_init(&request->arena, SIZE_MAX);
    request->broker_id = broker_id;
    request->controller_epoch = batch->context->epoch;
    request->api_key = api_key;
    request->api_version = api_version;
    return request;
}

static struct int32_array copy_array(struct arena *arena, struct int32_array ids)
{
    return copy_ids(arena, ids.items, (size_t)ids.count);
}

static void *new_message(struct arena *arena, const struct message_schema *schema, int32_t count)
{
    void *message = message_alloc_array(arena, schema, count);
    assert(message != NULL);
    return message;
}

static void add_live_leaders(const struct control_batch *batch, struct control_request *request,
                             struct leader_and_isr_request *message, const struct told_entry *entries, size_t count)
{
    const struct controller_context *context = batch->context;
    message->live_leaders.items =
        new_message(&request->arena, &leader_and_isr_request_live_leader_schema, (int32_t)context->brokers.count);
    for (size_t b = 0; b < context->brokers.count; b++) {
        const struct live_broker *broker = context->brokers.items[b];
        const struct live_endpoint *endpoint = live_broker_endpoint(broker, batch->interbroker_listener);
        bool leads = false;
        for (size_t i = 0; i < count && !leads; i++)
            leads = entries[i].told.leader == broker->id;
        if (!leads || endpoint == NULL)
            continue;
        struct leader_and_isr_request_live_leader *leader = &message->live_leaders.items[message->live_leaders.count++];
        leader->broker_id = broker->id;
        leader->host_name = view_copy(&request->arena, view_of_string(endpoint->host));
        leader->port = endpoint->port;
    }
}

static void fill_leader_and_isr(struct arena *arena, struct leader_and_isr_request_partition_state *state,
                                const struct told_entry *entry)
{
    const struct told_partition *told = &entry->told;
    state->partition_index = told->index;
    state->controller_epoch = told->controller_epoch;
    state->leader = told->leader;
    state->leader_epoch = told->leader_epoch;
    state->isr = copy_array(arena, told->isr);
    state->partition_epoch = told->partition_epoch;
    state->replicas = copy_array(arena, told->replicas);
    state->adding_replicas = copy_array(arena, told->adding);
    state->removing_replicas = copy_array(arena, told->removing);
    state->is_new = entry->is_new;
    state->leader_recovery_state = told->recovery_state;
}

static void send_leader_and_isr(struct control_batch *batch)
{
    struct told_list *list = &batch->leader_and_isr;
    told_list_sort(list);
    for (size_t at = 0, run; at < list->count; at += run) {
        run = run_length(list, at, false);
        const struct live_broker *broker = controller_context_broker(batch->context, list->items[at].broker_id);
        if (broker == NULL)
            continue;
        struct control_request *request = new_request(batch, broker->id, API_LEADER_AND_ISR, 7);
        struct arena *arena = &request->arena;
        struct leader_and_isr_request *message = new_message(arena, &leader_and_isr_request_schema, 1);
        message->controller_id = batch->context->controller_id;
        message->controller_epoch = batch->context->epoch;
        message->broker_epoch = broker->epoch;
        message->topic_states.items = new_message(arena, &leader_and_isr_request_topic_state_schema, (int32_t)run);
        for (size_t i = at, topic_run; i < at + run; i += topic_run) {
            topic_run = run_length(list, i, true);
            struct leader_and_isr_request_topic_state *topic =
                &message->topic_states.items[message->topic_states.count++];
            topic->topic_name = view_copy(arena, list->items[i].told.topic);
            topic->topic_id = list->items[i].told.topic_id;
            topic->partition_states.items =
                new_message(arena, &leader_and_isr_request_partition_state_schema, (int32_t)topic_run);
            for (size_t p = 0; p < topic_run; p++)
                fill_leader_and_isr(arena, &topic->partition_states.items[topic->partition_states.count++],
                                    &list->items[i + p]);
        }
        add_live_leaders(batch, request, message, &list->items[at], run);
        request->message = message;
        batch->send(batch->send_context, request);
    }
}

static void add_live_brokers(const struct control_batch *batch, struct arena *arena,
                             struct update_metadata_request *message)
{
    const struct controller_context *context = batch->context;
    message->live_brokers.items =
        new_message(arena, &update_metadata_request_live_broker_schema, (int32_t)context->brokers.count);
    message->live_brokers.count = (int32_t)context->brokers.count;
    for (size_t b = 0; b < context->brokers.count; b++) {
        const struct live_broker *from = context->brokers.items[b];
        struct update_metadata_request_live_broker *to = &message->live_brokers.items[b];
        to->id = from->id;
        to->rack = view_copy(arena, view_of_string(from->rack));
        to->endpoints.items =
            new_message(arena, &update_metadata_request_endpoint_schema, (int32_t)from->endpoints.count);
        to->endpoints.count = (int32_t)from->endpoints.count;
        for (size_t e = 0; e < from->endpoints.count; e++) {
            const struct live_endpoint *endpoint = &from->endpoints.items[e];
            to->endpoints.items[e].host = view_copy(arena, view_of_string(endpoint->host));
            to->endpoints.items[e].port = endpoint->port;
            to->endpoints.items[e].listener = view_copy(arena, view_of_string(endpoint->listener));
            to->endpoints.items[e].security_protocol = endpoint->security_protocol;
        }
    }
}

static void fill_update_metadata(struct arena *arena, struct update_metadata_request_partition_state *state,
                                 const struct told_partition *told)
{
    state->partition_index = told->index;
    state->controller_epoch = told->controller_epoch;
    state->leader = told->leader;
    state->leader_epoch = told->leader_epoch;
    state->isr = copy_array(arena, told->isr);
    state->zk_version = told->partition_epoch;
    state->replicas = copy_array(arena, told->replicas);
    state->offline_replicas = copy_array(arena, told->offline);
}

static void add_topic_states(const struct told_list *list, struct arena *arena, struct update_metadata_request *message)
{
    message->topic_states.items = new_message(arena, &update_metadata_request_topic_state_schema, (int32_t)list->count);
    for (size_t i = 0, run; i < list->count; i += run) {
        run = run_length(list, i, true);
        struct update_metadata_request_topic_state *topic = &message->topic_states.items[message->topic_states.count++];
        topic->topic_name = view_copy(arena, list->items[i].told.topic);
        topic->topic_id = list->items[i].told.topic_id;
        topic->partition_states.items =
            new_message(arena, &update_metadata_request_partition_state_schema, (int32_t)run);
        for (size_t p = 0; p < run; p++)
            fill_update_metadata(arena, &topic->partition_states.items[topic->partition_states.count++],
                                 &list->items[i + p].told);
    }
}

static void send_update_metadata(struct control_batch *batch)
{
    told_list_sort(&batch->update_metadata);
    for (size_t i = 0; i < batch->update_metadata_brokers.count; i++) {
        const struct live_broker *broker =
            controller_context_broker(batch->context, batch->update_metadata_brokers.items[i]);
        if (broker == NULL)
            continue;
        struct control_request *request = new_request(batch, broker->id, API_UPDATE_METADATA, 8);
        struct update_metadata_request *message = new_message(&request->arena, &update_metadata_request_schema, 1);
        message->controller_id = batch->context->controller_id;
        message->controller_epoch = batch->context->epoch;
        message->broker_epoch = broker->epoch;
        add_topic_states(&batch->update_metadata, &request->arena, message);
        add_live_brokers(batch, &request->arena, message);
        request->message = message;
        batch->send(batch->send_context, request);
    }
}

static void send_stop_replica(struct control_batch *batch)
{
    struct told_list *list = &batch->stop_replica;
    told_list_sort(list);
    for (size_t at = 0, run; at < list->count; at += run) {
        run = run_length(list, at, false);
        const struct live_broker *broker = controller_context_broker(batch->context, list->items[at].broker_id);
        if (broker == NULL)
            continue;
        struct control_request *request = new_request(batch, broker->id, API_STOP_REPLICA, 4);
        struct arena *arena = &request->arena;
        struct stop_replica_request *message = new_message(arena, &stop_replica_request_schema, 1);
        message->controller_id = batch->context->controller_id;
        message->controller_epoch = batch->context->epoch;
        message->broker_epoch = broker->epoch;
        message->topic_states.items = new_message(arena, &stop_replica_request_topic_state_schema, (int32_t)run);
        for (size_t i = at, topic_run; i < at + run; i += topic_run) {
            topic_run = run_length(list, i, true);
            struct stop_replica_request_topic_state *topic =
                &message->topic_states.items[message->topic_states.count++];
            topic->topic_name = view_copy(arena, list->items[i].told.topic);
            topic->partition_states.items =
                new_message(arena, &stop_replica_request_partition_state_schema, (int32_t)topic_run);
            for (size_t p = 0; p < topic_run; p++) {
                struct stop_replica_request_partition_state *state =
                    &topic->partition_states.items[topic->partition_states.count++];
                state->partition_index = list->items[i + p].told.index;
                state->leader_epoch = list->items[i + p].told.leader_epoch;
                state->delete_partition = list->items[i + p].is_delete;
            }
        }
        request->message = message;
        batch->send(batch->send_context, request);
    }
}

void control_batch_send(struct control_batch *batch)
{
    send_leader_and_isr(batch);
    send_update_metadata(batch);
    send_stop_replica(batch);
    control_batch_clear(batch);
}
