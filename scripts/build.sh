#!/usr/bin/env bash
# Usage: build.sh WASM_BINDGEN: the path of the tool. Makes build/index.js and build/index_bg.wasm.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH
target=${CARGO_TARGET_DIR:-target}
work=$target/worker

mkdir -p build "$work"
# The stamp bears the time at which the build began: a source that changes meanwhile makes it out of date again.
touch build/.began
cargo build --locked --release --lib --target wasm32-unknown-unknown
# With these two a module that was lost by a panic can be started anew: see src/worker/entry.js.
"$1" --target module --no-typescript --out-dir "$work" --out-name index \
    --experimental-reset-state-function --force-enable-abort-handler \
    "$target/wasm32-unknown-unknown/release/remediation_gateway.wasm"
# The names of functions are a tenth of the upload. Without them the stack of a trap has numbers; what a panic logs, its message and place, is as before.
wasm-opt -O --enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int --enable-bulk-memory --enable-multivalue \
    --enable-reference-types --enable-exception-handling --strip-debug --strip-producers "$work/index_bg.wasm" --output build/index_bg.wasm
# workerd gives a compiled module for a plain import; the other form is of engines that compile while they load.
sed -i.bak 's/^import source /import /' "$work/index.js"
# wasm-bindgen imports the namespace of glue.js once for each function that needs no conversion, and repeats its key in the object of imports.
awk '!(/^import \* as import[0-9]+ from "\.\/glue\.js"/ && imports++) && !(/^ *"\.\/glue\.js": import[0-9]+,$/ && keys++)' \
    "$work/index.js" >"$work/index.js.once"
mv "$work/index.js.once" "$work/index.js"
cp src/worker/glue.js src/worker/entry.js "$work/"
esbuild "$work/entry.js" --bundle --format=esm --minify --target=esnext --external:./index_bg.wasm --log-level=warning \
    --outfile=build/index.js
mv build/.began build/.made
