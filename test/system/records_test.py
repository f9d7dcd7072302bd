# SPDX-License-Identifier: Apache-2.0
"""Producers' and consumers' requests get the answers that Apache Kafka 3.9.1 gives (test/golden/records/answers.txt)."""
import pathlib
import unittest

import record_cases
from broker import Broker, wait_for
from wire import Connection
from zookeeper import ZooKeeper

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / 'golden/records/answers.txt'


class RecordsTest(unittest.TestCase):
    def test_answers_equal_apache_kafkas(self):
        expected = GOLDEN.read_text().splitlines()
        with ZooKeeper() as zookeeper, Broker(zookeeper, settings=record_cases.SETTINGS) as broker:
            wait_for(lambda: 'The controller is ready' in broker.output(), 'the controller')
            with Connection(broker.port, timeout=120) as connection:
                wait_for(lambda: connection.create_topic('.') == 17, 'the metadata')
                for line, found in zip(expected, record_cases.run(connection), strict=True):
                    with self.subTest(line.split(':')[0]):
                        self.assertEqual(found, line)


if __name__ == '__main__':
    unittest.main()
