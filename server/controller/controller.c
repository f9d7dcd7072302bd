// SPDX-License-Identifier: Apache-2.0
#include "server/controller/controller_state.h"

#include "base/logger.h"
#include "base/memory.h"
#include "server/config/config.h"
#include "server/controller/producer_id_manager.h"
#include "server/controller/topic_creator.h"
#include "zk/paths.h"
#include "zk/watches.h"
#include "zk/znodes.h"

#include <stdio.h>
#include <stdlib.h>

// After a term that failed at its start: somebody else may do better, and ZooKeeper is not to be flooded.
enum { REELECTION_BACKOFF_MS = 1000 };

struct process_event {
    struct event event;
    struct controller *controller;
    controller_process *process;
    char *argument;
};

// ---- Office

static void resign(struct controller *controller)
{
    if (!atomic_load(&controller->is_active))
        return;
    atomic_store(&controller->is_active, false);
    controller_unwatch_all(controller);
    while (controller->senders.count > 0)
        controller_remove_sender(controller, controller->senders.items[0].broker_id);
    control_batch_clear(controller->batch);
    controller_context_reset(&controller->context);
    logger_info("Broker %d is no longer the controller (epoch %d)", controller->broker->id, controller->epoch.epoch);
}

// Reads /controller (watching it): resigns if it names another broker. If it is this session's and yet nobody is in
// office here, it is removed: no controller would act until the session ends.
static enum zk_result check_office(struct controller *controller, int32_t *controller_id)
{
    struct zk_session *session = controller->broker->zk;
    struct zk_stat stat = {0};
    *controller_id = -1;
    enum zk_result result = zk_exists(session, ZK_PATH_CONTROLLER, &stat);
    if (result == ZK_OK || result == ZK_NO_NODE)
        result = zk_controller_get(session, controller_id);
    if (result == ZK_NO_NODE)
        result = ZK_OK;
    if (result != ZK_OK || *controller_id != controller->broker->id)
        resign(controller);
    else if (!atomic_load(&controller->is_active) && stat.ephemeral_owner == zk_session_identity(session).id)
        result = zk_delete(session, ZK_PATH_CONTROLLER, ZK_ANY_VERSION);
    return result;
}

// Our own decisions met something that must not be: another controller, or we anew, starts from ZooKeeper's truth. When
// somebody wrote /controller_epoch by hand the fenced way is closed, but /controller is still ours to delete.
static void give_up_office(struct controller *controller)
{
    struct zk_session *session = controller->broker->zk;
    struct zk_controller_epoch epoch = controller->epoch;
    resign(controller);
    enum zk_result result = zk_resign_controller(session, epoch);
    struct zk_stat stat;
    if (result == ZK_FENCED && zk_exists(session, ZK_PATH_CONTROLLER, &stat) == ZK_OK &&
        stat.ephemeral_owner == zk_session_identity(session).id)
        result = zk_delete(session, ZK_PATH_CONTROLLER, ZK_ANY_VERSION);
    if (result != ZK_OK)
        logger_warn("/controller was not deleted at the resignation: %s", zk_result_name(result));
}

static void elect(struct controller *controller, int32_t controller_id)
{
    int32_t elected_id = -1;
    controller->term_session = atomic_load(&controller->session_count);
    while (controller_id == -1) {
        enum zk_result result =
            zk_elect_controller(controller->broker->zk, controller->broker->id, &controller->epoch, &elected_id);
        if (result == ZK_NODE_EXISTS) {
            controller_id = elected_id;
            continue;
        }
        if (result != ZK_OK) {
            logger_warn("The election of the controller could not be held: %s", zk_result_name(result));
            return;
        }
        controller->context.epoch = controller->epoch.epoch;
        controller->context.epoch_version = controller->epoch.version;
        atomic_store(&controller->is_active, true);
        logger_info("Broker %d was elected as the controller, epoch %d", controller->broker->id,
                    controller->epoch.epoch);
        enum kafka_error error = controller_take_office(controller);
        if (error == KAFKA_NONE)
            return;
        logger_error("The new controller could not start and resigns: %s", kafka_error_name((int16_t)error));
        controller->backs_off = error != KAFKA_STALE_CONTROLLER_EPOCH;
        if (controller->backs_off || check_office(controller, &controller_id) == ZK_OK)
            give_up_office(controller);
        return;
    }
    logger_debug("Broker %d is the controller", controller_id);
}

// /controller was created or rewritten.
static enum kafka_error process_controller_change(struct controller *controller, const char *argument)
{
    (void)argument;
    int32_t controller_id;
    return controller_error_of_zk(check_office(controller, &controller_id));
}

static void put_later(struct controller *controller, controller_process *process, int64_t delay_ms);

// /controller has vanished, or we have just started or got a new session.
static enum kafka_error process_reelect(struct controller *controller, const char *argument)
{
    (void)argument;
    int32_t controller_id;
    enum zk_result result = check_office(controller, &controller_id);
    // Without a registration of its own a controller would see its broker dead.
    if (!atomic_load(&controller->is_registered))
        return KAFKA_NONE;
    if (result == ZK_OK && controller->backs_off) {
        controller->backs_off = false;
        put_later(controller, process_reelect, REELECTION_BACKOFF_MS);
    } else if (result == ZK_OK) {
        elect(controller, controller_id);
    }
    return controller_error_of_zk(result);
}

static enum kafka_error process_session_expired(struct controller *controller, const char *argument)
{
    (void)argument;
    // A term that began in a later session goes on.
    if (controller->term_session != atomic_load(&controller->session_count))
        resign(controller);
    return KAFKA_NONE;
}

static void notify_controller(void *context, const struct zk_event *event)
{
    struct controller *controller = context;
    controller_put(controller, event->kind == ZK_EVENT_NODE_DELETED ? process_reelect : process_controller_change,
                   NULL);
}

// ---- Events

void controller_conclude(struct controller *controller, enum kafka_error error)
{
    int32_t controller_id;
    if (error == KAFKA_STALE_CONTROLLER_EPOCH && atomic_load(&controller->is_active)) {
        logger_warn("A write was refused because another controller may have taken over");
        if (check_office(controller, &controller_id) == ZK_OK && atomic_load(&controller->is_active))
            give_up_office(controller);
    } else if (error != KAFKA_NONE && error != KAFKA_STALE_CONTROLLER_EPOCH) {
        logger_error("The controller could not complete what a change asks for: %s", kafka_error_name((int16_t)error));
    }
}

static void run_process(struct event *event, bool is_dropped)
{
    struct process_event *process_event = (struct process_event *)event;
    if (!is_dropped)
        controller_conclude(process_event->controller,
                            process_event->process(process_event->controller, process_event->argument));
    free(process_event->argument);
    free(process_event);
}

static struct event *new_event(struct controller *controller, controller_process *process, char *argument)
{
    struct process_event *event = memory_alloc(sizeof *event);
    event->event.run = run_process;
    event->controller = controller;
    event->process = process;
    event->argument = argument;
    return &event->event;
}

void controller_put(struct controller *controller, controller_process *process, char *argument)
{
    event_queue_put(controller->events, new_event(controller, process, argument));
}

static void put_later(struct controller *controller, controller_process *process, int64_t delay_ms)
{
    event_queue_put_later(controller->events, new_event(controller, process, NULL), delay_ms);
}

// ---- Senders

void controller_add_sender(struct controller *controller, const struct live_broker *broker)
{
    const struct config *config = controller->broker->config;
    const char *listener = config_inter_broker_listener(config);
    const struct live_endpoint *endpoint = live_broker_endpoint(broker, listener);
    if (endpoint == NULL) {
        logger_error("Broker %d has no listener %s: the controller cannot tell it anything", broker->id, listener);
        return;
    }
    char client_id[16];
    snprintf(client_id, sizeof client_id, "%d", controller->broker->id);
    const struct control_sender_config sender_config = {
        .broker_id = broker->id,
        .host = endpoint->host,
        .port = endpoint->port,
        .security_protocol = endpoint->security_protocol,
        .tls_listeners = controller->broker->tls_listeners,
        .client_id = client_id,
        .request_timeout_ms = config_integer(config, OPTION_CONTROLLER_SOCKET_TIMEOUT_MS),
        .answered = controller_answered,
        .context = controller,
    };
    struct control_sender *sender;
    int error = control_sender_create(&sender_config, &sender);
    if (error != 0)
        logger_error("No thread for requests to broker %d could be started: error %d", broker->id, -error);
    else
        *array_append(&controller->senders) = (struct broker_sender){broker->id, sender};
}

void controller_remove_sender(struct controller *controller, int32_t broker_id)
{
    for (size_t i = 0; i < controller->senders.count; i++) {
        if (controller->senders.items[i].broker_id == broker_id) {
            control_sender_destroy(&controller->senders.items[i].sender);
            controller->senders.items[i] = controller->senders.items[--controller->senders.count];
            return;
        }
    }
}

static void send_request(void *context, struct control_request *request)
{
    struct controller *controller = context;
    for (size_t i = 0; i < controller->senders.count; i++) {
        if (controller->senders.items[i].broker_id == request->broker_id) {
            control_sender_put(controller->senders.items[i].sender, request);
            return;
        }
    }
    control_request_destroy(&request);
}

void controller_send_metadata(struct controller *controller)
{
    control_batch_add_update_metadata(controller->batch, NULL);
    control_batch_send(controller->batch);
}

// ---- Topics that are gone

static enum kafka_error delete_topic_znodes(void *context, const struct controlled_topic *topic)
{
    struct controller *controller = context;
    struct arena arena;
    arena_init(&arena, 64 << 10);
    struct view name = view_of_string(topic->name);
    controller_unwatch_topic(controller, topic->name);
    enum zk_result result =
        zk_delete_recursive_fenced(controller->broker->zk, controller->epoch.version, zk_path_topic(&arena, name));
    if (result == ZK_OK)
        result = zk_delete_recursive_fenced(controller->broker->zk, controller->epoch.version,
                                            zk_path_config_topic(&arena, name));
    arena_fini(&arena);
    if (result != ZK_OK)
        return controller_error_of_zk(result);
    const char *const names[] = {topic->name};
    return controller_delete_topic_deletions(controller, names, 1);
}

// ---- Life

struct controller *controller_create(struct broker *broker)
{
    struct controller *controller = memory_alloc(sizeof *controller);
    controller->broker = broker;
    controller->is_registered = true;
    controller->events = event_queue_create();
    controller->admin = event_queue_create();
    controller_context_init(&controller->context, broker->id);
    controller->zk_store = (struct zk_state_store){broker->zk, &controller->context, broker->config};
    controller->store = zk_state_store_calls(&controller->zk_store);
    controller->batch = control_batch_create(&controller->context, config_inter_broker_listener(broker->config),
                                             send_request, controller);
    controller->machine = (struct state_machine){&controller->context, &controller->store, controller->batch};
    controller->deletion = (struct topic_deletion){&controller->machine, delete_topic_znodes, controller};
    controller->topic_creator = topic_creator_create(broker, controller->admin);
    controller->producer_ids = producer_id_manager_create(broker);
    return controller;
}

int controller_start(struct controller *controller)
{
    int error = event_queue_start(controller->admin, "controller-admin");
    if (error == 0)
        error = event_queue_start(controller->events, "controller");
    if (error == 0)
        error = producer_id_manager_start(controller->producer_ids);
    if (error != 0)
        return error;
    zk_watch_add(controller->broker->zk, ZK_WATCH_NODE, ZK_PATH_CONTROLLER, notify_controller, controller);
    controller_put(controller, process_reelect, NULL);
    return 0;
}

void controller_stop(struct controller *controller)
{
    producer_id_manager_stop(controller->producer_ids);
    event_queue_stop(controller->admin);
    event_queue_stop(controller->events);
    // The thread has ended: this one is alone now.
    resign(controller);
}

void controller_destroy(struct controller **destroyed)
{
    struct controller *controller = *destroyed;
    if (controller == NULL)
        return;
    event_queue_destroy(&controller->admin);
    event_queue_destroy(&controller->events);
    producer_id_manager_destroy(&controller->producer_ids);
    topic_creator_destroy(&controller->topic_creator);
    control_batch_destroy(&controller->batch);
    controller_context_fini(&controller->context);
    array_fini(&controller->senders);
    free(controller);
    *destroyed = NULL;
}

bool controller_is_active(const struct controller *controller)
{
    return atomic_load(&controller->is_active);
}

void controller_session_expired(struct controller *controller)
{
    atomic_store(&controller->is_registered, false);
    atomic_fetch_add(&controller->session_count, 1);
    controller_put(controller, process_session_expired, NULL);
}

void controller_session_opened(struct controller *controller, int64_t broker_epoch)
{
    logger_info("Broker %d is registered anew with epoch %lld and takes part in elections again",
                controller->broker->id, (long long)broker_epoch);
    atomic_store(&controller->is_registered, true);
    controller_put(controller, process_reelect, NULL);
}

enum kafka_error controller_create_topic_automatically(struct controller *controller, struct view topic)
{
    return topic_creator_request(controller->topic_creator, topic);
}

void controller_take_producer_id(struct controller *controller, struct producer_id_wait *wait)
{
    producer_id_manager_take(controller->producer_ids, wait);
}

static enum kafka_error process_retry_elections(struct controller *controller, const char *name)
{
    if (!atomic_load(&controller->is_active))
        return KAFKA_NONE;
    const struct controlled_topic *topic =
        name != NULL ? controller_context_topic(&controller->context, view_of_string(name)) : NULL;
    if (name != NULL && topic == NULL)
        return KAFKA_NONE;
    return partition_state_machine_elect_all(&controller->machine, topic, NULL);
}

void controller_retry_elections(struct controller *controller, struct view topic)
{
    if (atomic_load(&controller->is_active))
        controller_put(controller, process_retry_elections, view_dup(topic));
}

struct admin_event {
    struct event event;
    void (*run)(void *context, bool is_dropped);
    void *context;
};

static void run_admin(struct event *event, bool is_dropped)
{
    struct admin_event *admin = (struct admin_event *)event;
    admin->run(admin->context, is_dropped);
    free(admin);
}

void controller_run_admin(struct controller *controller, void (*run)(void *context, bool is_dropped), void *context)
{
    struct admin_event *admin = memory_alloc(sizeof *admin);
    admin->event.run = run_admin;
    admin->run = run;
    admin->context = context;
    event_queue_put(controller->admin, &admin->event);
}
