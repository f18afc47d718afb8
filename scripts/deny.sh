#!/usr/bin/env bash
# Usage: deny.sh CARGO_DENY [--advisories]: the path of cargo-deny.
#
# Holds the crates to deny.toml: licences, sources and duplicates, for which the lock files are enough; and with --advisories also what is known
# against them, for which RustSec's database is fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_deny=$1
deny() { "$cargo_deny" --locked --config deny.toml "$@"; }
# What runs in production: the Worker alone, without what only builds and tests it on other machines.
worker() { deny --target wasm32-unknown-unknown --exclude-dev "$@"; }
# The workspaces that have their own lock file.
others=$(find . \( -name node_modules -o -name target -o -path ./build \) -prune -o -name Cargo.lock ! -path ./Cargo.lock -print | sort)

# Duplicates make the Worker larger. Duplicates that only the tests have do not matter.
checks=(check --hide-inclusion-graph --allow duplicate --allow unmatched-skip bans licenses sources)
deny --workspace "${checks[@]}"
# What deny.toml excuses is of the first; the others need not have all of it.
for lock in $others; do
    deny --manifest-path "${lock%.lock}.toml" --workspace \
        "${checks[@]}" --allow license-exception-not-encountered --allow license-not-encountered --allow unnecessary-skip
done
worker check --hide-inclusion-graph --deny unmatched-skip --deny unnecessary-skip bans

[ "${2:-}" = --advisories ] || exit 0

# Separate from the check, so that a failed download of the database counts neither as a finding nor as success.
deny fetch db || {
    printf 'error: the advisories were NOT checked: RustSec'\''s database, https://github.com/RustSec/advisory-db, could not be fetched\n' >&2
    exit 1
}
deny --workspace check advisories
for lock in $others; do
    deny --manifest-path "${lock%.lock}.toml" --workspace check --allow advisory-not-detected advisories
done
# deny.toml excuses crates of the tests; in the Worker nothing is excused.
worker check --deny advisory-ignored --allow advisory-not-detected advisories
