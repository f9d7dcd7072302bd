// SPDX-License-Identifier: Apache-2.0
#include "base/logger.h"
#include "test/unit/server/controller/cluster.h"
#include "test/unit/suite.h"

#include <string.h>

static const int32_t replicas_123[] = {1, 2, 3, 0}, replicas_1[] = {1, 0}, replicas_23[] = {2, 3, 0};

static void expect_sent(struct cluster *cluster, const char *expected)
{
    if (strcmp(cluster->sent, expected) != 0)
        fprintf(stderr, "\nsent:     %s\nexpected: %s\n", cluster->sent, expected);
    CU_ASSERT_STRING_EQUAL(cluster->sent, expected);
    cluster->sent[0] = '\0';
}

// Nothing is sent before the first leader is chosen and written; then LeaderAndIsr to the ISR, Metadata to all.
static void creates_partitions(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 2);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_NEW), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move_replicas(&cluster, partition, REPLICA_NEW), KAFKA_NONE);
    expect_sent(&cluster, "");
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    expect_sent(&cluster, "LeaderAndIsr>1 t-0:leader=1,epoch=0,isr=[1,2],new; "
                          "LeaderAndIsr>2 t-0:leader=1,epoch=0,isr=[1,2],new; "
                          "Metadata>1 t-0:leader=1,offline=[3]; Metadata>2 t-0:leader=1,offline=[3]; ");
    CU_ASSERT_EQUAL(cluster_written(&cluster, partition)->controller_epoch, 7);
    CU_ASSERT_EQUAL(cluster_move_replicas(&cluster, partition, REPLICA_ONLINE), KAFKA_NONE);
    expect_sent(&cluster, "");
    CU_ASSERT_EQUAL(partition->state, PARTITION_ONLINE);
    cluster_fini(&cluster);
}

// The state was written, but the answer was lost: the partition is led by what the znode says, one epoch later.
static void goes_on_from_a_state_that_is_there(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 2);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    struct leadership_item *lost = leadership_items_add(&cluster.written, partition);
    lost->leadership.leader = 1;
    lost->leadership.controller_epoch = 7;
    broker_ids_assign(&lost->leadership.isr, replicas_123, 2);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_NEW), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->state, PARTITION_ONLINE);
    CU_ASSERT_EQUAL(partition->leadership.leader, 1);
    CU_ASSERT_EQUAL(partition->leadership.leader_epoch, 1);
    expect_sent(&cluster, "LeaderAndIsr>1 t-0:leader=1,epoch=1,isr=[1,2]; "
                          "LeaderAndIsr>2 t-0:leader=1,epoch=1,isr=[1,2]; "
                          "Metadata>1 t-0:leader=1,offline=[3]; Metadata>2 t-0:leader=1,offline=[3]; ");
    cluster_fini(&cluster);
}

static void waits_for_a_live_replica(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 1);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_23);
    cluster_create(&cluster, partition);
    CU_ASSERT_EQUAL(partition->state, PARTITION_NEW);
    CU_ASSERT_PTR_NULL(cluster_written(&cluster, partition));
    cluster_add_broker(&cluster, 3);
    size_t changed = 0;
    CU_ASSERT_EQUAL(partition_state_machine_elect_all(&cluster.machine, NULL, &changed), KAFKA_NONE);
    CU_ASSERT_EQUAL(changed, 1);
    CU_ASSERT_EQUAL(partition->leadership.leader, 3);
    cluster_fini(&cluster);
}

// A dead leader: the next in-sync replica leads; then the dead one leaves the ISR: two epochs.
static void moves_the_leader(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    cluster_create(&cluster, partition);
    controller_context_remove_broker(&cluster.context, 1);
    cluster.conflicts = 1; // somebody else wrote meanwhile: read and decided anew
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_OFFLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    expect_sent(&cluster, "LeaderAndIsr>2 t-0:leader=2,epoch=1,isr=[2,3]; "
                          "LeaderAndIsr>3 t-0:leader=2,epoch=1,isr=[2,3]; "
                          "Metadata>2 t-0:leader=2,offline=[1]; Metadata>3 t-0:leader=2,offline=[1]; ");
    CU_ASSERT_EQUAL(cluster_written(&cluster, partition)->partition_epoch, 2);
    CU_ASSERT_EQUAL(partition->leadership.partition_epoch, 2);
    // Not in the ISR any more: nothing is written, but told again.
    CU_ASSERT_EQUAL(cluster_move_replica(&cluster, partition, 1, REPLICA_OFFLINE), KAFKA_NONE);
    expect_sent(&cluster, "LeaderAndIsr>2 t-0:leader=2,epoch=1,isr=[2,3]; "
                          "LeaderAndIsr>3 t-0:leader=2,epoch=1,isr=[2,3]; "
                          "Metadata>2 t-0:leader=2,offline=[1]; Metadata>3 t-0:leader=2,offline=[1]; ");
    CU_ASSERT_EQUAL(cluster_written(&cluster, partition)->partition_epoch, 2);
    cluster_fini(&cluster);
}

static void keeps_the_last_isr_member(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 2);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_1);
    cluster_create(&cluster, partition);
    controller_context_remove_broker(&cluster.context, 1);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_OFFLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->state, PARTITION_OFFLINE);
    CU_ASSERT_EQUAL(cluster_move_replica(&cluster, partition, 1, REPLICA_OFFLINE), KAFKA_NONE);
    expect_sent(&cluster, "Metadata>2 t-0:leader=-1,offline=[1]; ");
    const struct leadership *written = cluster_written(&cluster, partition);
    CU_ASSERT_EQUAL(written->leader, -1);
    CU_ASSERT_EQUAL(written->leader_epoch, 1);
    CU_ASSERT_EQUAL(written->isr.count, 1);
    // It comes back and leads.
    cluster_add_broker(&cluster, 1);
    CU_ASSERT_EQUAL(partition_state_machine_elect_all(&cluster.machine, NULL, NULL), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->leadership.leader, 1);
    CU_ASSERT_EQUAL(partition->leadership.leader_epoch, 2);
    cluster_fini(&cluster);
}

static void elects_uncleanly_if_allowed(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_23);
    cluster_create(&cluster, partition);
    controller_context_remove_broker(&cluster.context, 3);
    CU_ASSERT_EQUAL(cluster_move_replica(&cluster, partition, 3, REPLICA_OFFLINE), KAFKA_NONE);
    controller_context_remove_broker(&cluster.context, 2);
    cluster_add_broker(&cluster, 3);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_OFFLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->state, PARTITION_OFFLINE);
    cluster.is_unclean_allowed = true;
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->leadership.leader, 3);
    CU_ASSERT_EQUAL(partition->leadership.recovery_state, 1);
    CU_ASSERT_EQUAL(partition->leadership.isr.count, 1);
    CU_ASSERT_EQUAL(partition->leadership.isr.items[0], 3);
    cluster_fini(&cluster);
}

static void moves_leaders_at_controlled_shutdown(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    cluster_create(&cluster, partition);
    controller_context_broker(&cluster.context, 1)->is_shutting_down = true;
    struct controlled_partitions one = {.items = &partition, .count = 1};
    CU_ASSERT_EQUAL(partition_state_machine_move(&cluster.machine, &one, PARTITION_ONLINE, ELECTION_CONTROLLED_SHUTDOWN,
                                                 false, NULL),
                    KAFKA_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(cluster.sent, "LeaderAndIsr>1 t-0:leader=2,epoch=1,isr=[2,3]; "));
    CU_ASSERT_PTR_NOT_NULL(strstr(cluster.sent, "Metadata>1 t-0:leader=2,offline=[1]; "));
    cluster_fini(&cluster);
}

static void prefers_the_first_replica(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    cluster_create(&cluster, partition);
    partition->leadership.leader = 2;
    CU_ASSERT_EQUAL_FATAL(cluster.written.count, 1);
    cluster.written.items[0].leadership.leader = 2;
    struct controlled_partitions one = {.items = &partition, .count = 1};
    size_t changed = 0;
    CU_ASSERT_EQUAL(
        partition_state_machine_move(&cluster.machine, &one, PARTITION_ONLINE, ELECTION_PREFERRED, false, &changed),
        KAFKA_NONE);
    CU_ASSERT_EQUAL(changed, 1);
    CU_ASSERT_EQUAL(partition->leadership.leader, 1);
    CU_ASSERT_EQUAL(partition->leadership.isr.count, 3);
    cluster_fini(&cluster);
}

// Two controllers can never both succeed: a fenced write changes nothing here and tells nobody.
static void stops_when_fenced(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    cluster_create(&cluster, partition);
    cluster.is_fenced = true;
    controller_context_remove_broker(&cluster.context, 1);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_OFFLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_STALE_CONTROLLER_EPOCH);
    CU_ASSERT_EQUAL(cluster_move_replica(&cluster, partition, 1, REPLICA_OFFLINE), KAFKA_STALE_CONTROLLER_EPOCH);
    expect_sent(&cluster, "");
    CU_ASSERT_EQUAL(partition->leadership.leader, 1);
    cluster_fini(&cluster);
}

// A state that a later controller wrote is left alone.
static void respects_a_later_controller(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    cluster_create(&cluster, partition);
    cluster.written.items[0].leadership.controller_epoch = 8;
    controller_context_remove_broker(&cluster.context, 1);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_OFFLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->state, PARTITION_OFFLINE);
    expect_sent(&cluster, "");
    cluster_fini(&cluster);
}

static void skips_illegal_moves(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 3);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    CU_ASSERT_EQUAL(cluster_move(&cluster, partition, PARTITION_ONLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(partition->state, PARTITION_NONEXISTENT);
    CU_ASSERT_EQUAL(cluster_move_replica(&cluster, partition, 1, REPLICA_DELETION_STARTED), KAFKA_NONE);
    CU_ASSERT_EQUAL(controlled_partition_replica_state(partition, 1), REPLICA_NONEXISTENT);
    expect_sent(&cluster, "");
    cluster_fini(&cluster);
}

// At a controller's start every broker hears what it hosts; what has no live leader is elected for.
static void starts_from_what_is_there(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 2);
    struct controlled_partition *one = cluster_add_partition(&cluster, "a", 0, replicas_1);
    struct controlled_partition *two = cluster_add_partition(&cluster, "b", 0, replicas_23);
    cluster_create(&cluster, one);
    cluster_create(&cluster, two);
    for (size_t i = 0; i < one->topic->partitions.count; i++)
        one->replicas.count = two->replicas.count = 0;
    CU_ASSERT_EQUAL(replica_state_machine_start(&cluster.machine), KAFKA_NONE);
    partition_state_machine_initialize(&cluster.machine);
    CU_ASSERT_EQUAL(partition_state_machine_elect_all(&cluster.machine, NULL, NULL), KAFKA_NONE);
    CU_ASSERT_EQUAL(one->state, PARTITION_ONLINE);
    CU_ASSERT_EQUAL(two->state, PARTITION_ONLINE);
    CU_ASSERT_EQUAL(controlled_partition_replica_state(two, 3), REPLICA_OFFLINE);
    CU_ASSERT_EQUAL(
        strncmp(cluster.sent,
                "LeaderAndIsr>1 a-0:leader=1,epoch=0,isr=[1]; LeaderAndIsr>2 b-0:leader=2,epoch=0,isr=[2]; ", 90),
        0);
    cluster_fini(&cluster);
}

static void answer_deletion(struct cluster *cluster, const struct controlled_partition *partition, int32_t broker_id,
                            bool is_deleted)
{
    struct partition_replica replica = {NULL, broker_id};
    replica.partition = controlled_topic_partition(partition->topic, partition->index);
    struct partition_replicas one = {.items = &replica, .count = 1};
    CU_ASSERT_EQUAL(is_deleted ? topic_deletion_complete(&cluster->deletion, &one)
                               : topic_deletion_fail(&cluster->deletion, &one),
                    KAFKA_NONE);
}

static void deletes_topics(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 1);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_1);
    cluster_create(&cluster, partition);
    CU_ASSERT_EQUAL(topic_deletion_enqueue(&cluster.deletion, &partition->topic, 1), KAFKA_NONE);
    expect_sent(&cluster, "Metadata>1 t-0:leader=-2,offline=[]; StopReplica>1 t-0:epoch=-2; "
                          "StopReplica>1 t-0:epoch=-2,delete; ");
    CU_ASSERT_EQUAL(cluster_written(&cluster, partition)->leader, -1);
    CU_ASSERT_EQUAL(cluster_written(&cluster, partition)->leader_epoch, 1);
    CU_ASSERT_STRING_EQUAL(cluster.deleted, "");
    answer_deletion(&cluster, partition, 1, true);
    CU_ASSERT_STRING_EQUAL(cluster.deleted, "t ");
    CU_ASSERT_EQUAL(cluster.context.topics.count, 0);
    CU_ASSERT_EQUAL(cluster.context.partition_count, 0);
    cluster_fini(&cluster);
}

static void deletion_waits_for_dead_replicas(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 2);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_23);
    cluster_create(&cluster, partition);
    CU_ASSERT_EQUAL(controlled_partition_replica_state(partition, 3), REPLICA_ONLINE);
    CU_ASSERT_EQUAL(cluster_move_replica(&cluster, partition, 3, REPLICA_OFFLINE), KAFKA_NONE);
    CU_ASSERT_EQUAL(topic_deletion_enqueue(&cluster.deletion, &partition->topic, 1), KAFKA_NONE);
    CU_ASSERT_TRUE(partition->topic->is_deletion_ineligible);
    answer_deletion(&cluster, partition, 2, true);
    CU_ASSERT_STRING_EQUAL(cluster.deleted, "");
    cluster.sent[0] = '\0';
    cluster_add_broker(&cluster, 3);
    struct broker_ids started = {0};
    broker_ids_append(&started, 3);
    CU_ASSERT_EQUAL(topic_deletion_resume(&cluster.deletion, &started), KAFKA_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(cluster.sent, "StopReplica>3 t-0:epoch=-2,delete; "));
    answer_deletion(&cluster, partition, 3, true);
    CU_ASSERT_STRING_EQUAL(cluster.deleted, "t ");
    broker_ids_fini(&started);
    cluster_fini(&cluster);
}

static void deletion_survives_a_failing_broker(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 1);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_1);
    cluster_create(&cluster, partition);
    CU_ASSERT_EQUAL(topic_deletion_enqueue(&cluster.deletion, &partition->topic, 1), KAFKA_NONE);
    answer_deletion(&cluster, partition, 1, false);
    CU_ASSERT_TRUE(partition->topic->is_deletion_ineligible);
    struct broker_ids started = {0};
    broker_ids_append(&started, 1);
    CU_ASSERT_EQUAL(topic_deletion_resume(&cluster.deletion, &started), KAFKA_NONE);
    answer_deletion(&cluster, partition, 1, true);
    CU_ASSERT_STRING_EQUAL(cluster.deleted, "t ");
    broker_ids_fini(&started);
    cluster_fini(&cluster);
}

// Of several additions in a batch the last one counts; "new" stays.
static void batches_by_broker(void)
{
    struct cluster cluster;
    cluster_init(&cluster, 2);
    struct controlled_partition *partition = cluster_add_partition(&cluster, "t", 0, replicas_123);
    cluster_create(&cluster, partition);
    const int32_t ids[] = {1, 3};
    struct broker_ids brokers = {0};
    broker_ids_assign(&brokers, ids, 2);
    control_batch_add_leader_and_isr(cluster.batch, &brokers, partition, true);
    partition->leadership.leader_epoch = 5;
    control_batch_add_leader_and_isr(cluster.batch, &brokers, partition, false);
    control_batch_add_stop_replica(cluster.batch, 1, partition, true);
    control_batch_add_stop_replica(cluster.batch, 1, partition, false);
    control_batch_send(cluster.batch);
    // Broker 3 is not live.
    expect_sent(&cluster, "LeaderAndIsr>1 t-0:leader=1,epoch=5,isr=[1,2],new; Metadata>1 t-0:leader=1,offline=[3]; "
                          "Metadata>2 t-0:leader=1,offline=[3]; StopReplica>1 t-0:epoch=5,delete; ");
    control_batch_send(cluster.batch);
    expect_sent(&cluster, "");
    broker_ids_fini(&brokers);
    cluster_fini(&cluster);
}

SUITE_MAIN("server/controller/state_machines", {"creates partitions", creates_partitions},
           {"goes on from a state that is there", goes_on_from_a_state_that_is_there},
           {"waits for a live replica", waits_for_a_live_replica}, {"moves the leader", moves_the_leader},
           {"keeps the last ISR member", keeps_the_last_isr_member},
           {"elects uncleanly if allowed", elects_uncleanly_if_allowed},
           {"moves leaders at controlled shutdown", moves_leaders_at_controlled_shutdown},
           {"prefers the first replica", prefers_the_first_replica}, {"stops when fenced", stops_when_fenced},
           {"respects a later controller", respects_a_later_controller}, {"skips illegal moves", skips_illegal_moves},
           {"starts from what is there", starts_from_what_is_there}, {"deletes topics", deletes_topics},
           {"deletion waits for dead replicas", deletion_waits_for_dead_replicas},
           {"deletion survives a failing broker", deletion_survives_a_failing_broker},
           {"batches by broker", batches_by_broker})
