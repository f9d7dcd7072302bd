#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Odd and hostile frames get from the broker what Apache Kafka gives them."""
import json
import pathlib
import socket
import struct
import unittest

from broker import Broker, wait_for
from zookeeper import ZooKeeper

RECORDED_PORT = 19092
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / 'golden' / 'frames' / 'malformed-requests.jsonl'
# Where the broker differs from what was recorded, on purpose.
DIFFERENCES = {
    # Strings are bytes to the broker: a name that is not UTF-8 is refused as it came, without replacement characters.
    'string-not-utf8-v1': {'result': 'answered', 'answerLengths': [40]},
    # A tagged field that is longer or shorter than it says is unreadable.
    'fetch-v12-known-tag-with-wrong-size-too-small': {'result': 'closed'},
    'fetch-v12-known-tag-with-wrong-size-too-large': {'result': 'closed'},
}


def mask(answer, port):
    """The answer without what differs between the recorded broker and ours: the port and the cluster's id."""
    for host in (b'\0\x09localhost', b'\x0alocalhost'):
        at = answer.find(host)
        if at < 0:
            continue
        at += len(host)
        if struct.unpack_from('>i', answer, at)[0] in (port, RECORDED_PORT):
            answer = answer[:at] + b'PORT' + answer[at + 4:]
        # version 9: null rack, tagged fields, then the compact string of the cluster's id
        if answer[at + 4:at + 7] == b'\0\0\x17':
            answer = answer[:at + 7] + b'?' * 22 + answer[at + 29:]
    return answer


def receive(connection):
    """All answers until the broker closes or is quiet: (answers, closed)."""
    data, answers = b'', []
    try:
        while True:
            more = connection.recv(65536)
            if not more:
                return answers, True
            data += more
            while len(data) >= 4 and len(data) >= 4 + struct.unpack('>i', data[:4])[0]:
                size = struct.unpack('>i', data[:4])[0]
                answers.append(data[4:4 + size])
                data = data[4 + size:]
    except socket.timeout:
        return answers, False
    except ConnectionResetError:
        return answers, True


class OddFramesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.broker = Broker(cls.zookeeper)
        cls.broker.settings['listeners'] = f'PLAINTEXT://localhost:{cls.broker.port}'
        cls.broker.start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()
        cls.zookeeper.close()

    def exchange(self, sent, wanted):
        with socket.create_connection(('localhost', self.broker.port), timeout=30) as connection:
            connection.sendall(sent)
            if wanted['result'] == 'closed':
                return receive(connection)
            answers = []
            while len(answers) < len(wanted.get('answers', wanted.get('answerLengths', [0]))):
                size, = struct.unpack('>i', self.exactly(connection, 4))
                answers.append(self.exactly(connection, size))
            return answers, False

    def exactly(self, connection, size):
        data = b''
        while len(data) < size:
            more = connection.recv(size - len(data))
            self.assertTrue(more, 'the broker closed the connection')
            data += more
        return data

    def test_recorded_frames(self):
        for line in GOLDEN.read_text().splitlines():
            wanted = json.loads(line)
            if 'sent' in wanted:
                sent = bytes.fromhex(wanted['sent'])
            else:
                body = long_name_request(int(wanted['name'].split('-')[2]))
                sent = struct.pack('>i', len(body)) + body
            wanted.update(DIFFERENCES.get(wanted['name'], {}))
            if wanted['name'] in DIFFERENCES:
                wanted.pop('answers', None)
            with self.subTest(wanted['name']):
                answers, closed = self.exchange(sent, wanted)
                self.assertEqual(closed, wanted['result'] == 'closed')
                if 'answers' in wanted:
                    for answer, recorded in zip(answers, wanted['answers'], strict=True):
                        self.assertEqual(mask(answer, self.broker.port).hex(),
                                         mask(bytes.fromhex(recorded), self.broker.port).hex())
                elif 'answerLengths' in wanted:
                    self.assertEqual(len(answers), len(wanted['answerLengths']))
        self.assertTrue(self.broker.answers())

    def test_refusals_do_not_fill_the_disk(self):
        """Of each second's refusals some have a line in the log, the others are counted."""
        lines, sent = self.broker.output().count('is not served'), 0

        def others_are_counted():
            nonlocal sent
            for _ in range(50):
                with socket.create_connection(('localhost', self.broker.port), timeout=30) as connection:
                    connection.sendall(struct.pack('>ihhih', 10, 30, 0, 1, -1))
                    self.assertEqual(receive(connection), ([], True))
                sent += 1
            return 'more connections were closed or refused' in self.broker.output()

        wait_for(others_are_counted, 'the refusals without a line to be counted')
        self.assertLess(self.broker.output().count('is not served') - lines, sent)
        self.assertTrue(self.broker.answers())


def long_name_request(size):
    """Metadata 9 of one topic whose name has this many bytes."""
    length, varint = size + 1, b''
    while length >= 0x80:
        varint += bytes([length & 0x7f | 0x80])
        length >>= 7
    varint += bytes([length])
    header = struct.pack('>hhi', 3, 9, 7) + b'\0\1c' + b'\0'
    return header + b'\2' + varint + b'a' * size + b'\0' + b'\0\0\0' + b'\0'


if __name__ == '__main__':
    unittest.main()
