#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start and stop of the broker's program: arguments, exit codes, what a wrong configuration is told, identity."""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

from broker import PROGRAM, Broker, wait_for
from wire import Connection, array, string
from zookeeper import ZooKeeper, free_port

STARTED = 'started (broker)'


def run_program(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


class Arguments(unittest.TestCase):
    def test_version(self):
        result = run_program('--version')
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith('3.9.1'))

    def test_help(self):
        for arguments in ([], ['--help']):
            result = run_program(*arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn('USAGE', result.stderr)

    def test_wrong_arguments(self):
        with tempfile.NamedTemporaryFile('w', suffix='.properties') as file:
            for arguments, message in (
                    (['no-such-file'], 'no-such-file'),
                    ([file.name, '--bogus'], 'bogus is not a recognized option'),
                    ([file.name, '--override'], 'Option override requires an argument'),
                    ([file.name], 'Missing required configuration `zookeeper.connect` which has no default value.')):
                result = run_program(*arguments)
                self.assertEqual(result.returncode, 1)
                self.assertIn(message, result.stdout)


class WithZooKeeper(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()

    @classmethod
    def tearDownClass(cls):
        cls.zookeeper.close()

    def make(self, chroot, **settings):
        """A broker below this chroot; settings with _ for the dots."""
        changes = {'zookeeper.connect': f'{self.zookeeper.connect}/{chroot}'}
        changes.update({key.replace('_', '.'): value for key, value in settings.items()})
        broker = Broker(self.zookeeper, settings=changes)
        self.addCleanup(broker.close)
        return broker

    def start_fails(self, broker, *messages):
        """Starts the broker, which must end with 1 and say all of these."""
        broker.launch()
        self.assertEqual(broker.process.wait(timeout=60), 1, broker.output())
        broker.process = None
        for message in messages:
            self.assertIn(message, broker.output())

    def test_signals(self):
        broker = self.make('signals')
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
            broker.start()
            wait_for(lambda: STARTED in broker.output(), 'the line that says so')
            os.kill(broker.process.pid, signal.SIGPIPE)
            self.assertEqual(broker.stop(number), code)
            self.assertIn('shut down completed', broker.output())
            self.assertTrue((broker.data / '.kafka_cleanshutdown').exists())
            broker.log.unlink()

    def test_identity(self):
        broker = self.make('identity').start()
        broker.stop()
        first = (broker.data / 'meta.properties').read_text()
        broker.start()
        self.assertEqual((broker.data / 'meta.properties').read_text(), first)
        broker.stop()
        # The same directory with another number, or another cluster.
        connect = broker.settings['zookeeper.connect']
        broker.settings['broker.id'] = 8
        self.start_fails(broker, "Stored node id 0 doesn't match previous node id 8 in ", 'meta.properties')
        broker.settings.update({'broker.id': 0, 'zookeeper.connect': connect + '-other'})
        self.start_fails(broker, 'Invalid cluster.id in: ', 'Expected ', ', but read ', 'delete the log directory')

    def test_restart_after_kill(self):
        """The registration of the killed process does not keep the next one from starting."""
        broker = self.make('kill', zookeeper_session_timeout_ms=60000)
        for _ in range(3):
            broker.start()
            wait_for(lambda: STARTED in broker.output(), 'the line that says so')
            broker.kill()
            broker.log.unlink()
        broker.start()
        self.assertEqual(broker.stop(), 143)

    def test_topics_are_known_from_the_first_answer(self):
        """A client that was waiting for the start is not told that a topic is unknown."""
        broker = self.make('first-answer').start()
        with Connection(broker.port) as connection:
            wait_for(lambda: connection.create_topic('known') in (0, 36), 'the topic')
        for _ in range(5):
            broker.kill()
            broker.launch()
            connection = wait_for(lambda: connect(broker.port), 'the listener')
            with connection:
                answer = connection.call(3, 4, array([string('known')]) + b'\0')
                at = answer.rindex(string('known'))
                self.assertEqual(struct.unpack_from('>h', answer, at - 2)[0], 0)

    def test_second_broker(self):
        first = self.make('second').start()
        self.start_fails(self.make('second', log_dirs=first.data), 'Failed to acquire lock on file .lock in ')
        self.start_fails(self.make('second', broker_id=1), 'Cannot register broker 1')
        self.start_fails(self.make('port', listeners=f'PLAINTEXT://127.0.0.1:{first.port}'), 'Address already in use',
                         str(first.port))
        self.assertTrue(first.answers())

    def test_override(self):
        broker = self.make('override', num_partitions=2)
        broker.port = free_port()
        broker.launch(['--override', 'listeners=PLAINTEXT://127.0.0.1:1', '--override=nokey', '--override',
                       f'listeners=PLAINTEXT://127.0.0.1:{broker.port}'])
        wait_for(broker.answers, 'the broker to answer')
        self.assertEqual(broker.stop(), 143)

    def test_empty_host(self):
        """It stands for all addresses, of IPv4 and IPv6."""
        broker = self.make('host')
        broker.settings['listeners'] = f'PLAINTEXT://:{broker.port}'
        broker.start()
        addresses = pathlib.Path('/proc/net/if_inet6')
        if addresses.exists() and addresses.read_text():
            socket.create_connection(('::1', broker.port)).close()

    def test_generated_id(self):
        broker = self.make('generated', broker_id=-1).start()
        wait_for(lambda: '[KafkaServer id=1001] started (broker)' in broker.output(), 'the line that says so')

    def test_without_zookeeper(self):
        broker = Broker(None, settings={'zookeeper.connect': f'127.0.0.1:{free_port()}',
                                        'zookeeper.connection.timeout.ms': 500})
        self.addCleanup(broker.close)
        self.start_fails(broker, 'Timed out waiting for connection')

    def test_warnings(self):
        broker = self.make('warnings', nosuch_key=1, log_cleaner_threads=2).start()
        self.assertIn('nosuch.key', broker.output())
        self.assertIn('log.cleaner.threads', broker.output())

    def test_bad_values(self):
        for key, value, message in (
                ('broker_id', 'abc', 'Invalid value abc for configuration broker.id: Not a number of type INT'),
                ('auto_create_topics_enable', 'maybe', 'Expected value to be either true or false'),
                ('listeners', 'FOO://localhost:39096', "Error creating broker listeners from 'FOO://localhost:39096': No "
                                                       "security protocol defined for listener FOO"),
                ('log_dirs', '/proc/nowhere', '/proc/nowhere'),
                ('zookeeper_set_acl', 'true', 'zookeeper.set.acl')):
            self.start_fails(self.make('bad', **{key: value}), message)


def connect(port):
    try:
        return Connection(port)
    except OSError:
        return None


if __name__ == '__main__':
    unittest.main()
