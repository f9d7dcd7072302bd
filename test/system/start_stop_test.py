#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start and stop of the broker's program: arguments, exit codes, what a wrong configuration is told, identity."""
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from broker import PROGRAMS, Broker
from zookeeper import ZooKeeper, free_port

PROGRAM = PROGRAMS / 'server' / 'barnabas'


def run(*arguments, timeout=60):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout)


class Arguments(unittest.TestCase):
    def test_version(self):
        result = run('--version')
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith('3.9.1'))

    def test_help(self):
        for arguments in ([], ['--help']):
            result = run(*arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn('USAGE', result.stderr)

    def test_wrong(self):
        with tempfile.NamedTemporaryFile('w', suffix='.properties') as file:
            for arguments, message in ((['no-such-file'], 'no-such-file'), ([file.name, '--bogus'], 'bogus is not a recognized option'),
                                       ([file.name, '--override'], 'Option override requires an argument'),
                                       ([file.name], 'Missing required configuration `zookeeper.connect` which has no default value.')):
                result = run(*arguments)
                self.assertEqual(result.returncode, 1)
                self.assertIn(message, result.stdout)


class WithZooKeeper(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()

    @classmethod
    def tearDownClass(cls):
        cls.zookeeper.close()

    def start_fails(self, broker, *messages):
        """Starts the broker, which must end with 1 and say all of these."""
        broker.start(answers=False)
        self.assertEqual(broker.process.wait(timeout=60), 1)
        broker.process = None
        text = broker.log.read_text()
        for message in messages:
            self.assertIn(message, text)

    def test_signals(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
            with Broker(self.zookeeper.connect + '/signals') as broker:
                wait_for_line(broker, 'started (broker)')
                os.kill(broker.process.pid, signal.SIGPIPE)
                self.assertEqual(broker.stop(number), code)
                self.assertIn('shut down completed', broker.log.read_text())
                self.assertTrue((broker.folder / 'data' / '.kafka_cleanshutdown').exists())

    def test_restart_keeps_identity(self):
        with Broker(self.zookeeper.connect + '/identity') as broker:
            wait_for_line(broker, 'started (broker)')
            broker.stop()
            first = (broker.folder / 'data' / 'meta.properties').read_text()
            broker.start()
            wait_for_line(broker, 'started (broker)', times=2)
            self.assertEqual((broker.folder / 'data' / 'meta.properties').read_text(), first)
            broker.stop()
            # The same directory with another number, or another cluster.
            text = broker.file.read_text()
            broker.file.write_text(text.replace('broker.id=0', 'broker.id=8'))
            self.start_fails(broker, "Stored node id 0 doesn't match previous node id 8 in ", 'meta.properties')
            broker.file.write_text(text.replace('/identity', '/elsewhere'))
            self.start_fails(broker, 'Invalid cluster.id in: ', 'Expected ', ', but read ', 'delete the log directory')

    def test_restart_after_kill(self):
        """The registration of the killed process does not keep the next one from starting."""
        with Broker(self.zookeeper.connect + '/kill', zookeeper_session_timeout_ms=30000) as broker:
            for count in (1, 2, 3):
                wait_for_line(broker, 'started (broker)', times=count)
                broker.kill()
                began = time.monotonic()
                broker.start()
                self.assertLess(time.monotonic() - began, 25)
            wait_for_line(broker, 'started (broker)', times=4)
            self.assertEqual(broker.stop(), 143)

    def test_second_broker(self):
        with Broker(self.zookeeper.connect + '/second') as first:
            wait_for_line(first, 'started (broker)')
            directory = Broker(self.zookeeper.connect + '/second', log_dirs=first.folder / 'data')
            other_id = Broker(self.zookeeper.connect + '/second', broker_id=1)
            port = Broker(self.zookeeper.connect + '/port', listeners=f'PLAINTEXT://localhost:{first.port}')
            self.start_fails(directory, 'Failed to acquire lock on file .lock in ')
            self.start_fails(other_id, 'another broker')
            self.start_fails(port, 'Address already in use', str(first.port))
            for broker in (directory, other_id, port):
                broker.close()
            self.assertTrue(first.accepts())

    def test_override(self):
        with Broker(self.zookeeper.connect + '/override') as broker:
            wait_for_line(broker, 'started (broker)')
            broker.stop()
            other = free_port()
            with open(broker.log, 'ab') as log:
                broker.process = subprocess.Popen(
                    [PROGRAM, broker.file, '--override', 'listeners=PLAINTEXT://localhost:1', '--override=nokey',
                     '--override', f'listeners=PLAINTEXT://localhost:{other}'], stdout=log, stderr=log)
            broker.port = other
            wait_for_line(broker, 'started (broker)', times=2)
            self.assertTrue(broker.accepts())
            self.assertEqual(broker.stop(), 143)

    def test_empty_host(self):
        """An empty host listens on IPv4 and IPv6."""
        port = free_port()
        with Broker(self.zookeeper.connect + '/host', listeners=f'PLAINTEXT://:{port}') as broker:
            wait_for_line(broker, 'started (broker)')
            socket.create_connection(('127.0.0.1', port)).close()
            if socket.has_ipv6 and os.path.exists('/proc/net/if_inet6') and open('/proc/net/if_inet6').read():
                socket.create_connection(('::1', port)).close()

    def test_generated_id(self):
        with Broker(self.zookeeper.connect + '/generated', broker_id=-1) as broker:
            wait_for_line(broker, '[KafkaServer id=1001] started (broker)')

    def test_without_zookeeper(self):
        broker = Broker(f'127.0.0.1:{free_port()}', zookeeper_connection_timeout_ms=500)
        self.start_fails(broker, 'Timed out waiting for connection')
        broker.close()


def wait_for_line(broker, text, times=1):
    deadline = time.monotonic() + 60
    while broker.log.read_text(errors='replace').count(text) < times:
        if broker.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f'no line with {text!r} in\n' + broker.log.read_text(errors='replace'))
        time.sleep(0.02)


if __name__ == '__main__':
    unittest.main(verbosity=2)
