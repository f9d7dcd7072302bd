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

    @staticmethod
    def first(connection):
        """Whether the broker knows itself: a topic that cannot be is refused for its name, not for want of brokers."""
        answer = admin_cases.create_topics(admin_cases.creation('.', 1, 1))(connection)
        return 'ready' if answer[0][1] == 17 else 'no-controller'


if __name__ == '__main__':
    unittest.main()
