# SPDX-License-Identifier: Apache-2.0
"""kcat against one broker: produce, consume, acks, codecs, keys, groups, restarts."""
import signal
import unittest

from broker import Broker, kcat, wait_for
from zookeeper import ZooKeeper


class KcatTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()

    @classmethod
    def tearDownClass(cls):
        cls.zookeeper.close()

    def setUp(self):
        # A chroot of its own: the broker of the test before may still be registered.
        chroot = f'{self.zookeeper.connect}/{self.id()}'
        self.broker = Broker(self.zookeeper, settings={'zookeeper.connect': chroot})
        self.addCleanup(self.broker.close)
        self.broker.start()

    def lines(self, topic, *arguments):
        return kcat(self.broker, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', *arguments).splitlines()

    def test_metadata_names_the_broker(self):
        self.assertIn(f'broker 0 at {self.broker.address} (controller)', kcat(self.broker, '-L'))

    def test_what_is_produced_is_consumed(self):
        wanted = {}
        for acks in ('0', '1', 'all'):
            for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
                lines = wanted[acks, codec] = [f'{acks} {codec} {i} {codec * 20}' for i in range(200)]
                kcat(self.broker, '-P', '-t', 'produced', '-X', f'acks={acks}', '-z', codec, stdin='\n'.join(lines) + '\n')
        found = wait_for(lambda: len(lines := self.lines('produced')) >= 200 * len(wanted) and lines, 'all to be there')
        # One run's lines are in their order; the runs with acks=0 may overlap.
        for (acks, codec), lines in wanted.items():
            self.assertEqual([line for line in found if line.startswith(f'{acks} {codec} ')], lines)
        self.assertEqual(len(found), 200 * len(wanted))
        # librdkafka sends everything uncompressed to a broker whose Produce does not begin at version 0.
        self.assertEqual(self.codecs('produced'), {0, 1, 2, 3, 4})

    def codecs(self, topic):
        """Those of the batches in the log of its partition 0."""
        log = next((self.broker.data / f'{topic}-0').glob('*.log')).read_bytes()
        codecs, at = set(), 0
        while at < len(log):
            codecs.add(log[at + 22] & 7)
            at += 12 + int.from_bytes(log[at + 8:at + 12], 'big')
        return codecs

    def test_an_idempotent_producer_is_taken(self):
        kcat(self.broker, '-P', '-t', 'idempotent', '-X', 'enable.idempotence=true', stdin='a\nb\nc\n')
        self.assertEqual(self.lines('idempotent'), ['a', 'b', 'c'])

    def test_keys_headers_and_nulls(self):
        kcat(self.broker, '-P', '-t', 'keys', '-K:', '-Z', '-H', 'h=v', stdin='k1:v1\nk2:\n')
        found = self.lines('keys', '-f', '%k=%S=%s=%h\n')
        self.assertEqual(found, ['k1=2=v1=h=v', 'k2=-1==h=v'])

    def test_data_survive_stop_and_kill(self):
        kcat(self.broker, '-P', '-t', 'survivor', stdin='one\n')
        self.assertEqual(self.broker.stop(), 143)
        self.broker.start()
        kcat(self.broker, '-P', '-t', 'survivor', '-X', 'acks=all', stdin='two\n')
        self.broker.kill()
        self.broker.start()
        self.assertEqual(self.lines('survivor'), ['one', 'two'])
        self.assertEqual(self.broker.stop(signal.SIGINT), 130)

    def test_a_group_resumes_where_it_committed(self):
        kcat(self.broker, '-P', '-t', 'resumed', stdin=''.join(f'{i}\n' for i in range(10)))
        first = kcat(self.broker, '-G', 'g1', '-q', '-c', '4', 'resumed', '-X', 'auto.offset.reset=earliest')
        self.assertEqual(first.split(), ['0', '1', '2', '3'])
        self.broker.kill()
        self.broker.start()
        second = kcat(self.broker, '-G', 'g1', '-q', '-c', '6', 'resumed', '-X', 'auto.offset.reset=earliest')
        self.assertEqual(second.split(), ['4', '5', '6', '7', '8', '9'])


if __name__ == '__main__':
    unittest.main()
