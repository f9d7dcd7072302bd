# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka, see ../README.md."""
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType)

from common import (ACKS, HEARTBEAT_MS, PARTITIONS, PER_COMBINATION, SESSION_TIMEOUT_MS, TLS_CA, TLS_CERTIFICATE, TLS_KEY,
                    TLS_KEYSTORE, TLS_PASSWORD, main, records, show)

CODECS = ('none', 'gzip', 'snappy', 'lz4', 'zstd')


def connection(address):
    options = {'bootstrap.servers': address}
    if TLS_CA:
        options.update({'security.protocol': 'ssl', 'ssl.ca.location': TLS_CA})
    if TLS_CERTIFICATE:
        options.update({'ssl.certificate.location': TLS_CERTIFICATE, 'ssl.key.location': TLS_KEY})
    if TLS_KEYSTORE:
        options.update({'ssl.keystore.location': TLS_KEYSTORE, 'ssl.keystore.password': TLS_PASSWORD})
    return options


def finish(futures):
    return [future.result(60) for future in futures.values()]


def retention(admin, topic):
    return finish(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))[0]['retention.ms'].value


def run_admin(address, topic):
    admin = AdminClient({**connection(address)})
    finish(admin.create_topics([NewTopic(topic, PARTITIONS, 1, config={'retention.ms': '60000'})]))
    assert len(admin.list_topics(topic, 60).topics[topic].partitions) == PARTITIONS
    assert len(admin.describe_cluster().result(60).nodes) == 1
    assert retention(admin, topic) == '60000'
    change = ConfigEntry('retention.ms', '120000', incremental_operation=AlterConfigOpType.SET)
    finish(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])]))
    while retention(admin, topic) != '120000':
        pass
    finish(admin.delete_topics([topic]))
    while topic in admin.list_topics(timeout=60).topics:
        pass


def run_matrix(address, topic):
    for acks in ACKS:
        for codec in CODECS:
            producer = Producer({**connection(address), 'acks': acks, 'compression.codec': codec,
                                 'enable.idempotence': acks == 'all'})
            for number in range(PER_COMBINATION):
                producer.produce(topic, f'{acks}-{codec}-{number}')
            assert producer.flush(60) == 0
    print(' '.join(CODECS))


def run_produce(address, topic, partitioner):
    partitions = None
    settings = {**connection(address), 'partitioner': 'murmur2_random', 'enable.idempotence': True}
    producer = Producer(settings)
    if partitioner == 'round-robin':
        partitions = len(producer.list_topics(topic, 60).topics[topic].partitions)
    written = {}

    def delivered(number):
        def callback(error, message):
            assert error is None, error
            written[number] = (message.partition(), message.offset())
        return callback

    for number, (key, value, headers) in enumerate(records()):
        where = {'partition': number % partitions} if partitions else {}
        producer.produce(topic, value, key, headers=headers, on_delivery=delivered(number), **where)
    assert producer.flush(60) == 0
    for number in sorted(written):
        print(*written[number])


def run_consume(address, topic, group, count):
    consumer = Consumer({**connection(address), 'group.id': group, 'auto.offset.reset': 'earliest',
                         'enable.auto.commit': False, 'session.timeout.ms': SESSION_TIMEOUT_MS,
                         'heartbeat.interval.ms': HEARTBEAT_MS})
    consumer.subscribe([topic])
    number = 0
    while number == 0 or number != int(count):
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            print(message.error(), file=sys.stderr)
            continue
        show(message.partition(), message.offset(), message.key(), message.value(), message.headers())
        consumer.commit(message, asynchronous=False)
        number += 1
    consumer.close()


main({'admin': run_admin, 'matrix': run_matrix, 'produce': run_produce, 'consume': run_consume})
