#!/usr/bin/env bash
# Usage: build.sh WORKER_BUILD WASM_BINDGEN: the paths of the two tools. Makes build/index.js and build/index_bg.wasm.
set -euo pipefail
cd "$(dirname "$0")/.."

# worker-build would fetch these three from release pages; named, it takes them as they are.
export WASM_BINDGEN_BIN=$2
export WASM_OPT_BIN=$PWD/node_modules/binaryen/bin/wasm-opt
export ESBUILD_BIN=$PWD/node_modules/.bin/esbuild
export PATH=$PWD/node_modules/.bin:$PATH

# A request is carried to its end when its caller is gone: see src/platform/mod.rs.
export RUN_TO_COMPLETION=1

mkdir -p build
# The stamp bears the time at which the build began: a source that changes meanwhile makes it out of date again.
touch build/.began
"$1" --release -- --locked
# The names of functions are a tenth of the upload. Without them the stack of a trap has numbers; what a panic logs, its message and place, is as before.
"$WASM_OPT_BIN" --all-features --strip-debug --strip-producers build/index_bg.wasm --output build/index_bg.wasm
mv build/.began build/.made
