#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Asks the ZooKeeper servers that zookeeper-server-start.sh started to stop (SIGTERM, or $SIGNAL) and does not wait.
# A ZooKeeper that the system or another program runs is left alone.
set -euo pipefail

found=0
for folder in /proc/[0-9]*; do
    # A process may be gone meanwhile.
    words=$({ tr '\0' '\n' < "$folder/cmdline"; } 2> /dev/null) || continue
    case $words in
        *-Dbarnabas.zookeeper=true*QuorumPeerMain*) ;;
        *) continue ;;
    esac
    program=$(readlink "$folder/exe" 2> /dev/null) || continue
    [ "${program##*/}" = java ] || continue
    if kill -s "${SIGNAL:-TERM}" "${folder#/proc/}" 2> /dev/null; then
        found=1
    fi
done
if [ $found = 0 ]; then
    echo "No zookeeper server to stop"
    exit 1
fi
