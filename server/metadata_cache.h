// SPDX-License-Identifier: Apache-2.0
// What this broker knows of the cluster: live brokers, the controller, and every partition's leader and replicas.
// Filled only by UpdateMetadata. A snapshot is immutable and counted; an update makes a new one (sharing the topics
// that did not change) and swaps it whole, so that readers never wait for a writer's work. Safe from every thread.
#ifndef SERVER_METADATA_CACHE_H
#define SERVER_METADATA_CACHE_H

#include "base/uuid.h"
#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metadata_cache;
struct metadata_snapshot;
struct update_metadata_request;

struct metadata_endpoint {
    const char *listener_name;
    int16_t security_protocol; // enum security_protocol
    const char *host;
    int32_t port;
};

struct metadata_broker {
    int32_t id;
    const char *rack; // NULL: none
    const struct metadata_endpoint *endpoints;
    size_t endpoint_count;
};

struct metadata_partition {
    int32_t index;
    int32_t controller_epoch;
    int32_t leader; // -1: none
    int32_t leader_epoch;
    int32_t partition_epoch;
    const int32_t *isr, *replicas, *offline_replicas;
    int32_t isr_count, replica_count, offline_count;
};

struct metadata_topic {
    const char *name;
    size_t name_size;
    struct uuid id;                              // UUID_ZERO: not known
    const struct metadata_partition *partitions; // by rising index; indexes may be missing
    int32_t partition_count;
};

struct metadata_cache *metadata_cache_create(void);
void metadata_cache_destroy(struct metadata_cache **cache);

// Applies a request whose epochs were checked: replaces the brokers and the controller, merges the partitions; leader
// -2 removes a partition. Calls of it are made by one thread at a time. Partitions that were removed are told to
// deleted (may be NULL), one call each, after the new snapshot is in force.
void metadata_cache_update(struct metadata_cache *cache, const struct update_metadata_request *request,
                           void (*deleted)(void *context, struct view topic, int32_t partition), void *context);

// changed(context) is called after each update, on its thread, without locks. Once, before the first update.
void metadata_cache_observe(struct metadata_cache *cache, void (*changed)(void *context), void *context);

// The snapshot in force, with a reference for the caller. All below it lives as long as the reference.
const struct metadata_snapshot *metadata_cache_snapshot(struct metadata_cache *cache);
void metadata_snapshot_unref(const struct metadata_snapshot *snapshot);
// For arena_defer.
void metadata_snapshot_release(void *snapshot);

int32_t metadata_snapshot_controller_id(const struct metadata_snapshot *snapshot); // -1: not known
size_t metadata_snapshot_broker_count(const struct metadata_snapshot *snapshot);
const struct metadata_broker *metadata_snapshot_broker_at(const struct metadata_snapshot *snapshot, size_t at); // by id
const struct metadata_broker *metadata_snapshot_broker(const struct metadata_snapshot *snapshot, int32_t id);
size_t metadata_snapshot_topic_count(const struct metadata_snapshot *snapshot);
const struct metadata_topic *metadata_snapshot_topic_at(const struct metadata_snapshot *snapshot, size_t at); // by name

// NULL when it is not known.
const struct metadata_topic *metadata_snapshot_topic(const struct metadata_snapshot *snapshot, struct view name);
const struct metadata_topic *metadata_snapshot_topic_of_id(const struct metadata_snapshot *snapshot, struct uuid id);
const struct metadata_partition *metadata_topic_partition(const struct metadata_topic *topic, int32_t index);

// The broker's endpoint of that listener name, or NULL.
const struct metadata_endpoint *metadata_broker_endpoint(const struct metadata_broker *broker,
                                                         const char *listener_name);

#endif
