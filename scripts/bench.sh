#!/usr/bin/env bash
# Bundles each Worker of the benchmark's comparison into one minified module: build/bench/NAME/index.js.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH

# bundle NAME ENTRY
bundle() {
    esbuild "bench/$2" --bundle --format=esm --minify --target=esnext --external:cloudflare:* --loader:.json=text \
        --log-level=warning --outfile="build/bench/$1/index.js"
}

bundle floor floor/pass-through.js
bundle object floor/with-object.js
bundle peer peer/index.js
touch build/bench/.made
