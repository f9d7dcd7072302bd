#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts a broker: kafka-server-start.sh [-daemon] server.properties [--override property=value]*
# KAFKA_HEAP_OPTS, KAFKA_OPTS, JMX_PORT and their kin speak to a Java virtual machine: they are accepted and not needed.
set -euo pipefail
# shellcheck source=bin/barnabas-common.sh
. "$(dirname "$(readlink -f "$0")")/barnabas-common.sh"

if [ $# -lt 1 ]; then
    echo "USAGE: $0 [-daemon] server.properties [--override property=value]*"
    exit 1
fi
if [ "$1" = -daemon ]; then
    shift
    program=$(program_find barnabas server)
    folder=$(log_folder)
    daemon_start "$folder/kafkaServer.out" "$program" "$@"
else
    program_exec barnabas server "$@"
fi
