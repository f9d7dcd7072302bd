# SPDX-License-Identifier: Apache-2.0
"""Requests of administrators, one after the other on a one-broker cluster with broker id 0, and their answers as plain lines. They run
against Apache Kafka (test/peer/capture-admin) and against Barnabas (test/system/admin_test.py) alike."""
import struct
import time

from wire import array, string

SETTINGS = {'broker.id': '0', 'num.partitions': '2', 'default.replication.factor': '1',
            'offsets.topic.replication.factor': '1', 'auto.create.topics.enable': 'false'}
TIMEOUT_MS = 30000


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value, = struct.unpack_from('>' + form, self.data, self.at)
        self.at += struct.calcsize('>' + form)
        return value

    def string(self):
        size = self.take('h')
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def list(self, element):
        return [element() for _ in range(self.take('i'))]


def creation(name, partitions=1, factor=1, assignment=(), configs=()):
    body = string(name) + struct.pack('>ih', partitions, factor)
    body += array([struct.pack('>i', i) + array([struct.pack('>i', r) for r in replicas]) for i, replicas in assignment])
    return body + array([string(key) + string(value) for key, value in configs])


def create_topics(*topics, validate_only=False, timeout_ms=TIMEOUT_MS):
    """CreateTopics 4."""
    def run(connection):
        answer = Reader(connection.call(19, 4, array(list(topics)) + struct.pack('>i?', timeout_ms, validate_only)))
        answer.take('i')
        return sorted(answer.list(lambda: (answer.string(), answer.take('h'), answer.string())), key=str)
    return run


def delete_topics(*names, timeout_ms=TIMEOUT_MS):
    """DeleteTopics 3."""
    def run(connection):
        answer = Reader(connection.call(20, 3, array([string(name) for name in names]) + struct.pack('>i', timeout_ms)))
        answer.take('i')
        return sorted(answer.list(lambda: (answer.string(), answer.take('h'))))
    return run


def growth(name, total, assignments=None):
    body = string(name) + struct.pack('>i', total)
    if assignments is None:
        return body + struct.pack('>i', -1)
    return body + array([array([struct.pack('>i', r) for r in replicas]) for replicas in assignments])


def create_partitions(*topics, validate_only=False, timeout_ms=TIMEOUT_MS):
    """CreatePartitions 1."""
    def run(connection):
        answer = Reader(connection.call(37, 1, array(list(topics)) + struct.pack('>i?', timeout_ms, validate_only)))
        answer.take('i')
        return sorted(answer.list(lambda: (answer.string(), answer.take('h'), answer.string())), key=str)
    return run


TOPIC, BROKER, LOGGER = 2, 4, 8
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def resource(kind, name, *configs):
    """configs: (key, value) for AlterConfigs, (key, operation, value) for IncrementalAlterConfigs."""
    return struct.pack('b', kind) + string(name) + array(
        [string(c[0]) + (struct.pack('b', c[1]) if len(c) == 3 else b'') + string(c[-1]) for c in configs])


def alter(*resources, incremental=True, validate_only=False):
    """IncrementalAlterConfigs 0 or AlterConfigs 1."""
    def run(connection):
        answer = Reader(connection.call(44 if incremental else 33, 0 if incremental else 1,
                                        array(list(resources)) + struct.pack('>?', validate_only)))
        answer.take('i')
        return sorted(answer.list(lambda: (answer.take('h'), answer.string(), answer.take('b'), answer.string())), key=str)
    return run


def describe(kind, name, *keys):
    """DescribeConfigs 1 of single keys: value and source."""
    def run(connection):
        body = array([struct.pack('b', kind) + string(name) + array([string(key) for key in keys])]) + b'\0'
        answer = Reader(connection.call(32, 1, body))
        answer.take('i')

        def synonym():
            return answer.string(), answer.string(), answer.take('b')

        def config():
            row = (answer.string(), answer.string(), answer.take('?'), answer.take('b'), answer.take('?'))
            answer.list(synonym)
            return row
        return answer.list(lambda: (answer.take('h'), answer.string(), answer.take('b'), answer.string(),
                                    sorted(answer.list(config))))
    return run


def until(wanted, request, seconds=60):
    """Repeats the request until its answer holds the text: what changes shows a little later."""
    def run(connection):
        deadline = time.monotonic() + seconds
        while wanted not in str(answer := request(connection)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return answer
    return run


def list_reassignments(connection):
    """ListPartitionReassignments 0, which is flexible: all of them."""
    return connection.call(46, 0, b'\0' + struct.pack('>i', TIMEOUT_MS) + b'\0' + b'\0').hex()


CASES = [
    ('create', create_topics(creation('plain', 3, 1))),
    ('create again', create_topics(creation('plain', 3, 1))),
    ('create with defaults', create_topics(creation('defaults', -1, -1))),
    ('create assigned', create_topics(creation('assigned', -1, -1, [(0, [0]), (1, [0])]))),
    ('create with configs', create_topics(creation('configured', 1, 1, (), [('retention.ms', '60000'),
                                                                            ('cleanup.policy', 'compact')]))),
    ('create several', create_topics(creation('one', 1, 1), creation('two', 2, 1), creation('plain', 1, 1))),
    ('create one twice', create_topics(creation('twice', 1, 1), creation('twice', 1, 1), creation('once', 1, 1))),
    ('create no partitions', create_topics(creation('bad', 0, 1))),
    ('create negative partitions', create_topics(creation('bad', -2, 1))),
    ('create no replicas', create_topics(creation('bad', 1, 0))),
    ('create too many replicas', create_topics(creation('bad', 1, 2))),
    ('create both ways', create_topics(creation('bad', 1, 1, [(0, [0])]))),
    ('create with a gap', create_topics(creation('bad', -1, -1, [(0, [0]), (2, [0])]))),
    ('create with uneven replicas', create_topics(creation('bad', -1, -1, [(0, [0]), (1, [0, 1])]))),
    ('create with a replica twice', create_topics(creation('bad', -1, -1, [(0, [0, 0])]))),
    ('create an empty name', create_topics(creation('', 1, 1))),
    ('create a dot', create_topics(creation('.', 1, 1))),
    ('create two dots', create_topics(creation('..', 1, 1))),
    ('create bad characters', create_topics(creation('a b/c', 1, 1))),
    ('create a long name', create_topics(creation('x' * 250, 1, 1))),
    ('create the longest name', create_topics(creation('x' * 249, 1, 1))),
    ('create a dotted one', create_topics(creation('a.b', 1, 1))),
    ('create a colliding one', create_topics(creation('a_b', 1, 1))),
    ('create the metadata topic', create_topics(creation('__cluster_metadata', 1, 1))),
    ('create an unknown config', create_topics(creation('bad', 1, 1, (), [('nonsense', '1')]))),
    ('create a bad config', create_topics(creation('bad', 1, 1, (), [('retention.ms', 'abc')]))),
    ('create a config out of range', create_topics(creation('bad', 1, 1, (), [('segment.bytes', '1')]))),
    ('create a bad word', create_topics(creation('bad', 1, 1, (), [('cleanup.policy', 'shred')]))),
    ('create null configs', create_topics(creation('bad', 1, 1, (), [('retention.ms', None), ('segment.ms', None)]))),
    ('validate only', create_topics(creation('validated', 1, 1), validate_only=True)),
    ('validate a bad one', create_topics(creation('bad', 1, 5), validate_only=True)),
    ('create validated now', create_topics(creation('validated', 1, 1))),
    ('create without time', create_topics(creation('hasty', 1, 1), timeout_ms=0)),
    ('grow', create_partitions(growth('plain', 5))),
    ('grow assigned', create_partitions(growth('plain', 6, [[0]]))),
    ('grow not', create_partitions(growth('plain', 6))),
    ('shrink', create_partitions(growth('plain', 2))),
    ('grow unknown', create_partitions(growth('nosuch', 2))),
    ('grow to nothing', create_partitions(growth('plain', 0))),
    ('grow with too few assignments', create_partitions(growth('plain', 9, [[0]]))),
    ('grow onto an unknown broker', create_partitions(growth('plain', 7, [[9]]))),
    ('grow onto nothing', create_partitions(growth('plain', 7, [[]]))),
    ('grow onto a broker twice', create_partitions(growth('plain', 7, [[0, 0]]))),
    ('grow twice', create_partitions(growth('plain', 8), growth('plain', 9), growth('one', 2))),
    ('validate growth', create_partitions(growth('plain', 20), validate_only=True)),
    ('set', alter(resource(TOPIC, 'plain', ('retention.ms', SET, '1000'), ('segment.bytes', SET, '1048576')))),
    ('shown', until("'1000'", describe(TOPIC, 'plain', 'retention.ms', 'segment.bytes', 'cleanup.policy'))),
    ('append', alter(resource(TOPIC, 'plain', ('cleanup.policy', APPEND, 'compact')))),
    ('appended', until('compact', describe(TOPIC, 'plain', 'cleanup.policy'))),
    ('subtract', alter(resource(TOPIC, 'plain', ('cleanup.policy', SUBTRACT, 'delete')))),
    ('subtracted', until("'compact'", describe(TOPIC, 'plain', 'cleanup.policy'))),
    ('delete a config', alter(resource(TOPIC, 'plain', ('retention.ms', DELETE, None)))),
    ('config deleted', until('604800000', describe(TOPIC, 'plain', 'retention.ms'))),
    ('append to a number', alter(resource(TOPIC, 'plain', ('retention.ms', APPEND, '1')))),
    ('subtract from a number', alter(resource(TOPIC, 'plain', ('retention.ms', SUBTRACT, '1')))),
    ('set an unknown config', alter(resource(TOPIC, 'plain', ('nonsense', SET, '1')))),
    ('set a bad value', alter(resource(TOPIC, 'plain', ('retention.ms', SET, 'abc')))),
    ('set a value out of range', alter(resource(TOPIC, 'plain', ('segment.bytes', SET, '1')))),
    ('set null', alter(resource(TOPIC, 'plain', ('retention.ms', SET, None)))),
    ('set one key twice', alter(resource(TOPIC, 'plain', ('retention.ms', SET, '1'), ('retention.ms', SET, '2')))),
    ('set one topic twice', alter(resource(TOPIC, 'plain', ('retention.ms', SET, '1')),
                                  resource(TOPIC, 'plain', ('retention.ms', SET, '1')))),
    ('set on an unknown topic', alter(resource(TOPIC, 'nosuch', ('retention.ms', SET, '1')))),
    ('set on no topic', alter(resource(TOPIC, '', ('retention.ms', SET, '1')))),
    ('set on a bad type', alter(resource(77, 'x', ('retention.ms', SET, '1')))),
    ('validate a change', alter(resource(TOPIC, 'plain', ('retention.ms', SET, '5')), validate_only=True)),
    ('replace', alter(resource(TOPIC, 'plain', ('retention.ms', '7000')), incremental=False)),
    ('replaced', until("'7000'", describe(TOPIC, 'plain', 'retention.ms', 'segment.bytes', 'cleanup.policy'))),
    ('replace by null', alter(resource(TOPIC, 'plain', ('retention.ms', None)), incremental=False)),
    ('replace on an unknown topic', alter(resource(TOPIC, 'nosuch', ('retention.ms', '1')), incremental=False)),
    ('replace by a bad value', alter(resource(TOPIC, 'plain', ('retention.ms', 'abc')), incremental=False)),
    ('broker default', alter(resource(BROKER, '', ('message.max.bytes', SET, '1100000')))),
    ('broker default shown', until("'1100000'", describe(BROKER, '0', 'message.max.bytes'))),
    ('topic follows the broker', until("'1100000'", describe(TOPIC, 'plain', 'max.message.bytes'))),
    ('broker', alter(resource(BROKER, '0', ('message.max.bytes', SET, '1200000')))),
    ('broker shown', until("'1200000'", describe(BROKER, '0', 'message.max.bytes'))),
    ('broker back', alter(resource(BROKER, '0', ('message.max.bytes', DELETE, None)),
                          resource(BROKER, '', ('message.max.bytes', DELETE, None)))),
    ('broker is back', until("'1048588'", describe(BROKER, '0', 'message.max.bytes'))),
    ('another broker', alter(resource(BROKER, '5', ('message.max.bytes', SET, '1200000')))),
    ('no broker', alter(resource(BROKER, 'abc', ('message.max.bytes', SET, '1200000')))),
    ('read-only key', alter(resource(BROKER, '0', ('broker.id', SET, '4')))),
    ('bad broker value', alter(resource(BROKER, '0', ('message.max.bytes', SET, 'abc')))),
    ('no reassignments', list_reassignments),
    ('delete', delete_topics('one', 'two')),
    ('delete again', delete_topics('one')),
    ('delete an unknown one', delete_topics('nosuch', 'defaults')),
    # The answer to a deletion comes when clients see the topic no more; its znodes go a little later.
    ('create a deleted one', until("'one', 0", create_topics(creation('one', 1, 1)))),
]


def run(connection):
    """Lines "name: answer"."""
    for name, request in CASES:
        yield f'{name}: {request(connection)!r}'
