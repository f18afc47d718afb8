#!/usr/bin/env bash
# Usage: python.sh DIRECTORY PACKAGE==VERSION…
#
# Creates a missing Python virtual environment with the packages in DIRECTORY/PACKAGE-VERSION+…, and prints its path.
set -euo pipefail

directory=$1
shift
environment=$directory/$(IFS=+ && printf '%s' "${*/==/-}")

if [ ! -e "$environment/.ready" ]; then
    command -v python3 >/dev/null 2>&1 || { printf 'error: python3 is missing: install Python 3 with venv and pip\n' >&2; exit 1; }
    printf '==> installing %s (kept in %s)\n' "$*" "$environment" >&2
    rm -rf "$environment"
    mkdir -p "$directory"
    python3 -m venv "$environment" >&2
    "$environment/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
    touch "$environment/.ready"
fi
printf '%s\n' "$environment"
