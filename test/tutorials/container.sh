#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tutorials that begin with "docker-compose up -d": the container's entry point outside of one, with the variables of
# docker-compose.yml's kafka service, and the commands that such tutorials type behind "docker-compose exec kafka".
set -euo pipefail
# shellcheck source=test/tutorials/steps.sh
. "$(dirname "$(readlink -f "$0")")/steps.sh"

# The image as the Dockerfile lays it out.
cmake --install "$BARNABAS_PROGRAMS" --prefix /tmp/kafka > /dev/null
unset BARNABAS_PROGRAMS
export PATH=/tmp/kafka/bin:$PATH
exec_in_kafka() { docker-entrypoint.sh "$@"; }

export KAFKA_ZOOKEEPER_CONNECT=localhost KAFKA_ADVERTISED_HOST_NAME=localhost KAFKA_LOG_DIRS=/tmp/kafka-data
export KAFKA_CREATE_TOPICS="orders:3:1,accounts:1:1:compact" KAFKA_HEAP_OPTS=-Xmx1G KAFKA_NUM_PARTITIONS=2
docker-entrypoint.sh > /tmp/kafka.out 2>&1 &
broker=$!
await grep -q "Waiting for ZooKeeper at localhost" /tmp/kafka.out
unset KAFKA_HEAP_OPTS
docker-entrypoint.sh zookeeper-server-start.sh /tmp/kafka/config/zookeeper.properties > /tmp/zookeeper.out 2>&1 &
zookeeper=$!
await is_open 9092

both_topics() { [ "$(exec_in_kafka kafka-topics --list --bootstrap-server localhost:9092)" = $'accounts\norders' ]; }
await both_topics
described=$(exec_in_kafka kafka-topics.sh --describe --zookeeper localhost:2181)
expect_match "orders" 'Topic: orders.*PartitionCount: 3' "$described"
expect_match "accounts" 'Topic: accounts.*Configs: cleanup.policy=compact' "$described"

exec_in_kafka kafka-topics.sh --create --topic test --bootstrap-server localhost:9092
expect_match "KAFKA_NUM_PARTITIONS" 'PartitionCount: 2' \
    "$(exec_in_kafka kafka-topics.sh --describe --topic test --bootstrap-server localhost:9092)"
echo "hello from a container" | exec_in_kafka kafka-console-producer --broker-list localhost:9092 --topic test
expect "read" "hello from a container" \
    "$(exec_in_kafka kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic test --from-beginning --max-messages 1 2> /dev/null)"

kill $broker
code=0
wait $broker || code=$?
expect "exit code of the container" 143 $code
kill $zookeeper
