#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The entry point of the container, which also runs outside of one. With a command it becomes that command
# (kafka-topics.sh, zookeeper-server-start.sh …); without one, or with --override options, it starts a broker:
#
#   KAFKA_ANY_KEY=value           any.key=value in the broker's configuration ("__" stands for "_", "___" for "-")
#   KAFKA_ADVERTISED_HOST_NAME    the name that clients are told, with KAFKA_ADVERTISED_PORT (9092)
#   KAFKA_CREATE_TOPICS           "name:partitions:replicas[:cleanup.policy],…", made once the broker answers
#
# It waits for ZooKeeper. Variables for a Java virtual machine (KAFKA_HEAP_OPTS …) are accepted and not needed.
set -euo pipefail
# shellcheck source=bin/barnabas-common.sh
. "$(dirname "$(readlink -f "$0")")/barnabas-common.sh"
export PATH="$home/bin:$PATH"

if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    exec "$@"
fi

configuration=${KAFKA_CONFIGURATION_FILE:-$(mktemp)}

# The variables that are not keys of the broker.
is_key() {
    case $1 in
        KAFKA_HEAP_OPTS | KAFKA_OPTS | KAFKA_JMX_OPTS | KAFKA_LOG4J_OPTS | KAFKA_JVM_PERFORMANCE_OPTS) return 1 ;;
        KAFKA_GC_LOG_OPTS | KAFKA_DEBUG | KAFKA_HOME | KAFKA_VERSION | KAFKA_CREATE_TOPICS) return 1 ;;
        KAFKA_ADVERTISED_HOST_NAME | KAFKA_ADVERTISED_PORT | KAFKA_CONFIGURATION_FILE) return 1 ;;
        KAFKA_TOOLS_LOG4J_LOGLEVEL | KAFKA_LOG4J_LOGGERS | KAFKA_LOG4J_ROOT_LOGLEVEL) return 1 ;;
        KAFKA_*) return 0 ;;
        *) return 1 ;;
    esac
}

# KAFKA_LOG_RETENTION_MS: log.retention.ms
key_of_variable() {
    local name=${1#KAFKA_}
    name=${name,,}
    name=${name//___/$'\x01'}
    name=${name//__/$'\x02'}
    name=${name//_/.}
    name=${name//$'\x01'/-}
    printf '%s\n' "${name//$'\x02'/_}"
}

# A value as a properties file has to hold it.
escape_value() {
    local value=${1//\\/\\\\}
    value=${value//$'\n'/\\n}
    printf '%s\n' "${value/#[[:space:]]/\\ }"
}

write_configuration() {
    local name keys=()
    for name in $(compgen -e KAFKA_ | LC_ALL=C sort); do
        ! is_key "$name" || keys+=("$name")
    done
    {
        cat "$home/config/server.properties"
        echo "log.dirs=/var/lib/kafka"
        if [ -n "${KAFKA_ADVERTISED_HOST_NAME:-}" ] && [ -z "${KAFKA_ADVERTISED_LISTENERS:-}" ]; then
            echo "advertised.listeners=PLAINTEXT://$KAFKA_ADVERTISED_HOST_NAME:${KAFKA_ADVERTISED_PORT:-9092}"
        fi
        for name in "${keys[@]}"; do
            printf '%s=%s\n' "$(key_of_variable "$name")" "$(escape_value "${!name}")"
        done
    } > "$configuration"
}

# The last value that the file sets.
configured() { sed -n "s/^${1//./\\.}=//p" "$configuration" | tail -n 1; }

await_zookeeper() {
    local hosts host port deadline=$((SECONDS + 120))
    hosts=$(configured zookeeper.connect)
    hosts=${hosts%%/*}
    echo "Waiting for ZooKeeper at $hosts"
    while :; do
        for host in ${hosts//,/ }; do
            case $host in *:*) port=${host##*:} ;; *) port=2181 ;; esac
            if (: < "/dev/tcp/${host%:*}/$port") 2> /dev/null; then
                return
            fi
        done
        if [ $SECONDS -ge $deadline ]; then
            echo "No ZooKeeper answered at $hosts within two minutes. Is it running, and is KAFKA_ZOOKEEPER_CONNECT right?" >&2
            exit 1
        fi
        sleep 0.2
    done
}

# The port of the first listener, for the broker's own machine.
own_port() {
    local listeners
    listeners=$(configured listeners)
    listeners=${listeners%%,*}
    listeners=${listeners##*:}
    printf '%s\n' "${listeners:-9092}"
}

own_host() {
    local listeners
    listeners=$(configured listeners)
    listeners=${listeners%%,*}
    listeners=${listeners#*://}
    listeners=${listeners%:*}
    case $listeners in '' | 0.0.0.0 | '[::]') echo localhost ;; *) printf '%s\n' "$listeners" ;; esac
}

create_topics() {
    local server entry name partitions replicas policy
    server=$(own_host):$(own_port)
    for entry in ${KAFKA_CREATE_TOPICS//,/ }; do
        IFS=: read -r name partitions replicas policy <<< "$entry"
        kafka-topics.sh --bootstrap-server "$server" --create --if-not-exists --topic "$name" \
            --partitions "${partitions:-1}" --replication-factor "${replicas:-1}" \
            ${policy:+--config "cleanup.policy=$policy"} || echo "Could not make the topic $name" >&2
    done
}

write_configuration
await_zookeeper
if [ -n "${KAFKA_CREATE_TOPICS:-}" ]; then
    create_topics &
fi
exec kafka-server-start.sh "$configuration" "$@"
