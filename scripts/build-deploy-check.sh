#!/usr/bin/env bash
# Usage: build-deploy-check.sh WASM_BINDGEN: the path of the tool. Builds the check of a deployment into
# build/deploy-check/.
set -euo pipefail
cd "$(dirname "$0")/.."
output=build/deploy-check
# A separate folder: both builds compile the Worker's crate, and in a shared folder one would overwrite the other's
# library.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/deploy-check
# A deployment runs the check once, so the check need not be small or fast, and must not take minutes to build.
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1

mkdir -p "$output"
# The stamp has the start time of the build, so that a source that changes during the build makes it out of date.
touch "$output/.began"
scripts/wasm.sh --package deploy-check
"$1" --target nodejs --no-typescript --remove-name-section --remove-producers-section --out-dir "$output" \
    "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/deploy_check.wasm"
mv "$output/.began" "$output/.made"
