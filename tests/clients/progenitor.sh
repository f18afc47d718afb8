#!/usr/bin/env bash
# The Rust client that progenitor generates from the gateway's document in OpenAPI 3.0. Run by `make clients` beside a
# gateway.
set -euo pipefail
cd "$(dirname "$0")/progenitor"

# The macro of progenitor reads the document from here.
mkdir -p target
curl --silent --show-error --fail "$GATEWAY_URL/openapi-3.0.json" --output target/openapi-3.0.json
cargo run --quiet --locked
