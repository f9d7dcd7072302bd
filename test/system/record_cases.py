# SPDX-License-Identifier: Apache-2.0
"""Requests of producers and consumers, one after the other on a one-broker cluster with broker id 0, and their answers in
hex. They run against Apache Kafka (test/peer/capture-records) and against Barnabas (test/system/records_test.py) alike."""
import struct
import time

from wire import array, compact_array, compact_bytes, compact_string, string

SETTINGS = {'broker.id': '0', 'num.partitions': '1', 'offsets.topic.replication.factor': '1',
            'auto.create.topics.enable': 'false'}
# Three records of magic 2 without a codec, created at 1700000000000 ms and 1 and 2 ms later.
BATCH = bytes.fromhex(
    '000000000000000000000052ffffffff024a9a2eda0000000000020000018bcfe568000000018bcfe56802ffffffffffffff'
    'ffffffffffffff0000000314000000046b300476300014000202046b310476310014000404046b3204763200')
TIME = 1700000000000
LATEST, EARLIEST, MAX, LOCAL, TIERED = -1, -2, -3, -4, -5


def produce(topic='plain', partition=0, acks=1, version=8, transactional_id=None, batch=BATCH):
    body = string(transactional_id) + struct.pack('>hi', acks, 30000)
    body += array([string(topic) + array([struct.pack('>ii', partition, len(batch)) + batch])])
    return lambda connection: connection.call(0, version, body).hex()


class Session:
    """The id that the last answer gave; printed as S."""
    id = 0


def fetch_partition(version, partition, offset, epoch=-1, size=1 << 20):
    body = struct.pack('>i', partition)
    if version >= 9:
        body += struct.pack('>i', epoch)
    body += struct.pack('>q', offset)
    if version >= 5:
        body += struct.pack('>q', -1)
    return body + struct.pack('>i', size)


def fetch(*partitions, topic='plain', version=11, wait=0, least=1, most=1 << 25, isolation=0, replica=-1,
          session=None, session_epoch=-1, forgotten=()):
    def run(connection):
        body = struct.pack('>iiiib', replica, wait, least, most, isolation)
        if version >= 7:
            body += struct.pack('>ii', Session.id if session is None else session, session_epoch)
        body += array([string(topic) + array([fetch_partition(version, *p) if isinstance(p, tuple) else
                                              fetch_partition(version, **p) for p in partitions])]
                      if partitions else [])
        if version >= 7:
            body += array([string(topic) + array([struct.pack('>i', p) for p in forgotten])] if forgotten else [])
        if version >= 11:
            body += string('')
        answer = connection.call(1, version, body)
        if version < 7:
            return answer.hex()
        Session.id, = struct.unpack_from('>i', answer, 6)
        return answer[:6].hex() + (' S ' if Session.id else ' 0 ') + answer[10:].hex()
    return run


def list_offsets(timestamp, topic='plain', partition=0, version=5, replica=-1, isolation=0, epoch=-1, count=10):
    body = struct.pack('>i', replica)
    if version >= 2:
        body += struct.pack('>b', isolation)
    element = struct.pack('>i', partition)
    if version >= 4:
        element += struct.pack('>i', epoch)
    element += struct.pack('>q', timestamp)
    if version == 0:
        element += struct.pack('>i', count)
    body += array([string(topic) + array([element])])
    return lambda connection: connection.call(2, version, body).hex()


def end_of_epoch(leader_epoch, topic='plain', partition=0, version=3, current=-1):
    body = struct.pack('>i', -1) if version >= 3 else b''
    element = struct.pack('>i', partition)
    if version >= 2:
        element += struct.pack('>i', current)
    body += array([string(topic) + array([element + struct.pack('>i', leader_epoch)])])
    return lambda connection: connection.call(23, version, body).hex()


def delete_records(offset, topic='plain', partition=0, version=1):
    body = array([string(topic) + array([struct.pack('>iq', partition, offset)])]) + struct.pack('>i', 30000)
    return lambda connection: connection.call(21, version, body).hex()


# ---- Versions with tagged fields

TAGS = b'\0'


def topic_id(connection, topic):
    """From Metadata 12; zero for a topic that is not known."""
    name = compact_string(topic)
    answer = connection.call_flexible(3, 12, compact_array([bytes(16) + name + TAGS]) + bytes(2) + TAGS)
    at = answer.index(name) + len(name)
    return answer[at:at + 16]


def new_produce(topic='plain', version=11, acks=1, batch=BATCH, transactional_id=None):
    partition = struct.pack('>i', 0) + compact_bytes(batch) + TAGS
    body = compact_string(transactional_id) + struct.pack('>hi', acks, 30000)
    body += compact_array([compact_string(topic) + compact_array([partition]) + TAGS]) + TAGS
    return lambda connection: connection.call_flexible(0, version, body).hex()


def new_fetch(partition=0, offset=0, epoch=-1, last_epoch=-1, version=17, topic='plain', replica=-1, isolation=0,
              session_epoch=-1, unknown_id=None):
    """Topic ids are printed as T, session ids as S."""
    def run(connection):
        known_id = unknown_id or topic_id(connection, topic)
        element = struct.pack('>iiqiqi', partition, epoch, offset, last_epoch, -1, 1 << 20) + TAGS
        topics = (known_id if version >= 13 else compact_string(topic)) + compact_array([element]) + TAGS
        body = b'' if version >= 15 else struct.pack('>i', replica)
        body += struct.pack('>iiibii', 0, 1, 1 << 25, isolation, 0, session_epoch)
        body += compact_array([topics]) + compact_array([]) + compact_string('')
        replica_state = b'\1\1\x0d' + struct.pack('>iq', replica, -1) + TAGS
        body += replica_state if version >= 15 and replica != -1 else TAGS
        answer = connection.call_flexible(1, version, body)
        session, = struct.unpack_from('>i', answer, 6)
        text = answer[:6].hex() + (' S ' if session else ' 0 ') + answer[10:].hex()
        return text.replace(known_id.hex(), ' T ')
    return run


def new_list_offsets(timestamp, version=9, topic='plain', replica=-1):
    element = struct.pack('>iiq', 0, -1, timestamp) + TAGS
    body = struct.pack('>ib', replica, 0) + compact_array([compact_string(topic) + compact_array([element]) + TAGS]) + TAGS
    return lambda connection: connection.call_flexible(2, version, body).hex()


def init_producer_id(transactional_id=None, version=4, producer_id=-1, epoch=-1):
    """The error code, and whether there is an id."""
    body = compact_string(transactional_id) + struct.pack('>i', 60000)
    if version >= 3:
        body += struct.pack('>qh', producer_id, epoch)

    def run(connection):
        answer = connection.call_flexible(22, version, body + TAGS)
        return struct.unpack_from('>h', answer, 4)[0], struct.unpack_from('>q', answer, 6)[0] >= 0, answer[14:].hex()
    return run


def retry(request, code):
    """Repeats while the answer begins with that error code."""
    def run(connection):
        while (answer := request(connection))[0] == code:
            time.sleep(0.1)
        return answer
    return run


def create(topic, partitions=1, *configs):
    return lambda connection: connection.create_topic(topic, partitions, configs=configs)


CASES = [
    ('create', create('plain', 2)),
    ('create compacted', create('compacted', 1, ('cleanup.policy', 'compact'))),
    ('create zstd', create('zstd', 1, ('compression.type', 'zstd'))),
    ('create small', create('small', 1, ('max.message.bytes', '20'))),
    *((f'produce {version}', produce(version=version)) for version in range(3, 9)),
    ('produce acks all', produce(acks=-1)),
    ('produce acks 7', produce(acks=7)),
    ('produce to unknown', produce(topic='nosuch')),
    ('produce to an unknown partition', produce(partition=9)),
    ('produce to a negative partition', produce(partition=-1)),
    ('produce too large', produce(topic='small')),
    ('produce to compacted', produce(topic='compacted')),
    ('produce garbage', produce(batch=b'garbage')),
    *((f'fetch {version}', fetch((0, 0), version=version, session=0)) for version in range(4, 12)),
    ('fetch the middle', fetch((0, 4), session=0)),
    ('fetch the end', fetch((0, 21), session=0)),
    ('fetch beyond the end', fetch((0, 22), session=0)),
    ('fetch before the start', fetch((0, -1), session=0)),
    ('fetch an unknown partition', fetch((9, 0), session=0)),
    ('fetch an unknown topic', fetch((0, 0), topic='nosuch', session=0)),
    ('fetch a bit', fetch((0, 0, -1, 10), session=0)),
    ('fetch nothing', fetch((0, 0, -1, 0), session=0)),
    ('fetch a batch and a bit', fetch((0, 0, -1, 100), session=0)),
    ('fetch two partitions', fetch((1, 0), (0, 0), most=1, session=0)),
    ('fetch in an old epoch', fetch((0, 0, -2), session=0)),
    ('fetch in this epoch', fetch((0, 0, 0), session=0)),
    ('fetch in a later epoch', fetch((0, 0, 5), session=0)),
    ('fetch committed', fetch((0, 3), isolation=1, session=0)),
    ('fetch committed at the end', fetch((0, 21), isolation=1, session=0)),
    ('fetch as a debugger', fetch((0, 18), replica=-2, session=0)),
    ('fetch as a replica', fetch((0, 18), replica=5, session=0)),
    ('fetch as a replica in an epoch', fetch((0, 18, 0), replica=5, session=0)),
    ('fetch as the leader', fetch((0, 18), replica=0, session=0)),
    ('fetch zstd with an old version', fetch((0, 0), topic='zstd', version=9, session=0)),
    ('session', fetch((0, 18), (1, 0), session=0, session_epoch=0)),
    ('session goes on', fetch(session_epoch=1)),
    ('session moves on', fetch((0, 21), session_epoch=2)),
    ('session finds nothing', fetch(session_epoch=3)),
    ('session with an error', fetch((1, 7), session_epoch=4)),
    ('session after an error', fetch((1, 0), session_epoch=5)),
    ('session forgets', fetch(session_epoch=6, forgotten=[1])),
    ('session adds an unknown one', fetch((9, 0), session_epoch=7)),
    ('session forgets all', fetch(session_epoch=8, forgotten=[0, 9])),
    ('session is gone', fetch(session=7, session_epoch=9)),
    ('another session', fetch((0, 21), session=0, session_epoch=0)),
    ('with a wrong epoch', fetch(session_epoch=3)),
    ('a third session', fetch((0, 21), session=0, session_epoch=0)),
    ('is closed', fetch((0, 18), session_epoch=-1)),
    ('an empty fetch', fetch(session=0)),
    *((f'list {timestamp} {version}', list_offsets(timestamp, version=version))
      for version in range(6) for timestamp in (LATEST, EARLIEST, MAX, LOCAL, TIERED, -6)),
    *((f'list {timestamp}', list_offsets(timestamp)) for timestamp in (0, TIME, TIME + 1, TIME + 2, TIME + 3)),
    ('list committed', list_offsets(LATEST, isolation=1)),
    ('list as a replica', list_offsets(LATEST, replica=5)),
    ('list as a debugger', list_offsets(LATEST, replica=-2)),
    ('list an unknown topic', list_offsets(LATEST, topic='nosuch')),
    ('list an unknown partition', list_offsets(LATEST, partition=9)),
    ('list an empty partition', list_offsets(EARLIEST, partition=1)),
    ('list an empty partition by time', list_offsets(TIME, partition=1)),
    ('list in an old epoch', list_offsets(LATEST, epoch=-2)),
    ('list in this epoch', list_offsets(LATEST, epoch=0)),
    ('list in a later epoch', list_offsets(LATEST, epoch=1)),
    ('list one old offset', list_offsets(LATEST, version=0, count=1)),
    ('list no old offset', list_offsets(LATEST, version=0, count=0)),
    *((f'end of epoch {epoch}', end_of_epoch(epoch)) for epoch in (-1, 0, 1)),
    *((f'end of epoch in version {version}', end_of_epoch(0, version=version)) for version in range(4)),
    ('end of epoch in a later one', end_of_epoch(0, current=1)),
    ('end of epoch of an empty partition', end_of_epoch(0, partition=1)),
    ('end of epoch of an unknown topic', end_of_epoch(0, topic='nosuch')),
    ('delete records', delete_records(4)),
    ('delete fewer', delete_records(2, version=0)),
    ('delete too many', delete_records(22)),
    ('delete a negative offset', delete_records(-2)),
    ('delete compacted', delete_records(0, topic='compacted')),
    ('delete from unknown', delete_records(0, topic='nosuch')),
    ('fetch what was deleted', fetch((0, 2), session=0)),
    ('fetch at the start', fetch((0, 4), session=0)),
    ('list the start', list_offsets(EARLIEST)),
    ('list a time before the start', list_offsets(TIME)),
    ('list old offsets after deletion', list_offsets(LATEST, version=0)),
    ('delete all', delete_records(-1)),
    ('list the start when all is gone', list_offsets(EARLIEST)),
    ('list a time when all is gone', list_offsets(TIME)),
    ('list the largest time when all is gone', list_offsets(MAX)),
    ('fetch when all is gone', fetch((0, 21), session=0)),
    ('end of epoch when all is gone', end_of_epoch(0)),
    ('produce after that', produce()),
    *((f'new produce {version}', new_produce(version=version)) for version in range(9, 12)),
    ('new produce acks all', new_produce(acks=-1)),
    ('new produce to unknown', new_produce(topic='nosuch')),
    ('new produce garbage', new_produce(batch=b'garbage')),
    ('new produce null', new_produce(topic='compacted', batch=BATCH[:-1])),
    *((f'new fetch {version}', new_fetch(offset=21, version=version)) for version in range(12, 18)),
    ('new fetch committed', new_fetch(offset=21, isolation=1)),
    ('new fetch beyond the end', new_fetch(offset=1000)),
    ('new fetch with an epoch', new_fetch(offset=21, epoch=0, last_epoch=0)),
    ('new fetch beyond the end with an epoch', new_fetch(offset=1000, last_epoch=0)),
    ('new fetch with a later last epoch', new_fetch(offset=21, last_epoch=3)),
    ('new fetch before the start with an epoch', new_fetch(offset=3, last_epoch=0)),
    *((f'new fetch in a later epoch {version}', new_fetch(offset=21, epoch=4, version=version)) for version in (12, 16)),
    ('new fetch an unknown partition', new_fetch(partition=9)),
    ('new fetch an unknown id', new_fetch(unknown_id=bytes(range(1, 17)))),
    ('new fetch the zero id', new_fetch(unknown_id=bytes(16))),
    ('new fetch an unknown id with a session', new_fetch(unknown_id=bytes(range(1, 17)), session_epoch=0)),
    ('new fetch as a replica', new_fetch(offset=21, epoch=0, replica=5)),
    ('new fetch as a replica 14', new_fetch(offset=21, epoch=0, replica=5, version=14)),
    *((f'new list {timestamp} {version}', new_list_offsets(timestamp, version=version))
      for version in range(6, 10) for timestamp in (LATEST, EARLIEST, MAX, LOCAL, TIERED)),
    ('init producer id', retry(init_producer_id(), 14)),
    ('init producer id 2', init_producer_id(version=2)),
    ('init producer id again', init_producer_id(producer_id=5, epoch=1)),
    ('init producer id without an epoch', init_producer_id(producer_id=5)),
    ('init producer id for no transactional id', init_producer_id(transactional_id='')),
]


def run(connection):
    """Lines "name: answer"."""
    for name, request in CASES:
        yield f'{name}: {request(connection)}'
