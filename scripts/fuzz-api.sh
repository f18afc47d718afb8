#!/usr/bin/env bash
# Usage: fuzz-api.sh SCHEMATHESIS [option of schemathesis run…], beside a gateway: see tests/beside-gateway.rs.
#
# Makes requests of all kinds from the description, good and bad, and looks for an answer that is not described. schemathesis.toml says which checks.
set -euo pipefail
cd "$(dirname "$0")/.."

schemathesis=$1
shift
# What it remembers of a run is of no use to the next one's gateway.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
cd "$work"
"$schemathesis" --config-file "$root/schemathesis.toml" run "$root/src/openapi.json" \
    --url "$GATEWAY_URL" --header "X-API-Key: $API_KEY" --max-examples 50 "$@"
