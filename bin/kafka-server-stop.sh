#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Asks Barnabas brokers to stop (SIGTERM, or $SIGNAL) and does not wait. Only processes that run the program "barnabas"
# are meant, never another program's, and only those that this user may signal.
# --node-id=N and --process-role=ROLE choose among them by the properties file that each was started with.
set -euo pipefail

node_id='' process_role=''
for argument in "$@"; do
    case $argument in
        --node-id=*) node_id=${argument#*=} ;;
        --process-role=*) process_role=${argument#*=} ;;
    esac
done
if [ -n "$node_id" ] && [ -n "$process_role" ]; then
    echo "Both --node-id and --process-role are given; --node-id is used."
    process_role=''
fi

# property FILE KEY...: the value of the first of the keys that the file sets.
property() {
    local file=$1 key value
    shift
    for key in "$@"; do
        value=$(sed -n "s/^[[:space:]]*${key//./\\.}[[:space:]]*[=:][[:space:]]*//p" "$file" | tail -n 1)
        if [ -n "$value" ]; then
            printf '%s\n' "${value%"${value##*[![:space:]]}"}"
            return
        fi
    done
}

# is_meant PID: does the choice by properties leave this broker in?
is_meant() {
    local words file
    [ -n "$node_id$process_role" ] || return 0
    { mapfile -d '' -t words < "/proc/$1/cmdline"; } 2> /dev/null || return 1 # it is gone meanwhile
    file=${words[1]:-}
    [ "${file#/}" != "$file" ] || file=/proc/$1/cwd/$file
    if [ ! -r "$file" ]; then
        echo "Cannot read the properties file of process $1, ${words[1]:-none given}: left running." >&2
        return 1
    fi
    if [ -n "$node_id" ]; then
        [ "$(property "$file" node.id broker.id)" = "$node_id" ]
    else
        case ,$(property "$file" process.roles), in
            *,"$process_role",*) return 0 ;;
            *) return 1 ;;
        esac
    fi
}

found=0
for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    program=$(readlink "$folder/exe" 2> /dev/null) || continue
    program=${program% (deleted)}
    [ "${program##*/}" = barnabas ] || continue
    is_meant "$pid" || continue
    if kill -s "${SIGNAL:-TERM}" "$pid" 2> /dev/null; then
        found=1
    fi
done
if [ $found = 0 ]; then
    echo "No kafka server to stop"
    exit 1
fi
