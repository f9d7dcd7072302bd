// SPDX-License-Identifier: Apache-2.0
// What a new controller does first: reads everything, tells every broker what is live, then what it hosts, and takes up
// what the one before left unfinished. The order of the operations is Apache Kafka's.
#include "server/controller/controller_state.h"

#include "base/logger.h"
#include "base/memory.h"
#include "net/endpoint.h"
#include "server/config/config.h"
#include "zk/formats.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <stdlib.h>
#include <string.h>

// /feature, when it is missing or disabled: no features, enabled (KIP-584).
static enum zk_result set_up_features(struct zk_session *session)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct view data;
    struct zk_features features = {.enabled = true};
    enum zk_result result = zk_get(session, &arena, ZK_PATH_FEATURE, &data, NULL);
    if (result == ZK_NO_NODE) {
        result = zk_create(session, ZK_PATH_FEATURE, zk_write_features(&arena, &features), ZK_PERSISTENT);
        if (result == ZK_NODE_EXISTS)
            result = ZK_OK;
    } else if (result == ZK_OK) {
        struct zk_features now = {0};
        result = zk_read_features(&arena, data, &now);
        if (result == ZK_OK && !now.enabled)
            result = zk_set(session, ZK_PATH_FEATURE, zk_write_features(&arena, &features), ZK_ANY_VERSION, NULL);
        else if (result == ZK_BAD_DATA)
            result = ZK_OK;
    }
    arena_fini(&arena);
    return result;
}

static int16_t protocol_of_name(const char *name)
{
    for (int protocol = SECURITY_PROTOCOL_PLAINTEXT; protocol <= SECURITY_PROTOCOL_SASL_SSL; protocol++) {
        if (strcmp(security_protocol_name((enum security_protocol)protocol), name) == 0)
            return (int16_t)protocol;
    }
    return -1;
}

// A registration as a broker, or NULL when it cannot be used.
static struct live_broker *read_broker(struct arena *arena, const char *name, const struct zk_data *data)
{
    struct zk_broker registered;
    char *end;
    long id = strtol(name, &end, 10);
    if (*name == '\0' || *end != '\0' || id < 0 || id > INT32_MAX || data->result != ZK_OK ||
        zk_read_broker(arena, data->data, &registered) != ZK_OK) {
        if (data->result != ZK_NO_NODE)
            logger_error("The registration of broker %s cannot be read; the controller leaves it out: %.*s", name,
                         VIEW_ARGS(data->data));
        return NULL;
    }
    struct live_broker *broker = live_broker_create((int32_t)id, data->stat.czxid, registered.rack);
    for (size_t i = 0; i < registered.endpoint_count; i++) {
        const struct zk_endpoint *endpoint = &registered.endpoints[i];
        int16_t protocol = protocol_of_name(endpoint->security_protocol);
        if (protocol >= 0)
            live_broker_add_endpoint(broker, endpoint->listener, endpoint->host, (uint16_t)endpoint->port, protocol);
    }
    return broker;
}

enum kafka_error controller_read_brokers(struct controller *controller, struct live_brokers *brokers)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names;
    struct zk_session *session = controller->broker->zk;
    enum zk_result result = zk_children(session, &arena, ZK_PATH_BROKER_IDS, &names);
    if (result == ZK_OK && names.count > 0) {
        const char **paths = arena_alloc_array(&arena, names.count, sizeof *paths);
        struct zk_data *data = arena_alloc_array(&arena, names.count, sizeof *data);
        for (size_t i = 0; i < names.count; i++)
            paths[i] = zk_path_child(&arena, ZK_PATH_BROKER_IDS, names.names[i]);
        result = zk_get_many(session, &arena, paths, names.count, data);
        for (size_t i = 0; result == ZK_OK && i < names.count; i++) {
            struct live_broker *broker = read_broker(&arena, names.names[i], &data[i]);
            if (broker != NULL)
                *array_append(brokers) = broker;
        }
    }
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

// Writes an id into the topic's znode; when somebody changed it meanwhile, what is there now is read.
static enum zk_result assign_topic_id(struct controller *controller, struct arena *arena, const char *name,
                                      struct zk_topic *topic, int32_t version)
{
    struct zk_session *session = controller->broker->zk;
    const char *path = zk_path_topic(arena, view_of_string(name));
    for (;;) {
        topic->id = uuid_random();
        struct zk_op op = {
            .kind = ZK_OP_SET_DATA, .path = path, .data = zk_write_topic(arena, topic), .version = version};
        enum zk_result result = zk_write_fenced(session, controller->epoch.version, &op, 1);
        if (result != ZK_OK || op.result != ZK_BAD_VERSION)
            return result == ZK_OK ? op.result : result;
        struct view data;
        struct zk_stat stat;
        result = zk_get(session, arena, path, &data, &stat);
        if (result == ZK_OK)
            result = zk_read_topic(arena, data, topic);
        if (result != ZK_OK || !uuid_is_zero(topic->id))
            return result;
        version = stat.version;
    }
}

static void put_topic(struct controller *controller, const char *name, const struct zk_topic *from,
                      struct controlled_partitions *added)
{
    struct controlled_topic *topic = controller_context_add_topic(&controller->context, view_of_string(name));
    topic->id = from->id;
    for (size_t i = 0; i < from->partition_count; i++) {
        const struct zk_partition *partition = &from->partitions[i];
        if (controlled_topic_partition(topic, partition->id) != NULL)
            continue;
        struct partition_assignment assignment = {
            .replicas = {.items = partition->replicas.items, .count = partition->replicas.count},
            .adding = {.items = partition->adding.items, .count = partition->adding.count},
            .removing = {.items = partition->removing.items, .count = partition->removing.count},
        };
        struct controlled_partition *put =
            controller_context_put_assignment(&controller->context, topic, partition->id, &assignment);
        if (added != NULL)
            *array_append(added) = put;
    }
}

enum kafka_error controller_read_topics(struct controller *controller, const char *const *names, size_t count,
                                        struct controlled_partitions *added)
{
    if (count == 0)
        return KAFKA_NONE;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const char **paths = arena_alloc_array(&arena, count, sizeof *paths);
    struct zk_data *data = arena_alloc_array(&arena, count, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        controller_watch_topic(controller, names[i]);
        paths[i] = zk_path_topic(&arena, view_of_string(names[i]));
    }
    enum zk_result result = zk_get_many(controller->broker->zk, &arena, paths, count, data);
    for (size_t i = 0; result == ZK_OK && i < count; i++) {
        struct zk_topic topic;
        enum zk_result read = data[i].result == ZK_OK ? zk_read_topic(&arena, data[i].data, &topic) : data[i].result;
        if (read == ZK_OK && uuid_is_zero(topic.id)) {
            read = assign_topic_id(controller, &arena, names[i], &topic, data[i].stat.version);
            if (read == ZK_FENCED || read == ZK_SESSION_EXPIRED || read == ZK_CLOSED)
                result = read;
        }
        if (read == ZK_OK)
            put_topic(controller, names[i], &topic, added);
        else if (read == ZK_BAD_DATA)
            logger_error("The assignment of topic %s in ZooKeeper cannot be read; the controller leaves it out: %.*s",
                         names[i], VIEW_ARGS(data[i].data));
    }
    arena_fini(&arena);
    return controller_error_of_zk(result);
}

static enum kafka_error read_leaderships(struct controller *controller)
{
    struct leadership_items items = {0};
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(&controller->context, &walk));)
        leadership_items_add(&items, partition);
    enum kafka_error error = KAFKA_NONE;
    if (items.count > 0)
        error = controller->store.read(controller->store.context, &items);
    for (size_t i = 0; error == KAFKA_NONE && i < items.count; i++) {
        if (items.items[i].error == KAFKA_NONE)
            controlled_partition_put_leadership(items.items[i].partition, &items.items[i].leadership);
    }
    leadership_items_fini(&items);
    return error;
}

// Brokers, topics, assignments and leaderships, and the senders.
static enum kafka_error read_context(struct controller *controller)
{
    struct live_brokers brokers = {0};
    enum kafka_error error = controller_read_brokers(controller, &brokers);
    for (size_t i = 0; i < brokers.count; i++)
        controller_context_put_broker(&controller->context, brokers.items[i]);
    array_fini(&brokers);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names topics = {0};
    if (error == KAFKA_NONE)
        error = controller_error_of_zk(zk_children(controller->broker->zk, &arena, ZK_PATH_TOPICS, &topics));
    if (error == KAFKA_NONE)
        error = controller_read_topics(controller, topics.names, topics.count, NULL);
    arena_fini(&arena);
    for (size_t i = 0; error == KAFKA_NONE && i < controller->context.brokers.count; i++)
        error = controller_watch_broker(controller, controller->context.brokers.items[i]->id);
    if (error == KAFKA_NONE)
        error = read_leaderships(controller);
    for (size_t i = 0; error == KAFKA_NONE && i < controller->context.brokers.count; i++)
        controller_add_sender(controller, controller->context.brokers.items[i]);
    return error;
}

// Topics that were being deleted; those with an offline replica or a running reassignment have to wait.
static enum kafka_error read_deletions(struct controller *controller)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct zk_names names = {0};
    enum kafka_error error =
        controller_error_of_zk(zk_children(controller->broker->zk, &arena, ZK_PATH_DELETE_TOPICS, &names));
    if (error == KAFKA_NONE && !config_boolean(controller->broker->config, OPTION_DELETE_TOPIC_ENABLE)) {
        error = controller_delete_topic_deletions(controller, names.names, names.count);
        names.count = 0;
    }
    for (size_t i = 0; error == KAFKA_NONE && i < names.count; i++) {
        // A topic that is gone already has no partitions here: what is left of it is deleted at once.
        struct controlled_topic *topic =
            controller_context_add_topic(&controller->context, view_of_string(names.names[i]));
        topic->is_queued_for_deletion = true;
        if (controlled_topic_is_being_reassigned(topic))
            topic_deletion_mark_ineligible(topic, "a reassignment is running");
        for (size_t p = 0; p < topic->partitions.count; p++) {
            const struct controlled_partition *partition = topic->partitions.items[p];
            for (size_t r = 0; r < partition->assignment.replicas.count; r++) {
                if (!controlled_partition_replica_is_online(&controller->context, partition,
                                                            partition->assignment.replicas.items[r]))
                    topic_deletion_mark_ineligible(topic, "it has replicas that are offline");
            }
        }
    }
    arena_fini(&arena);
    return error;
}

static enum kafka_error set_watches(struct controller *controller)
{
    struct zk_session *session = controller->broker->zk;
    controller_watch_all(controller);
    enum zk_result result = zk_exists(session, ZK_PATH_PREFERRED_ELECTION, NULL);
    if (result == ZK_OK || result == ZK_NO_NODE)
        result = zk_exists(session, ZK_PATH_REASSIGN_PARTITIONS, NULL);
    if (result == ZK_OK)
        logger_warn("/admin/reassign_partitions asks for reassignments, which are not carried out with one broker");
    else if (result == ZK_NO_NODE)
        result = ZK_OK;
    return controller_error_of_zk(result);
}

// Before LeaderAndIsr: a follower needs the leader's address. This broker may have just started and know no topic yet;
// told of all of them at once it never denies one that exists to a client that is as quick as it is.
static void send_first_metadata(struct controller *controller)
{
    struct control_batch *batch = controller->batch;
    const struct controller_context *context = &controller->context;
    for (size_t i = 0; i < context->brokers.count; i++) {
        if (context->brokers.items[i]->id != context->controller_id)
            control_batch_add_update_metadata_for(batch, context->brokers.items[i]->id, NULL);
    }
    control_batch_send(batch);
    control_batch_add_update_metadata_for(batch, context->controller_id, NULL);
    struct partition_walk walk = {0};
    for (struct controlled_partition *partition; (partition = controller_context_next(context, &walk));)
        control_batch_add_update_metadata_for(batch, context->controller_id, partition);
    control_batch_send(batch);
}

enum kafka_error controller_take_office(struct controller *controller)
{
    enum kafka_error error = controller_error_of_zk(set_up_features(controller->broker->zk));
    if (error == KAFKA_NONE)
        error = set_watches(controller);
    if (error == KAFKA_NONE)
        error = controller_delete_children(controller, ZK_PATH_LOG_DIR_EVENTS);
    if (error == KAFKA_NONE)
        error = controller_delete_children(controller, ZK_PATH_ISR_CHANGES);
    if (error == KAFKA_NONE)
        error = read_context(controller);
    if (error == KAFKA_NONE)
        error = read_deletions(controller);
    if (error != KAFKA_NONE)
        return error;
    send_first_metadata(controller);
    error = replica_state_machine_start(&controller->machine);
    if (error == KAFKA_NONE) {
        partition_state_machine_initialize(&controller->machine);
        error = partition_state_machine_elect_all(&controller->machine, NULL, NULL);
    }
    if (error == KAFKA_NONE)
        error = topic_deletion_advance(&controller->deletion);
    if (error == KAFKA_NONE)
        error = controller_elect_preferred(controller);
    if (error == KAFKA_NONE)
        logger_info("The controller is ready with %zu brokers, %zu topics and %zu partitions",
                    controller->context.brokers.count, controller->context.topics.count,
                    controller->context.partition_count);
    return error;
}
