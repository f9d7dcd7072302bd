# SPDX-License-Identifier: Apache-2.0
"""What bench/compare measures once per broker, not in rounds: memory, connections, calls of tools, starts, recovery."""
import collections
import concurrent.futures
import socket
import struct
import time

from measured_broker import KAFKA, START_S, MeasuredBroker, loaded, tool_use

API_VERSIONS = b'\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\x00\x00'
Idle = collections.namedtuple('Idle', 'name port with_tls with_certificate')


def idle_connection(port, context):
    """An open connection that asked for the API versions once, and then nothing."""
    connection = socket.create_connection(('127.0.0.1', port), timeout=START_S)
    if context:
        connection = context.wrap_socket(connection, server_hostname='127.0.0.1')
    connection.sendall(API_VERSIONS)
    left = struct.unpack('>i', read(connection, 4))[0]
    read(connection, left)
    return connection


def read(connection, size):
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError('the broker closed the connection')
        data += more
    return data


def memory(broker, scale, results):
    """Of a broker that has just started."""
    broker.create_topic('idle')
    results.add('resident memory, idle', 'MB', broker.kind, broker.resident_megabytes(), target=0.05, leads=True)


def connections(kind, scale, results, certificates):
    """To a broker that does nothing else."""
    broker = MeasuredBroker(kind, certificates)
    try:
        broker.start()
        measure_connections(broker, scale, results)
    finally:
        broker.close()


def measure_connections(broker, scale, results):
    """One kind after the other: plain, TLS, TLS with client certificates."""
    kinds = [Idle('idle connection', 'port', False, False)]
    if broker.certificates:
        kinds += [Idle('idle TLS connection', 'tls_port', True, False),
                  Idle('idle TLS connection with client certificate', 'mtls_port', True, True)]
    for kind in kinds:
        context = broker.certificates.client_context(kind.with_certificate) if kind.with_tls else None
        # Apache Kafka takes milliseconds for each handshake; a fifth of them is enough to divide by.
        is_slow = kind.with_tls and broker.kind == KAFKA
        count, port = scale['idle_connections'] // (5 if is_slow else 1), getattr(broker, kind.port)
        begin_megabytes, begin_cpu = broker.resident_megabytes(), broker.cpu_seconds()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            opened = list(pool.map(lambda _: idle_connection(port, context), range(count)))
        used = broker.cpu_seconds() - begin_cpu
        growth = (broker.resident_megabytes() - begin_megabytes) * 1024 / count
        results.add(f'resident memory per {kind.name}', 'kB', broker.kind, growth, connections=count, leads=True)
        results.add(f'opening an {kind.name}', 'CPU ms', broker.kind, used * 1000 / count)
        if kind.with_tls:
            results.note('{}, {}: {} {}'.format(broker.kind, kind.name, opened[0].version(), opened[0].cipher()[0]))
        for connection in opened:
            connection.close()


def tools(broker, scale, results):
    server = ('--bootstrap-server', broker.address)
    broker.create_topic('tools')
    for name, arguments, stdin in (('kafka-topics', (*server, '--list'), b''),
                                   ('kafka-console-producer', (*server, '--topic', 'tools'), b'hello\n')):
        for _ in range(scale['tool_calls']):
            used = tool_use(broker.kind, name, arguments, stdin)
            results.add(f'a call of {name}', 'CPU s', broker.kind, used['cpu_seconds'], **used)
            results.add(f'a call of {name}, time', 's', broker.kind, used['seconds'])


def starts(kind, scale, results, _):
    """After orderly ends, on data of its own."""
    broker = MeasuredBroker(kind)
    try:
        broker.start()
        for topic, partitions in ('one', 1), ('many', scale['partitions']):
            broker.create_topic(topic, partitions)
            for _ in range(scale['starts'] if partitions == 1 else 1):
                broker.stop()
                used = broker.timed_start(topic, partitions)
                row = f'start with {partitions:,} partition{"s"[:partitions > 1]}'
                results.add(row, 's', kind, used['seconds'], target=0.05, leads=True)
                results.add(f'{row}, CPU', 'CPU s', kind, used['cpu_seconds'])
    finally:
        broker.close()


def recovery(kind, scale, results, _):
    broker = MeasuredBroker(kind)
    try:
        broker.start()
        topics = [f'recovered-{i}' for i in range(scale['recovery_topics'])]
        for topic in topics:
            broker.create_topic(topic)
            loaded('produce', broker, topic, int(scale['recovery_gigabytes'] * 1e6 / len(topics)), 1000, acks='1')
        broker.kill()
        broker.wait_until_unregistered()
        begin = time.monotonic()
        broker.launch()
        for topic in topics:
            broker.wait_for_leaders(topic)
        row = f'recovery of {scale["recovery_gigabytes"]:g} GB after kill -9'
        results.add(row, 's', kind, time.monotonic() - begin, target=0.5, leads=True)
        results.add(f'{row}, CPU', 'CPU s', kind, broker.cpu_seconds())
    finally:
        broker.close()


# By the names that --only-workloads looks at; those of a running broker, first and last, and those of one of their own.
FIRST = {'memory idle': memory}
LAST = {'calls of tools': tools}
ALONE = {'connections idle': connections, 'starts': starts, 'recovery': recovery}
