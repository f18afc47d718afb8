#!/usr/bin/env bash
# Usage: deny.sh CARGO_DENY [--advisories]: the path of cargo-deny.
#
# Checks the crates against deny.toml: licences, sources and duplicates, which needs only the lock files. With
# --advisories, it also checks for known vulnerabilities, which downloads RustSec's database.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_deny=$1
deny() { "$cargo_deny" --locked --config "${config:-deny.toml}" "$@"; }
# Checks only the crates in the Worker, without those for builds and tests.
deny_worker() { deny --target wasm32-unknown-unknown --exclude-dev "$@"; }
# Workspaces with a separate lock file.
other_locks=$(find . \( -name node_modules -o -name target -o -path ./build \) -prune -o -name Cargo.lock ! -path ./Cargo.lock -print | sort)

# Duplicates make the Worker larger. Duplicates only in tests do not matter.
checks=(check --hide-inclusion-graph --allow duplicate --allow unmatched-skip bans licenses sources)
deny --workspace "${checks[@]}"
# The exceptions in deny.toml are for the main workspace. The other workspaces need not use all of them. A workspace
# with its own deny.toml is checked against that file.
config_of() { [ ! -e "${1%/*}/deny.toml" ] || printf '%s\n' "${1%/*}/deny.toml"; }
for lock in $other_locks; do
    config=$(config_of "$lock") deny --manifest-path "${lock%.lock}.toml" --workspace \
        "${checks[@]}" --allow license-exception-not-encountered --allow license-not-encountered --allow unnecessary-skip
done
deny_worker check --hide-inclusion-graph --deny unmatched-skip --deny unnecessary-skip bans

[ "${2:-}" = --advisories ] || exit 0

# Separate from the check, so that a failed download of the database counts neither as a finding nor as success.
deny fetch db || {
    printf 'error: the advisories were NOT checked: RustSec'\''s database, https://github.com/RustSec/advisory-db, could not be fetched\n' >&2
    exit 1
}
deny --workspace check advisories
for lock in $other_locks; do
    config=$(config_of "$lock") deny --manifest-path "${lock%.lock}.toml" --workspace check --allow advisory-not-detected advisories
done
# deny.toml has exceptions for the tests' crates. The Worker has none.
deny_worker check --deny advisory-ignored --allow advisory-not-detected advisories
