#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that one or more uses of Barnabas need, unless they are there:
#   bin/install-packages.sh run     to run brokers and tools that are built
#   bin/install-packages.sh build   to build them
#   bin/install-packages.sh test    to run the tests
#   bin/install-packages.sh check   what .ci/run uses besides
# Toolchains (Java, Go, Node, Rust, Maven) that are on the PATH already are used as they are.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

packages_of() {
    case $1 in
    run)
        echo libzookeeper-mt2 libssl3 zlib1g libzstd1 liblz4-1 libsnappy1v5 librdkafka1 libjansson4 libpcre2-8-0 \
            zookeeper procps
        have java || echo default-jre-headless
        ;;
    build)
        echo cmake ninja-build gcc libc6-dev pkg-config ca-certificates libzookeeper-mt-dev libssl-dev zlib1g-dev \
            libzstd-dev liblz4-dev libsnappy-dev librdkafka-dev libjansson-dev libpcre2-dev libcunit1-dev
        ;;
    test)
        echo git python3 python3-venv kcat openssl iproute2 util-linux psmisc curl
        have javac || echo default-jdk-headless
        have mvn || echo maven
        have node || echo nodejs
        have npm || echo npm
        have go || echo golang-go
        have cargo || echo cargo
        ;;
    check)
        echo clang clang-format clang-tidy libclang-rt-14-dev shellcheck
        ;;
    *)
        sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi

# A system that debootstrap made has no /etc/hosts, which Debian's installer writes.
if [ ! -e /etc/hosts ]; then
    echo "Writing /etc/hosts, which is missing, so that localhost has an address"
    printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' | "${as_root[@]}" tee /etc/hosts >/dev/null
fi

missing=()
for use in "$@"; do
    for package in $(packages_of "$use"); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ ${#as_root[@]} -gt 0 ] && ! have sudo; then
    echo "These Debian packages are missing: ${missing[*]}. Install them as root, or install sudo." >&2
    exit 1
fi
echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for step in 'update' "install -y --no-install-recommends ${missing[*]}"; do
    # shellcheck disable=SC2086
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q $step >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "apt-get $step failed (above: its last lines). Mend what it names and run this again." >&2
        exit 1
    fi
done
