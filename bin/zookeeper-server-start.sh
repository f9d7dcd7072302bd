#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts ZooKeeper (Debian's, on plain Java): zookeeper-server-start.sh [-daemon] zookeeper.properties
# JAVA_HOME, KAFKA_HEAP_OPTS, KAFKA_OPTS, KAFKA_JVM_PERFORMANCE_OPTS, KAFKA_JMX_OPTS, KAFKA_LOG4J_OPTS and LOG_DIR are heeded.
set -euo pipefail
# shellcheck source=bin/barnabas-common.sh
. "$(dirname "$(readlink -f "$0")")/barnabas-common.sh"

if [ $# -lt 1 ]; then
    echo "USAGE: $0 [-daemon] zookeeper.properties"
    exit 1
fi
daemon=0
if [ "$1" = -daemon ]; then
    daemon=1
    shift
fi
java=$(java_find)
class_path=$(zookeeper_class_path)
folder=$(log_folder)

# The property barnabas.zookeeper marks the process for zookeeper-server-stop.sh.
# shellcheck disable=SC2206 # the variables hold several options each
command=("$java" ${KAFKA_HEAP_OPTS:--Xmx512M -Xms512M} ${KAFKA_JVM_PERFORMANCE_OPTS:-}
    ${KAFKA_JMX_OPTS:--Dzookeeper.jmx.log4j.disable=true} ${KAFKA_LOG4J_OPTS:-"-Dlog4j.configuration=file:$home/config/log4j.properties"}
    -Dbarnabas.zookeeper=true -Dkafka.logs.dir="$folder" ${KAFKA_OPTS:-} -cp "$class_path${CLASSPATH:+:$CLASSPATH}"
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$@")
if [ $daemon = 1 ]; then
    daemon_start "$folder/zookeeper.out" "${command[@]}"
else
    exec "${command[@]}"
fi
