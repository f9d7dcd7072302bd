#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian 12 to a running broker: installs what is missing, builds a release, starts ZooKeeper and a broker
# with the files in config/, sends the lines of a text through a topic and compares what comes back. The cluster stays
# up. Running it again finds what is there. Needs root, or a user with sudo when packages are missing.
set -euo pipefail
# shellcheck source=bin/barnabas-common.sh
. "$(dirname "$(readlink -f "$0")")/barnabas-common.sh"
cd "$home"

text=config/quickstart.txt
topic=quickstart
zookeeper_port=2181
broker_port=9092
logs=${LOG_DIR:-$home/logs}

step() { printf '\n==> %s\n' "$*"; }

fail() {
    printf '\nquickstart: %s\n' "$*" >&2
    exit 1
}

fail_with_log() { # FILE MESSAGE
    printf '\nThe end of %s:\n' "$1" >&2
    tail -n 20 "$1" >&2 || true
    fail "$2"
}

install_packages() {
    command -v apt-get > /dev/null || fail "this is no Debian: there is no apt-get. Install by other means what bin/install-packages.sh names."
    bin/install-packages.sh run build || fail "the packages could not be installed"
    echo "All packages are there."
}

build() {
    cmake --preset release > /dev/null || fail "cmake could not configure the build; see what it says above"
    cmake --build build/release || fail "the build failed; see what the compiler says above"
}

# Does somebody listen on that port of this machine?
is_open() { (: < "/dev/tcp/localhost/$1") 2> /dev/null; }

# Who listens there, as "NAME (process PID)"; as much as this user may see.
port_owner() {
    local hex inode fd
    hex=$(printf '%04X' "$1")
    inode=$(cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | awk -v port="$hex" '$4 == "0A" && $2 ~ ":" port "$" {print $10; exit}')
    if [ -n "$inode" ]; then
        for fd in /proc/[0-9]*/fd/*; do
            if [ "$(readlink "$fd" 2> /dev/null)" = "socket:[$inode]" ]; then
                fd=${fd#/proc/}
                printf '%s (process %s)\n' "$(cat "/proc/${fd%%/*}/comm")" "${fd%%/*}"
                return
            fi
        done
    fi
    echo "another program"
}

await() { # SECONDS COMMAND...: until the command succeeds
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

zookeeper_answers() {
    local answer
    exec 3<> "/dev/tcp/localhost/$zookeeper_port" || return 1
    printf srvr >&3
    answer=$(timeout 2 cat <&3 || true)
    exec 3>&-
    case $answer in *"Zookeeper version"*) return 0 ;; *) return 1 ;; esac
}

start_zookeeper() {
    if is_open $zookeeper_port; then
        zookeeper_answers 2> /dev/null ||
            fail "port $zookeeper_port is taken by $(port_owner $zookeeper_port), which is not a ZooKeeper. Stop it, or change clientPort in config/zookeeper.properties and zookeeper.connect in config/server.properties."
        echo "A ZooKeeper is running on port $zookeeper_port."
        return
    fi
    bin/zookeeper-server-start.sh -daemon config/zookeeper.properties
    await 60 zookeeper_answers 2> /dev/null || fail_with_log "$logs/zookeeper.out" "ZooKeeper did not start"
    echo "ZooKeeper listens on port $zookeeper_port and logs to $logs/zookeeper.out."
}

is_broker_process() {
    local folder program
    for folder in /proc/[0-9]*; do
        program=$(readlink "$folder/exe" 2> /dev/null) || continue
        program=${program% (deleted)}
        [ "${program##*/}" != barnabas ] || return 0
    done
    return 1
}

broker_answers() {
    is_open $broker_port && timeout 10 bin/kafka-topics.sh --bootstrap-server "localhost:$broker_port" --list > /dev/null 2>&1
}

broker_answers_or_died() { broker_answers || ! is_broker_process; }

start_broker() {
    if is_open $broker_port; then
        is_broker_process ||
            fail "port $broker_port is taken by $(port_owner $broker_port), which is not a Barnabas broker. Stop it, or set another port with listeners=PLAINTEXT://:PORT in config/server.properties."
        await 30 broker_answers || fail "the broker on port $broker_port does not answer. Stop it with bin/kafka-server-stop.sh and run this again."
        echo "A broker is running on port $broker_port."
        return
    fi
    bin/kafka-server-start.sh -daemon config/server.properties
    await 60 broker_answers_or_died || true
    broker_answers || fail_with_log "$logs/kafkaServer.out" "the broker did not start"
    echo "The broker listens on port $broker_port and logs to $logs/kafkaServer.out."
}

# Every line is sent with this run's own key, so that lines of others and of earlier runs do not matter.
send_and_compare() {
    local run count folder reader
    run=run-$(date +%s)-$$
    count=$(wc -l < $text)
    folder=$(mktemp -d)
    bin/kafka-topics.sh --bootstrap-server localhost:$broker_port --create --if-not-exists --topic $topic \
        --partitions 1 --replication-factor 1
    echo "Sending the $count lines of $text to the topic $topic"
    sed "s/^/$run\t/" $text | bin/kafka-console-producer.sh --bootstrap-server localhost:$broker_port --topic $topic \
        --property parse.key=true
    bin/kafka-console-consumer.sh --bootstrap-server localhost:$broker_port --topic $topic --from-beginning \
        --property print.key=true > "$folder/all" 2> "$folder/errors" &
    reader=$!
    all_lines_came() { [ "$(grep -c "^$run" "$folder/all")" -ge "$count" ]; }
    await 60 all_lines_came || true
    kill $reader 2> /dev/null || true
    wait $reader 2> /dev/null || true
    sed -n "s/^$run\t//p" "$folder/all" > "$folder/own"
    if ! cmp -s "$folder/own" $text; then
        cat "$folder/errors" >&2
        fail "what came back differs from what was sent: compare $folder/own with $text"
    fi
    rm -r "$folder"
    echo "All $count lines came back as they were sent."
}

step "1 of 5: packages"
install_packages
step "2 of 5: building (the first time takes a minute or two)"
build
step "3 of 5: ZooKeeper"
start_zookeeper
step "4 of 5: the broker"
start_broker
step "5 of 5: a text goes through"
send_and_compare

cat << EOF_NEXT

Done. ZooKeeper and the broker keep running. What to type next, in two terminals:

    bin/kafka-console-consumer.sh --bootstrap-server localhost:$broker_port --topic $topic --from-beginning
    bin/kafka-console-producer.sh --bootstrap-server localhost:$broker_port --topic $topic

Topics:

    bin/kafka-topics.sh --bootstrap-server localhost:$broker_port --describe

To stop the broker and then ZooKeeper:

    bin/kafka-server-stop.sh
    bin/zookeeper-server-stop.sh

Data lie in /tmp/kafka-logs and /tmp/zookeeper, as config/server.properties and config/zookeeper.properties say.
EOF_NEXT
