# SPDX-License-Identifier: Apache-2.0
"""A broker and its ZooKeeper session: kill -9, expiry, restarts of ZooKeeper, others with the same id or cluster."""
import re
import socket
import struct
import unittest

from broker import Broker, wait_for
from wire import Connection
from zookeeper import ZooKeeper, free_port


def broker_session(broker):
    """The session's id and password, from the log directory; the file may just be being written."""
    def read():
        return re.fullmatch('version=1\nsession=0x(.*)\npassword=(.*)\n', (broker.data / 'zookeeper-session').read_text())

    match = wait_for(read, 'the session file')
    return int(match[1], 16), bytes.fromhex(match[2])


def end_session(zookeeper, session, password):
    """What expiry does: takes the session up and closes it, until ZooKeeper knows it no more."""
    connect = struct.pack('>iqiQ', 0, 0, 6000, session) + struct.pack('>i', len(password)) + password
    while True:
        with socket.create_connection(('127.0.0.1', zookeeper.port), timeout=30) as connection:
            connection.sendall(struct.pack('>i', len(connect)) + connect + struct.pack('>iii', 8, 1, -11))
            answer = connection.makefile('rb').read()
        if len(answer) >= 12 and struct.unpack('>i', answer[8:12])[0] == 0:
            return


class ZooKeeperSession(unittest.TestCase):
    def setUp(self):
        self.zookeeper = ZooKeeper().start()
        self.addCleanup(self.zookeeper.close)

    def broker(self, **named):
        settings = {'zookeeper.session.timeout.ms': 6000}
        settings.update(named.pop('settings', {}))
        broker = Broker(self.zookeeper, settings=settings, **named)
        self.addCleanup(broker.close)
        return broker

    def create(self, broker, topic):
        """Creates a topic; whatever is on its way (an election, say) is waited for."""
        def created():
            with Connection(broker.port) as connection:
                return connection.create_topic(topic) in (0, 36)
        wait_for(created, f'topic {topic}')

    def refused(self, broker, *texts):
        broker.launch()
        self.assertEqual(broker.process.wait(120), 1)
        for text in texts:
            self.assertIn(text, broker.output())

    def test_kill_and_restart(self):
        # ZooKeeper would keep the old registration for longer than any wait of this test.
        broker = self.broker(settings={'zookeeper.session.timeout.ms': 60000}).start()
        self.create(broker, 'before')
        for _ in range(3):
            session, _ = broker_session(broker)
            broker.kill()
            broker.start()
            self.assertNotEqual(broker_session(broker)[0], session)
        self.assertIn('that a killed broker left', broker.output())
        self.create(broker, 'after')
        self.assertEqual((broker.data / 'zookeeper-session').stat().st_mode & 0o777, 0o600)
        broker.stop()
        self.assertFalse((broker.data / 'zookeeper-session').exists())

    def test_restart_without_the_file(self):
        broker = self.broker().start()
        broker.kill()
        (broker.data / 'zookeeper-session').unlink()
        broker.start()
        self.assertIn('still registered by the ZooKeeper session', broker.output())
        self.create(broker, 'after')

    def test_stop_while_the_id_is_taken(self):
        broker = self.broker(settings={'zookeeper.session.timeout.ms': 60000}).start()
        broker.kill()
        (broker.data / 'zookeeper-session').unlink()
        broker.launch()
        wait_for(lambda: 'still registered by the ZooKeeper session' in broker.output(), 'the wait for the other one')
        broker.process.terminate()
        self.assertEqual(broker.process.wait(120), 143, broker.output())
        self.assertIn('is to stop before it is registered', broker.output())

    def test_a_failed_start_keeps_the_file(self):
        broker = self.broker(settings={'zookeeper.session.timeout.ms': 60000,
                                       'zookeeper.connection.timeout.ms': 2000}).start()
        broker.kill()
        self.zookeeper.kill()
        self.refused(broker, 'ZooKeeper does not answer')
        self.zookeeper.start()
        broker.start()
        self.assertIn('that a killed broker left', broker.output())

    def test_same_id(self):
        first = self.broker().start()
        self.refused(self.broker(settings={'zookeeper.session.timeout.ms': 1000}),
                     'Broker id 0 is registered in ZooKeeper by another live session')
        self.create(first, 'still-here')

    def test_other_id(self):
        first = self.broker().start()
        self.refused(self.broker(broker_id=1), f'Broker 0 at {first.address} is registered in this ZooKeeper already')
        self.create(first, 'still-here')

    def test_expiry(self):
        broker = self.broker().start()
        self.create(broker, 'before')
        for i in range(2):
            session, password = broker_session(broker)
            end_session(self.zookeeper, session, password)
            wait_for(lambda: broker_session(broker)[0] != session, 'a new session')
            self.create(broker, f'after-{i}')
        self.assertTrue(broker.answers())

    def test_zookeeper_restarts(self):
        broker = self.broker().start()
        self.create(broker, 'before')
        session = broker_session(broker)
        self.zookeeper.kill()
        wait_for(lambda: 'Lost the connection to ZooKeeper' in broker.output(), 'the loss to be noticed')
        self.assertTrue(broker.answers())
        self.zookeeper.start()
        self.create(broker, 'after')
        self.assertEqual(broker_session(broker), session)

    def test_zookeeper_hangs(self):
        broker = self.broker().start()
        self.zookeeper.pause()
        wait_for(lambda: 'Lost the connection to ZooKeeper' in broker.output(), 'the loss to be noticed')
        self.zookeeper.resume()
        self.create(broker, 'after')

    def test_stop_without_zookeeper(self):
        broker = self.broker().start()
        self.zookeeper.kill()
        broker.stop()
        # ZooKeeper does not know of the end: the next start tells it.
        self.assertTrue((broker.data / 'zookeeper-session').exists())
        # With a controller that waits for ZooKeeper.
        self.zookeeper.start()
        broker.start()
        self.create(broker, 'before')
        self.zookeeper.kill()
        with Connection(broker.port) as connection:
            connection.start_to_create_topic('during')
            broker.stop()

    def test_chroot_and_hosts(self):
        connect = f'127.0.0.1:{free_port()},{self.zookeeper.connect}/kafka/c1'
        broker = self.broker(settings={'zookeeper.connect': connect}).start()
        self.create(broker, 'in-a-chroot')
        # Another cluster in the same ZooKeeper.
        other = self.broker(broker_id=1).start()
        self.create(other, 'outside')

    def test_nobody_there(self):
        port = free_port()
        self.refused(self.broker(settings={'zookeeper.connect': f'localhost:{port}', 'zookeeper.connection.timeout.ms': 500}),
                     'Timed out waiting for connection', f'localhost:{port} (Connection refused)',
                     'bin/zookeeper-server-start.sh config/zookeeper.properties')

    def test_what_the_library_cannot(self):
        for key in ('zookeeper.ssl.client.enable', 'zookeeper.set.acl'):
            self.refused(self.broker(settings={key: 'true'}), key)


if __name__ == '__main__':
    unittest.main(verbosity=2)
