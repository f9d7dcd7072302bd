# SPDX-License-Identifier: Apache-2.0
"""The two brokers that bench/compare runs, with what they used up so far."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.setdefault('BARNABAS_PROGRAMS', str(SOURCE / 'build' / 'release')))
os.environ.setdefault('BARNABAS_BROKER', str(PROGRAMS / 'server' / 'barnabas'))
sys.path.insert(0, str(SOURCE / 'test' / 'system'))
from broker import Broker, wait_for  # noqa: E402
from wire import Connection, array, string  # noqa: E402
from zookeeper import ZooKeeper, free_port  # noqa: E402
from zookeeper_client import CHILDREN, Client, text  # noqa: E402

PEER = SOURCE / 'test' / 'peer' / 'kafka'
KAFKA_VERSION = '3.9.1'
# What Apache Kafka's kafka-server-start.sh and kafka-run-class.sh give to Java.
KAFKA_HEAP = '-Xmx1G -Xms1G'
KAFKA_JVM = ('-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 '
             '-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true')
BARNABAS, KAFKA = 'barnabas', 'kafka'
START_S = 120


class MeasuredBroker(Broker):
    """kind is BARNABAS or KAFKA. Each has a ZooKeeper of its own, and otherwise the same settings. With certificates
    (tls_files.TlsFiles) it also listens with TLS: self.tls_address, and self.mtls_port where clients need certificates."""

    def __init__(self, kind, certificates=None):
        self.kind, self.certificates = kind, certificates
        self.own_zookeeper = ZooKeeper().start()
        super().__init__(self.own_zookeeper, settings={
            'log.segment.delete.delay.ms': 1000, 'zookeeper.session.timeout.ms': 6000, 'offsets.topic.num.partitions': 1})
        if certificates:
            self.tls_port, self.mtls_port = free_port(), free_port()
            self.tls_address = f'127.0.0.1:{self.tls_port}'
            self.settings['listeners'] += f',SSL://{self.tls_address},MTLS://127.0.0.1:{self.mtls_port}'
            self.settings['listener.security.protocol.map'] = 'PLAINTEXT:PLAINTEXT,SSL:SSL,MTLS:SSL'
            self.settings['listener.name.mtls.ssl.client.auth'] = 'required'
            self.settings.update(certificates.broker_settings())

    def launch(self, arguments=()):
        if self.kind == BARNABAS:
            return super().launch(arguments)
        file = self.folder / 'server.properties'
        file.write_text(''.join(f'{key}={value}\n' for key, value in self.settings.items()))
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                [PEER, 'run', KAFKA_VERSION, 'kafka-server-start.sh', file], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, KAFKA_HEAP_OPTS=KAFKA_HEAP, KAFKA_OPTS=KAFKA_JVM))
        return self

    def cpu_seconds(self):
        """Of all its threads, ended ones too, exact to the nanosecond: the process's CPU clock (clock_getcpuclockid)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def resident_megabytes(self):
        return self.resident_kilobytes() / 1024

    def log_size(self, topic):
        return sum(file.stat().st_size for file in (self.data / f'{topic}-0').glob('*.log'))

    def leaders(self, topic):
        """How many partitions of the topic have a leader, by Metadata 1; 0 when it cannot be asked."""
        try:
            with Connection(self.port, timeout=START_S) as connection:
                answer = connection.call(3, 1, array([string(topic)]))
        except (OSError, AssertionError):
            return 0
        return sum(leader >= 0 for leader in partition_leaders(answer))

    def wait_for_leaders(self, topic, partitions=1):
        """Whoever starts it asks often enough to measure by."""
        deadline = time.monotonic() + START_S
        while self.leaders(topic) < partitions:
            if self.process.poll() is not None:
                raise AssertionError(f'the broker ended with {self.process.returncode}')
            if time.monotonic() > deadline:
                raise AssertionError(f'gave up waiting for the leaders of {topic}')
            time.sleep(0.002)

    def timed_start(self, topic, partitions=1):
        """Starts it and returns what that took until the topic's partitions have leaders."""
        begin = time.monotonic()
        self.launch()
        self.wait_for_leaders(topic, partitions)
        return {'seconds': time.monotonic() - begin, 'cpu_seconds': self.cpu_seconds()}

    def create_topic(self, topic, partitions=1):
        with Connection(self.port, timeout=START_S) as connection:
            error = connection.create_topic(topic, partitions=partitions)
        if error:
            raise AssertionError(f'cannot create {topic}: error code {error}')
        self.wait_for_leaders(topic, partitions)

    def delete_topics(self, topics):
        """Returns when their files are gone, so that their going burdens nobody's figures."""
        with Connection(self.port, timeout=START_S) as connection:
            for topic in topics:
                connection.delete_topic(topic)
        wait_for(lambda: not any(folder.name.startswith(topic + '-') or folder.name.startswith(topic + '.')
                                 for folder in self.data.iterdir() for topic in topics), 'the topics to go', START_S)

    def forget_pages(self, topic):
        """Takes the topic's log out of the page cache: its next reader reads from the disk."""
        for file in (self.data / f'{topic}-0').glob('*.log'):
            with open(file, 'rb') as log:
                os.fsync(log.fileno())
                os.posix_fadvise(log.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def wait_until_unregistered(self):
        """After a kill: Apache Kafka does not start before its old session has ended. Barnabas ends it by itself."""
        if self.kind == KAFKA:
            with Client(self.own_zookeeper) as client:
                wait_for(lambda: client.call(CHILDREN, text('/brokers/ids') + b'\0')[:4] == b'\0\0\0\0',
                         'the session to end', START_S)

    def close(self):
        super().close()
        self.own_zookeeper.close()


def partition_leaders(answer):
    at = 4
    for _ in range(struct.unpack_from('>i', answer)[0]):  # brokers: id, host, port, rack
        at = skip_string(answer, at + 4) + 4
        at = skip_string(answer, at)
    at += 8  # the controller's id, and one topic
    at = skip_string(answer, at + 2) + 1
    count, = struct.unpack_from('>i', answer, at)
    at += 4
    for _ in range(count):
        yield struct.unpack_from('>i', answer, at + 6)[0]
        at += 10
        for _ in range(2):  # replicas, in-sync replicas
            at += 4 + 4 * max(0, struct.unpack_from('>i', answer, at)[0])


def skip_string(data, at):
    return at + 2 + max(0, struct.unpack_from('>h', data, at)[0])


def touch_memory(size):
    """A virtual machine may give its free memory back to the host: the first use of a page then costs ten times what
    writing it costs, and whoever appends to the page cache is charged for it. Used just before, the pages are there."""
    piece = bytes(1000000)
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(size // len(piece)):
            file.write(piece)


def program_json(name, *arguments):
    """Runs one of our C programs and returns what it prints."""
    done = subprocess.run([PROGRAMS / 'bench' / name, *map(str, arguments)], stdout=subprocess.PIPE, check=True, timeout=600)
    return json.loads(done.stdout)


def loaded(command, broker, topic, *arguments, tls=False, **settings):
    """Runs the load generator: records, seconds and the broker's CPU seconds meanwhile. Settings are librdkafka's, with
    _ for the dot."""
    settings = {key.replace('_', '.'): value for key, value in settings.items()}
    if tls:
        settings.update(broker.certificates.client_settings())
    return program_json('bench_load', command, broker.tls_address if tls else broker.address, broker.process.pid, topic,
                        *arguments, *(f'{key}={value}' for key, value in settings.items()))


def tool_use(kind, name, arguments, stdin=b''):
    """Seconds and CPU seconds of one call of a command line program."""
    command = ([PEER, 'run', KAFKA_VERSION, f'{name}.sh'] if kind == KAFKA else [PROGRAMS / 'tools' / name])
    begin = time.monotonic()
    # The heap that Apache Kafka's scripts give to its console programs is 256 or 512 MB.
    process = subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=dict(os.environ, KAFKA_HEAP_OPTS='-Xmx512M'))
    process.stdin.write(stdin)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise AssertionError(f'{name} ended with {process.returncode}')
    return {'seconds': time.monotonic() - begin, 'cpu_seconds': usage.ru_utime + usage.ru_stime}
