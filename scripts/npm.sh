#!/usr/bin/env bash
# Usage: npm.sh [FOLDER]
#
# Installs the packages in the package-lock.json of the folder, by default of the checkout. They include Node 22 for
# wrangler, so the machine's Node may be older.
set -euo pipefail
cd "$(dirname "$0")/../${1:-}"

for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || { printf 'error: %s is missing: install Node.js with npm\n' "$program" >&2; exit 1; }
done
printf '==> installing what %s pins\n' "${1:+$1/}package-lock.json" >&2
# npm warns that the machine's Node is too old for wrangler, which does not matter here.
npm ci --loglevel=error
touch node_modules/.package-lock.json
