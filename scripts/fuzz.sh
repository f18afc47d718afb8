#!/usr/bin/env bash
# Usage: fuzz.sh CARGO_FUZZ SECONDS [TARGET…]
#
# Fuzzes each target, or the named targets, for the given seconds each, and stops at the first violated property. New
# inputs go to fuzz/target/found, where the next run continues. Failing inputs go to fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_fuzz=$1 seconds=$2
shift 2
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $("$cargo_fuzz" list)
# A sanitizer needs a nightly compiler and finds errors only in unsafe code. The gateway has none: see the lints in
# Cargo.toml.
options=(--sanitizer none)

# Prints the maximum input size of a target, in bytes: a few times its largest seed. Larger inputs slow the fuzzer down.
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
    # An input that takes 10 s is an error too.
    "$cargo_fuzz" run "${options[@]}" "$target" "fuzz/target/found/$target" "fuzz/corpus/$target" -- \
        "-dict=fuzz/dictionaries/$target.dict" "-max_len=$(max_len "$target")" -timeout=10 "-max_total_time=$seconds" -print_funcs=0 -print_final_stats=1
done
