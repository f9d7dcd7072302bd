# SPDX-License-Identifier: Apache-2.0
"""Limits at the door of a real broker: as server.properties has them, as an administrator changes them while it runs, and
what only the brokers' own listener is for."""
import socket
import struct
import unittest

import attacks
from admin_cases import BROKER, DELETE, SET, alter, resource
from broker import Broker, kcat, wait_for
from wire import Connection, array, string
from zookeeper import ZooKeeper, free_port


class DoorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper)
        cls.addClassCleanup(cls.broker.close)
        cls.client_port = free_port()
        cls.broker.settings.update({
            'listeners': f'{cls.broker.settings["listeners"]},CLIENT://127.0.0.1:{cls.client_port}',
            'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT',
            'queued.max.request.bytes': 1 << 20, 'socket.request.max.bytes': 1 << 20,
            'max.connection.creation.rate': 1000, 'listener.name.client.max.connections': 3})
        cls.broker.start()

    def change(self, key, value):
        change = (key, DELETE if value is None else SET, value)
        with Connection(self.broker.port) as connection:
            (error, message, _, _), = alter(resource(BROKER, '0', change))(connection)
        self.assertEqual((error, message), (0, None))

    def serves(self, port, seconds=5):
        """Whether a new connection is served, within this time."""
        try:
            peer = attacks.Peer(port, seconds)
        except OSError:
            return False
        peer.send(attacks.API_VERSIONS)
        answer = peer.answer()
        peer.close()
        return isinstance(answer, bytes) and answer != b''

    def test_connections_of_one_listener(self):
        held = [attacks.Peer(self.client_port) for _ in range(3)]
        for peer in held:
            peer.send(attacks.API_VERSIONS)
            self.assertIsInstance(peer.answer(), bytes)
        waiting = attacks.Peer(self.client_port)
        waiting.send(attacks.API_VERSIONS)
        self.assertTrue(self.serves(self.broker.port))  # the other listener is not concerned
        waiting.socket.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            waiting.socket.recv(1)
        wait_for(lambda: 'Listener CLIENT accepts no more connections' in self.broker.output(), 'a warning')
        waiting.socket.settimeout(60)
        self.change('listener.name.client.max.connections', '4')
        self.assertIsInstance(waiting.answer(), bytes)
        self.change('listener.name.client.max.connections', None)
        for peer in held + [waiting]:
            peer.close()
        wait_for(lambda: self.serves(self.client_port), 'the listener to serve again')

    def test_connections_of_one_address(self):
        keeper = Connection(self.broker.port)
        # By the connection that is there: a new one would be refused. 127.0.0.1 keeps it and the one that changes.
        for key, value, served in [('max.connections.per.ip', '1', False), ('max.connections.per.ip.overrides', '127.0.0.1:9', True),
                                   ('max.connections.per.ip.overrides', None, False), ('max.connections.per.ip', None, True)]:
            change = (key, DELETE if value is None else SET, value)
            (error, message, _, _), = alter(resource(BROKER, '0', change))(keeper)
            self.assertEqual((error, message), (0, None))
            wait_for(lambda wanted=served: self.serves(self.broker.port) == wanted, f'{key}={value} to hold')
        keeper.close()

    def test_large_first_requests_of_many(self):
        kcat(self.broker, '-P', '-t', attacks.TOPIC, stdin='x')
        data = attacks.produce(attacks.batch(attacks.record(bytes(200 * 1000))))
        self.assertEqual(attacks.all_at_once(self.broker.port, [data] * 40), '40 answered')

    def test_replicas_come_over_the_brokers_listener(self):
        kcat(self.broker, '-P', '-t', attacks.TOPIC, stdin='x')
        def error(port, replica):
            partition = struct.pack('>iiqqi', 0, -1, 0, 0, 1000)
            body = struct.pack('>iiiibii', replica, 0, 1, 1000, 0, 0, -1) + array([string(attacks.TOPIC) + array([partition])])
            with Connection(port) as connection:
                answer = connection.call(1, 11, body + array([]) + string(''))
            return struct.unpack_from('>h', answer, 4 + 2 + 4 + 4 + 2 + len(attacks.TOPIC) + 4 + 4)[0]
        self.assertEqual(error(self.broker.port, 77), 6)
        self.assertEqual(error(self.client_port, 77), 29)
        self.assertEqual(error(self.client_port, 0), 29)
        self.assertEqual(error(self.client_port, -1), 0)


if __name__ == '__main__':
    unittest.main()
