// SPDX-License-Identifier: Apache-2.0
// The broker's life in ZooKeeper: its session, its registration, and what it reads there before it loads its logs.
#include "base/logger.h"
#include "base/memory.h"
#include "net/endpoint.h"
#include "server/broker.h"
#include "server/broker_parts.h"
#include "server/config/config.h"
#include "server/controller/config_changes.h"
#include "server/controller/controller.h"
#include "server/readiness.h"
#include "zk/paths.h"
#include "zk/registration.h"
#include "zk/session_file.h"
#include "zk/znodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES_MAX = 256 * 1024 * 1024, PATHS_PER_READ = 1000 };

// What is registered, again after each new session. Confined to the thread that starts the broker, then to zk-session.
struct registration {
    struct zk_session_file *file;
    struct zk_broker broker;
    atomic_bool is_stopping;
};

static void describe(struct broker *broker, struct zk_broker *described)
{
    const struct endpoint_list *list = broker->advertised_listeners;
    described->endpoints = memory_alloc_array(list->count, sizeof *described->endpoints);
    described->endpoint_count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const struct endpoint *endpoint = &list->items[i];
        described->endpoints[i] = (struct zk_endpoint){
            .listener = endpoint->listener_name,
            .security_protocol = security_protocol_name(endpoint->security_protocol),
            .host = endpoint->host,
            .port = endpoint->port,
        };
    }
    described->rack = config_string(broker->config, OPTION_BROKER_RACK);
    described->jmx_port = -1;
}

static struct zk_session_config session_config(const struct config *config)
{
    return (struct zk_session_config){
        .connect = config_string(config, OPTION_ZOOKEEPER_CONNECT),
        .session_timeout_ms = config_int(config, OPTION_ZOOKEEPER_SESSION_TIMEOUT_MS),
        .connection_timeout_ms = (int)config_zookeeper_connection_timeout_ms(config),
        .in_flight_max = config_int(config, OPTION_ZOOKEEPER_MAX_IN_FLIGHT_REQUESTS),
        .create_chroot = true,
    };
}

bool broker_open_session(struct broker *broker)
{
    struct zk_session_config settings = session_config(broker->config);
    struct registration *registration = broker->registration = memory_alloc(sizeof *registration);
    size_t count;
    const char *directory = config_log_directories(broker->config, &count)[0];
    int error = zk_session_file_open(directory, &registration->file);
    if (error != 0)
        logger_warn(
            "Cannot keep the ZooKeeper session's identity in %s: %s. After a kill -9 the next start has to wait "
            "until ZooKeeper gives this session up.",
            directory, strerror(-error));
    logger_info("Connecting to zookeeper on %s", settings.connect);
    char reason[ZK_REASON_SIZE];
    enum zk_result result = ZK_OK;
    if (registration->file != NULL)
        result = zk_session_file_end_previous(registration->file, &settings, reason);
    if (result == ZK_OK)
        result = zk_session_open(&settings, &broker->zk, reason);
    if (result != ZK_OK) {
        logger_fatal("%s%s", result == ZK_TIMED_OUT ? "Timed out waiting for connection to ZooKeeper: " : "", reason);
        return false;
    }
    result = zk_create_fixed_paths(broker->zk);
    if (result != ZK_OK)
        logger_fatal("Cannot create Kafka's znodes in ZooKeeper: %s.", zk_result_name(result));
    return result == ZK_OK;
}

// ---- Configurations

static void put_entries(const struct zk_config *from, struct properties *to)
{
    for (size_t i = 0; i < from->count; i++)
        properties_set(to, from->entries[i].key, from->entries[i].value);
}

// A znode that does not exist, or cannot be read, overrides nothing; the latter is worth a line.
static void read_entries(struct arena *arena, const char *path, const struct zk_data *data, struct properties *entries)
{
    struct zk_config config = {0};
    if (data->result == ZK_NO_NODE)
        return;
    enum zk_result result = data->result == ZK_OK ? zk_read_config_data(arena, data->data, &config) : data->result;
    if (result == ZK_OK)
        put_entries(&config, entries);
    else
        logger_warn("The configuration in ZooKeeper's %s cannot be read (%s) and is left out.", path,
                    zk_result_name(result));
}

// Passwords that were encrypted by the former secret: the secret may go once they are written. There may be no
// controller yet whose znode could be checked, and nobody else writes this broker's own passwords while it starts.
static void write_renewed(struct broker *broker, const char *path, const struct properties *entries)
{
    struct arena arena;
    arena_init(&arena, READ_BYTES_MAX);
    struct zk_config config = {.entries = memory_alloc_array(entries->count, sizeof *config.entries),
                               .count = entries->count};
    for (size_t i = 0; i < entries->count; i++)
        config.entries[i] = (struct zk_config_entry){entries->items[i].key, entries->items[i].value};
    struct view data = zk_write_config_data(&arena, &config);
    enum zk_result result = view_is_null(data) ? ZK_BAD_DATA : zk_write_config_unchecked(broker->zk, path, data);
    if (result == ZK_OK)
        logger_info("The passwords in %s, encrypted by password.encoder.old.secret, are now by the new secret.", path);
    else
        logger_error("The passwords in %s stay encrypted by password.encoder.old.secret, which must be kept: %s.", path,
                     zk_result_name(result));
    free(config.entries);
    arena_fini(&arena);
}

static enum zk_result read_broker_configs(struct broker *broker)
{
    struct arena arena;
    arena_init(&arena, READ_BYTES_MAX);
    const char *paths[] = {zk_path_config_broker(&arena, -1), zk_path_config_broker(&arena, broker->id)};
    struct zk_data data[2];
    enum zk_result result = zk_get_many(broker->zk, &arena, paths, 2, data);
    for (int i = 0; result == ZK_OK && i < 2; i++) {
        struct properties entries = {0};
        read_entries(&arena, paths[i], &data[i], &entries);
        if (i == 1 && config_renew_passwords(broker->config, &entries))
            write_renewed(broker, paths[i], &entries);
        config_decode_passwords(broker->config, &entries);
        if (entries.count > 0)
            config_set_broker(broker->config, &entries, i == 0);
        properties_fini(&entries);
    }
    arena_fini(&arena);
    return result;
}

static enum zk_result read_some_topic_configs(struct broker *broker, const char *const *names, size_t count)
{
    struct arena arena;
    arena_init(&arena, READ_BYTES_MAX);
    const char **paths = memory_alloc_array(count, sizeof *paths);
    struct zk_data *data = memory_alloc_array(count, sizeof *data);
    for (size_t i = 0; i < count; i++)
        paths[i] = zk_path_config_topic(&arena, view_of_string(names[i]));
    enum zk_result result = zk_get_many(broker->zk, &arena, paths, count, data);
    for (size_t i = 0; result == ZK_OK && i < count; i++) {
        struct properties entries = {0};
        read_entries(&arena, paths[i], &data[i], &entries);
        if (entries.count > 0)
            config_set_topic(broker->config, view_of_string(names[i]), &entries);
        properties_fini(&entries);
    }
    free(data);
    free(paths);
    arena_fini(&arena);
    return result;
}

bool broker_read_configs(struct broker *broker)
{
    struct arena arena;
    arena_init(&arena, READ_BYTES_MAX);
    struct zk_names topics = {0};
    enum zk_result result = read_broker_configs(broker);
    if (result == ZK_OK)
        result = zk_children(broker->zk, &arena, ZK_PATH_TOPICS, &topics);
    if (topics.count > 0)
        readiness_expect_topics(broker->readiness);
    for (size_t at = 0; result == ZK_OK && at < topics.count; at += PATHS_PER_READ) {
        size_t count = topics.count - at < PATHS_PER_READ ? topics.count - at : PATHS_PER_READ;
        result = read_some_topic_configs(broker, topics.names + at, count);
    }
    arena_fini(&arena);
    if (result != ZK_OK)
        logger_fatal("Cannot read the configuration of brokers and topics from ZooKeeper: %s.", zk_result_name(result));
    return result == ZK_OK;
}

// ---- Registration

static enum zk_result register_once(struct broker *broker, int64_t *epoch, char reason[ZK_REASON_SIZE])
{
    struct zk_registration wanted = {broker->id, &broker->registration->broker, true};
    enum zk_result result = zk_register_broker(broker->zk, &wanted, broker->registration->file, epoch, reason);
    if (result == ZK_OK)
        atomic_store(&broker->epoch, *epoch);
    return result;
}

static void session_expired(void *context)
{
    struct broker *broker = context;
    atomic_store(&broker->epoch, -1);
    if (atomic_load(&broker->registration->is_stopping))
        return;
    logger_warn("The ZooKeeper session has expired: broker %d is out of the cluster until a new one is open.",
                broker->id);
    controller_session_expired(broker->controller);
}

static void session_opened(void *context)
{
    struct broker *broker = context;
    if (atomic_load(&broker->registration->is_stopping))
        return;
    char reason[ZK_REASON_SIZE] = "";
    int64_t epoch;
    enum zk_result result = register_once(broker, &epoch, reason);
    if (result == ZK_OK) {
        logger_info("Registered broker %d again with epoch %lld.", broker->id, (long long)epoch);
        controller_session_opened(broker->controller, epoch);
        config_changes_session_opened(broker->config_changes);
    } else if (result == ZK_SESSION_EXPIRED || result == ZK_CLOSED) {
        logger_debug("Registration was interrupted: %s.", zk_result_name(result));
    } else {
        logger_fatal("Cannot register broker %d again: %s. The broker stops.", broker->id,
                     *reason ? reason : zk_result_name(result));
        broker_request_stop(broker);
    }
}

bool broker_register(struct broker *broker)
{
    describe(broker, &broker->registration->broker);
    char reason[ZK_REASON_SIZE] = "";
    int64_t epoch;
    enum zk_result result = register_once(broker, &epoch, reason);
    if (result == ZK_CLOSED) {
        logger_info("Broker %d is to stop before it is registered.", broker->id);
        return false;
    }
    if (result != ZK_OK) {
        logger_fatal("Cannot register broker %d in ZooKeeper: %s.", broker->id,
                     *reason ? reason : zk_result_name(result));
        return false;
    }
    logger_info("Registered broker %d at path /brokers/ids/%d with epoch %lld.", broker->id, broker->id,
                (long long)epoch);
    struct zk_session_listener listener = {session_expired, session_opened, broker};
    zk_session_listen(broker->zk, &listener);
    return true;
}

void broker_close_session(struct broker *broker)
{
    if (broker->registration == NULL)
        return;
    atomic_store(&broker->registration->is_stopping, true);
    // Without a connection ZooKeeper is not told of the end.
    bool has_ended = broker->zk != NULL && zk_session_is_connected(broker->zk);
    if (broker->zk != NULL)
        zk_session_shutdown(broker->zk);
    zk_session_file_close(&broker->registration->file, has_ended);
}

void broker_free_session(struct broker *broker)
{
    zk_session_destroy(&broker->zk);
    if (broker->registration != NULL)
        free(broker->registration->broker.endpoints);
    free(broker->registration);
    broker->registration = NULL;
}

void broker_report_directories(void *context)
{
    struct broker *broker = context;
    if (log_manager_online_directory_count(broker->log_manager) == 0) {
        logger_fatal("Shutdown broker because all log dirs have failed.");
        broker_request_stop(broker);
        return;
    }
    struct arena arena;
    arena_init(&arena, READ_BYTES_MAX);
    const char *path;
    struct view event = zk_write_log_dir_event(&arena, broker->id);
    enum zk_result result = zk_create_sequential(broker->zk, &arena, ZK_PATH_LOG_DIR_EVENT_PREFIX, event, &path);
    if (result != ZK_OK)
        logger_error("Cannot tell the controller of the failed log directory: %s. Its partitions stay with this broker "
                     "as their leader until the next start.",
                     zk_result_name(result));
    arena_fini(&arena);
}
