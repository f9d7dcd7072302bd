# SPDX-License-Identifier: Apache-2.0
"""Reads the transaction logs of a ZooKeeper server: every write in its order, refused ones too, as one line of text each
in which ids, times and addresses are replaced by their kind."""
import pathlib
import re
import struct

ERRORS = {-101: 'NONODE', -103: 'BADVERSION', -110: 'NODEEXISTS', -111: 'NOTEMPTY', -2: 'not tried'}


class Record:
    """A cursor over jute bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, code):
        size = struct.calcsize('>' + code)
        value, = struct.unpack_from('>' + code, self.data, self.at)
        self.at += size
        return value

    def buffer(self):
        size = self.number('i')
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at]

    def text(self):
        return (self.buffer() or b'').decode()


def shown(data):
    return 'null' if data is None else repr(data.decode())


def operation(kind, record):
    """One operation as text."""
    if kind in (1, 15, 19, 21):
        path, data = record.text(), record.buffer()
        for _ in range(record.number('i')):
            record.number('i'), record.text(), record.text()
        return f'create {path} {"EPHEMERAL" if record.number("b") else "PERSISTENT"} {shown(data)}'
    if kind == 2:
        return f'delete {record.text()}'
    if kind == 5:
        path, data = record.text(), record.buffer()
        return f'set {path} version {record.number("i")} {shown(data)}'
    if kind == 13:
        # The file holds the version that the check expected, plus one.
        return f'check {record.text()} version {record.number("i") - 1}'
    if kind == 14:
        parts = [(record.number('i'), record.buffer()) for _ in range(record.number('i'))]
        return 'multi[' + ', '.join(operation(part, Record(data)) for part, data in parts) + ']'
    if kind == -1:
        code = record.number('i')
        return f'refused {ERRORS.get(code, code)}'
    if kind == -10:
        return f'createSession {record.number("i")}'
    if kind == -11:
        return 'closeSession'
    return f'operation {kind}'


def masked(line, address):
    line = line.replace(address, '<address>').replace(f'"port":{address.rsplit(":", 1)[1]}', '"port":<port>')
    line = re.sub(r'"timestamp":"\d+"', '"timestamp":"<ms>"', line)
    line = re.sub(r'"topic_id":"[\w-]{22}"', '"topic_id":"<id>"', line)
    return re.sub(r'"id":"[\w-]{22}"', '"id":"<id>"', line)


def transactions(folder):
    """(session, line) of each transaction in a server's dataDir."""
    for path in sorted(pathlib.Path(folder).glob('version-2/log.*'), key=lambda p: int(p.suffix[1:], 16)):
        data = path.read_bytes()
        at = 16
        while at + 12 <= len(data):
            _, size = struct.unpack_from('>qi', data, at)
            end = at + 12 + size
            if size <= 0 or end >= len(data) or data[end:end + 1] != b'B':
                break
            record = Record(data[at + 12:end])
            session = record.number('q')
            record.number('i'), record.number('q'), record.number('q')
            yield session, operation(record.number('i'), record)
            at = end + 1


def rounds_sorted(lines):
    """Apache Kafka sends the writes of one round (the states of all partitions of a topic, say) in the order of a hash
    table: neighbours that differ in the partition only are put in the partitions' order."""
    result, group, shape = [], [], None
    for line in [*lines, None]:
        new_shape = line and re.sub(r'/partitions/\d+', '/partitions/N', line)
        if new_shape != shape:
            result += sorted(group, key=lambda one: [int(n) for n in re.findall(r'/partitions/(\d+)', one)])
            group, shape = [], new_shape
        group.append(line)
    return result
