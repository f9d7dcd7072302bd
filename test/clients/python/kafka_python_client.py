# SPDX-License-Identifier: Apache-2.0
"""kafka-python, see ../README.md."""
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaConnectionError
from kafka.structs import OffsetAndMetadata

from common import (ACKS, HEARTBEAT_MS, PARTITIONS, PER_COMBINATION, SESSION_TIMEOUT_MS, TLS_CA, TLS_CERTIFICATE, TLS_KEY,
                    main, records, show)

CODECS = ('none', 'gzip', 'snappy', 'lz4', 'zstd')


def connection(address):
    options = {'bootstrap_servers': address}
    if TLS_CA:
        options.update(security_protocol='SSL', ssl_cafile=TLS_CA, ssl_certfile=TLS_CERTIFICATE, ssl_keyfile=TLS_KEY)
    return options


def retention(admin, topic):
    answers = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    for answer in answers:
        for resource in answer.resources:
            return {entry[0]: entry[1] for entry in resource[4]}['retention.ms']
    return None


def connected_admin(address):
    """This version takes a session ticket of TLS 1.3 that comes while it awaits no answer for a broken connection (from Apache
    Kafka's broker, too). Its producer and consumer connect again by themselves; its admin client gives up."""
    while True:
        try:
            admin = KafkaAdminClient(**connection(address))
            admin.list_topics()
            return admin
        except KafkaConnectionError:
            pass


def run_admin(address, topic):
    admin = connected_admin(address)
    admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs={'retention.ms': '60000'})])
    assert topic in admin.list_topics()
    assert len(admin.describe_topics([topic])[0]['partitions']) == PARTITIONS
    assert retention(admin, topic) == '60000'
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {'retention.ms': '120000'})])
    while retention(admin, topic) != '120000':
        pass
    admin.delete_topics([topic])
    while topic in admin.list_topics():
        pass
    admin.close()


def run_matrix(address, topic):
    for acks in ACKS:
        for codec in CODECS:
            producer = KafkaProducer(**connection(address), acks=acks if acks == 'all' else int(acks), linger_ms=5,
                                     enable_idempotence=acks == 'all', compression_type=None if codec == 'none' else codec)
            for number in range(PER_COMBINATION):
                producer.send(topic, f'{acks}-{codec}-{number}'.encode())
            producer.flush()
            if acks == '0':
                # What needs no answer stays in this version's buffer until something does.
                producer.partitions_for(f'{topic}-flush')
            producer.close()
    print(' '.join(CODECS))


class RoundRobin:
    def __init__(self):
        self.next = -1

    def __call__(self, _key, all_partitions, _available):
        self.next += 1
        return sorted(all_partitions)[self.next % len(all_partitions)]


def run_produce(address, topic, partitioner):
    options = {'partitioner': RoundRobin()} if partitioner == 'round-robin' else {}
    producer = KafkaProducer(**connection(address), linger_ms=5, enable_idempotence=True, **options)
    sent = [producer.send(topic, value, key, headers) for key, value, headers in records()]
    for future in sent:
        metadata = future.get(60)
        print(metadata.partition, metadata.offset)
    producer.close()


def run_consume(address, topic, group, count):
    consumer = KafkaConsumer(topic, **connection(address), group_id=group, auto_offset_reset='earliest',
                             enable_auto_commit=False, session_timeout_ms=SESSION_TIMEOUT_MS,
                             heartbeat_interval_ms=HEARTBEAT_MS, metadata_max_age_ms=1000)
    positions = {}
    for number, record in enumerate(consumer, 1):
        show(record.partition, record.offset, record.key, record.value, record.headers)
        positions[TopicPartition(topic, record.partition)] = OffsetAndMetadata(record.offset + 1, '', -1)
        if int(count) == 0 or number == int(count):
            consumer.commit(positions)
        if number == int(count):
            break
    consumer.close()


main({'admin': run_admin, 'matrix': run_matrix, 'produce': run_produce, 'consume': run_consume})
