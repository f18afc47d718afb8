#!/usr/bin/env bash
# Usage: together.sh TARGET…
#
# Makes these targets at the same time, waits for all of them, and fails if one fails. `make --jobs` would also limit
# the number of jobs of each cargo.
set -uo pipefail
cd "$(dirname "$0")/.."

targets=("$@")
pids=()
for target in "${targets[@]}"; do
    "${MAKE:-make}" --no-print-directory "$target" &
    pids+=($!)
done
trap 'kill "${pids[@]}" 2>/dev/null' HUP INT TERM

failed=0
for at in "${!pids[@]}"; do
    wait "${pids[at]}" || { echo "error: make ${targets[at]} failed" >&2; failed=1; }
done
exit "$failed"
