#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/security.md as it is written. What it tells the reader to install was fetched before, by the tests of clients.
set -euo pipefail
clients=$BARNABAS_PROGRAMS/clients
GOMODCACHE=$(HOME=$TUTORIAL_USER_HOME go env GOMODCACHE)
GOCACHE=$(HOME=$TUTORIAL_USER_HOME go env GOCACHE)
export GOCACHE GOMODCACHE GOPROXY=off GOTOOLCHAIN=local
# What go get would have written, in a folder that is not the one for temporary files, whose go.mod counts for nothing.
cp test/clients/go/go.mod test/clients/go/go.sum /tmp
export TMPDIR=/tmp/temporary
mkdir $TMPDIR
export KAFKA_HOME=${KAFKA_PEERS:-$TUTORIAL_USER_HOME/.cache/kafka-peers}/3.9.1
export PATH=$clients/python/bin:$PATH NODE_PATH=$clients/node/node_modules
exec python3 test/tutorials/play_document.py docs/security.md /tmp/tls
