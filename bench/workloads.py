# SPDX-License-Identifier: Apache-2.0
"""The work that bench/compare gives to both brokers in each round. A workload is a row or a few; its rows are recorded by
the Round, which knows the floors that were measured in the same round."""
import dataclasses
import os
import re
import subprocess

from measured_broker import BARNABAS, KAFKA_VERSION, PEER, loaded, touch_memory

FAN_OUT = 20
SIZES = {'1 kB': 1000, '100 B': 100}
LARGE_BATCH, JAVA_BATCH = 1000000, 16384  # as much as message.max.bytes allows; batch.size of Java clients
PRODUCED, CONSUMED, OVER_TLS, REQUESTS = 1 / 3, 1 / 4, 1 / 3, 1 / 4  # the ratios to reach


class Round:
    """One round on one broker. results is None while it warms up; floor is what bench_floor said in this round."""

    def __init__(self, broker, scale, results, floor):
        self.broker, self.scale, self.results, self.floor = broker, scale, results, floor
        self.topics = []

    def topic(self, name):
        self.broker.create_topic(name)
        self.topics.append(name)
        return name

    def record(self, row, used, floor, gigabytes=None, millions=None, **about):
        """One row of CPU seconds, per GB or per million; floor is in CPU seconds."""
        if self.results is None:
            return
        unit, amount = ('CPU s/GB', gigabytes) if gigabytes else ('CPU s/million', millions)
        self.results.add(row, unit, self.broker.kind, used['cpu_seconds'] / amount, **about, **used)
        if floor and self.broker.kind == BARNABAS:
            self.results.add_floor(row, floor / amount)

    def end(self):
        if self.results is not None:
            self.results.add('resident memory, loaded', 'MB', self.broker.kind, self.broker.resident_megabytes(), target=0.1,
                             leads=True)
        self.broker.delete_topics(self.topics)


@dataclasses.dataclass
class Bulk:
    """Produce (acks 1), consume, produce again (acks all). Small records count by the million, too: 10 million are a GB."""
    size: str
    codec: str = 'none'
    batch: int = LARGE_BATCH
    tls: bool = False
    reads_disk: bool = False
    leads: bool = False

    @property
    def name(self):
        return f'bulk {self.label}'

    @property
    def label(self):
        return (f'{self.size}{"" if self.codec == "none" else ", " + self.codec}'
                f'{", 16 kB batches" if self.batch == JAVA_BATCH else ""}{", TLS" if self.tls else ""}')

    def __call__(self, round):
        size = SIZES[self.size]
        self.gigabytes = round.scale['gigabytes_1kb' if size == 1000 else 'gigabytes_100b']
        self.count = int(self.gigabytes * 1e9 / size)
        self.measure = {'gigabytes': self.gigabytes} if size == 1000 else {'millions': self.count / 1e6}
        topic = round.topic('bulk-' + re.sub(r'\W+', '-', self.label))
        stored = self.produce(round, topic, '1')
        if self.codec != 'none' and stored > self.gigabytes * 0.9:
            if round.results is not None:
                round.results.note(f'{round.broker.kind}: the client sent {self.label} uncompressed')
        sent = stored * round.floor['tls_send_s_per_gb' if self.tls else 'sendfile_s_per_gb']
        about = {'target': OVER_TLS if self.tls else CONSUMED, 'leads': self.leads}
        round.record(f'consume {self.label}', self.consume(round, topic), sent, **about, **self.measure)
        if self.reads_disk:
            round.broker.forget_pages(topic)
            round.record(f'catch-up read {self.label}, from disk', self.consume(round, topic), sent, **about, **self.measure)
        self.produce(round, topic, 'all')

    def produce(self, round, topic, acks):
        """GB that it added to the log."""
        before = round.broker.log_size(topic)
        touch_memory(int(self.gigabytes * 1.5e9))
        used = loaded('produce', round.broker, topic, self.count, SIZES[self.size], tls=self.tls, acks=acks,
                      batch_size=self.batch, compression_codec=self.codec)
        stored = (round.broker.log_size(topic) - before) / 1e9
        floor = round.floor['append16_s_per_gb' if self.batch == JAVA_BATCH else 'append_s_per_gb']
        floor += round.floor['aes_gcm_s_per_gb'] if self.tls else 0
        round.record(f'produce {self.label}, acks={acks}', used, stored * floor, target=OVER_TLS if self.tls else PRODUCED,
                     leads=self.leads and acks == '1', **self.measure)
        return stored

    def consume(self, round, topic):
        return loaded('consume', round.broker, topic, self.count, tls=self.tls)


@dataclasses.dataclass
class Single:
    """One record in each request. Warming up takes twice as many: Java compiles what it runs tens of thousands of times."""
    connections: int
    tls: bool = False
    leads: bool = True

    @property
    def name(self):
        return (f'one record per request, {self.connections} connection{"s"[:self.connections > 1]}'
                f'{", TLS" if self.tls else ""}')

    def __call__(self, round):
        count = round.scale['requests'] * (2 if round.results is None else 1)
        used = loaded('single', round.broker, round.topic(f'single-{self.connections}-{self.tls}'), count, self.connections,
                      tls=self.tls, acks='1')
        millions = used['records'] / 1e6
        floor = round.floor['request_s_per_m' if self.connections == 1 else 'requests100_s_per_m']
        floor += round.floor['aes_gcm_s_per_m'] if self.tls else 0
        round.record(self.name, used, millions * floor, millions=millions, target=REQUESTS, leads=self.leads)


@dataclasses.dataclass
class FanOut:
    tls: bool = False

    @property
    def name(self):
        return f'produce once, {FAN_OUT} consumers at the end{", TLS" if self.tls else ""}'

    def __call__(self, round):
        gigabytes = round.scale['fanout_gigabytes']
        touch_memory(int(gigabytes * 1.5e9))
        used = loaded('fanout', round.broker, round.topic(f'fan-out-{self.tls}'), int(gigabytes * 1e6), 1000, FAN_OUT,
                      tls=self.tls, acks='1')
        append = round.floor['append_s_per_gb'] + (round.floor['aes_gcm_s_per_gb'] if self.tls else 0)
        send = round.floor['tls_send_s_per_gb' if self.tls else 'sendfile_s_per_gb']
        round.record(self.name, used, gigabytes * (append + FAN_OUT * send), gigabytes=gigabytes * FAN_OUT,
                     target=OVER_TLS if self.tls else CONSUMED, leads=not self.tls)


class Latency:
    tls, name = False, 'produce latency at a fixed rate'

    def __call__(self, round):
        count, rate = round.scale['latency_records'], round.scale['latency_rate']
        used = loaded('latency', round.broker, round.topic('latency'), count, 1000, rate, acks='1')
        if round.results is not None:
            for name in 'p50', 'p99', 'p99.9':
                round.results.add(f'produce latency at {rate:,}/s, {name}', 'ms', round.broker.kind, used[f'{name}_ms'],
                                  leads=name == 'p99')


class PerfTools:
    """Apache Kafka's own load generators with their defaults, to check the figures of ours."""
    tls, name = False, "Apache Kafka's perf tools"

    def __call__(self, round):
        topic = round.topic('perf-tools')
        for size, scale in (1000, 'gigabytes_1kb'), (100, 'gigabytes_100b'):
            count = int(round.scale[scale] * 1e9 / size)
            touch_memory(int(count * size * 1.5))
            used = self.run(round.broker, 'kafka-producer-perf-test', '--topic', topic, '--num-records', count, '--record-size',
                            size, '--throughput', -1, '--producer-props', f'bootstrap.servers={round.broker.address}', 'acks=1')
            measure = {'gigabytes': count / 1e6} if size == 1000 else {'millions': count / 1e6}
            round.record(f'kafka-producer-perf-test, {size} B', used,
                         count * size / 1e9 * round.floor['append16_s_per_gb'], target=PRODUCED, **measure)
            if size == 1000:
                used = self.run(round.broker, 'kafka-consumer-perf-test', '--topic', topic, '--messages', count,
                                '--bootstrap-server', round.broker.address)
                round.record(f'kafka-consumer-perf-test, {size} B', used, count / 1e6 * round.floor['sendfile_s_per_gb'],
                             target=CONSUMED, **measure)

    def run(self, broker, tool, *arguments):
        begin = broker.cpu_seconds()
        done = subprocess.run([PEER, 'run', KAFKA_VERSION, f'{tool}.sh', *map(str, arguments)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, timeout=600,
                              env=dict(os.environ, KAFKA_HEAP_OPTS='-Xmx512M'))
        return {'cpu_seconds': broker.cpu_seconds() - begin, 'said': done.stdout.strip().splitlines()[-1]}


WORKLOADS = (
    Bulk('1 kB', reads_disk=True, leads=True), Bulk('1 kB', batch=JAVA_BATCH, leads=True), Bulk('1 kB', codec='lz4'),
    Bulk('1 kB', tls=True, leads=True), Bulk('1 kB', batch=JAVA_BATCH, tls=True),
    Bulk('100 B'), Bulk('100 B', batch=JAVA_BATCH), Bulk('100 B', codec='lz4'), Bulk('100 B', tls=True),
    Single(1), Single(100), Single(1, tls=True, leads=False), Single(100, tls=True, leads=False),
    FanOut(), FanOut(tls=True), Latency(), PerfTools())
