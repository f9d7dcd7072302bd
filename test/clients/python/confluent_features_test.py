# SPDX-License-Identifier: Apache-2.0
"""What only some clients ask for, by way of confluent-kafka: cooperative rebalances, static members, offsets by time and the
administration of groups and records."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'system'))
from broker import Broker, wait_for  # noqa: E402
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec  # noqa: E402
from zookeeper import ZooKeeper  # noqa: E402

PARTITIONS = 4
FIRST_MS, STEP_MS = 1000000, 1000


class FeaturesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper, settings={'num.partitions': PARTITIONS})
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        cls.admin = AdminClient({'bootstrap.servers': cls.broker.address})

    def fill(self, topic, count=40):
        """Record i has the time FIRST_MS + i * STEP_MS and is in partition i % PARTITIONS."""
        producer = Producer({'bootstrap.servers': self.broker.address, 'message.max.bytes': 5000000})
        for i in range(count):
            producer.produce(topic, f'v{i}', partition=i % PARTITIONS, timestamp=FIRST_MS + i * STEP_MS)
        self.assertEqual(producer.flush(60), 0)
        return producer

    def member(self, topic, name):
        consumer = Consumer({'bootstrap.servers': self.broker.address, 'group.id': topic, 'group.instance.id': name,
                             'partition.assignment.strategy': 'cooperative-sticky', 'auto.offset.reset': 'earliest',
                             'enable.auto.commit': False, 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500})
        self.addCleanup(consumer.close)
        consumer.subscribe([topic])
        return consumer

    def wait_for_shares(self, *members_and_counts):
        def shared():
            for member, _ in members_and_counts:
                member.poll(0.05)
            return all(len(member.assignment()) == count for member, count in members_and_counts)
        wait_for(shared, f'shares of {[count for _, count in members_and_counts]} partitions')

    def test_static_members_rebalance_cooperatively(self):
        self.fill('cooperative')
        one = self.member('cooperative', 'one')
        self.wait_for_shares((one, 4))
        two = self.member('cooperative', 'two')
        self.wait_for_shares((one, 2), (two, 2))
        share = sorted(part.partition for part in two.assignment())
        two.close()
        again = self.member('cooperative', 'two')
        self.wait_for_shares((one, 2), (again, 2))
        self.assertEqual(sorted(part.partition for part in again.assignment()), share)
        described = self.admin.describe_consumer_groups(['cooperative'])['cooperative'].result()
        self.assertEqual(sorted(member.group_instance_id for member in described.members), ['one', 'two'])
        self.assertEqual(described.partition_assignor, 'cooperative-sticky')

    def test_offsets_by_time(self):
        self.fill('timed')
        consumer = Consumer({'bootstrap.servers': self.broker.address, 'group.id': 'timed'})
        self.addCleanup(consumer.close)
        wanted = [TopicPartition('timed', 0, FIRST_MS + 8 * STEP_MS), TopicPartition('timed', 1, FIRST_MS + 10 * STEP_MS),
                  TopicPartition('timed', 2, FIRST_MS * 1000)]
        found = consumer.offsets_for_times(wanted, 60)
        self.assertEqual([part.offset for part in found], [2, 3, -1])
        specs = {TopicPartition('timed', 0): OffsetSpec.latest(), TopicPartition('timed', 1): OffsetSpec.max_timestamp()}
        offsets = {part.partition: future.result().offset for part, future in self.admin.list_offsets(specs).items()}
        self.assertEqual(offsets, {0: 10, 1: 9})

    def test_records_are_deleted_and_partitions_added(self):
        self.fill('changed')
        consumer = Consumer({'bootstrap.servers': self.broker.address, 'group.id': 'changed'})
        self.addCleanup(consumer.close)
        for future in self.admin.delete_records([TopicPartition('changed', 0, 3)]).values():
            self.assertEqual(future.result().low_watermark, 3)
        self.assertEqual(consumer.get_watermark_offsets(TopicPartition('changed', 0), 60), (3, 10))
        for future in self.admin.create_partitions([NewPartitions('changed', 6)]).values():
            future.result()
        self.assertEqual(len(self.admin.list_topics('changed').topics['changed'].partitions), 6)

    def test_a_record_too_large_is_refused_alone(self):
        producer = self.fill('large')
        errors = []
        for size in (2000000, 900000):
            producer.produce('large', b'x' * size, partition=0, on_delivery=lambda error, _: errors.append(error))
            self.assertEqual(producer.flush(60), 0)
        self.assertEqual(errors[0].code(), KafkaError.MSG_SIZE_TOO_LARGE)
        self.assertIsNone(errors[1])

    def test_offsets_of_a_group_are_altered_by_an_administrator(self):
        self.fill('altered')
        offsets = ConsumerGroupTopicPartitions('altered', [TopicPartition('altered', 1, 7)])
        for future in self.admin.alter_consumer_group_offsets([offsets]).values():
            future.result()
        listed = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions('altered')])['altered'].result()
        self.assertEqual([(part.partition, part.offset) for part in listed.topic_partitions], [(1, 7)])
        self.admin.delete_consumer_groups(['altered'])['altered'].result()
        self.assertNotIn('altered', [group.group_id for group in self.admin.list_consumer_groups().result().valid])


if __name__ == '__main__':
    unittest.main(verbosity=2)
