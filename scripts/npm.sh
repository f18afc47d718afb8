#!/usr/bin/env bash
# Installs what package-lock.json pins. Node 22, which wrangler needs, is among it, so that the machine's own may be older.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || { printf 'error: %s is missing: install Node.js with npm\n' "$program" >&2; exit 1; }
done
printf '==> installing the tools that package-lock.json pins\n' >&2
# Its warning that this Node is older than wrangler asks is beside the point.
npm ci --loglevel=error
touch node_modules/.package-lock.json
