// SPDX-License-Identifier: Apache-2.0
// Where the state machines read and write /brokers/topics/T/partitions/P/state: ZooKeeper under the controller's epoch
// in the broker, a table in tests. Calls wait for the answers; only the controller's thread makes them.
#ifndef SERVER_CONTROLLER_STATE_STORE_H
#define SERVER_CONTROLLER_STATE_STORE_H

#include "base/error.h"
#include "server/controller/controller_context.h"

// One partition's leadership to read or write. error: NONE; INVALID_UPDATE_VERSION, the znode has another version than
// leadership.partition_epoch (to be read and decided anew); UNKNOWN_TOPIC_OR_PARTITION, no such znode; others.
struct leadership_item {
    struct controlled_partition *partition;
    struct leadership leadership;
    enum kafka_error error;
};

struct leadership_items {
    ARRAY_OF(struct leadership_item);
};

// A new item with an empty leadership.
struct leadership_item *leadership_items_add(struct leadership_items *items, struct controlled_partition *partition);
void leadership_items_fini(struct leadership_items *items);

// Every call returns NONE when all items have their error; STALE_CONTROLLER_EPOCH when another controller took over
// (the items are void then); another code when ZooKeeper could not be asked at all.
struct state_store {
    void *context;
    enum kafka_error (*read)(void *context, struct leadership_items *items);

    // Creates the znodes and their parents; a written item has partition_epoch 0 and this controller's epoch. An item
    // whose znode is there already, perhaps by a first try of ours, says TOPIC_ALREADY_EXISTS.
    enum kafka_error (*create)(void *context, struct leadership_items *items);

    // Writes on the condition of partition_epoch, which becomes the new version.
    enum kafka_error (*update)(void *context, struct leadership_items *items);

    // unclean.leader.election.enable of a topic, as configured now.
    bool (*is_unclean_election_allowed)(void *context, const char *topic);
};

#endif
