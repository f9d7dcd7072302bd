# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts of tutorials share. Sourced, never run.

# await COMMAND...: until it succeeds, a minute at most.
await() {
    local deadline=$((SECONDS + 60))
    until "$@" > /dev/null 2>&1; do
        if [ $SECONDS -ge $deadline ]; then
            echo "Gave up waiting for: $*" >&2
            return 1
        fi
        sleep 0.1
    done
}

is_open() { (: < "/dev/tcp/localhost/$1") 2> /dev/null; }

is_closed() { ! is_open "$1"; }

# expect WHAT WANTED FOUND
expect() {
    if [ "$2" != "$3" ]; then
        printf '%s: wanted\n%s\nbut found\n%s\n' "$1" "$2" "$3" >&2
        return 1
    fi
}

# expect_match WHAT PATTERN FOUND: an extended regular expression that some line matches.
expect_match() {
    if ! grep -qE -- "$2" <<< "$3"; then
        printf '%s: wanted a line like\n%s\nbut found\n%s\n' "$1" "$2" "$3" >&2
        return 1
    fi
}
