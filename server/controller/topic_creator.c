// SPDX-License-Identifier: Apache-2.0
#include "server/controller/topic_creator.h"

#include "base/lock.h"
#include "base/logger.h"
#include "base/map.h"
#include "base/memory.h"
#include "rules/topic_name.h"
#include "server/broker.h"
#include "server/config/config.h"
#include "server/controller/event_queue.h"
#include "server/controller/topic_admin.h"
#include "server/metadata_cache.h"

#include <stdio.h>
#include <stdlib.h>

enum { IN_FLIGHT_MAX = 10000, CREATION_ARENA_SIZE_MAX = 64 << 20 };

struct topic_creator {
    struct broker *broker;
    struct event_queue *admin;
    struct lock lock;
    struct map in_flight LOCK_GUARDED; // names of topics that wait for the admin thread
};

struct creation_event {
    struct event event;
    struct topic_creator *creator;
    char *topic;
};

struct topic_creator *topic_creator_create(struct broker *broker, struct event_queue *admin)
{
    struct topic_creator *creator = memory_alloc(sizeof *creator);
    creator->broker = broker;
    creator->admin = admin;
    lock_init(&creator->lock, LOCK_TOPIC_CREATOR);
    return creator;
}

void topic_creator_destroy(struct topic_creator **creator)
{
    if (*creator == NULL)
        return;
    lock_acquire(&(*creator)->lock);
    map_fini(&(*creator)->in_flight);
    lock_release(&(*creator)->lock);
    lock_fini(&(*creator)->lock);
    free(*creator);
    *creator = NULL;
}

// What the internal topics are like; other topics have the broker's defaults.
static void fill_creation(const struct config *config, struct topic_creation *creation, struct properties *overrides)
{
    creation->partition_count = -1;
    creation->replication_factor = -1;
    if (view_equal_string(creation->name, TOPIC_NAME_OFFSETS)) {
        char size[24];
        snprintf(size, sizeof size, "%d", config_int(config, OPTION_OFFSETS_TOPIC_SEGMENT_BYTES));
        creation->partition_count = config_int(config, OPTION_OFFSETS_TOPIC_NUM_PARTITIONS);
        creation->replication_factor = config_int(config, OPTION_OFFSETS_TOPIC_REPLICATION_FACTOR);
        properties_set(overrides, "cleanup.policy", "compact");
        properties_set(overrides, "compression.type", "producer");
        properties_set(overrides, "segment.bytes", size);
    } else if (view_equal_string(creation->name, TOPIC_NAME_TRANSACTIONS)) {
        char size[24], replicas[24];
        snprintf(size, sizeof size, "%d", config_int(config, OPTION_TRANSACTION_STATE_LOG_SEGMENT_BYTES));
        snprintf(replicas, sizeof replicas, "%d", config_int(config, OPTION_TRANSACTION_STATE_LOG_MIN_ISR));
        creation->partition_count = config_int(config, OPTION_TRANSACTION_STATE_LOG_NUM_PARTITIONS);
        creation->replication_factor = config_int(config, OPTION_TRANSACTION_STATE_LOG_REPLICATION_FACTOR);
        properties_set(overrides, "unclean.leader.election.enable", "false");
        properties_set(overrides, "compression.type", "uncompressed");
        properties_set(overrides, "cleanup.policy", "compact");
        properties_set(overrides, "min.insync.replicas", replicas);
        properties_set(overrides, "segment.bytes", size);
    }
}

static void run_creation(struct event *event, bool is_dropped)
{
    struct creation_event *creation_event = (struct creation_event *)event;
    struct topic_creator *creator = creation_event->creator;
    struct view name = view_of_string(creation_event->topic);
    if (!is_dropped) {
        struct arena arena;
        arena_init(&arena, CREATION_ARENA_SIZE_MAX);
        struct properties overrides = {0};
        struct topic_creation creation = {.name = name, .overrides = &overrides};
        struct topic_outcome outcome;
        fill_creation(creator->broker->config, &creation, &overrides);
        topic_admin_create(creator->broker, &arena, &creation, false, &outcome);
        properties_fini(&overrides);
        arena_fini(&arena);
    }
    lock_acquire(&creator->lock);
    map_remove(&creator->in_flight, name);
    lock_release(&creator->lock);
    free(creation_event->topic);
    free(creation_event);
}

// LEADER_NOT_AVAILABLE while no controller has told of any broker, so that a client of a broker that has just started
// asks again.
static enum kafka_error check_brokers(const struct topic_creator *creator, struct view topic)
{
    struct properties overrides = {0};
    struct topic_creation creation = {.name = topic};
    fill_creation(creator->broker->config, &creation, &overrides);
    properties_fini(&overrides);
    if (creation.replication_factor == -1)
        creation.replication_factor = config_int(creator->broker->config, OPTION_DEFAULT_REPLICATION_FACTOR);
    const struct metadata_snapshot *snapshot = metadata_cache_snapshot(creator->broker->metadata_cache);
    size_t broker_count = metadata_snapshot_broker_count(snapshot);
    metadata_snapshot_unref(snapshot);
    if (broker_count == 0)
        return KAFKA_LEADER_NOT_AVAILABLE;
    if ((size_t)creation.replication_factor <= broker_count)
        return KAFKA_NONE;
    logger_error("Topic %.*s cannot be created automatically: %d replicas are configured, %zu brokers are alive",
                 VIEW_ARGS(topic), creation.replication_factor, broker_count);
    return KAFKA_INVALID_REPLICATION_FACTOR;
}

enum kafka_error topic_creator_request(struct topic_creator *creator, struct view topic)
{
    if (!topic_name_is_valid(topic))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    enum kafka_error error = check_brokers(creator, topic);
    if (error != KAFKA_NONE)
        return error;
    lock_acquire(&creator->lock);
    bool is_new = creator->in_flight.count < IN_FLIGHT_MAX && map_get(&creator->in_flight, topic) == NULL;
    if (is_new)
        map_put(&creator->in_flight, topic, creator);
    lock_release(&creator->lock);
    if (is_new) {
        struct creation_event *event = memory_alloc(sizeof *event);
        event->event.run = run_creation;
        event->creator = creator;
        event->topic = view_dup(topic);
        event_queue_put(creator->admin, &event->event);
    }
    return KAFKA_LEADER_NOT_AVAILABLE;
}
