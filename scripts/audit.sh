#!/usr/bin/env bash
# Usage: audit.sh CARGO_DENY: the path of cargo-deny.
#
# What is known against the crates and the packages of npm. What cannot be looked up fails, and says so; the rest is looked up all the same.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
printf '==> the crates\n'
scripts/deny.sh "$1" --advisories || failed=1

# None of these packages is in the Worker: they build, test and deploy it.
while IFS= read -r lock; do
    folder=$(dirname "$lock")
    printf '==> the packages of npm in %s\n' "$folder"
    report=$(cd "$folder" && npm audit --package-lock-only --fetch-retries=0 --audit-level=high 2>&1) && status=0 || status=$?
    printf '%s\n' "$report"
    [ "$status" = 0 ] || failed=1
    # It counts the vulnerabilities, and be it none, when the registry has told it of them.
    case $report in
    *vulnerabilit*) ;;
    *)
        failed=1
        printf 'error: %s was NOT checked: the registry told no advisories\n' "$lock" >&2
        ;;
    esac
done < <(find . -name node_modules -prune -o -name package-lock.json -print | sort)

exit "$failed"
