# SPDX-License-Identifier: Apache-2.0
"""Each attack of attacks.py against a broker: what the attacker gets, how much memory it costs, that others are served
meanwhile and afterwards, and that no attack fills the log. docs/security.md tells what Apache Kafka does."""
import pathlib
import re
import resource
import shutil
import tempfile
import unittest

import attack_watch
from broker import Broker, kcat
from certificates import Authority
from zookeeper import ZooKeeper, free_port

# Memory beyond the frames and blocks that an attack may hold: a sanitizer's share, buffers that wait for reuse.
SLACK_MB = 192
REFUSALS_PER_SECOND = 11
PATIENCE_S = 250  # a sanitizer on a busy machine

# What the attacker sees, and what the broker may grow by at its peak, in MB.
EXPECTED = {
    # Frames of peers that are not known share memory for one largest request, 100 MB, and one frame more.
    'tagged_fields': (r'16 answered', 130),
    'array_lengths': (r'\d answered, \d\d closed', 0),
    'dense_arrays': (r'16 closed', 130),
    'bomb_gzip': (r'8 error 10 ', 0),
    'bomb_snappy': (r'8 error 0 ', 8 * 3),
    'bomb_bare_snappy': (r'8 error 0 ', 8 * 17),  # a block is expanded whole
    'bomb_lz4': (r'8 error 10 ', 8 * 10),
    'bomb_zstd': (r'8 error 10 ', 0),
    'snappy_lengths': (r'32 error -1$', 0),
    'many_batches': (r'1 error 0, 1 error 2, 1 error 53, 5 error 87$', 0),
    'posing_replica': (r'0: error 6, high watermark -1; 1: error 6, high watermark -1; 77: error 6, high watermark -1; '
                       r'2147483647: error 6, high watermark -1; -2: error 0, high watermark \d+; '
                       r'-3: error 0, high watermark \d+$', 0),
    'half_open_frames': (r'\d+ closed after 3 s, 10000 connected$', 100),
    'half_sent_frames': (r'\d+ closed after 3 s, 1000 connected$', 130),
    'oversized_frames': (r'10000 closed$', 0),
    'byte_by_byte': (r'200 answered, 0 endless closed$', 0),
    'tls_garbage': (r'209 closed$', 0),
    'tls_half_hello': (r'\d+ closed after 3 s, 5000 connected$', 5000 * 4 >> 10),
    'tls_half_open': (r'\d+ closed after 3 s, 5000 connected$', 5000 * 48 >> 10),
    'tls_downgrade': (r'TLS 1.0: refused, TLS 1.1: refused, TLS 1.2: agreed, TLS 1.3: agreed, no encryption: refused, '
                      r'anonymous: refused, fallback to 1.2: refused$', 0),
    'tls_renegotiation': (r'refused$', 0),
    'never_reading': (r'0 closed, \d+ kB of requests taken each$', 0),
}


class AttacksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the broker inherits it
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper, settings={
            'num.network.threads': 2, 'num.io.threads': 4, 'socket.listen.backlog.size': 4096})
        cls.addClassCleanup(cls.broker.close)
        cls.tls_port = free_port()
        keys = pathlib.Path(tempfile.mkdtemp(prefix='barnabas-attacks-'))
        cls.addClassCleanup(shutil.rmtree, keys, ignore_errors=True)
        cls.broker.settings['listeners'] += f',SSL://127.0.0.1:{cls.tls_port}'
        cls.broker.settings['ssl.keystore.type'] = 'PEM'
        cls.broker.settings['ssl.keystore.location'] = Authority(keys).issue('broker').pem
        cls.broker.start()
        kcat(cls.broker, '-P', '-t', 'hostile', stdin=''.join('%01000d\n' % i for i in range(20000)))

    def refusals(self):
        return re.findall(r'Closing the connection.*', self.broker.output())

    def withstand(self, name):
        seen, growth_mb = EXPECTED[name]
        before = len(self.refusals())
        outcome = attack_watch.attack(name, self.broker.process.pid, self.broker.port, self.tls_port, PATIENCE_S)
        print(outcome, flush=True)
        self.assertRegex(outcome.seen, '^' + seen)
        self.assertLess(outcome.peak_growth_kb, (growth_mb + SLACK_MB) << 10)
        self.assertEqual(outcome.failures, 0, 'somebody else was not served')
        self.assertGreater(outcome.answers, 0)
        self.assertIsNone(self.broker.process.poll(), 'the broker has ended')
        self.assertTrue(self.broker.answers())
        refusals = self.refusals()[before:]
        self.assertLess(len(refusals), (outcome.seconds + 2) * REFUSALS_PER_SECOND)
        for line in refusals:
            self.assertRegex(line, r'from 127\.0\.0\.1 port \d+')


for attack_name in EXPECTED:
    setattr(AttacksTest, f'test_{attack_name}', lambda self, name=attack_name: self.withstand(name))


if __name__ == '__main__':
    unittest.main()
