// SPDX-License-Identifier: Apache-2.0
#include "server/controller/controller_context.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *partition_state_name(enum partition_state state)
{
    static const char *const names[] = {"NonExistentPartition", "NewPartition", "OnlinePartition", "OfflinePartition"};
    return names[state];
}

const char *replica_state_name(enum replica_state state)
{
    static const char *const names[] = {"NonExistentReplica",
                                        "NewReplica",
                                        "OnlineReplica",
                                        "OfflineReplica",
                                        "ReplicaDeletionStarted",
                                        "ReplicaDeletionSuccessful",
                                        "ReplicaDeletionIneligible"};
    return names[state];
}

void leadership_fini(struct leadership *leadership)
{
    broker_ids_fini(&leadership->isr);
}

void leadership_copy(struct leadership *to, const struct leadership *from)
{
    if (to == from)
        return;
    struct broker_ids isr = to->isr;
    broker_ids_copy(&isr, &from->isr);
    *to = *from;
    to->isr = isr;
}

void partition_assignment_fini(struct partition_assignment *assignment)
{
    broker_ids_fini(&assignment->replicas);
    broker_ids_fini(&assignment->adding);
    broker_ids_fini(&assignment->removing);
}

void partition_assignment_copy(struct partition_assignment *to, const struct partition_assignment *from)
{
    broker_ids_copy(&to->replicas, &from->replicas);
    broker_ids_copy(&to->adding, &from->adding);
    broker_ids_copy(&to->removing, &from->removing);
}

struct live_broker *live_broker_create(int32_t id, int64_t epoch, const char *rack)
{
    struct live_broker *broker = memory_alloc(sizeof *broker);
    broker->id = id;
    broker->epoch = epoch;
    broker->rack = rack ? memory_copy_string(rack) : NULL;
    return broker;
}

void live_broker_add_endpoint(struct live_broker *broker, const char *listener, const char *host, uint16_t port,
                              int16_t security_protocol)
{
    *array_append(&broker->endpoints) = (struct live_endpoint){.listener = memory_copy_string(listener),
                                                               .host = memory_copy_string(host),
                                                               .port = port,
                                                               .security_protocol = security_protocol};
}

bool live_broker_same_endpoints(const struct live_broker *a, const struct live_broker *b)
{
    if (a->endpoints.count != b->endpoints.count)
        return false;
    for (size_t i = 0; i < a->endpoints.count; i++) {
        const struct live_endpoint *one = &a->endpoints.items[i], *other = &b->endpoints.items[i];
        if (strcmp(one->listener, other->listener) != 0 || strcmp(one->host, other->host) != 0 ||
            one->port != other->port || one->security_protocol != other->security_protocol)
            return false;
    }
    return true;
}

const struct live_endpoint *live_broker_endpoint(const struct live_broker *broker, const char *listener)
{
    for (size_t i = 0; i < broker->endpoints.count; i++) {
        if (strcmp(broker->endpoints.items[i].listener, listener) == 0)
            return &broker->endpoints.items[i];
    }
    return NULL;
}

void live_broker_destroy(struct live_broker **broker)
{
    if (*broker == NULL)
        return;
    for (size_t i = 0; i < (*broker)->endpoints.count; i++) {
        free((*broker)->endpoints.items[i].listener);
        free((*broker)->endpoints.items[i].host);
    }
    array_fini(&(*broker)->endpoints);
    free((*broker)->rack);
    free(*broker);
    *broker = NULL;
}

static void partition_destroy(struct controlled_partition *partition)
{
    partition_assignment_fini(&partition->assignment);
    leadership_fini(&partition->leadership);
    array_fini(&partition->replicas);
    free(partition);
}

static void topic_destroy(struct controlled_topic *topic)
{
    for (size_t i = 0; i < topic->partitions.count; i++)
        partition_destroy(topic->partitions.items[i]);
    array_fini(&topic->partitions);
    free(topic->name);
    free(topic);
}

void controller_context_init(struct controller_context *context, int32_t controller_id)
{
    *context = (struct controller_context){.controller_id = controller_id, .topics_by_name = MAP_EMPTY};
}

void controller_context_reset(struct controller_context *context)
{
    int32_t controller_id = context->controller_id;
    controller_context_fini(context);
    controller_context_init(context, controller_id);
}

void controller_context_fini(struct controller_context *context)
{
    for (size_t i = 0; i < context->brokers.count; i++)
        live_broker_destroy(&context->brokers.items[i]);
    array_fini(&context->brokers);
    for (size_t i = 0; i < context->topics.count; i++)
        topic_destroy(context->topics.items[i]);
    array_fini(&context->topics);
    map_fini(&context->topics_by_name);
}

// Where the element with this key stands, or would stand, in an ascending array.
#define LOWER_BOUND(array, place, is_less)                                                                             \
    do {                                                                                                               \
        size_t low_ = 0, high_ = (array)->count;                                                                       \
        while (low_ < high_) {                                                                                         \
            size_t middle = low_ + (high_ - low_) / 2;                                                                 \
            if (is_less)                                                                                               \
                low_ = middle + 1;                                                                                     \
            else                                                                                                       \
                high_ = middle;                                                                                        \
        }                                                                                                              \
        (place) = low_;                                                                                                \
    } while (0)

#define INSERT_AT(array, place, item)                                                                                  \
    do {                                                                                                               \
        (void)array_append(array);                                                                                     \
        memmove((array)->items + (place) + 1, (array)->items + (place),                                                \
                ((array)->count - 1 - (place)) * sizeof *(array)->items);                                              \
        (array)->items[place] = (item);                                                                                \
    } while (0)

#define REMOVE_AT(array, place)                                                                                        \
    do {                                                                                                               \
        memmove((array)->items + (place), (array)->items + (place) + 1,                                                \
                ((array)->count - 1 - (place)) * sizeof *(array)->items);                                              \
        (array)->count--;                                                                                              \
    } while (0)

static size_t broker_place(const struct controller_context *context, int32_t id)
{
    size_t place;
    LOWER_BOUND(&context->brokers, place, context->brokers.items[middle]->id < id);
    return place;
}

void controller_context_put_broker(struct controller_context *context, struct live_broker *broker)
{
    size_t place = broker_place(context, broker->id);
    if (place < context->brokers.count && context->brokers.items[place]->id == broker->id) {
        live_broker_destroy(&context->brokers.items[place]);
        context->brokers.items[place] = broker;
    } else {
        INSERT_AT(&context->brokers, place, broker);
    }
}

void controller_context_remove_broker(struct controller_context *context, int32_t id)
{
    size_t place = broker_place(context, id);
    if (place == context->brokers.count || context->brokers.items[place]->id != id)
        return;
    live_broker_destroy(&context->brokers.items[place]);
    REMOVE_AT(&context->brokers, place);
}

struct live_broker *controller_context_broker(const struct controller_context *context, int32_t id)
{
    size_t place = broker_place(context, id);
    return place < context->brokers.count && context->brokers.items[place]->id == id ? context->brokers.items[place]
                                                                                     : NULL;
}

bool controller_context_is_live(const struct controller_context *context, int32_t id)
{
    const struct live_broker *broker = controller_context_broker(context, id);
    return broker != NULL && !broker->is_shutting_down;
}

static size_t topic_place(const struct controller_context *context, struct view name)
{
    size_t place;
    LOWER_BOUND(&context->topics, place, view_compare(view_of_string(context->topics.items[middle]->name), name) < 0);
    return place;
}

struct controlled_topic *controller_context_add_topic(struct controller_context *context, struct view name)
{
    struct controlled_topic *topic = controller_context_topic(context, name);
    if (topic != NULL)
        return topic;
    size_t place = topic_place(context, name);
    topic = memory_alloc(sizeof *topic);
    topic->name = view_dup(name);
    INSERT_AT(&context->topics, place, topic);
    map_put(&context->topics_by_name, name, topic);
    return topic;
}

struct controlled_topic *controller_context_topic(const struct controller_context *context, struct view name)
{
    return map_get(&context->topics_by_name, name);
}

struct controlled_topic *controller_context_topic_of_id(const struct controller_context *context, struct uuid id)
{
    for (size_t i = 0; i < context->topics.count; i++) {
        if (uuid_equal(context->topics.items[i]->id, id) && !uuid_is_zero(id))
            return context->topics.items[i];
    }
    return NULL;
}

void controller_context_remove_topic(struct controller_context *context, struct controlled_topic *topic)
{
    struct view name = view_of_string(topic->name);
    size_t place = topic_place(context, name);
    assert(place < context->topics.count && context->topics.items[place] == topic);
    REMOVE_AT(&context->topics, place);
    map_remove(&context->topics_by_name, name);
    context->partition_count -= topic->partitions.count;
    topic_destroy(topic);
}

static size_t partition_place(const struct controlled_topic *topic, int32_t index)
{
    size_t place;
    LOWER_BOUND(&topic->partitions, place, topic->partitions.items[middle]->index < index);
    return place;
}

struct controlled_partition *controller_context_put_assignment(struct controller_context *context,
                                                               struct controlled_topic *topic, int32_t index,
                                                               const struct partition_assignment *assignment)
{
    struct controlled_partition *partition = controlled_topic_partition(topic, index);
    if (partition == NULL) {
        partition = memory_alloc(sizeof *partition);
        partition->topic = topic;
        partition->index = index;
        size_t place = partition_place(topic, index);
        INSERT_AT(&topic->partitions, place, partition);
        context->partition_count++;
    }
    partition_assignment_copy(&partition->assignment, assignment);
    return partition;
}

struct controlled_partition *controlled_topic_partition(const struct controlled_topic *topic, int32_t index)
{
    size_t place = partition_place(topic, index);
    return place < topic->partitions.count && topic->partitions.items[place]->index == index
               ? topic->partitions.items[place]
               : NULL;
}

void controlled_partition_put_leadership(struct controlled_partition *partition, const struct leadership *leadership)
{
    leadership_copy(&partition->leadership, leadership);
    partition->has_leadership = true;
}

bool controlled_partition_is_being_reassigned(const struct controlled_partition *partition)
{
    return partition->assignment.adding.count > 0 || partition->assignment.removing.count > 0;
}

int32_t controlled_partition_leader_epoch(const struct controlled_partition *partition)
{
    if (partition->topic->is_queued_for_deletion)
        return LEADER_EPOCH_DURING_DELETE;
    return partition->has_leadership ? partition->leadership.leader_epoch : LEADER_EPOCH_UNKNOWN;
}

static struct controlled_replica *find_replica(const struct controlled_partition *partition, int32_t broker_id)
{
    for (size_t i = 0; i < partition->replicas.count; i++) {
        if (partition->replicas.items[i].broker_id == broker_id)
            return &partition->replicas.items[i];
    }
    return NULL;
}

bool controlled_partition_replica_is_online(const struct controller_context *context,
                                            const struct controlled_partition *partition, int32_t broker_id)
{
    const struct controlled_replica *replica = find_replica(partition, broker_id);
    return controller_context_is_live(context, broker_id) && !(replica != NULL && replica->is_on_offline_dir);
}

enum replica_state controlled_partition_replica_state(const struct controlled_partition *partition, int32_t broker_id)
{
    const struct controlled_replica *replica = find_replica(partition, broker_id);
    return replica ? replica->state : REPLICA_NONEXISTENT;
}

static struct controlled_replica *need_replica(struct controlled_partition *partition, int32_t broker_id)
{
    struct controlled_replica *replica = find_replica(partition, broker_id);
    if (replica == NULL) {
        replica = array_append(&partition->replicas);
        *replica = (struct controlled_replica){.broker_id = broker_id};
    }
    return replica;
}

void controlled_partition_put_replica_state(struct controlled_partition *partition, int32_t broker_id,
                                            enum replica_state state)
{
    if (state != REPLICA_NONEXISTENT) {
        need_replica(partition, broker_id)->state = state;
        return;
    }
    struct controlled_replica *replica = find_replica(partition, broker_id);
    if (replica != NULL)
        REMOVE_AT(&partition->replicas, (size_t)(replica - partition->replicas.items));
}

void controlled_partition_set_on_offline_dir(struct controlled_partition *partition, int32_t broker_id, bool is_offline)
{
    struct controlled_replica *replica = find_replica(partition, broker_id);
    if (replica != NULL)
        replica->is_on_offline_dir = is_offline;
}

bool controlled_topic_all_replicas_in(const struct controlled_topic *topic, enum replica_state state)
{
    for (size_t i = 0; i < topic->partitions.count; i++) {
        const struct controlled_partition *partition = topic->partitions.items[i];
        for (size_t r = 0; r < partition->replicas.count; r++) {
            if (partition->replicas.items[r].state != state)
                return false;
        }
    }
    return true;
}

bool controlled_topic_any_replica_in(const struct controlled_topic *topic, enum replica_state state)
{
    for (size_t i = 0; i < topic->partitions.count; i++) {
        const struct controlled_partition *partition = topic->partitions.items[i];
        for (size_t r = 0; r < partition->replicas.count; r++) {
            if (partition->replicas.items[r].state == state)
                return true;
        }
    }
    return false;
}

bool controlled_topic_is_being_reassigned(const struct controlled_topic *topic)
{
    for (size_t i = 0; i < topic->partitions.count; i++) {
        if (controlled_partition_is_being_reassigned(topic->partitions.items[i]))
            return true;
    }
    return false;
}

struct controlled_partition *controller_context_next(const struct controller_context *context,
                                                     struct partition_walk *walk)
{
    while (walk->topic_at < context->topics.count) {
        const struct controlled_topic *topic = context->topics.items[walk->topic_at];
        if (walk->partition_at < topic->partitions.count)
            return topic->partitions.items[walk->partition_at++];
        walk->topic_at++;
        walk->partition_at = 0;
    }
    return NULL;
}
