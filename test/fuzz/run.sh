#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes with clang's libFuzzer: test/fuzz/run.sh [-j COUNT] [-t TARGET]... [--merge] MINUTES
#
# MINUTES are shared evenly by the targets (all of them, or those named by -t), one process at a time unless -j says
# otherwise. What the fuzzer keeps is in build/fuzz/found/TARGET and is where the next run goes on; an input that
# crashes, leaks, takes 10 s or 1 GB is in build/fuzz/findings. --merge makes test/fuzz/corpus anew of it and of
# what was found, at last; with 0 minutes it does only that. Exits with 1 when there are findings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=build/fuzz
here=test/fuzz

usage() {
    echo "usage: test/fuzz/run.sh [-j COUNT] [-t TARGET]... [--merge] MINUTES" >&2
    exit 2
}

jobs=1 merge=0 minutes='' targets=()
while [ $# -gt 0 ]; do
    case $1 in
        -j) jobs=${2:-} && shift ;;
        -t) targets+=("${2:-}") && shift ;;
        --merge) merge=1 ;;
        -*) usage ;;
        *) minutes=$1 ;;
    esac
    shift || usage
done
[[ $minutes =~ ^[0-9]+$ && $jobs =~ ^[1-9][0-9]*$ ]] || usage
command -v clang >/dev/null || {
    echo "clang is not installed: bin/install-packages.sh check" >&2
    exit 2
}

launcher=()
if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
fi
mkdir -p "$build"
if ! { cmake --preset fuzz "${launcher[@]}" && cmake --build --preset fuzz --target fuzz_targets; } >"$build/build.log" 2>&1; then
    grep -E -A8 'error|FAILED' "$build/build.log" | head -n 60 >&2 || tail -n 40 "$build/build.log" >&2
    exit 2
fi
if [ ${#targets[@]} -eq 0 ]; then
    for corpus in "$here"/corpus/*/; do
        targets+=("$(basename "$corpus")")
    done
fi

mkdir -p "$build/findings" "$build/logs"
{
    echo '# names of options'
    grep -oE '^ROW\([A-Z_]+, *[A-Z0-9_]+, *"[^"]+"' rules/options.def | grep -oE '"[^"]+"' | sort -u
} >"$build/option.dict"

# The limits of every run. Memory: what a process may hold, and what one allocation may take.
limits=(-rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=10)

fuzz() {
    local target=$1 seconds=$2 folder=$build/found/$1 dictionary=()
    mkdir -p "$folder"
    for file in "$here/$target.dict" "$build/$target.dict"; do
        [ -f "$file" ] && dictionary=(-dict="$file")
    done
    nice -n 19 "$build/test/fuzz/fuzz_$target" "${limits[@]}" "${dictionary[@]}" -max_total_time="$seconds" \
        -print_final_stats=1 -artifact_prefix="$build/findings/$target-" "$folder" "$here/corpus/$target" \
        >"$build/logs/$target.log" 2>&1 || true
}

# The fewest inputs that reach all that the corpus and what was found reach. Those with names of their own stay.
merge() {
    local target=$1 corpus=$here/corpus/$1 merged
    merged=$(mktemp -d)
    "$build/test/fuzz/fuzz_$target" "${limits[@]}" -set_cover_merge=1 -max_len=2048 "$merged" "$corpus" \
        "$build/found/$target" >"$build/logs/$target.merge.log" 2>&1
    find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    find "$merged" -type f -exec mv -t "$corpus" {} +
    rmdir "$merged"
    printf '%s: %d inputs, %d bytes\n' "$corpus" "$(find "$corpus" -type f | wc -l)" \
        "$(find "$corpus" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')"
}

# A figure of the log: the last one behind the word.
figure() {
    grep -aoE "$2 +[0-9]+" "$build/logs/$1.log" | tail -n 1 | grep -oE '[0-9]+$' || echo -
}

if [ "$minutes" -gt 0 ]; then
    seconds=$((minutes * 60 * jobs / ${#targets[@]}))
    [ "$seconds" -gt 0 ] || seconds=1
    for target in "${targets[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
            wait -n
        done
        fuzz "$target" "$seconds" &
    done
    wait
    printf '%-16s %8s %12s %8s %8s  %s\n' target seconds executions edges inputs findings
    for target in "${targets[@]}"; do
        printf '%-16s %8d %12s %8s %8s  %s\n' "$target" "$seconds" \
            "$(figure "$target" 'number_of_executed_units:')" "$(figure "$target" 'cov:')" \
            "$(find "$build/found/$target" -type f | wc -l)" \
            "$(find "$build/findings" -name "$target-*" -not -name '*slow-unit*' | wc -l)"
    done
fi
if [ "$merge" -eq 1 ]; then
    for target in "${targets[@]}"; do
        mkdir -p "$build/found/$target"
        merge "$target"
    done
fi
findings=$(find "$build/findings" -type f -not -name '*slow-unit*')
if [ -n "$findings" ]; then
    printf 'Findings (each log says more; run build/fuzz/test/fuzz/fuzz_TARGET FILE):\n%s\n' "$findings" >&2
    exit 1
fi
