// SPDX-License-Identifier: Apache-2.0
// What Kafka's znodes hold, as plain structs. Writers (zk_write_…) give exactly the bytes that Apache Kafka 3.9 writes,
// key order included. Readers (zk_read_…) look keys up by name, ignore unknown ones and trust nothing: ZK_BAD_DATA when
// something needed is missing or of another type or out of bounds. All memory comes from the arena: writers give the
// null view, readers ZK_TOO_LARGE at its maximum; strings must be UTF-8 (else the null view). Pure functions. A
// reader's output is untouched unless ZK_OK is returned.
#ifndef ZK_FORMATS_H
#define ZK_FORMATS_H

#include "base/arena.h"
#include "base/uuid.h"
#include "base/view.h"
#include "zk/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZK_FORMAT_CHECK __attribute__((warn_unused_result))

struct zk_int_list {
    int32_t *items;
    size_t count;
};

// /brokers/ids/N

struct zk_endpoint {
    const char *listener;
    const char *security_protocol; // "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"
    const char *host;              // without brackets
    int32_t port;
};

struct zk_feature {
    const char *name;
    int32_t version_min;
    int32_t version_max;
};

struct zk_broker {
    struct zk_endpoint *endpoints; // advertised; at least one
    size_t endpoint_count;
    struct zk_feature *features;
    size_t feature_count;
    const char *rack; // NULL: none
    int32_t jmx_port; // -1: none
    int32_t version;  // as read; 5 is written
    int64_t timestamp_ms;
};

// Version 5. host and port of the znode are those of the first endpoint of PLAINTEXT security.
struct view zk_write_broker(struct arena *arena, const struct zk_broker *broker);
enum zk_result zk_read_broker(struct arena *arena, struct view json, struct zk_broker *broker) ZK_FORMAT_CHECK;

// The endpoint of that listener, or NULL.
const struct zk_endpoint *zk_broker_endpoint(const struct zk_broker *broker, const char *listener);

// /brokers/topics/T

struct zk_partition {
    int32_t id;
    struct zk_int_list replicas; // while it is reassigned: target and removed ones
    struct zk_int_list adding;   // empty unless it is reassigned
    struct zk_int_list removing;
};

struct zk_topic {
    struct uuid id;                  // zero: none (written before 2.8, or by a 2.8 tool)
    struct zk_partition *partitions; // sorted by id, each id once
    size_t partition_count;
};

struct view zk_write_topic(struct arena *arena, const struct zk_topic *topic);
enum zk_result zk_read_topic(struct arena *arena, struct view json, struct zk_topic *topic) ZK_FORMAT_CHECK;

// /brokers/topics/T/partitions/P/state

struct zk_partition_state {
    int32_t controller_epoch;
    int32_t leader; // -1: none
    int32_t leader_epoch;
    struct zk_int_list isr;
    int8_t leader_recovery_state; // 0 recovered (not written), 1 recovering (KIP-704)
};

struct view zk_write_partition_state(struct arena *arena, const struct zk_partition_state *state);
enum zk_result zk_read_partition_state(struct arena *arena, struct view json,
                                       struct zk_partition_state *state) ZK_FORMAT_CHECK;

// /controller, /controller_epoch

struct view zk_write_controller(struct arena *arena, int32_t broker_id, int64_t timestamp_ms);
enum zk_result zk_read_controller(struct view json, int32_t *broker_id) ZK_FORMAT_CHECK;
struct view zk_write_controller_epoch(struct arena *arena, int32_t epoch);
enum zk_result zk_read_controller_epoch(struct view text, int32_t *epoch) ZK_FORMAT_CHECK;

// /config/TYPE/NAME. The znode of version 1; a null or empty one reads as no entries.

struct zk_config_entry {
    const char *key;
    const char *value;
};

struct zk_config {
    struct zk_config_entry *entries; // written in the order of Java's hash table, whatever the order here; keys differ
    size_t count;
};

struct view zk_write_config_data(struct arena *arena, const struct zk_config *config);
enum zk_result zk_read_config_data(struct arena *arena, struct view json, struct zk_config *config) ZK_FORMAT_CHECK;

// /config/changes/config_change_S. Reads versions 1 and 2; *entity_path is "topics/t1" in either case.

struct view zk_write_config_change(struct arena *arena, const char *entity_path);
enum zk_result zk_read_config_change(struct arena *arena, struct view json, const char **entity_path) ZK_FORMAT_CHECK;

// /latest_producer_id_block. A znode without data reads as ZK_NO_NODE: no block was given out yet.

struct zk_producer_id_block {
    int32_t broker_id;
    int64_t first;
    int64_t last; // inclusive
};

struct view zk_write_producer_id_block(struct arena *arena, const struct zk_producer_id_block *block);
enum zk_result zk_read_producer_id_block(struct view json, struct zk_producer_id_block *block) ZK_FORMAT_CHECK;

// /admin/reassign_partitions and /admin/preferred_replica_election (replicas empty there), /isr_change_notification/…

struct zk_topic_partition {
    const char *topic;
    int32_t partition;
    struct zk_int_list replicas; // only of a reassignment
};

struct zk_partition_list {
    struct zk_topic_partition *items;
    size_t count;
};

struct view zk_write_reassignment(struct arena *arena, const struct zk_partition_list *list);
enum zk_result zk_read_reassignment(struct arena *arena, struct view json,
                                    struct zk_partition_list *list) ZK_FORMAT_CHECK;
struct view zk_write_preferred_election(struct arena *arena, const struct zk_partition_list *list);
enum zk_result zk_read_preferred_election(struct arena *arena, struct view json,
                                          struct zk_partition_list *list) ZK_FORMAT_CHECK;
enum zk_result zk_read_isr_change(struct arena *arena, struct view json,
                                  struct zk_partition_list *list) ZK_FORMAT_CHECK;

// /feature, version 2 with no features, enabled: what a cluster at inter.broker.protocol.version 3.3 or later has.

struct zk_features {
    struct zk_feature *items; // of version 2: version_min is 0
    size_t count;
    bool enabled;
};

struct view zk_write_features(struct arena *arena, const struct zk_features *features);
enum zk_result zk_read_features(struct arena *arena, struct view json, struct zk_features *features) ZK_FORMAT_CHECK;

// /cluster/id. id is 22 characters in Kafka's own; any string is accepted.

struct view zk_write_cluster_id(struct arena *arena, const char *id);
enum zk_result zk_read_cluster_id(struct arena *arena, struct view json, const char **id) ZK_FORMAT_CHECK;

// /log_dir_event_notification/log_dir_event_S: a log directory of that broker failed.

struct view zk_write_log_dir_event(struct arena *arena, int32_t broker_id);
enum zk_result zk_read_log_dir_event(struct view json, int32_t *broker_id) ZK_FORMAT_CHECK;

#endif
