#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The way Node tutorials begin: kafkajs with an admin client, a producer and a consumer of a group, on localhost:9092.
set -euo pipefail
# shellcheck source=test/tutorials/steps.sh
. "$(dirname "$(readlink -f "$0")")/steps.sh"

bin/zookeeper-server-start.sh -daemon config/zookeeper.properties
await is_open 2181
bin/kafka-server-start.sh -daemon config/server.properties
await is_open 9092
NODE_PATH=$KAFKAJS_HOME/node_modules node test/tutorials/kafkajs.js
bin/kafka-server-stop.sh
bin/zookeeper-server-stop.sh
