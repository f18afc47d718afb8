#!/usr/bin/env bash
# Usage: together.sh TARGET…
#
# Makes these targets at the same time, waits for all of them, and fails if one fails. `make --jobs` would also limit the
# number of jobs of each cargo.
set -uo pipefail
cd "$(dirname "$0")/.."

pids=()
for target; do
    "${MAKE:-make}" --no-print-directory "$target" &
    pids+=($!)
done
trap 'kill "${pids[@]}" 2>/dev/null' HUP INT TERM

failed=0
for target; do
    wait "${pids[0]}" || { echo "error: make $target failed" >&2; failed=1; }
    pids=("${pids[@]:1}")
done
exit "$failed"
