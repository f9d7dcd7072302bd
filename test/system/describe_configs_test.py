# SPDX-License-Identifier: Apache-2.0
"""DescribeConfigs of a broker and of a topic says of every key what Apache Kafka 3.9.1 says with the same settings
(test/golden/configs, as kafka-configs.sh --describe --all prints it), and what it says of other resources."""
import pathlib
import struct
import unittest

from broker import Broker, wait_for
from wire import Connection, array, string
from zookeeper import ZooKeeper

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / 'golden' / 'configs'
SETTINGS = {'log.retention.hours': 5, 'log.segment.bytes': 1000000, 'message.max.bytes': 1100000,
            'min.insync.replicas': 1, 'auto.create.topics.enable': ' TRUE', 'log.cleaner.io.buffer.load.factor': '0.90',
            'nosuch.key': 'secret'}
SOURCES = {1: 'DYNAMIC_TOPIC_CONFIG', 2: 'DYNAMIC_BROKER_CONFIG', 3: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
           4: 'STATIC_BROKER_CONFIG', 5: 'DEFAULT_CONFIG', 6: 'DYNAMIC_BROKER_LOGGER_CONFIG'}
TOPIC, BROKER, BROKER_LOGGER = 2, 4, 8


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value, = struct.unpack_from('>' + form, self.data, self.at)
        self.at += struct.calcsize('>' + form)
        return value

    def string(self):
        size = self.number('h')
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at].decode()


def text(value):
    return 'null' if value is None else value


def describe(connection, kind, name, *keys):
    """DescribeConfigs 1 of one resource: its error and its rows as kafka-configs.sh prints them."""
    wanted = array([string(key) for key in keys]) if keys else struct.pack('>i', -1)
    reader = Reader(connection.call(32, 1, array([struct.pack('b', kind) + string(name) + wanted]) + b'\1'))
    reader.number('i')  # throttle time
    assert reader.number('i') == 1
    error, message = reader.number('h'), reader.string()
    assert (reader.number('b'), reader.string()) == (kind, name)
    rows = []
    for _ in range(reader.number('i')):
        key, value = reader.string(), reader.string()
        _, _, sensitive = reader.number('?'), reader.number('b'), reader.number('?')
        synonyms = []
        for _ in range(reader.number('i')):
            other, said, source = reader.string(), reader.string(), reader.number('b')
            synonyms.append(f'{SOURCES[source]}:{other}={text(said)}')
        rows.append(f'  {key}={text(value)} sensitive={str(sensitive).lower()} synonyms={{{", ".join(synonyms)}}}')
    return error, message, rows


class DescribeConfigsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper, settings=SETTINGS)
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        cls.connection = Connection(cls.broker.port)
        cls.addClassCleanup(cls.connection.close)
        configs = [('cleanup.policy', 'compact,delete'), ('retention.ms', '60000'), ('preallocate', 'TRUE')]
        wait_for(lambda: cls.connection.create_topic('t1', configs=configs) in (0, 36), 'the topic')

    def compare(self, rows, name):
        masks = {self.broker.address: 'ADDRESS', str(self.broker.settings['zookeeper.connect']): 'ZOOKEEPER',
                 str(self.broker.data): 'LOGDIR'}
        found = []
        for row in rows:
            for own, mask in masks.items():
                row = row.replace(own, mask)
            found.append(row)
        wanted = (GOLDEN / name).read_text().splitlines()
        self.assertEqual('\n'.join(sorted(found)), '\n'.join(sorted(wanted)))

    def test_broker(self):
        error, _, rows = describe(self.connection, BROKER, '0')
        self.assertEqual(error, 0)
        self.compare(rows, 'broker.txt')

    def test_topic(self):
        error, _, rows = describe(self.connection, TOPIC, 't1')
        self.assertEqual(error, 0)
        self.compare(rows, 'topic.txt')

    def test_some_keys(self):
        _, _, rows = describe(self.connection, TOPIC, 't1', 'segment.bytes', 'nosuch')
        self.assertEqual(rows, ['  segment.bytes=1000000 sensitive=false synonyms={STATIC_BROKER_CONFIG:log.segment.bytes='
                                '1000000, DEFAULT_CONFIG:log.segment.bytes=1073741824}'])

    def test_errors(self):
        for kind, name, error, message in (
                (TOPIC, 'nosuch', 3, None),
                (TOPIC, 'a/b', 17, "Topic name is invalid: 'a/b' contains one or more characters other than ASCII "
                                   "alphanumerics, '.', '_' and '-'"),
                (BROKER, '7', 42, 'Unexpected broker id, expected 0 or empty string, but received 7'),
                (BROKER, 'x', 42, 'Broker id must be an integer, but it is: x'),
                (BROKER_LOGGER, '', 42, 'Broker id must not be empty')):
            found = describe(self.connection, kind, name)
            self.assertEqual(found[0], error)
            self.assertEqual(found[2], [])
            if message:
                self.assertEqual(found[1], message)

    def test_cluster_defaults_and_loggers(self):
        self.assertEqual(describe(self.connection, BROKER, ''), (0, '', []))
        self.assertEqual(describe(self.connection, BROKER_LOGGER, '0')[2], ['  root=INFO sensitive=false synonyms={}'])


if __name__ == '__main__':
    unittest.main()
