// SPDX-License-Identifier: Apache-2.0
#include "test/unit/server/controller/cluster.h"

#include "net/protocol/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(struct cluster *cluster, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct cluster *cluster, const char *format, ...)
{
    size_t used = strlen(cluster->sent);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cluster->sent + used, sizeof cluster->sent - used, format, arguments);
    va_end(arguments);
}

static void say_ids(struct cluster *cluster, struct int32_array ids)
{
    say(cluster, "[");
    for (int32_t i = 0; i < ids.count; i++)
        say(cluster, "%s%d", i > 0 ? "," : "", ids.items[i]);
    say(cluster, "]");
}

static void say_leader_and_isr(struct cluster *cluster, const struct leader_and_isr_request *message)
{
    for (int32_t t = 0; t < message->topic_states.count; t++) {
        const struct leader_and_isr_request_topic_state *topic = &message->topic_states.items[t];
        for (int32_t p = 0; p < topic->partition_states.count; p++) {
            const struct leader_and_isr_request_partition_state *state = &topic->partition_states.items[p];
            say(cluster, " %.*s-%d:leader=%d,epoch=%d,isr=", VIEW_ARGS(topic->topic_name), state->partition_index,
                state->leader, state->leader_epoch);
            say_ids(cluster, state->isr);
            say(cluster, state->is_new ? ",new" : "");
        }
    }
}

static void say_update_metadata(struct cluster *cluster, const struct update_metadata_request *message)
{
    for (int32_t t = 0; t < message->topic_states.count; t++) {
        const struct update_metadata_request_topic_state *topic = &message->topic_states.items[t];
        for (int32_t p = 0; p < topic->partition_states.count; p++) {
            const struct update_metadata_request_partition_state *state = &topic->partition_states.items[p];
            say(cluster, " %.*s-%d:leader=%d,offline=", VIEW_ARGS(topic->topic_name), state->partition_index,
                state->leader);
            say_ids(cluster, state->offline_replicas);
        }
    }
}

static void say_stop_replica(struct cluster *cluster, const struct stop_replica_request *message)
{
    for (int32_t t = 0; t < message->topic_states.count; t++) {
        const struct stop_replica_request_topic_state *topic = &message->topic_states.items[t];
        for (int32_t p = 0; p < topic->partition_states.count; p++) {
            const struct stop_replica_request_partition_state *state = &topic->partition_states.items[p];
            say(cluster, " %.*s-%d:epoch=%d%s", VIEW_ARGS(topic->topic_name), state->partition_index,
                state->leader_epoch, state->delete_partition ? ",delete" : "");
        }
    }
}

static void take_request(void *context, struct control_request *request)
{
    struct cluster *cluster = context;
    static const char *const names[] = {
        [API_LEADER_AND_ISR] = "LeaderAndIsr", [API_STOP_REPLICA] = "StopReplica", [API_UPDATE_METADATA] = "Metadata"};
    say(cluster, "%s>%d", names[request->api_key], request->broker_id);
    if (request->api_key == API_LEADER_AND_ISR)
        say_leader_and_isr(cluster, request->message);
    else if (request->api_key == API_STOP_REPLICA)
        say_stop_replica(cluster, request->message);
    else
        say_update_metadata(cluster, request->message);
    say(cluster, "; ");
    control_request_destroy(&request);
}

static struct leadership_item *find(const struct cluster *cluster, const struct controlled_partition *partition)
{
    for (size_t i = 0; i < cluster->written.count; i++) {
        if (cluster->written.items[i].partition == partition)
            return &cluster->written.items[i];
    }
    return NULL;
}

static enum kafka_error read_table(void *context, struct leadership_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        const struct leadership_item *found = find(context, items->items[i].partition);
        items->items[i].error = found ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        if (found != NULL)
            leadership_copy(&items->items[i].leadership, &found->leadership);
    }
    return KAFKA_NONE;
}

static enum kafka_error create_in_table(void *context, struct leadership_items *items)
{
    struct cluster *cluster = context;
    if (cluster->is_fenced)
        return KAFKA_STALE_CONTROLLER_EPOCH;
    for (size_t i = 0; i < items->count; i++) {
        struct leadership_item *item = &items->items[i];
        item->error = find(cluster, item->partition) ? KAFKA_TOPIC_ALREADY_EXISTS : KAFKA_NONE;
        if (item->error == KAFKA_NONE)
            leadership_copy(&leadership_items_add(&cluster->written, item->partition)->leadership, &item->leadership);
    }
    return KAFKA_NONE;
}

static enum kafka_error update_table(void *context, struct leadership_items *items)
{
    struct cluster *cluster = context;
    if (cluster->is_fenced)
        return KAFKA_STALE_CONTROLLER_EPOCH;
    for (size_t i = 0; i < items->count; i++) {
        struct leadership_item *item = &items->items[i], *found = find(cluster, item->partition);
        if (cluster->conflicts > 0 && found != NULL) {
            cluster->conflicts--;
            found->leadership.partition_epoch++;
        }
        item->error = found == NULL ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                      : found->leadership.partition_epoch != item->leadership.partition_epoch
                          ? KAFKA_INVALID_UPDATE_VERSION
                          : KAFKA_NONE;
        if (item->error != KAFKA_NONE)
            continue;
        item->leadership.partition_epoch++;
        leadership_copy(&found->leadership, &item->leadership);
    }
    return KAFKA_NONE;
}

static bool allows_unclean(void *context, const char *topic)
{
    (void)topic;
    return ((struct cluster *)context)->is_unclean_allowed;
}

static enum kafka_error delete_znodes(void *context, const struct controlled_topic *topic)
{
    struct cluster *cluster = context;
    size_t used = strlen(cluster->deleted);
    snprintf(cluster->deleted + used, sizeof cluster->deleted - used, "%s ", topic->name);
    return KAFKA_NONE;
}

void cluster_init(struct cluster *cluster, int broker_count)
{
    memset(cluster, 0, sizeof *cluster);
    controller_context_init(&cluster->context, 1);
    cluster->context.epoch = 7;
    cluster->store = (struct state_store){cluster, read_table, create_in_table, update_table, allows_unclean};
    cluster->batch = control_batch_create(&cluster->context, "PLAINTEXT", take_request, cluster);
    cluster->machine = (struct state_machine){&cluster->context, &cluster->store, cluster->batch};
    cluster->deletion = (struct topic_deletion){&cluster->machine, delete_znodes, cluster};
    for (int32_t id = 1; id <= broker_count; id++)
        cluster_add_broker(cluster, id);
}

void cluster_fini(struct cluster *cluster)
{
    control_batch_destroy(&cluster->batch);
    controller_context_fini(&cluster->context);
    leadership_items_fini(&cluster->written);
}

void cluster_add_broker(struct cluster *cluster, int32_t id)
{
    struct live_broker *broker = live_broker_create(id, 100 + id, NULL);
    live_broker_add_endpoint(broker, "PLAINTEXT", "host", (uint16_t)(9090 + id), 0);
    controller_context_put_broker(&cluster->context, broker);
}

struct controlled_partition *cluster_add_partition(struct cluster *cluster, const char *topic, int32_t index,
                                                   const int32_t *replicas)
{
    struct controlled_topic *added = controller_context_add_topic(&cluster->context, view_of_string(topic));
    struct partition_assignment assignment = {0};
    for (; *replicas != 0; replicas++)
        broker_ids_append(&assignment.replicas, *replicas);
    struct controlled_partition *partition =
        controller_context_put_assignment(&cluster->context, added, index, &assignment);
    partition_assignment_fini(&assignment);
    return partition;
}

enum kafka_error cluster_move(struct cluster *cluster, struct controlled_partition *partition,
                              enum partition_state target)
{
    struct controlled_partitions one = {.items = &partition, .count = 1};
    return partition_state_machine_move(&cluster->machine, &one, target, ELECTION_OFFLINE, false, NULL);
}

enum kafka_error cluster_move_replicas(struct cluster *cluster, struct controlled_partition *partition,
                                       enum replica_state target)
{
    struct partition_replicas all = {0};
    partition_replicas_add_all(&all, partition);
    enum kafka_error error = replica_state_machine_move(&cluster->machine, &all, target);
    array_fini(&all);
    return error;
}

enum kafka_error cluster_move_replica(struct cluster *cluster, struct controlled_partition *partition,
                                      int32_t broker_id, enum replica_state target)
{
    struct partition_replica replica = {partition, broker_id};
    struct partition_replicas one = {.items = &replica, .count = 1};
    return replica_state_machine_move(&cluster->machine, &one, target);
}

void cluster_create(struct cluster *cluster, struct controlled_partition *partition)
{
    if (cluster_move(cluster, partition, PARTITION_NEW) != KAFKA_NONE ||
        cluster_move_replicas(cluster, partition, REPLICA_NEW) != KAFKA_NONE ||
        cluster_move(cluster, partition, PARTITION_ONLINE) != KAFKA_NONE ||
        cluster_move_replicas(cluster, partition, REPLICA_ONLINE) != KAFKA_NONE)
        say(cluster, "creation failed");
    cluster->sent[0] = '\0';
}

const struct leadership *cluster_written(const struct cluster *cluster, const struct controlled_partition *partition)
{
    const struct leadership_item *found = find(cluster, partition);
    return found ? &found->leadership : NULL;
}
