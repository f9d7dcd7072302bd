#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console programs in what a transcript cannot show: terminals, signals, pipes that close, servers that are not
there, groups that go on where they were."""
import json
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import unittest

from broker import Broker, wait_for
from zookeeper import ZooKeeper, free_port

BIN = pathlib.Path(__file__).resolve().parent.parent.parent / 'bin'


def words(name, *arguments):
    return [str(BIN / name), *arguments]


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper)
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        cls.server = ('--bootstrap-server', f'localhost:{cls.broker.port}')

    def produce(self, topic, *lines, arguments=()):
        result = subprocess.run(words('kafka-console-producer.sh', *self.server, '--topic', topic, *arguments),
                                input=''.join(f'{line}\n' for line in lines), capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def consume(self, topic, *arguments, server=None):
        return subprocess.run(words('kafka-console-consumer.sh', *(server or self.server), '--topic', topic, *arguments),
                              capture_output=True, text=True, timeout=120)

    def read_all(self, topic, count):
        result = self.consume(topic, '--from-beginning', '--max-messages', str(count), '--timeout-ms', '60000')
        return result.stdout.splitlines()

    def start_consumer(self, topic, *arguments):
        process = subprocess.Popen(words('kafka-console-consumer.sh', *self.server, '--topic', topic, *arguments),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def at_a_terminal(self, arguments, typed):
        """Runs the producer at a terminal, types and returns (what was seen, exit code)."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(arguments[0], arguments)
        seen = b''
        try:
            for key, after in typed:
                while after not in seen:
                    seen += os.read(terminal, 1000)
                os.write(terminal, key)
            while True:
                seen += os.read(terminal, 1000)
        except OSError:
            pass  # the terminal closed with its program
        os.close(terminal)
        return seen.replace(b'\r\n', b'\n'), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_a_prompt_at_a_terminal(self):
        arguments = words('kafka-console-producer.sh', *self.server, '--topic', 'typed')
        self.produce('typed', 'first')
        seen, code = self.at_a_terminal(arguments, [(b'one\n', b'>'), (b'two\n', b'one\r\n>'), (b'\x04', b'two\r\n>')])
        self.assertEqual((seen, code), (b'>one\n>two\n>', 0))
        self.assertEqual(self.read_all('typed', 3), ['first', 'one', 'two'])
        seen, code = self.at_a_terminal(arguments, [(b'\x03', b'>')])
        self.assertEqual((seen, code), (b'>^C', 130))

    def test_what_was_read_before_a_bad_line_is_sent(self):
        result = subprocess.run(words('kafka-console-producer.sh', *self.server, '--topic', 'bad-line', '--property',
                                      'parse.key=true'), input='k\tgood\nbad\nk\tafter\n', capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No key separator found on line number 2: 'bad'", result.stderr)
        self.assertEqual(self.read_all('bad-line', 1), ['good'])

    def test_many_lines_in_every_codec(self):
        lines = [f'line {i} ' + 'x' * (i % 90) for i in range(3000)]
        for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
            self.produce(f'codec-{codec}', *lines, arguments=('--compression-codec', codec))
            self.assertEqual(self.read_all(f'codec-{codec}', len(lines)), lines)

    def test_signals(self):
        self.produce('signals', 'a', 'b')
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_consumer('signals', '--from-beginning')
            self.assertEqual([process.stdout.readline() for _ in range(2)], ['a\n', 'b\n'])
            process.send_signal(number)
            self.assertEqual(process.wait(120), 128 + number)
            self.assertEqual(process.stderr.read().splitlines()[-1], 'Processed a total of 2 messages')

    def test_a_reader_that_goes_away(self):
        self.produce('pipe', *(f'line {i}' for i in range(20000)))
        consumer = subprocess.Popen(words('kafka-console-consumer.sh', *self.server, '--topic', 'pipe', '--from-beginning'),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        head = subprocess.run(['head', '-n', '1'], stdin=consumer.stdout, capture_output=True, text=True, timeout=120)
        consumer.stdout.close()
        self.assertEqual(head.stdout, 'line 0\n')
        self.assertIn(b'Unable to write to standard out, closing consumer.', consumer.stderr.read())
        consumer.stderr.close()
        self.assertEqual(consumer.wait(120), 0)

    def test_a_group_goes_on_where_it_was(self):
        self.produce('resumed', *(str(i) for i in range(10)))
        group = ('--group', 'resuming', '--from-beginning')
        first = self.consume('resumed', *group, '--max-messages', '4')
        self.assertEqual(first.stdout.split(), ['0', '1', '2', '3'])
        # A member that is killed after it has committed loses nothing and gets nothing twice.
        process = self.start_consumer('resumed', *group, '--consumer-property', 'auto.commit.interval.ms=50',
                                      '--consumer-property', 'session.timeout.ms=6000')
        self.assertEqual([process.stdout.readline() for _ in range(6)], [f'{i}\n' for i in range(4, 10)])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(120), 143)
        self.produce('resumed', 'new')
        last = self.consume('resumed', *group, '--max-messages', '1')
        self.assertEqual(last.stdout.split(), ['new'])

    def test_nobody_listens(self):
        nobody = f'localhost:{free_port()}'
        warning = f'WARN .*Connection to node -1 \\(localhost/127.0.0.1:{nobody[10:]}\\) could not be established. ' \
                  'Node may not be available.'
        result = subprocess.run(words('kafka-console-producer.sh', '--bootstrap-server', nobody, '--topic', 't',
                                      '--max-block-ms', '1500'), input='x\n', capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr.splitlines()[0], warning)
        self.assertEqual(result.stderr.splitlines()[-1],
                         'org.apache.kafka.common.errors.TimeoutException: Topic t not present in metadata after 1500 ms.')
        result = self.consume('t', '--timeout-ms', '1500', server=('--bootstrap-server', nobody))
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr.splitlines()[0], warning)
        self.assertEqual(result.stderr.splitlines()[-1], 'Processed a total of 0 messages')

    def test_no_zookeeper_listens(self):
        nobody = f'localhost:{free_port()}'
        process = subprocess.Popen(words('kafka-topics.sh', '--zookeeper', nobody, '--list'), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        # It tries for 30 s, but says so at once.
        self.assertRegex(process.stderr.readline(), f'WARN ZooKeeper does not answer: {nobody} .*Connection refused')

    def test_a_broker_that_comes_later(self):
        later = Broker(self.zookeeper)
        self.addCleanup(later.close)
        later.settings['zookeeper.connect'] += '/later'
        process = subprocess.Popen(words('kafka-topics.sh', '--bootstrap-server', f'localhost:{later.port}', '--list'),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn('could not be established', process.stderr.readline())
        later.start()
        out, _ = process.communicate(timeout=120)
        self.assertEqual((process.returncode, out), (0, '\n'))

    def test_keys_of_other_configurations(self):
        self.assertIn("The configuration 'nonsense' is not known and has no effect.",
                      self.produce('keys', 'x', arguments=('--producer-property', 'nonsense=1')).stderr)
        refusal = 'The configuration sasl.mechanism is not supported'
        result = subprocess.run(words('kafka-console-producer.sh', *self.server, '--topic', 'keys',
                                      '--producer-property', 'sasl.mechanism=PLAIN'),
                                input='x\n', capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn(refusal, result.stderr)
        with tempfile.NamedTemporaryFile('w', suffix='.properties') as file:
            file.write('sasl.mechanism=PLAIN\n')
            file.flush()
            result = subprocess.run(words('kafka-topics.sh', *self.server, '--command-config', file.name, '--list'),
                                    capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn(refusal, result.stderr)

    def test_deserializers_by_class_name(self):
        package = 'org.apache.kafka.common.serialization.'
        self.produce('longs', '\x00\x00\x00\x00\x00\x00\x00*')
        result = self.consume('longs', '--from-beginning', '--max-messages', '1', '--value-deserializer',
                              package + 'LongDeserializer')
        self.assertEqual(result.stdout, '42\n')
        result = self.consume('longs', '--from-beginning', '--max-messages', '1', '--property',
                              f'value.deserializer={package}IntegerDeserializer')
        self.assertEqual(result.returncode, 1)
        self.assertIn('Size of data received by IntegerDeserializer is not 4', result.stderr)

    def read_internal(self, formatter):
        result = self.consume('__consumer_offsets', '--from-beginning', '--timeout-ms', '3000', '--formatter', formatter)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_internal_topics(self):
        self.produce('committed', 'a', 'b')
        self.consume('committed', '--group', 'formatted', '--from-beginning', '--max-messages', '2')
        decoder, records = json.JSONDecoder(), []
        for formatter in ('OffsetsMessageFormatter', 'GroupMetadataMessageFormatter'):
            text = self.read_internal(f'org.apache.kafka.tools.consumer.{formatter}')
            while text:
                record, end = decoder.raw_decode(text)
                records.append(record)
                text = text[end:]
        offsets = [record for record in records
                   if record['key'] == {'version': 1, 'data': {'group': 'formatted', 'topic': 'committed', 'partition': 0}}]
        self.assertEqual(offsets[-1]['value']['version'], 3)
        self.assertEqual(offsets[-1]['value']['data']['offset'], 2)
        groups = [record for record in records if record['key'] == {'version': 2, 'data': {'group': 'formatted'}}]
        self.assertEqual(groups[0]['value']['data']['protocolType'], 'consumer')
        old = self.read_internal('kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter')
        self.assertRegex(old, r'\[formatted,committed,0\]::OffsetAndMetadata\(offset=2, leaderEpoch=Optional\S+, metadata=, '
                              r'commitTimestamp=\d+, expireTimestamp=None\)\n')

    def test_usage_of_scripts(self):
        for name, usage in (('kafka-server-start.sh', '[-daemon] server.properties [--override property=value]*'),
                            ('zookeeper-server-start.sh', '[-daemon] zookeeper.properties'),
                            ('zookeeper-shell.sh', 'zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]')):
            result = subprocess.run(words(name), capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout), (1, f'USAGE: {BIN / name} {usage}\n'))
        result = subprocess.run(words('kafka-server-start.sh', '--version'), capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith('3.9.1'))

    def test_stop_scripts_end_nothing_else(self):
        # The system's brokers are left alone: nobody has node id 12345.
        result = subprocess.run(words('kafka-server-stop.sh', '--node-id=12345'), capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (1, 'No kafka server to stop\n'))
        self.assertTrue(wait_for(self.broker.answers, 'the broker to answer'))


if __name__ == '__main__':
    unittest.main()
