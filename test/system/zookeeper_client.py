# SPDX-License-Identifier: Apache-2.0
"""The few operations of ZooKeeper's protocol that tests need to write and read znodes by hand."""
import socket
import struct

CREATE, DELETE, EXISTS, GET, SET, CHILDREN, CLOSE = 1, 2, 3, 4, 5, 8, -11
NO_NODE, NODE_EXISTS = -101, -110
EPHEMERAL = 1


def buffer(data):
    return struct.pack('>i', -1) if data is None else struct.pack('>i', len(data)) + data


def text(value):
    return buffer(value.encode())


class ZooKeeperError(Exception):
    def __init__(self, code):
        super().__init__(f'ZooKeeper error {code}')
        self.code = code


class Client:
    """with Client(zookeeper) as client: … One session; its ephemeral znodes vanish at the end."""

    def __init__(self, zookeeper):
        self.socket = socket.create_connection(('127.0.0.1', zookeeper.port), timeout=60)
        self.xid = 0
        self.send(struct.pack('>iqiq', 0, 0, 60000, 0) + buffer(bytes(16)) + b'\0')
        self.receive()

    def send(self, frame):
        self.socket.sendall(struct.pack('>i', len(frame)) + frame)

    def read(self, size):
        data = b''
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError('ZooKeeper closed the connection')
            data += more
        return data

    def receive(self):
        return self.read(struct.unpack('>i', self.read(4))[0])

    def call(self, kind, body):
        self.xid += 1
        self.send(struct.pack('>ii', self.xid, kind) + body)
        answer = self.receive()
        _, _, error = struct.unpack_from('>iqi', answer)
        if error:
            raise ZooKeeperError(error)
        return answer[16:]

    def create(self, path, data=None, flags=0):
        acl = struct.pack('>ii', 1, 31) + text('world') + text('anyone')
        self.call(CREATE, text(path) + buffer(data) + acl + struct.pack('>i', flags))

    def delete(self, path):
        self.call(DELETE, text(path) + struct.pack('>i', -1))

    def set(self, path, data):
        self.call(SET, text(path) + buffer(data) + struct.pack('>i', -1))

    def get(self, path):
        """The data, or None when there is no such znode."""
        try:
            answer = self.call(GET, text(path) + b'\0')
        except ZooKeeperError as error:
            if error.code == NO_NODE:
                return None
            raise
        size, = struct.unpack_from('>i', answer)
        return answer[4:4 + max(size, 0)]

    def children(self, path):
        answer = self.call(CHILDREN, text(path) + b'\0')
        count, = struct.unpack_from('>i', answer)
        names, at = [], 4
        for _ in range(count):
            size, = struct.unpack_from('>i', answer, at)
            names.append(answer[at + 4:at + 4 + size].decode())
            at += 4 + size
        return sorted(names)

    def close(self):
        self.call(CLOSE, b'')
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
