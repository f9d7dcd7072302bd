// SPDX-License-Identifier: Apache-2.0
// Creates a topic, sends and receives in a group, shows what is there.
const assert = require('assert')
const { Kafka, logLevel } = require('kafkajs')

const kafka = new Kafka({ clientId: 'my-app', brokers: ['localhost:9092'], logLevel: logLevel.ERROR })

const main = async () => {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'test-topic', numPartitions: 2 }] })
  assert.ok((await admin.listTopics()).includes('test-topic'))

  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'test-topic', messages: [{ value: 'Hello KafkaJS user!' }, { key: 'key1', value: 'again' }] })
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId: 'test-group' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'test-topic', fromBeginning: true })
  const received = []
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
    consumer.run({
      eachMessage: async ({ message }) => {
        received.push(message.value.toString())
        if (received.length === 2) resolve()
      },
    }).catch(reject)
  })
  assert.deepStrictEqual(received.sort(), ['Hello KafkaJS user!', 'again'])
  await consumer.disconnect()

  const metadata = await admin.fetchTopicMetadata({ topics: ['test-topic'] })
  assert.strictEqual(metadata.topics[0].partitions.length, 2)
  const { groups } = await admin.listGroups()
  assert.ok(groups.some(group => group.groupId === 'test-group'))
  await admin.deleteTopics({ topics: ['test-topic'] })
  await admin.disconnect()
}

main().then(() => console.log('kafkajs: fine'), error => { console.error(error); process.exit(1) })
