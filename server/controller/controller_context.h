// SPDX-License-Identifier: Apache-2.0
// What the active controller knows: live brokers, topics with their assignments, the leadership of each partition as
// last read from or written to ZooKeeper, and the states of partitions and replicas. Empty in every other broker.
// Confined to the controller's thread.
//
// Invariants:
// 1. A leadership in here is one that ZooKeeper holds or held: it is put only after it was read or written there.
// 2. Partitions of a topic are sorted by index, topics by name, brokers by id: every walk has one order.
// 3. A replica has a state (other than nonexistent) only while it is in its partition's list of replica states.
#ifndef SERVER_CONTROLLER_CONTROLLER_CONTEXT_H
#define SERVER_CONTROLLER_CONTROLLER_CONTEXT_H

#include "base/array.h"
#include "base/map.h"
#include "base/uuid.h"
#include "base/view.h"
#include "server/controller/broker_ids.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEADER_NONE = -1, LEADER_DURING_DELETE = -2, LEADER_EPOCH_DURING_DELETE = -2, LEADER_EPOCH_UNKNOWN = -1 };

enum partition_state { PARTITION_NONEXISTENT, PARTITION_NEW, PARTITION_ONLINE, PARTITION_OFFLINE };

enum replica_state {
    REPLICA_NONEXISTENT,
    REPLICA_NEW,
    REPLICA_ONLINE,
    REPLICA_OFFLINE,
    REPLICA_DELETION_STARTED,
    REPLICA_DELETION_SUCCESSFUL,
    REPLICA_DELETION_INELIGIBLE,
};

const char *partition_state_name(enum partition_state state);
const char *replica_state_name(enum replica_state state);

// What /brokers/topics/T/partitions/P/state holds; partition_epoch is that znode's version.
struct leadership {
    int32_t leader; // or LEADER_NONE
    int32_t leader_epoch;
    struct broker_ids isr;
    int32_t recovery_state; // 0 recovered, 1 recovering from an unclean election (KIP-704)
    int32_t partition_epoch;
    int32_t controller_epoch; // of the controller that wrote it
};

void leadership_fini(struct leadership *leadership);
void leadership_copy(struct leadership *to, const struct leadership *from);

// adding and removing are parts of replicas and empty unless a reassignment is running (KIP-455).
struct partition_assignment {
    struct broker_ids replicas, adding, removing;
};

void partition_assignment_fini(struct partition_assignment *assignment);
void partition_assignment_copy(struct partition_assignment *to, const struct partition_assignment *from);

struct controlled_replica {
    int32_t broker_id;
    enum replica_state state;
    bool is_on_offline_dir; // its broker said KAFKA_STORAGE_ERROR
};

struct controlled_topic;

struct controlled_partition {
    struct controlled_topic *topic;
    int32_t index;
    struct partition_assignment assignment;
    enum partition_state state;
    bool has_leadership;
    struct leadership leadership;
    struct {
        ARRAY_OF(struct controlled_replica);
    } replicas;
};

struct controlled_topic {
    char *name;
    struct uuid id; // UUID_ZERO: none (written by an old tool, not yet given one)
    struct {
        ARRAY_OF(struct controlled_partition *);
    } partitions;
    bool is_queued_for_deletion;
    bool is_deletion_started;
    bool is_deletion_ineligible; // until a broker or a reassignment makes another try worth while
};

struct live_endpoint {
    char *listener;
    char *host;
    uint16_t port;
    int16_t security_protocol; // 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
};

struct live_broker {
    int32_t id;
    int64_t epoch; // czxid of its registration
    struct {
        ARRAY_OF(struct live_endpoint);
    } endpoints;
    char *rack; // or NULL
    bool is_shutting_down;
};

// A heap copy with empty fields; the caller fills it with live_broker_add_endpoint.
struct live_broker *live_broker_create(int32_t id, int64_t epoch, const char *rack);
void live_broker_add_endpoint(struct live_broker *broker, const char *listener, const char *host, uint16_t port,
                              int16_t security_protocol);
bool live_broker_same_endpoints(const struct live_broker *a, const struct live_broker *b);

// The endpoint on that listener, or NULL.
const struct live_endpoint *live_broker_endpoint(const struct live_broker *broker, const char *listener);
void live_broker_destroy(struct live_broker **broker);

struct controller_context {
    int32_t controller_id; // this broker
    int32_t epoch;         // the number in /controller_epoch that this controller wrote
    int32_t epoch_version; // that znode's version: the fence of every write
    struct {
        ARRAY_OF(struct live_broker *);
    } brokers;
    struct {
        ARRAY_OF(struct controlled_topic *);
    } topics;
    struct map topics_by_name;
    size_t partition_count;
};

void controller_context_init(struct controller_context *context, int32_t controller_id);

// Forgets everything but the controller's id.
void controller_context_reset(struct controller_context *context);
void controller_context_fini(struct controller_context *context);

// Live brokers, those shutting down included. Takes ownership, replaces one with the same id.
void controller_context_put_broker(struct controller_context *context, struct live_broker *broker);
void controller_context_remove_broker(struct controller_context *context, int32_t id);
struct live_broker *controller_context_broker(const struct controller_context *context, int32_t id);

// Registered and not shutting down.
bool controller_context_is_live(const struct controller_context *context, int32_t id);

// The topic, made when there is none.
struct controlled_topic *controller_context_add_topic(struct controller_context *context, struct view name);
struct controlled_topic *controller_context_topic(const struct controller_context *context, struct view name);
struct controlled_topic *controller_context_topic_of_id(const struct controller_context *context, struct uuid id);
void controller_context_remove_topic(struct controller_context *context, struct controlled_topic *topic);

// The partition with this assignment (copied), made when there is none.
struct controlled_partition *controller_context_put_assignment(struct controller_context *context,
                                                               struct controlled_topic *topic, int32_t index,
                                                               const struct partition_assignment *assignment);
struct controlled_partition *controlled_topic_partition(const struct controlled_topic *topic, int32_t index);

// Copies it.
void controlled_partition_put_leadership(struct controlled_partition *partition, const struct leadership *leadership);
bool controlled_partition_is_being_reassigned(const struct controlled_partition *partition);

// Its leader epoch for StopReplica: -2 while the topic is being deleted, -1 when unknown.
int32_t controlled_partition_leader_epoch(const struct controlled_partition *partition);

// Its broker is live (with_shutting_down: or shutting down) and its log directory works.
bool controlled_partition_replica_is_online(const struct controller_context *context,
                                            const struct controlled_partition *partition, int32_t broker_id);

enum replica_state controlled_partition_replica_state(const struct controlled_partition *partition, int32_t broker_id);

// REPLICA_NONEXISTENT forgets the replica.
void controlled_partition_put_replica_state(struct controlled_partition *partition, int32_t broker_id,
                                            enum replica_state state);
void controlled_partition_set_on_offline_dir(struct controlled_partition *partition, int32_t broker_id,
                                             bool is_offline);

bool controlled_topic_all_replicas_in(const struct controlled_topic *topic, enum replica_state state);
bool controlled_topic_any_replica_in(const struct controlled_topic *topic, enum replica_state state);
bool controlled_topic_is_being_reassigned(const struct controlled_topic *topic);

// Walks all partitions, topics by name, partitions by index; it is set to zero before the first call. Nothing may be
// added or removed meanwhile.
struct partition_walk {
    size_t topic_at, partition_at;
};
struct controlled_partition *controller_context_next(const struct controller_context *context,
                                                     struct partition_walk *walk);

#endif
