#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays transcripts of Apache Kafka's command line programs (test/golden/cli, made by test/peer/capture_cli) with our
programs against our broker: the same standard output and exit code, and the same message in the first line of
standard error, after what differs from run to run is masked."""
import os
import pathlib
import sys
import tempfile
import unittest

import transcripts
from broker import Broker, wait_for
from zookeeper import ZooKeeper
from zookeeper_client import Client

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = SOURCE / 'test' / 'golden' / 'cli'


class Cli(unittest.TestCase):
    maxDiff = None

    def play(self, name):
        with ZooKeeper() as zookeeper, Broker(zookeeper) as broker, tempfile.TemporaryDirectory() as folder:
            addresses = f'localhost:{broker.port}', zookeeper.connect
            for command in transcripts.read(GOLDEN / f'{name}.txt'):
                with self.subTest(command.line):
                    self.compare(command, pathlib.Path(folder), *addresses)
                    if 'marked for deletion' in command.stdout:
                        wait_for_deletions(zookeeper)

    def compare(self, command, folder, broker, zookeeper):
        stdout, stderr, code = command.run(lambda program: [str(SOURCE / 'bin' / program)], folder, broker, zookeeper,
                                           environment=dict(os.environ, LC_ALL='C.UTF-8'))
        stdout = transcripts.mask(stdout, broker, zookeeper)
        wanted = command.stdout
        if 'kafka-console-consumer' in command.line and '--partition' not in command.line:
            # The order of several partitions' records is a matter of luck.
            stdout, wanted = sorted(stdout.splitlines()), sorted(wanted.splitlines())
        said = transcripts.mask(transcripts.first_message(stderr), broker, zookeeper)
        self.assertEqual((code, stdout), (command.code, wanted), stderr)
        if command.stderr == '[help]\n':
            self.assertTrue(said)
        elif command.stderr:
            self.assertEqual(said, command.stderr.rstrip('\n'))


def wait_for_deletions(zookeeper):
    """A topic that is marked goes a little later, as the recorded commands took for granted."""
    client = Client(zookeeper)
    try:
        wait_for(lambda: client.children('/admin/delete_topics') == [], 'the topics to be deleted')
    finally:
        client.close()


def case(name):
    return lambda self: self.play(name)


for path in sorted(GOLDEN.glob('*.txt')):
    setattr(Cli, 'test_' + path.stem.replace('-', '_'), case(path.stem))

if __name__ == '__main__':
    unittest.main(argv=sys.argv)
