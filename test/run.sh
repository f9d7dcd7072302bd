#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what tests need, builds with AddressSanitizer and UndefinedBehaviorSanitizer, and runs all tests.
#   test/run.sh [ARGUMENT OF ctest...]      e.g. test/run.sh -R unit/log
# PRESET=tsan builds and tests with ThreadSanitizer instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${PRESET:-asan}

bin/install-packages.sh run build test
launcher=()
if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
fi
echo "Configuring and building in build/$preset"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset "$preset" "${launcher[@]}" && cmake --build --preset "$preset"; } >"$log" 2>&1; then
    grep -E -A8 'error|FAILED' "$log" | head -n 60 >&2 || tail -n 40 "$log" >&2
    echo "The build failed." >&2
    exit 1
fi
echo "Running the tests"
ctest --preset "$preset" --parallel "$(nproc)" "$@"
