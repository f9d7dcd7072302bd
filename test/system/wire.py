# SPDX-License-Identifier: Apache-2.0
"""A few requests of Kafka's protocol, encoded by hand, for tests that want no client library between them and a broker."""
import socket
import struct


def string(text):
    return struct.pack('>h', -1) if text is None else struct.pack('>h', len(text.encode())) + text.encode()


def array(items):
    return struct.pack('>i', len(items)) + b''.join(items)


def unsigned_varint(value):
    data = b''
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def compact_bytes(data):
    return b'\0' if data is None else unsigned_varint(len(data) + 1) + data


def compact_string(text):
    return compact_bytes(None if text is None else text.encode())


def compact_array(items):
    return unsigned_varint(len(items) + 1) + b''.join(items)


class Connection:
    def __init__(self, port, host='127.0.0.1', timeout=30):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.correlation = 0

    def send(self, api, version, body):
        """Sends a request with header version 1."""
        self.correlation += 1
        frame = struct.pack('>hhi', api, version, self.correlation) + string('test') + body
        self.socket.sendall(struct.pack('>i', len(frame)) + frame)

    def call(self, api, version, body):
        """Sends a request and returns the answer's body."""
        self.send(api, version, body)
        size, = struct.unpack('>i', self.read(4))
        answer = self.read(size)
        assert struct.unpack('>i', answer[:4])[0] == self.correlation
        return answer[4:]

    def call_flexible(self, api, version, body):
        """The same for a version with tagged fields: header version 2, answer's header version 1."""
        self.send(api, version, b'\0' + body)
        size, = struct.unpack('>i', self.read(4))
        answer = self.read(size)
        assert struct.unpack('>i', answer[:4])[0] == self.correlation and answer[4] == 0
        return answer[5:]

    def read(self, size):
        data = b''
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError('the broker closed the connection')
            data += more
        return data

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # Each returns the error code of the only topic or resource, or what it says.

    def metadata(self, topic):
        """Metadata 4, allowing automatic creation: the topic's error code."""
        answer = self.call(3, 4, array([string(topic)]) + b'\1')
        return struct.unpack_from('>h', answer, answer.rindex(string(topic)) - 2)[0]

    def create_topic(self, topic, *arguments, **named):
        """CreateTopics 2."""
        answer = self.call(19, 2, self.creation(topic, *arguments, **named))
        return struct.unpack_from('>h', answer, 8 + len(string(topic)))[0]

    def start_to_create_topic(self, topic):
        """CreateTopics 2, without waiting for the answer."""
        self.send(19, 2, self.creation(topic))

    @staticmethod
    def creation(topic, partitions=1, factor=1, configs=(), assignment=()):
        body = string(topic) + struct.pack('>ih', -1 if assignment else partitions, -1 if assignment else factor)
        body += array([struct.pack('>i', i) + array([struct.pack('>i', r) for r in replicas])
                       for i, replicas in enumerate(assignment)])
        body += array([string(key) + string(value) for key, value in configs])
        return array([body]) + struct.pack('>i?', 30000, False)

    def delete_topic(self, topic):
        """DeleteTopics 1."""
        answer = self.call(20, 1, array([string(topic)]) + struct.pack('>i', 30000))
        return struct.unpack_from('>h', answer, 8 + len(string(topic)))[0]

    def create_partitions(self, topic, total):
        """CreatePartitions 0."""
        answer = self.call(37, 0, array([string(topic) + struct.pack('>ii', total, -1)]) + struct.pack('>i?', 30000, False))
        return struct.unpack_from('>h', answer, 8 + len(string(topic)))[0]

    def alter_topic_config(self, topic, changes):
        """IncrementalAlterConfigs 0; a value of None deletes the key."""
        configs = [string(key) + struct.pack('b', value is None) + string(value) for key, value in changes]
        answer = self.call(44, 0, array([b'\2' + string(topic) + array(configs)]) + b'\0')
        return struct.unpack_from('>h', answer, 8)[0]

    def find_group_coordinator(self, group):
        """FindCoordinator 1."""
        return struct.unpack_from('>h', self.call(10, 1, string(group) + b'\0'), 4)[0]
