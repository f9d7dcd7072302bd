// SPDX-License-Identifier: Apache-2.0
// In which order a broker's parts start and stop, and nothing else. The order of the start:
//
//   1. configuration, clock of deadlines, background threads
//   2. log directories: locked, so that no other process uses them or the session that is kept in them
//   3. ZooKeeper session, cluster id, broker id, overrides of configuration; keys and certificates of TLS listeners
//   4. logs: loaded, recovered after a crash
//   5. listeners: bound, so that ports are known and clients queue up, but nobody is served yet
//   6. registration in ZooKeeper
//   7. request threads, config changes, controller election: the controller's first requests find a broker that answers
//
// The stop goes the other way round; the session ends last, so that no other broker takes over what is still written.
#include "server/broker.h"

#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/timer.h"
#include "net/server.h"
#include "server/broker_parts.h"
#include "server/config/config.h"
#include "server/controller/config_changes.h"
#include "server/controller/controller.h"
#include "server/dispatch.h"
#include "server/group/group_coordinator.h"
#include "server/group/group_service.h"
#include "server/metadata_cache.h"
#include "server/readiness.h"
#include "server/replica/replica_manager.h"
#include "server/scheduler.h"
#include "server/security/tls_listeners.h"
#include "zk/session.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MS_MAX = 5000 }; // how long a stopping broker waits for the answers to what it accepted

static void topic_config(void *context, const char *topic, struct log_config *config)
{
    struct broker *broker = context;
    config_topic_log(broker->config, view_of_string(topic), config);
}

static void directory_offline(void *context, const char *directory)
{
    (void)directory;
    struct broker *broker = context;
    // Before it serves nobody knows of its directories, and what failed until then is reported when it does.
    if (atomic_load(&broker->is_serving))
        scheduler_run_after(broker->scheduler, "report failed log directories", broker_report_directories, broker, 0);
}

static bool start_threads(struct broker *broker)
{
    int result = timer_start("timer", &broker->timer);
    if (result == 0)
        result = scheduler_create(config_int(broker->config, OPTION_BACKGROUND_THREADS), &broker->scheduler);
    if (result != 0)
        logger_fatal("Cannot start a thread: %s.", strerror(-result));
    broker->metadata_cache = metadata_cache_create();
    if (result == 0)
        broker->readiness = readiness_create(broker);
    return result == 0;
}

static bool open_directories(struct broker *broker, struct log_identity *stored)
{
    const struct config *config = broker->config;
    struct log_manager_settings settings = {
        .recovery_threads_per_directory = config_int(config, OPTION_NUM_RECOVERY_THREADS_PER_DATA_DIR),
        .delete_delay_ms = config_integer(config, OPTION_LOG_SEGMENT_DELETE_DELAY_MS),
        .producer_id_expiration_ms = config_integer(config, OPTION_PRODUCER_ID_EXPIRATION_MS),
        .topic_config = topic_config,
        .directory_offline = directory_offline,
        .context = broker,
    };
    settings.directories = config_log_directories(config, &settings.directory_count);
    char *message = NULL;
    broker->log_manager = log_manager_create(&settings, &message);
    if (broker->log_manager == NULL) {
        logger_fatal("%s", message);
        free(message);
        return false;
    }
    log_manager_identity(broker->log_manager, stored);
    return true;
}

static bool load_logs(struct broker *broker)
{
    if (log_manager_load(broker->log_manager, broker->id, broker->cluster_id)) {
        broker->logs_are_loaded = true;
        return true;
    }
    logger_fatal("Shutdown broker because none of the specified log dirs from %s can be created or validated.",
                 config_string(broker->config,
                               config_is_null(broker->config, OPTION_LOG_DIRS) ? OPTION_LOG_DIR : OPTION_LOG_DIRS));
    return false;
}

// Counts in broker->started_count what stop_parts has to stop.
static bool start_parts(struct broker *broker)
{
    int result = replica_manager_start(broker->replica_manager);
    broker->started_count += result == 0;
    if (result == 0) {
        result = server_start(broker->server, dispatch_request, broker);
        broker->started_count += result == 0;
    }
    if (result == 0) {
        result = config_changes_start(broker->config_changes);
        broker->started_count += result == 0;
    }
    if (result == 0) {
        result = controller_start(broker->controller);
        broker->started_count += result == 0;
    }
    if (result != 0)
        logger_fatal("Cannot start a thread: %s.", strerror(-result));
    return result == 0;
}

static void background_threads_changed(void *context)
{
    struct broker *broker = context;
    int result = scheduler_resize(broker->scheduler, config_int(broker->config, OPTION_BACKGROUND_THREADS));
    if (result != 0)
        logger_error("Cannot start a background thread: %s.", strerror(-result));
}

static bool create_parts(struct broker *broker)
{
    broker->replica_manager = replica_manager_create(broker);
    int result = group_service_start(broker);
    if (result != 0) {
        logger_fatal("Cannot start the group coordinator: %s.", strerror(-result));
        return false;
    }
    broker->controller = controller_create(broker);
    broker->config_changes = config_changes_create(broker);
    config_observe(broker->config, background_threads_changed, broker);
    broker_follow_limits(broker);
    config_observe(broker->config, tls_listeners_apply, broker->tls_listeners);
    return true;
}

// ---- Background work of the logs

#define LOG_JOB(name, call)                                                                                            \
    static void name(void *context)                                                                                    \
    {                                                                                                                  \
        struct log_manager *logs = ((struct broker *)context)->log_manager;                                            \
        call;                                                                                                          \
    }
LOG_JOB(run_delayed, log_manager_run_delayed(logs, clock_now_ms()))
LOG_JOB(check_retention, log_manager_check_retention(logs, clock_now_ms()))
LOG_JOB(flush_due, log_manager_flush_due(logs, clock_now_ms()))
LOG_JOB(checkpoint_recovery_points, log_manager_checkpoint_recovery_points(logs))
LOG_JOB(checkpoint_log_start_offsets, log_manager_checkpoint_log_start_offsets(logs))
LOG_JOB(checkpoint_high_watermarks, log_manager_checkpoint_high_watermarks(logs))
LOG_JOB(expire_producers, log_manager_expire_producers(logs, clock_now_ms()))
#undef LOG_JOB

// The allocator keeps the memory of connections that are gone; of a crowd that is much.
static void return_memory(void *context)
{
    enum { CROWD = 500 };
    struct broker *broker = context;
    size_t count = server_connection_count(broker->server);
    if (count > broker->connections_max)
        broker->connections_max = count;
    if (broker->connections_max - count < CROWD)
        return;
    malloc_trim(0);
    broker->connections_max = count;
}

static void schedule_jobs(struct broker *broker)
{
    enum { RUN_DELAYED_MS = 1000, RETURN_MEMORY_MS = 1000, CERTIFICATE_CHECK_MS = 1000 };
    const struct config *config = broker->config;
    struct scheduler *scheduler = broker->scheduler;
    int64_t initial_ms = config_integer(config, OPTION_LOG_INITIAL_TASK_DELAY_MS);
    int64_t high_watermark_ms = config_integer(config, OPTION_REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS);
    int64_t producers_ms = config_integer(config, OPTION_PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS);
    scheduler_repeat(scheduler, "delete files", run_delayed, broker, RUN_DELAYED_MS, RUN_DELAYED_MS);
    scheduler_repeat(scheduler, "retention", check_retention, broker, initial_ms,
                     config_integer(config, OPTION_LOG_RETENTION_CHECK_INTERVAL_MS));
    scheduler_repeat(scheduler, "flush", flush_due, broker, initial_ms,
                     config_integer(config, OPTION_LOG_FLUSH_SCHEDULER_INTERVAL_MS));
    scheduler_repeat(scheduler, "recovery point checkpoint", checkpoint_recovery_points, broker, initial_ms,
                     config_int(config, OPTION_LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS));
    scheduler_repeat(scheduler, "log start offset checkpoint", checkpoint_log_start_offsets, broker, initial_ms,
                     config_int(config, OPTION_LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS));
    scheduler_repeat(scheduler, "high watermark checkpoint", checkpoint_high_watermarks, broker, high_watermark_ms,
                     high_watermark_ms);
    scheduler_repeat(scheduler, "producer expiry", expire_producers, broker, producers_ms, producers_ms);
    if (tls_listeners_contexts(broker->tls_listeners) != NULL)
        scheduler_repeat(scheduler, "certificates", tls_listeners_check_files, broker->tls_listeners,
                         CERTIFICATE_CHECK_MS, CERTIFICATE_CHECK_MS);
    scheduler_repeat(scheduler, "return of memory", return_memory, broker, RETURN_MEMORY_MS, RETURN_MEMORY_MS);
    scheduler_run_after(scheduler, "advertised names", broker_check_advertised, broker, 0);
}

static bool open_parts(struct broker *broker)
{
    struct log_identity stored;
    return start_threads(broker) && open_directories(broker, &stored) && broker_check_stored_id(broker, &stored) &&
           broker_open_session(broker) && broker_identify(broker, &stored) && broker_read_configs(broker) &&
           broker_open_tls(broker) && load_logs(broker) && broker_open_listeners(broker) && create_parts(broker);
}

struct broker *broker_open(const struct properties *settings)
{
    char *reason = NULL;
    struct broker *broker = memory_alloc(sizeof *broker);
    broker->epoch = -1;
    broker->config = config_create(settings, &reason);
    if (broker->config == NULL) {
        logger_fatal("%s", reason);
        free(reason);
        free(broker);
        return NULL;
    }
    logger_info("starting");
    if (!open_parts(broker))
        broker_stop(&broker);
    return broker;
}

bool broker_serve(struct broker *broker)
{
    if (!broker_register(broker) || !start_parts(broker))
        return false;
    schedule_jobs(broker);
    atomic_store(&broker->is_serving, true);
    if (log_manager_online_directory_count(broker->log_manager) < log_manager_directory_count(broker->log_manager))
        directory_offline(broker, NULL);
    if (!readiness_wait(broker->readiness))
        logger_warn("The controller has not told of the cluster yet: clients will not find topics until it does.");
    logger_info("[KafkaServer id=%d] started", broker->id);
    return true;
}

static void stop_parts(struct broker *broker)
{
    if (broker->readiness != NULL)
        readiness_close(broker->readiness);
    if (broker->started_count >= 4) {
        controller_request_shutdown(broker->controller);
        controller_stop(broker->controller);
    }
    if (broker->started_count >= 3)
        config_changes_stop(broker->config_changes);
    if (broker->group_coordinator != NULL)
        group_coordinator_stop(broker->group_coordinator);
    if (broker->started_count >= 1)
        replica_manager_stop(broker->replica_manager);
    if (broker->started_count < 2)
        return;
    tls_listeners_publish(broker->tls_listeners, NULL);
    size_t unanswered = server_stop(broker->server, clock_monotonic_ms() + ANSWER_MS_MAX);
    if (unanswered > 0)
        logger_warn("%zu requests were not answered within %d ms.", unanswered, ANSWER_MS_MAX);
}

void broker_stop_waiting(struct broker *broker)
{
    if (broker->zk != NULL)
        zk_session_stop_waiting(broker->zk);
}

void broker_stop(struct broker **stopped)
{
    struct broker *broker = *stopped;
    if (broker == NULL)
        return;
    logger_info("[KafkaServer id=%d] shutting down", broker->id);
    broker_stop_waiting(broker);
    stop_parts(broker);
    if (broker->scheduler != NULL)
        scheduler_stop(broker->scheduler);
    if (broker->timer != NULL)
        timer_stop(broker->timer);
    // Without handlers, jobs, deadlines and controller nobody uses what follows any more.
    if (broker->group_coordinator != NULL)
        group_coordinator_destroy(&broker->group_coordinator);
    replica_manager_destroy(&broker->replica_manager);
    if (broker->logs_are_loaded)
        log_manager_close(broker->log_manager);
    broker_close_session(broker);
    config_changes_destroy(&broker->config_changes);
    controller_destroy(&broker->controller);
    broker_close_listeners(broker);
    broker_free_session(broker);
    log_manager_destroy(&broker->log_manager);
    readiness_destroy(&broker->readiness);
    metadata_cache_destroy(&broker->metadata_cache);
    scheduler_destroy(&broker->scheduler);
    timer_destroy(&broker->timer);
    logger_info("[KafkaServer id=%d] shut down completed", broker->id);
    config_destroy(&broker->config);
    free(broker->cluster_id);
    free(broker);
    *stopped = NULL;
}

void broker_request_stop(struct broker *broker)
{
    (void)broker;
    kill(getpid(), SIGUSR1);
}
