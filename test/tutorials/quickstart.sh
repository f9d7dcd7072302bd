#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kafka's own quickstart with ZooKeeper, its steps on one broker: start the environment, create a topic, write and read
# events, stop. Left out, since they come later: Connect and Streams.
set -euo pipefail
# shellcheck source=test/tutorials/steps.sh
. "$(dirname "$(readlink -f "$0")")/steps.sh"

# Step 2: start the environment
bin/zookeeper-server-start.sh config/zookeeper.properties > /tmp/zookeeper.out 2>&1 &
await is_open 2181
bin/kafka-server-start.sh config/server.properties > /tmp/broker.out 2>&1 &
await is_open 9092

# Step 3: create a topic to store your events
expect "create" "Created topic quickstart-events." \
    "$(bin/kafka-topics.sh --create --topic quickstart-events --bootstrap-server localhost:9092)"
described=$(bin/kafka-topics.sh --describe --topic quickstart-events --bootstrap-server localhost:9092)
expect_match "describe" $'^Topic: quickstart-events\tTopicId: [A-Za-z0-9_-]{22}\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: ' "$described"
expect_match "describe" $'^\tTopic: quickstart-events\tPartition: 0\tLeader: 0\tReplicas: 0\tIsr: 0\t' "$described"
expect "help goes to standard error" "" "$(bin/kafka-topics.sh 2> /dev/null || true)"

# Step 4: write some events into the topic
printf 'This is my first event\nThis is my second event\n' |
    bin/kafka-console-producer.sh --topic quickstart-events --bootstrap-server localhost:9092

# Step 5: read the events
bin/kafka-console-consumer.sh --topic quickstart-events --from-beginning --bootstrap-server localhost:9092 > /tmp/read &
reader=$!
has_lines() { [ "$(wc -l < /tmp/read)" -eq "$1" ]; }
await has_lines 2
# … and more events show up in the terminal that reads
echo "This is my third event" | bin/kafka-console-producer.sh --topic quickstart-events --bootstrap-server localhost:9092
await has_lines 3
kill -INT $reader
code=0
wait $reader || code=$?
expect "exit code after Ctrl-C" 130 $code
expect "events" $'This is my first event\nThis is my second event\nThis is my third event' "$(cat /tmp/read)"

# Step 8: terminate the environment
bin/kafka-server-stop.sh
await is_closed 9092
bin/zookeeper-server-stop.sh
await is_closed 2181
await grep -q "shut down completed" /tmp/broker.out
