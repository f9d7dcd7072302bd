// SPDX-License-Identifier: Apache-2.0
// kafkajs, see ../README.md.
'use strict';
const { once } = require('events');
const fs = require('fs');
const readline = require('readline');
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = require('kafkajs');
const SnappyCodec = require('kafkajs-snappy');

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec;

const PARTITIONS = 3;
const PER_COMBINATION = 20;
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };
const ACKS = { 0: 0, 1: 1, all: -1 };

const [address, command, ...parameters] = process.argv.slice(2);
const read = (name) => process.env[name] && fs.readFileSync(process.env[name], 'utf8');
const ssl = process.env.CLIENT_TLS_CA
  ? { ca: [read('CLIENT_TLS_CA')], cert: read('CLIENT_TLS_CERTIFICATE'), key: read('CLIENT_TLS_KEY') }
  : false;
const kafka = new Kafka({ clientId: 'client', brokers: [address], ssl, logLevel: logLevel.ERROR });

function check(condition, what) {
  if (!condition) throw new Error(what);
}

async function retention(admin, topic) {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
  });
  return resources[0].configEntries[0].configValue;
}

async function runAdmin(topic) {
  const admin = kafka.admin();
  await admin.connect();
  const created = await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '60000' }] }],
  });
  check(created, 'created');
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  check(topics[0].partitions.length === PARTITIONS, 'partitions');
  check((await admin.describeCluster()).brokers.length === 1, 'brokers');
  check((await retention(admin, topic)) === '60000', 'retention');
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value: '120000' }] }],
  });
  while ((await retention(admin, topic)) !== '120000');
  check((await admin.fetchTopicOffsets(topic)).length === PARTITIONS, 'offsets');
  await admin.deleteTopics({ topics: [topic] });
  while ((await admin.listTopics()).includes(topic));
  await admin.disconnect();
}

async function runMatrix(topic) {
  for (const [acksName, acks] of Object.entries(ACKS)) {
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: acks === -1, maxInFlightRequests: 1 });
    await producer.connect();
    for (const [codec, compression] of Object.entries(CODECS)) {
      const messages = [...Array(PER_COMBINATION).keys()].map((number) => ({ value: `${acksName}-${codec}-${number}` }));
      await producer.send({ topic, acks, compression, messages });
    }
    await producer.disconnect();
  }
  console.log(Object.keys(CODECS).join(' '));
}

const parse = (text) => (text === '\\N' ? null : text);
const show = (data) => (data === null || data === undefined ? '\\N' : data.toString());

async function runProduce(topic, partitioner) {
  let next = 0;
  const roundRobin = () => ({ partitionMetadata }) => next++ % partitionMetadata.length;
  const createPartitioner = partitioner === 'round-robin' ? roundRobin : Partitioners.DefaultPartitioner;
  const producer = kafka.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [key, value, headerText] = line.split('\t');
    const headers = Object.fromEntries(headerText.split(',').filter(Boolean).map((pair) => pair.split('=')));
    const [written] = await producer.send({ topic, acks: -1, messages: [{ key: parse(key), value: parse(value), headers }] });
    console.log(`${written.partition} ${written.baseOffset}`);
  }
  await producer.disconnect();
}

async function runConsume(topic, groupId, count) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 500 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let done;
  const enough = new Promise((resolve) => { done = resolve; });
  let number = 0;
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 1,
    eachMessage: async ({ partition, message, heartbeat }) => {
      if (number > 0 && number === Number(count)) return;
      const headers = Object.entries(message.headers || {}).map(([name, value]) => `${name}=${show(value)}`).join(',');
      const line = [partition, message.offset, show(message.key), show(message.value), headers].join('\t');
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
      await consumer.commitOffsets([{ topic, partition, offset: (BigInt(message.offset) + 1n).toString() }]);
      await heartbeat();
      number += 1;
      if (number === Number(count)) done();
    },
  });
  await enough;
  await consumer.disconnect();
}

const commands = { admin: runAdmin, matrix: runMatrix, produce: runProduce, consume: runConsume };
commands[command](...parameters).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
