#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ZooKeeper's command line: zookeeper-shell.sh HOST:PORT[/PATH] [COMMAND [ARG]...]; without a command it reads commands
# from the standard input.
set -euo pipefail
# shellcheck source=bin/barnabas-common.sh
. "$(dirname "$(readlink -f "$0")")/barnabas-common.sh"

if [ $# -lt 1 ]; then
    echo "USAGE: $0 zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]"
    exit 1
fi
server=$1
shift
if [ "${1:-}" = -zk-tls-config-file ]; then
    if [ ! -r "${2:-}" ]; then
        echo "Exception in thread \"main\" java.nio.file.NoSuchFileException: ${2:-}" >&2
    else
        echo "TLS to ZooKeeper (-zk-tls-config-file) is not supported." >&2
    fi
    exit 1
fi
java=$(java_find)
class_path=$(zookeeper_class_path)
# shellcheck disable=SC2086 # the variables hold several options each
exec "$java" ${KAFKA_HEAP_OPTS:--Xmx256M} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto \
    ${KAFKA_LOG4J_OPTS:-"-Dlog4j.configuration=file:$home/config/tools-log4j.properties"} ${KAFKA_OPTS:-} \
    -cp "$class_path" org.apache.zookeeper.ZooKeeperMain -server "$server" "$@"
