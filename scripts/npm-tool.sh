#!/usr/bin/env bash
# Usage: npm-tool.sh DIRECTORY PACKAGE@VERSION [NATIVE]
#
# Installs a missing package in DIRECTORY/PACKAGE-VERSION, and prints that path. With NATIVE, only the package of this
# name runs its install scripts.
set -euo pipefail

directory=$1 package=$2 native=${3:-}
folder=$directory/${package/@/-}

if [ ! -e "$folder/.ready" ]; then
    printf '==> installing %s (kept in %s)\n' "$package" "$folder" >&2
    rm -rf "$folder"
    mkdir -p "$folder"
    npm install --prefix "$folder" ${native:+--ignore-scripts} --no-audit --no-fund --loglevel=error "$package" >&2
    [ -z "$native" ] || npm rebuild --prefix "$folder" "$native" >&2
    touch "$folder/.ready"
fi
printf '%s\n' "$folder"
