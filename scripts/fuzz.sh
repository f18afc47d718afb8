#!/usr/bin/env bash
# Usage: fuzz.sh CARGO_FUZZ SECONDS [TARGET…]
#
# Fuzzes each target, or those that are named, for so many seconds, one after another, and ends at the first broken promise. What it learns is kept in
# fuzz/target/found, from where the next run goes on; an input that breaks a promise in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_fuzz=$1 seconds=$2
shift 2
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $("$cargo_fuzz" list)
# A sanitizer would need a nightly compiler, and look for what only unsafe code does. The gateway has none: see the lints in Cargo.toml.
options=(--sanitizer none)

# The largest input of a target, in bytes: a few times its largest seed. More would be mutated more and understood less.
max_len() {
    case $1 in
    gateway | keys | payload | token) echo 4096 ;;
    headers | job) echo 1024 ;;
    *) echo 2048 ;;
    esac
}

for target in "$@"; do
    printf '==> %s: %s s\n' "$target" "$seconds" >&2
    mkdir -p "fuzz/target/found/$target"
    # An input that takes 10 s is a finding too.
    "$cargo_fuzz" run "${options[@]}" "$target" "fuzz/target/found/$target" "fuzz/corpus/$target" -- \
        "-dict=fuzz/dictionaries/$target.dict" "-max_len=$(max_len "$target")" -timeout=10 "-max_total_time=$seconds" -print_funcs=0 -print_final_stats=1
done
