// SPDX-License-Identifier: Apache-2.0
// Deletes topics: partitions offline and nonexistent, brokers told of leader -2, replicas offline, then deleted on
// every broker; when all replicas are gone the topic's znodes are removed and the context forgets it. A topic with a
// dead or failing replica, or a running reassignment, is ineligible: it waits until a broker or the reassignment's end
// resumes it. Confined to the controller's thread.
//
// Every function returns STALE_CONTROLLER_EPOCH when another controller took over, NONE otherwise. Any of them may
// remove topics from the context: no pointer to a topic queued for deletion is valid afterwards.
#ifndef SERVER_CONTROLLER_TOPIC_DELETION_H
#define SERVER_CONTROLLER_TOPIC_DELETION_H

#include "server/controller/replica_state_machine.h"

struct topic_deletion {
    const struct state_machine *machine;

    // Removes the topic's subtree, its configuration and its entry in /admin/delete_topics, under the controller's
    // epoch. Called when no broker has a replica of it any more; the watch on its assignment ends.
    enum kafka_error (*delete_znodes)(void *context, const struct controlled_topic *topic);
    void *context;
};

// Queues the topic and starts what can be started.
enum kafka_error topic_deletion_enqueue(const struct topic_deletion *deletion, struct controlled_topic *const *topics,
                                        size_t count) __attribute__((warn_unused_result));

// Starts, retries or completes every queued topic for which that is possible now.
enum kafka_error topic_deletion_advance(const struct topic_deletion *deletion) __attribute__((warn_unused_result));

// These brokers have (re)started: topics that waited for their replicas are eligible again.
enum kafka_error topic_deletion_resume(const struct topic_deletion *deletion, const struct broker_ids *brokers)
    __attribute__((warn_unused_result));

// These replicas cannot be deleted now (their broker died, or it answered an error).
enum kafka_error topic_deletion_fail(const struct topic_deletion *deletion, const struct partition_replicas *replicas)
    __attribute__((warn_unused_result));

// Their brokers have deleted these replicas.
enum kafka_error topic_deletion_complete(const struct topic_deletion *deletion,
                                         const struct partition_replicas *replicas) __attribute__((warn_unused_result));

void topic_deletion_mark_ineligible(struct controlled_topic *topic, const char *reason);

#endif
