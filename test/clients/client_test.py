# SPDX-License-Identifier: Apache-2.0
"""client_test.py FOLDER NAME: a client library, unchanged, against one broker. FOLDER holds what build.sh made; README.md tells
what the programs do."""
import pathlib
import queue
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from broker import WAIT_S, Broker, kcat, wait_for  # noqa: E402
from zookeeper import ZooKeeper  # noqa: E402

ACKS = ('0', '1', 'all')
PER_COMBINATION = 20
PARTITIONS = 3
IMPATIENT = ('kafkajs', 'sarama')  # they try a few times only


def command_of(name, folder):
    """How the client NAME of the folder that build.sh filled is started."""
    peer = HERE.parent / 'peer' / 'kafka'
    jars = '' if name != 'java' else run_peer(peer, 'path', '3.9.1')
    return {
        'java': ['java', '-Xmx96m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', f'{folder}:{jars}', 'Client'],
        'kafka_python': [folder / 'bin/python', HERE / 'python/kafka_python_client.py'],
        'confluent': [folder / 'bin/python', HERE / 'python/confluent_client.py'],
        'aiokafka': [folder / 'bin/python', HERE / 'python/aiokafka_client.py'],
        'kafkajs': ['node', folder / 'client.js'],
        'franz': [folder / 'client', 'franz'],
        'sarama': [folder / 'client', 'sarama'],
        'rust': [folder / 'target/debug/rdkafka-client'],
    }[name]


def run_peer(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.strip()


class Process:
    """A running client whose lines can be waited for."""

    def __init__(self, arguments):
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.endswith('\n'):  # a kill may cut the last one
                self.lines.put(line.rstrip('\n').split('\t'))

    def next_line(self, seconds=WAIT_S):
        """The next consumed record's fields, or None after that time."""
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class ClientTest(unittest.TestCase):
    name = None
    command = None

    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper, settings={'num.partitions': PARTITIONS})
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()

    def tearDown(self):
        failed = any(error for _, error in getattr(self._outcome, 'errors', [])) or not self._outcome.success
        if failed:
            print(f'---- the broker\'s log\n{self.broker.output()[-6000:]}', file=sys.stderr)

    def arguments(self, *arguments):
        return [str(part) for part in (*self.command, self.broker.address, *arguments)]

    def run_client(self, *arguments, stdin=''):
        done = subprocess.run(self.arguments(*arguments), input=stdin, capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode, 0, f'{arguments}\n{done.stdout}\n{done.stderr}')
        return [line for line in done.stdout.split('\n') if line]

    def start_consumer(self, topic, group):
        consumer = Process(self.arguments('consume', topic, group, 0))
        self.addCleanup(consumer.kill)
        return consumer

    def produce(self, topic, records, partitioner='default'):
        """Returns (partition, offset) of each record, which are given as (key, value, headers)."""
        lines = self.run_client('produce', topic, partitioner, stdin=''.join('\t'.join(record) + '\n' for record in records))
        return [tuple(map(int, line.split())) for line in lines]

    def consume(self, topic, group, count):
        return [line.split('\t') for line in self.run_client('consume', topic, group, count)]

    def test_admin(self):
        self.run_client('admin', 'managed')

    def test_acks_and_codecs(self):
        codecs = self.run_client('matrix', 'matrix')[-1].split()
        wanted = [f'{acks}-{codec}-{i}' for acks in ACKS for codec in codecs for i in range(PER_COMBINATION)]
        self.assertEqual(sorted(value for *_, value, _ in self.consume('matrix', 'matrix', len(wanted))), sorted(wanted))
        self.assertEqual(sorted(kcat(self.broker, '-C', '-t', 'matrix', '-e', '-q').split()), sorted(wanted))

    def test_keys_headers_and_nulls(self):
        records = [('k1', 'v1', 'a=1,b=2'), ('k2', '', ''), ('k3', '\\N', 'c=3'), ('', 'v4', ''), ('\\N', 'v5', '')]
        self.produce('records', records)
        found = self.consume('records', 'records', len(records))
        self.assertEqual(sorted(tuple(fields) for _, _, *fields in found), sorted(records))

    def test_partition_by_key(self):
        keys = [str(i) for i in range(60)]
        placed = self.produce('keyed', [(key, 'first', '') for key in keys])
        again = self.produce('keyed', [(key, 'second', '') for key in keys])
        self.assertEqual([partition for partition, _ in placed], [partition for partition, _ in again])
        self.assertEqual({partition for partition, _ in placed}, set(range(PARTITIONS)))
        for partition in range(PARTITIONS):
            offsets = [offset for where, offset in placed + again if where == partition]
            self.assertEqual(offsets, list(range(len(offsets))))

    def test_round_robin_and_the_default_without_keys(self):
        self.produce('spread', [('\\N', 'warm', '')])
        placed = self.produce('spread', [('\\N', str(i), '') for i in range(30)], 'round-robin')
        self.assertEqual(len(set(placed)), 30)
        # Java's takes two steps whenever it begins a batch (KAFKA-9965).
        self.assertGreaterEqual(len({partition for partition, _ in placed}), 2 if self.name == 'java' else PARTITIONS)
        placed = self.produce('spread', [('\\N', str(i), '') for i in range(30)])
        self.assertEqual(len(set(placed)), 30)
        if self.name == 'java':  # sticks to one until it has filled a batch
            self.assertEqual(len({partition for partition, _ in placed}), 1)

    def test_a_killed_member_resumes_where_it_committed(self):
        values = [str(i) for i in range(30)]
        self.produce('resumed', [('one', value, '') for value in values])
        first = self.start_consumer('resumed', 'resumed')
        before = [first.next_line()[3] for _ in range(10)]
        self.assertEqual(before, values[:10])
        first.kill()
        while (line := first.next_line(0)) is not None:
            before.append(line[3])
        # What was printed last may or may not have been committed.
        after = self.consume('resumed', 'resumed', len(values) - len(before))
        self.assertIn(after[0][3], (before[-1], values[len(before)]))

    def test_two_members_share_the_partitions(self):
        members = [self.start_consumer('shared', 'shared') for _ in range(2)]
        deadline = time.monotonic() + WAIT_S
        number, split = 0, False
        while not split and time.monotonic() < deadline:
            values = {f'{number}-{i}' for i in range(PARTITIONS)}
            kcat_by_partition(self.broker, 'shared', number)
            number += 1
            seen = [set(), set()]
            while values and time.monotonic() < deadline:
                for member, partitions in zip(members, seen):
                    line = member.next_line(0.05)
                    if line is not None and line[3] in values:
                        values.discard(line[3])
                        partitions.add(line[0])
            split = bool(seen[0] and seen[1]) and not seen[0] & seen[1]
        self.assertTrue(split, 'each of the two has partitions of its own')

    def test_an_idempotent_producer_goes_on_through_a_kill(self):
        """Each record is there once and in order, wherever the kill found it."""
        if self.name in IMPATIENT:
            return
        values = [str(i) for i in range(50000)]
        self.produce('through', [('one', 'first', '')])
        producer = subprocess.Popen(self.arguments('produce', 'through', 'default'), stdin=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL, text=True)
        self.addCleanup(producer.kill)
        feeder = threading.Thread(target=feed, args=(producer, ''.join(f'one\t{value}\t\n' for value in values)))
        feeder.start()
        wait_for(lambda: producer.poll() is not None or self.end_offset('through') > 1, 'the first records')
        self.broker.kill()
        self.broker.start()
        self.assertEqual(producer.wait(WAIT_S), 0)
        feeder.join()
        found = kcat(self.broker, '-C', '-t', 'through', '-e', '-q').split()
        self.assertEqual(found, ['first', *values])

    def end_offset(self, topic):
        """Of all its partitions together."""
        wanted = [part for partition in range(PARTITIONS) for part in ('-t', f'{topic}:{partition}:-1')]
        return sum(int(line.split()[-1]) for line in kcat(self.broker, '-Q', *wanted).splitlines() if topic in line)

    def test_stop_and_kill_keep_data_and_offsets(self):
        values = [str(i) for i in range(40)]
        found = []
        for part, end in enumerate((self.broker.stop, self.broker.kill, None)):
            self.produce('survivor', [('one', value, '') for value in values[part * 10:part * 10 + 10]])
            found += [fields[3] for fields in self.consume('survivor', 'survivor', 10)]
            if end:
                end()
                self.broker.start()
        self.produce('survivor', [('one', value, '') for value in values[30:]])
        found += [fields[3] for fields in self.consume('survivor', 'survivor', 10)]
        self.assertEqual(found, values)
        everything = self.consume('survivor', 'another-group', len(values))
        self.assertEqual([fields[3] for fields in everything], values)


def feed(process, text):
    with process.stdin:
        process.stdin.write(text)


def kcat_by_partition(broker, topic, number):
    """One record into each partition."""
    for partition in range(PARTITIONS):
        kcat(broker, '-P', '-t', topic, '-p', str(partition), stdin=f'{number}-{partition}\n')


if __name__ == '__main__':
    ClientTest.name = sys.argv[2]
    ClientTest.command = command_of(ClientTest.name, pathlib.Path(sys.argv[1]))
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
