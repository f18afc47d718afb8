#!/usr/bin/env bash
# Usage: audit.sh CARGO_DENY: the path of cargo-deny.
#
# Checks the Rust crates and npm packages for known vulnerabilities. A failed lookup is an error, and the other lookups
# continue.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
printf '==> the crates\n'
scripts/deny.sh "$1" --advisories || failed=1

# None of these packages is in the Worker. They build, test and deploy it.
while IFS= read -r lock; do
    folder=$(dirname "$lock")
    printf '==> the packages of npm in %s\n' "$folder"
    report=$(cd "$folder" && npm audit --package-lock-only --fetch-retries=0 --audit-level=high 2>&1) && status=0 || status=$?
    printf '%s\n' "$report"
    [ "$status" = 0 ] || failed=1
    # If the registry supplied advisories, the report has a count of vulnerabilities, even if it is zero.
    case $report in
    *vulnerabilit*) ;;
    *)
        failed=1
        printf 'error: %s was NOT checked: the registry sent no advisories\n' "$lock" >&2
        ;;
    esac
done < <(find . -name node_modules -prune -o -name package-lock.json -print | sort)

exit "$failed"
