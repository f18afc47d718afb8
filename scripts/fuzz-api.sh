#!/usr/bin/env bash
# Usage: fuzz-api.sh SCHEMATHESIS [option of schemathesis run…], beside a gateway: see tests/beside-gateway.rs.
#
# Sends valid and invalid requests generated from the description, and reports responses that it does not cover.
# schemathesis.toml selects the checks.
set -euo pipefail
cd "$(dirname "$0")/.."

schemathesis=$1
shift
# The data of one run is useless for the next run's gateway.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
cd "$work"
"$schemathesis" --config-file "$root/schemathesis.toml" run "$root/src/openapi.json" \
    --url "$GATEWAY_URL" --header "X-API-Key: $API_KEY" --max-examples 50 "$@"
