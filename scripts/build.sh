#!/usr/bin/env bash
# Usage: build.sh WASM_BINDGEN: the path of the tool. Builds build/index.js and build/index_bg.wasm.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH
target=${CARGO_TARGET_DIR:-target}
work=$target/worker

mkdir -p build "$work"
# The stamp has the start time of the build, so that a source that changes during the build makes it out of date.
touch build/.began
scripts/wasm.sh --lib
# This option allows a new instance after a trap: see src/worker/recovery.js. --force-enable-abort-handler is
# omitted, because it would end the instance at any error that an export throws.
"$1" --target module --no-typescript --out-dir "$work" --out-name index \
    --experimental-reset-state-function "$target/wasm32-unknown-unknown/release/remediation_gateway.wasm"
cp src/worker/*.js "$work/"
# workerd imports a compiled module with a plain import. The other form is for engines that compile during loading.
sed 's/^import source /import /' "$work/index.js" >"$work/index.js.plain"
mv "$work/index.js.plain" "$work/index.js"
features=(--enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int --enable-bulk-memory --enable-multivalue
    --enable-reference-types --enable-exception-handling)
node scripts/remove-unused.mjs "$work" "${features[@]}"
# wasm-opt runs twice, because the second pass still reduces the size a little.
wasm-opt -O "${features[@]}" --debuginfo "$work/index_bg.wasm" --output "$work/optimized.wasm"
node scripts/order-functions.mjs "$work/optimized.wasm" "$work/ordered.wasm"
# Function names are a tenth of the upload. Without them, the stack of a trap has numbers. Logged panics still have
# their message and location.
wasm-opt -O "${features[@]}" --reorder-functions-by-name --strip-debug --strip-producers "$work/ordered.wasm" \
    --output build/index_bg.wasm
# --inject replaces the global `queueMicrotask` with the function in recovery.js.
esbuild "$work/shim.js" --inject:"$work/recovery.js" --bundle --format=esm --minify --target=esnext --external:./index_bg.wasm \
    --log-level=warning --log-override:duplicate-object-key=error --outfile=build/index.js
mv build/.began build/.made
