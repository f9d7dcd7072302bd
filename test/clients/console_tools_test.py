# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's own console tools against one broker: those of 3.9.1 by --bootstrap-server, and 2.8.2's kafka-topics.sh by
--zookeeper. What Barnabas's tools of the same names print is compared elsewhere; here the broker is what is tested."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from broker import WAIT_S, Broker, wait_for  # noqa: E402
from zookeeper import ZooKeeper  # noqa: E402

JVM = {'KAFKA_HEAP_OPTS': '-Xmx128M -XX:+UseSerialGC', 'KAFKA_OPTS': '-XX:TieredStopAtLevel=1'}


class ConsoleToolsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper)
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()

    def tool(self, version, program, *arguments, stdin='', code=0):
        """What the program prints."""
        done = subprocess.run(['env', *(f'{name}={value}' for name, value in JVM.items()), HERE.parent / 'peer/kafka', 'run', version,
                               f'{program}.sh', *map(str, arguments)],
                              input=stdin, capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode, code, f'{program} {arguments}\n{done.stdout}\n{done.stderr}\n{self.broker.output()[-3000:]}')
        return done.stdout

    def ours(self, program, *arguments, stdin='', code=0):
        return self.tool('3.9.1', program, '--bootstrap-server', self.broker.address, *arguments, stdin=stdin, code=code)

    def test_topics(self):
        self.assertEqual(self.ours('kafka-topics', '--create', '--topic', 'books', '--partitions', 2, '--config', 'retention.ms=70000'),
                         'Created topic books.\n')
        self.ours('kafka-topics', '--create', '--topic', 'books', code=1)
        self.ours('kafka-topics', '--create', '--topic', 'books', '--if-not-exists')
        self.ours('kafka-topics', '--alter', '--topic', 'books', '--partitions', 3)
        described = self.ours('kafka-topics', '--describe', '--topic', 'books')
        self.assertIn('PartitionCount: 3\tReplicationFactor: 1\tConfigs: retention.ms=70000', described)
        self.assertEqual(described.count('Leader: 0\tReplicas: 0\tIsr: 0'), 3)
        self.assertIn('books', self.ours('kafka-topics', '--list').split())
        self.ours('kafka-topics', '--delete', '--topic', 'books')
        wait_for(lambda: 'books' not in self.ours('kafka-topics', '--list').split(), 'books to be deleted')

    def test_topics_through_zookeeper(self):
        def old(*arguments):
            return self.tool('2.8.2', 'kafka-topics', '--zookeeper', self.zookeeper.connect, *map(str, arguments))
        self.assertIn('Created topic old.', old('--create', '--topic', 'old', '--partitions', 1, '--replication-factor', 1,
                                                '--config', 'max.message.bytes=2000'))
        self.assertIn('Configs: max.message.bytes=2000', old('--describe', '--topic', 'old'))
        old('--alter', '--topic', 'old', '--partitions', 2)
        wait_for(lambda: self.ours('kafka-topics', '--describe', '--topic', 'old').count('Leader: 0') == 2, 'two partitions')
        self.assertIn('max.message.bytes=2000', self.ours('kafka-topics', '--describe', '--topic', 'old'))
        old('--delete', '--topic', 'old')
        wait_for(lambda: 'old' not in self.ours('kafka-topics', '--list').split(), 'old to be deleted')

    def test_console_producer_and_consumer(self):
        self.ours('kafka-console-producer', '--topic', 'console', '--compression-codec', 'zstd', '--property', 'parse.key=true',
                  '--property', 'key.separator=:', stdin=''.join(f'k{i}:v{i}\n' for i in range(20)))
        found = self.ours('kafka-console-consumer', '--topic', 'console', '--group', 'console-group', '--from-beginning',
                          '--max-messages', 8, '--property', 'print.key=true')
        self.assertEqual(found, ''.join(f'k{i}\tv{i}\n' for i in range(8)))
        found = self.ours('kafka-console-consumer', '--topic', 'console', '--group', 'console-group', '--max-messages', 12)
        self.assertEqual(found, ''.join(f'v{i}\n' for i in range(8, 20)))
        found = self.ours('kafka-console-consumer', '--topic', 'console', '--partition', 0, '--offset', 18, '--max-messages', 2)
        self.assertEqual(found, 'v18\nv19\n')

        self.assertEqual(self.ours('kafka-consumer-groups', '--list'), 'console-group\n')
        described = self.ours('kafka-consumer-groups', '--describe', '--group', 'console-group').split()
        self.assertEqual(described[described.index('console-group'):][:6], ['console-group', 'console', '0', '20', '20', '0'])
        self.ours('kafka-consumer-groups', '--reset-offsets', '--group', 'console-group', '--topic', 'console', '--to-offset', 5, '--execute')
        found = self.ours('kafka-console-consumer', '--topic', 'console', '--group', 'console-group', '--max-messages', 1)
        self.assertEqual(found, 'v5\n')
        self.ours('kafka-consumer-groups', '--delete', '--group', 'console-group')
        self.assertEqual(self.ours('kafka-consumer-groups', '--list'), '')

        self.assertEqual(self.ours('kafka-get-offsets', '--topic', 'console'), 'console:0:20\n')
        with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
            file.write('{"partitions": [{"topic": "console", "partition": 0, "offset": 7}], "version": 1}')
            file.flush()
            self.assertIn('partition: console-0\tlow_watermark: 7', self.ours('kafka-delete-records', '--offset-json-file', file.name))
        self.assertEqual(self.ours('kafka-get-offsets', '--topic', 'console', '--time', 'earliest'), 'console:0:7\n')

    def test_configs_and_api_versions(self):
        self.ours('kafka-topics', '--create', '--topic', 'configured')
        entity = ('--entity-type', 'topics', '--entity-name', 'configured')
        self.ours('kafka-configs', '--alter', *entity, '--add-config', 'cleanup.policy=compact,segment.bytes=1048576')
        described = wait_for(lambda: 'segment.bytes' in (text := self.ours('kafka-configs', '--describe', *entity)) and text, 'the change')
        self.assertIn('cleanup.policy=compact', described)
        self.ours('kafka-configs', '--alter', *entity, '--delete-config', 'segment.bytes')
        wait_for(lambda: 'segment.bytes' not in self.ours('kafka-configs', '--describe', *entity), 'the change')
        self.assertIn('log.retention.hours=', self.ours('kafka-configs', '--describe', '--all', '--entity-type', 'brokers', '--entity-name', 0))
        self.assertIn('Produce(0): ', self.ours('kafka-broker-api-versions'))

    def test_performance_tools(self):
        self.tool('3.9.1', 'kafka-producer-perf-test', '--topic', 'fast', '--num-records', 20000, '--record-size', 500, '--throughput', -1,
                  '--producer-props', f'bootstrap.servers={self.broker.address}', 'compression.type=lz4')
        consumed = self.ours('kafka-consumer-perf-test', '--topic', 'fast', '--messages', 20000, '--hide-header')
        self.assertEqual(int(consumed.split(',')[4]), 20000)


if __name__ == '__main__':
    unittest.main(verbosity=2)
