#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tutorials of the years before --bootstrap-server: topics by --zookeeper, producing by --broker-list, daemons.
set -euo pipefail
# shellcheck source=test/tutorials/steps.sh
. "$(dirname "$(readlink -f "$0")")/steps.sh"

bin/zookeeper-server-start.sh -daemon config/zookeeper.properties
await is_open 2181
bin/kafka-server-start.sh -daemon config/server.properties
await is_open 9092

expect_match "registration" 9092 "$(bin/zookeeper-shell.sh localhost:2181 get /brokers/ids/0 2> /dev/null)"

expect "create" "Created topic my-topic." \
    "$(bin/kafka-topics.sh --create --zookeeper localhost:2181 --replication-factor 1 --partitions 1 --topic my-topic)"
expect "list" "my-topic" "$(bin/kafka-topics.sh --list --zookeeper localhost:2181)"
has_leader() { bin/kafka-topics.sh --describe --zookeeper localhost:2181 --topic my-topic | grep -q 'Leader: 0'; }
await has_leader

printf 'This is a message\nThis is another message\n' |
    bin/kafka-console-producer.sh --broker-list localhost:9092 --topic my-topic
expect "messages" $'This is a message\nThis is another message' \
    "$(bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic my-topic --from-beginning --max-messages 2 2> /dev/null)"

expect_match "grow" "Adding partitions succeeded!" \
    "$(bin/kafka-topics.sh --zookeeper localhost:2181 --alter --topic my-topic --partitions 3)"
three_partitions() { [ "$(bin/kafka-topics.sh --describe --zookeeper localhost:2181 --topic my-topic | grep -c 'Leader: 0')" = 3 ]; }
await three_partitions
expect_match "configure" "Updated config for topic my-topic." \
    "$(bin/kafka-topics.sh --zookeeper localhost:2181 --alter --topic my-topic --config max.message.bytes=128000)"
expect_match "delete" "Topic my-topic is marked for deletion." \
    "$(bin/kafka-topics.sh --zookeeper localhost:2181 --delete --topic my-topic)"
is_gone() { [ -z "$(bin/kafka-topics.sh --list --exclude-internal --zookeeper localhost:2181)" ]; }
await is_gone

code=0
bin/kafka-server-stop.sh --node-id=7 > /tmp/stop || code=$?
expect "stop of another broker" "1 No kafka server to stop" "$code $(cat /tmp/stop)"
bin/kafka-server-stop.sh --node-id=0
await is_closed 9092
bin/zookeeper-server-stop.sh
await is_closed 2181
code=0
bin/kafka-server-stop.sh > /tmp/stop || code=$?
expect "stop without a broker" "1 No kafka server to stop" "$code $(cat /tmp/stop)"
