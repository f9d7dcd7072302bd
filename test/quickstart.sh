#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs bin/quickstart.sh as a newcomer would, twice, and with a port that is taken; in namespaces of its own.
# Packages are expected to be there (bin/install-packages.sh run build).
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
if [ "${TUTORIAL_INSIDE:-}" = "" ]; then
    exec "$here/tutorials/run" "$0"
fi
# shellcheck source=test/tutorials/steps.sh
. "$here/tutorials/steps.sh"
# It is the release build that is to be run.
unset BARNABAS_PROGRAMS

bin/quickstart.sh | tee /tmp/first
expect_match "first run" "All [0-9]+ lines came back as they were sent." "$(cat /tmp/first)"
expect_match "first run" "The broker listens on port 9092" "$(cat /tmp/first)"

begin=$SECONDS
bin/quickstart.sh > /tmp/second
expect_match "second run" "A broker is running on port 9092" "$(cat /tmp/second)"
expect_match "second run" "All [0-9]+ lines came back as they were sent." "$(cat /tmp/second)"
echo "The second run took $((SECONDS - begin)) seconds."

bin/kafka-server-stop.sh
await is_closed 9092
code=0
python3 -c 'import socket, time
listener = socket.create_server(("localhost", 9092))
time.sleep(600)' &
taker=$!
await is_open 9092
bin/quickstart.sh > /tmp/third 2>&1 || code=$?
expect "exit code when a port is taken" 1 $code
expect_match "port taken" "port 9092 is taken by python3.* \(process $taker\), which is not a Barnabas broker" "$(cat /tmp/third)"
kill $taker
bin/zookeeper-server-stop.sh
await is_closed 2181
echo "quickstart: fine"
