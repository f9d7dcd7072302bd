# SPDX-License-Identifier: Apache-2.0
"""aiokafka, see ../README.md."""
import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.helpers import create_ssl_context

from common import (ACKS, HEARTBEAT_MS, PARTITIONS, PER_COMBINATION, SESSION_TIMEOUT_MS, TLS_CA, TLS_CERTIFICATE, TLS_KEY,
                    main, records, show)

CODECS = ('none', 'gzip', 'snappy', 'lz4', 'zstd')


def connection(address):
    options = {'bootstrap_servers': address}
    if TLS_CA:
        context = create_ssl_context(cafile=TLS_CA, certfile=TLS_CERTIFICATE, keyfile=TLS_KEY)
        options.update(security_protocol='SSL', ssl_context=context)
    return options


async def retention(admin, topic):
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in answers[0].resources[0][4]}['retention.ms']


async def run_admin(address, topic):
    admin = AIOKafkaAdminClient(**connection(address))
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs={'retention.ms': '60000'})])
    assert len((await admin.describe_topics([topic]))[0]['partitions']) == PARTITIONS
    assert await retention(admin, topic) == '60000'
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {'retention.ms': '120000'})])
    while await retention(admin, topic) != '120000':
        pass
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():
        pass
    await admin.close()


async def run_matrix(address, topic):
    for acks in ACKS:
        for codec in CODECS:
            producer = AIOKafkaProducer(**connection(address), acks=acks if acks == 'all' else int(acks),
                                        enable_idempotence=acks == 'all',
                                        compression_type=None if codec == 'none' else codec)
            await producer.start()
            for number in range(PER_COMBINATION):
                await producer.send(topic, f'{acks}-{codec}-{number}'.encode())
            await producer.flush()
            await producer.stop()
    print(' '.join(CODECS))


class RoundRobin:
    def __init__(self):
        self.next = -1

    def __call__(self, _key, all_partitions, _available):
        self.next += 1
        return sorted(all_partitions)[self.next % len(all_partitions)]


async def run_produce(address, topic, partitioner):
    options = {'partitioner': RoundRobin()} if partitioner == 'round-robin' else {}
    producer = AIOKafkaProducer(**connection(address), enable_idempotence=True, **options)
    await producer.start()
    sent = [await producer.send(topic, value, key, headers=headers) for key, value, headers in records()]
    for future in sent:
        metadata = await future
        print(metadata.partition, metadata.offset)
    await producer.stop()


async def run_consume(address, topic, group, count):
    consumer = AIOKafkaConsumer(topic, **connection(address), group_id=group, auto_offset_reset='earliest',
                                enable_auto_commit=False, session_timeout_ms=SESSION_TIMEOUT_MS,
                                heartbeat_interval_ms=HEARTBEAT_MS)
    await consumer.start()
    number = 0
    async for record in consumer:
        show(record.partition, record.offset, record.key, record.value, record.headers)
        await consumer.commit({TopicPartition(topic, record.partition): record.offset + 1})
        number += 1
        if number == int(count):
            break
    await consumer.stop()


def waiting(command):
    return lambda *arguments: asyncio.run(command(*arguments))


main({'admin': waiting(run_admin), 'matrix': waiting(run_matrix), 'produce': waiting(run_produce),
      'consume': waiting(run_consume)})
