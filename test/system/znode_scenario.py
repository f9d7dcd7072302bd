# SPDX-License-Identifier: Apache-2.0
"""The life of a one-broker cluster whose writes to ZooKeeper are compared: each step with what is done. It runs against
Apache Kafka (test/peer/capture-znodes) and against Barnabas (test/system/znodes_test.py) alike."""
import time

import wire
from zookeeper import free_port
from zookeeper_log import masked, rounds_sorted, transactions

# What the broker is started with besides its listener, log directory and ZooKeeper.
SETTINGS = {
    'broker.id': '0', 'num.partitions': '1', 'offsets.topic.replication.factor': '1', 'offsets.topic.num.partitions': '13',
    'transaction.state.log.replication.factor': '1', 'transaction.state.log.min.isr': '1',
    'zookeeper.session.timeout.ms': '6000', 'zookeeper.connection.timeout.ms': '18000',
    'group.initial.rebalance.delay.ms': '0',
}

PATIENCE_S = 60


def topics(*arguments):
    """A call of kafka-topics.sh --zookeeper."""
    return lambda cluster: cluster.topics_tool(['--zookeeper', cluster.zookeeper.connect, *arguments])


NOT_CONTROLLER = 41


def request(name, *arguments, **named):
    """A request, repeated while the broker is not the controller yet: refused ones write nothing."""
    def send(cluster):
        deadline = time.monotonic() + PATIENCE_S
        while (error := cluster.call(name, *arguments, **named)) == NOT_CONTROLLER and time.monotonic() < deadline:
            time.sleep(0.05)
        assert error == 0, f'{name} {arguments}: error {error}'
    return send


def poll(name, *arguments):
    """Repeats a request that is answered with an error until what it creates is there."""
    def send(cluster):
        deadline = time.monotonic() + PATIENCE_S
        while cluster.call(name, *arguments) and time.monotonic() < deadline:
            time.sleep(0.1)
    return send


STEPS = [
    ('first-start', lambda cluster: cluster.start()),
    ('stop', lambda cluster: cluster.stop()),
    ('restart', lambda cluster: cluster.start()),
    ('create', request('create_topic', 't1', 3)),
    ('create-with-configs', request('create_topic', 't.2', 1, configs=[('retention.ms', '60000'), ('cleanup.policy', 'compact'),
                                                                     ('segment.bytes', '1048576')])),
    ('create-assigned', request('create_topic', 't_3', assignment=[[0], [0]])),
    ('create-many', request('create_topic', 'many', 30)),
    ('create-automatically', poll('metadata', 'auto')),
    ('create-offsets-topic', poll('find_group_coordinator', 'group')),
    ('create-by-zookeeper', topics('--create', '--topic', 'z1', '--partitions', '2', '--replication-factor', '1')),
    ('create-by-zookeeper-with-config', topics('--create', '--topic', 'z2', '--partitions', '1', '--replication-factor', '1',
                                               '--config', 'max.message.bytes=2000', '--config', 'retention.ms=70000')),
    ('create-by-zookeeper-assigned', topics('--create', '--topic', 'z3', '--replica-assignment', '0,0')),
    ('grow', request('create_partitions', 't1', 5)),
    ('grow-by-zookeeper', topics('--alter', '--topic', 'z1', '--partitions', '4')),
    ('reconfigure', request('alter_topic_config', 't1', [('retention.ms', '3600000'), ('max.message.bytes', '1000')])),
    ('reconfigure-back', request('alter_topic_config', 't1', [('retention.ms', None)])),
    ('reconfigure-by-zookeeper', topics('--alter', '--topic', 'z1', '--config', 'retention.bytes=1000000')),
    ('reconfigure-by-zookeeper-back', topics('--alter', '--topic', 'z1', '--delete-config', 'retention.bytes')),
    ('delete', request('delete_topic', 't1')),
    ('delete-by-zookeeper', topics('--delete', '--topic', 'z1')),
    ('stop-with-topics', lambda cluster: cluster.stop()),
    ('restart-with-topics', lambda cluster: cluster.start()),
    ('stop-at-the-end', lambda cluster: cluster.stop()),
]


class Cluster:
    """A broker beside a ZooKeeper. start_broker(properties) gives a process that ends at SIGTERM."""

    def __init__(self, zookeeper, folder, start_broker, topics_tool):
        self.zookeeper, self.start_broker, self.topics_tool = zookeeper, start_broker, topics_tool
        self.port = free_port()
        self.process = None
        self.compared = 0
        self.properties = dict(SETTINGS, **{
            'listeners': f'PLAINTEXT://127.0.0.1:{self.port}', 'log.dirs': str(folder / 'logs'),
            'zookeeper.connect': zookeeper.connect})

    def start(self):
        """Returns once the broker answers."""
        self.process = self.start_broker(self.properties)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return wire.Connection(self.port).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError('the broker did not start')
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def call(self, name, *arguments, **named):
        with wire.Connection(self.port) as connection:
            return getattr(connection, name)(*arguments, **named)

    def new_lines(self):
        """What has been written since the last call of advance(): first by tools, then by the broker, whose writes may
        cross theirs."""
        timeout = SETTINGS['zookeeper.session.timeout.ms']
        lines, brokers = [], set()
        for session, line in transactions(self.zookeeper.data):
            if line == f'createSession {timeout}':
                brokers.add(session)
            who = 'broker' if session in brokers else 'tool'
            lines.append(f'{who}: ' + masked(line, f'127.0.0.1:{self.port}'))
        new = lines[self.compared:]
        return rounds_sorted([line for line in new if line.startswith('tool')] +
                             [line for line in new if line.startswith('broker')])

    def advance(self, count):
        self.compared += count

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
