# SPDX-License-Identifier: Apache-2.0
"""Administrators' requests get the answers that Apache Kafka 3.9.1 gives (test/golden/admin/answers.txt)."""
import pathlib
import unittest

import admin_cases
from broker import Broker, wait_for
from wire import Connection
from zookeeper import ZooKeeper

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / 'golden/admin/answers.txt'


class AdminTest(unittest.TestCase):
    def test_answers_equal_apache_kafkas(self):
        expected = GOLDEN.read_text().splitlines()
        with ZooKeeper() as zookeeper, Broker(zookeeper, settings=admin_cases.SETTINGS) as broker:
            wait_for(lambda: 'The controller is ready' in broker.output(), 'the controller')
            with Connection(broker.port, timeout=120) as connection:
                wait_for(lambda: 'no-controller' not in self.first(connection), 'the metadata')
                for line, found in zip(expected, admin_cases.run(connection), strict=True):
                    with self.subTest(line.split(':')[0]):
                        self.assertEqual(found, line)

    def test_what_cannot_be_costs_little(self):
        """Numbers and texts that no cluster can hold are refused; the broker neither grows by them nor loses ZooKeeper."""
        create, grow, alter = admin_cases.create_topics, admin_cases.create_partitions, admin_cases.alter
        creation, growth, resource = admin_cases.creation, admin_cases.growth, admin_cases.resource
        with ZooKeeper() as zookeeper, Broker(zookeeper) as broker:
            wait_for(lambda: 'The controller is ready' in broker.output(), 'the controller')
            with Connection(broker.port, timeout=120) as connection:
                wait_for(lambda: 'no-controller' not in self.first(connection), 'the metadata')
                self.assertEqual(create(creation('fine'))(connection)[0][1], 0)
                before = broker.resident_kilobytes()
                for request in (create(creation('many', 1_000_000_000)), grow(growth('fine', 1_000_000_000)),
                                create(creation('x' * 32000)), grow(growth('y' * 32000, 2)), grow(growth('fine/partitions', 2)),
                                create(creation('twice', -1, -1, [(0, [0] * 100_000)])),
                                grow(growth('fine', 20_001, [[i + 5] for i in range(20_000)])),
                                create(creation('nulls', 1, 1, (), [(f'k{i}', None) for i in range(50_000)])),
                                alter(resource(admin_cases.TOPIC, 'fine', ('retention.ms', admin_cases.SET, '5' * 32000))),
                                alter(resource(admin_cases.TOPIC, 'z' * 32000, ('retention.ms', admin_cases.SET, '5')))):
                    answer = request(connection)
                    self.assertNotIn(0, [field for field in answer[0] if isinstance(field, int)][:1])
                self.assertEqual(create(creation('still'))(connection)[0][1], 0)
                self.assertLess(broker.resident_kilobytes() - before, 300_000)
            self.assertNotIn(' ERROR ', broker.output())

    @staticmethod
    def first(connection):
        """Whether the broker knows itself: a topic that cannot be is refused for its name, not for want of brokers."""
        answer = admin_cases.create_topics(admin_cases.creation('.', 1, 1))(connection)
        return 'ready' if answer[0][1] == 17 else 'no-controller'


if __name__ == '__main__':
    unittest.main()
