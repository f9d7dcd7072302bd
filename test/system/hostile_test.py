# SPDX-License-Identifier: Apache-2.0
"""What no client should send: the broker answers or closes that connection, its memory stays bounded, all others are
served. What single odd frames get is in odd_frames_test.py."""
import random
import resource
import select
import socket
import struct
import unittest

from broker import Broker, kcat
from zookeeper import ZooKeeper

# What a broker may grow by in one of these tests; a sanitizer keeps freed memory for a while.
GROWTH_KB_MAX = 128 * 1024

VERSIONS_REQUEST = b'\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff'


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper, settings={
            'num.network.threads': 2, 'num.io.threads': 2, 'socket.listen.backlog.size': 1024})
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        kcat(cls.broker, '-P', '-t', 'hostile', stdin=''.join('%01000d\n' % i for i in range(20000)))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def setUp(self):
        self.resident_kb = self.broker.resident_kilobytes()
        # One that is there all along must not notice.
        self.bystander = self.connect()
        self.addCleanup(self.bystander.close)

    def tearDown(self):
        self.expect_served(self.bystander)
        with self.connect() as connection:
            self.expect_served(connection)
        self.assertIsNone(self.broker.process.poll(), 'the broker has ended')
        self.assertLess(self.broker.resident_kilobytes() - self.resident_kb, GROWTH_KB_MAX)

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.broker.port), timeout=60)

    def send(self, connection, data):
        try:
            connection.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass  # closed before it has read all: seen when receiving

    def end_sending(self, connection):
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed already

    def receive(self, connection, size):
        data = b''
        while len(data) < size:
            try:
                more = connection.recv(size - len(data))
            except ConnectionResetError:
                more = b''
            if not more:
                break
            data += more
        return data

    def receive_frame(self, connection):
        head = self.receive(connection, 4)
        return self.receive(connection, struct.unpack('>i', head)[0]) if len(head) == 4 else b''

    def expect_served(self, connection):
        self.send(connection, VERSIONS_REQUEST)
        answer = self.receive_frame(connection)
        self.assertEqual(answer[:4], b'\0\0\0\1')

    def expect_closed(self, connection):
        self.assertEqual(self.receive(connection, 1), b'')

    def test_garbage(self):
        chance = random.Random(20260)
        for _ in range(200):
            with self.connect() as connection:
                self.send(connection, chance.randbytes(chance.randrange(1, 3000)))
                self.end_sending(connection)
                self.receive(connection, 1 << 20)

    def test_garbage_bodies_of_every_api(self):
        chance = random.Random(20261)
        for api in list(range(0, 75)) + [32767, -1]:
            for version in range(0, 19, 3):
                header = struct.pack('>hhih', api, version, 7, -1)
                body = chance.randbytes(chance.randrange(0, 200))
                with self.connect() as connection:
                    self.send(connection, struct.pack('>i', len(header) + len(body)) + header + body)
                    self.end_sending(connection)
                    connection.settimeout(0.05)  # what waits for something is left alone
                    try:
                        self.receive(connection, 1 << 20)
                    except TimeoutError:
                        pass

    def test_lengths_that_no_frame_has(self):
        for size in (-1, -2147483648, 2147483647, 104857601, 0, 1):
            with self.connect() as connection:
                self.send(connection, struct.pack('>i', size) + b'\0' * max(0, min(size, 100)))
                self.expect_closed(connection)

    def test_large_lengths_cost_nothing_until_bytes_arrive(self):
        connections = [self.connect() for _ in range(500)]
        for connection in connections:
            self.send(connection, struct.pack('>ihhih', 104857600, 0, 9, 1, -1))
        self.expect_served(self.bystander)
        self.assertLess(self.broker.resident_kilobytes() - self.resident_kb, GROWTH_KB_MAX)
        for connection in connections:
            connection.close()

    def test_a_request_cut_at_every_byte(self):
        request = bytes.fromhex('000000110003000900000007000163000100000000')
        for cut in range(len(request)):
            with self.connect() as connection:
                self.send(connection, request[:cut])
                self.end_sending(connection)
                self.expect_closed(connection)

    def test_a_request_byte_by_byte(self):
        with self.connect() as connection:
            for byte in VERSIONS_REQUEST:
                self.send(connection, bytes([byte]))
            self.assertEqual(self.receive_frame(connection)[:4], b'\0\0\0\1')

    def test_a_thousand_idle_connections(self):
        connections = [self.connect() for _ in range(1000)]
        for connection in connections:
            self.expect_served(connection)
        self.assertLess(self.broker.resident_kilobytes() - self.resident_kb, GROWTH_KB_MAX)
        self.expect_served(self.bystander)
        for connection in connections:
            connection.close()

    def test_a_client_that_never_reads(self):
        # Fetch 4 of all that is there, 50 MB at once, again and again.
        partition = struct.pack('>iqi', 0, 0, 50 << 20)
        body = struct.pack('>iiiib', -1, 0, 1, 50 << 20, 0) + struct.pack('>i', 1) + struct.pack('>h', 7) + b'hostile'
        body += struct.pack('>i', 1) + partition
        frame = struct.pack('>hhih', 1, 4, 7, -1) + body
        frame = struct.pack('>i', len(frame)) + frame
        with self.connect() as deaf:
            deaf.setblocking(False)
            sent = 0
            while sent < 1 << 24:
                _, writable, _ = select.select([], [deaf], [], 0.5)
                if not writable:
                    break  # the broker reads no more
                sent += deaf.send(frame)
                if sent % (1000 * len(frame)) == 0:
                    self.expect_served(self.bystander)
            self.assertLess(sent, 1 << 24)
            self.assertLess(self.broker.resident_kilobytes() - self.resident_kb, GROWTH_KB_MAX)


if __name__ == '__main__':
    unittest.main()
