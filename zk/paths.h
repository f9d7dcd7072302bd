// SPDX-License-Identifier: Apache-2.0
// The layout of Kafka's znodes. Functions print into the arena and return NULL at its maximum.
#ifndef ZK_PATHS_H
#define ZK_PATHS_H

#include "base/arena.h"
#include "base/view.h"

#include <stdint.h>

#define ZK_PATH_ADMIN "/admin"
#define ZK_PATH_BROKERS "/brokers"
#define ZK_PATH_BROKER_IDS "/brokers/ids"
#define ZK_PATH_BROKER_SEQUENCE "/brokers/seqid"
#define ZK_PATH_CLUSTER_ID "/cluster/id"
#define ZK_PATH_CONFIG_BROKERS "/config/brokers"
#define ZK_PATH_CONFIG_CHANGES "/config/changes"
#define ZK_PATH_CONFIG_CHANGE_PREFIX "/config/changes/config_change_"
#define ZK_PATH_CONFIG_CLIENTS "/config/clients"
#define ZK_PATH_CONFIG_IPS "/config/ips"
#define ZK_PATH_CONFIG_TOPICS "/config/topics"
#define ZK_PATH_CONFIG_USERS "/config/users"
#define ZK_PATH_CONSUMERS "/consumers"
#define ZK_PATH_CONTROLLER "/controller"
#define ZK_PATH_CONTROLLER_EPOCH "/controller_epoch"
#define ZK_PATH_DELETE_TOPICS "/admin/delete_topics"
#define ZK_PATH_FEATURE "/feature"
#define ZK_PATH_ISR_CHANGES "/isr_change_notification"
#define ZK_PATH_ISR_CHANGE_PREFIX "/isr_change_notification/isr_change_"
#define ZK_PATH_LOG_DIR_EVENTS "/log_dir_event_notification"
#define ZK_PATH_LOG_DIR_EVENT_PREFIX "/log_dir_event_notification/log_dir_event_"
#define ZK_PATH_PREFERRED_ELECTION "/admin/preferred_replica_election"
#define ZK_PATH_PRODUCER_ID_BLOCK "/latest_producer_id_block"
#define ZK_PATH_REASSIGN_PARTITIONS "/admin/reassign_partitions"
#define ZK_PATH_TOPICS "/brokers/topics"

// The entity that stands for all others of its type in /config.
#define ZK_DEFAULT_ENTITY "<default>"

const char *zk_path_broker(struct arena *arena, int32_t broker_id);
const char *zk_path_topic(struct arena *arena, struct view topic);
const char *zk_path_topic_partitions(struct arena *arena, struct view topic);
const char *zk_path_partition(struct arena *arena, struct view topic, int32_t partition);
const char *zk_path_partition_state(struct arena *arena, struct view topic, int32_t partition);
const char *zk_path_delete_topic(struct arena *arena, struct view topic);
const char *zk_path_config_topic(struct arena *arena, struct view topic);

// broker_id -1: <default>.
const char *zk_path_config_broker(struct arena *arena, int32_t broker_id);

// "/config/" and the entity's path as change notifications name it: "topics/t1", "users/alice/clients/c".
const char *zk_path_config_entity(struct arena *arena, struct view entity_path);

// parent/child.
const char *zk_path_child(struct arena *arena, const char *parent, const char *child);

// The number behind the prefix of a sequential znode's name ("config_change_0000000012" → 12), or -1.
int64_t zk_sequence_of_name(const char *name);

// User and client names in paths: form-urlencoded UTF-8 with %20 for a space and %2A for '*'; ZK_DEFAULT_ENTITY stays.
const char *zk_entity_escape(struct arena *arena, struct view name);

// The way back; NULL also when the name is not escaped properly.
const char *zk_entity_unescape(struct arena *arena, struct view name);

#endif
