#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh java|python|node|go|rust FOLDER: builds those clients in FOLDER, unless they are there and newer than their sources.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kind=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
cd "$here/$kind"
done=$folder/.built
if [ -e "$done" ] && [ -z "$(find . "$here/build.sh" -newer "$done" -type f -print -quit)" ]; then
    exit 0
fi

case $kind in
java)
    "$here/../peer/kafka" fetch 3.9.1
    "$here/../peer/kafka" fetch 2.8.2
    javac -d "$folder" -cp "$("$here/../peer/kafka" path 3.9.1)" Client.java
    ;;
python)
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --requirement requirements.txt
    ;;
node)
    cp package.json client.js "$folder"
    npm install --prefix "$folder" --no-package-lock --no-audit --no-fund --loglevel error
    ;;
go)
    GOTOOLCHAIN=local go build -o "$folder/client" .
    ;;
rust)
    # A copy: cargo writes its lock file beside Cargo.toml.
    cp -r Cargo.toml src "$folder"
    cd "$folder"
    if [ "$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\)\..*/\1/p')" -ge 68 ]; then
        cargo build --quiet
    else
        # This one downloads the whole registry's history to find a few crates, unless told otherwise.
        RUSTC_BOOTSTRAP=1 cargo -Z sparse-registry build --quiet
    fi
    ;;
*)
    sed -n '3s/^# //p' "$0" >&2
    exit 2
    ;;
esac
touch "$done"
