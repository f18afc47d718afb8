#!/usr/bin/env bash
# Usage: npm.sh [FOLDER]
#
# Installs what the folder's package-lock.json pins; without one, the checkout's. Node 22, which wrangler needs, is among that, so that the machine's
# own may be older.
set -euo pipefail
cd "$(dirname "$0")/../${1:-}"

for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || { printf 'error: %s is missing: install Node.js with npm\n' "$program" >&2; exit 1; }
done
printf '==> installing what %s pins\n' "${1:+$1/}package-lock.json" >&2
# Its warning that this Node is older than wrangler asks is beside the point.
npm ci --loglevel=error
touch node_modules/.package-lock.json
