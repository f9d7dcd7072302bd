# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts in this folder share. Sourced, never run; home is the folder above bin/.

home=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

# program_find NAME FOLDER: prints the path of one of the project's programs. A build that $BARNABAS_PROGRAMS names
# comes first, then an installation (beside the scripts), then the release build in the source tree.
program_find() {
    local candidate
    for candidate in ${BARNABAS_PROGRAMS:+"$BARNABAS_PROGRAMS/$2/$1"} "$home/bin/$1" "$home/build/release/$2/$1"; do
        if [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    echo "The program $1 is not built yet. Run $home/bin/quickstart.sh, or: cmake --preset release && cmake --build build/release" >&2
    return 1
}

# program_exec NAME FOLDER [ARG]...: becomes the program.
program_exec() {
    local program
    program=$(program_find "$1" "$2") || exit 1
    shift 2
    exec "$program" "$@"
}

# Where consoles of daemons and the logs of ZooKeeper go; made when it is missing.
log_folder() {
    local folder=${LOG_DIR:-$home/logs}
    if ! mkdir -p "$folder"; then
        echo "Cannot make the folder for logs, $folder; set LOG_DIR to another one." >&2
        return 1
    fi
    printf '%s\n' "$folder"
}

# daemon_start CONSOLE_FILE COMMAND [ARG]...: in the background, deaf to hangups, its output in the file.
daemon_start() {
    local console=$1
    shift
    nohup "$@" > "$console" 2>&1 < /dev/null &
}

# java_find: the Java virtual machine that the environment asks for, else the one on the PATH.
java_find() {
    if [ -n "${JAVA_HOME:-}" ]; then
        printf '%s\n' "$JAVA_HOME/bin/java"
    elif command -v java; then
        return 0
    else
        echo "ZooKeeper needs Java, and there is none: apt-get install default-jre-headless libzookeeper-java" >&2
        return 1
    fi
}

# zookeeper_class_path: Debian's ZooKeeper with a logger, or the jars of another installation ($ZOOKEEPER_JARS).
zookeeper_class_path() {
    local jars=/usr/share/java
    if [ -n "${ZOOKEEPER_JARS:-}" ]; then
        printf '%s\n' "$ZOOKEEPER_JARS"
    elif [ -e "$jars/zookeeper.jar" ]; then
        printf '%s\n' "$jars/zookeeper.jar:$jars/slf4j-log4j12.jar:$jars/log4j-1.2.jar"
    else
        echo "ZooKeeper is not installed: apt-get install libzookeeper-java (or set ZOOKEEPER_JARS to its class path)" >&2
        return 1
    fi
}
