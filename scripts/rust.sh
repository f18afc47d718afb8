#!/usr/bin/env bash
# Installs the missing parts of rust-toolchain.toml's toolchain and the WebAssembly target. Prints nothing if none is
# missing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

has cargo || die "cargo is missing: install Rust with rustup, see https://rustup.rs"

# With RUSTUP_AUTO_INSTALL=0 rustup rejects a missing toolchain instead of installing it.
if ! cargo --version >/dev/null 2>&1; then
    has rustup || die "cargo does not run: $(cargo --version 2>&1 | head -n 1)"
    say "installing the Rust toolchain that rust-toolchain.toml names"
    rustup toolchain install
fi

for component in clippy rustfmt; do
    if ! "cargo-${component/rustfmt/fmt}" --version >/dev/null 2>&1; then
        has rustup || die "the Rust component $component is missing, and there is no rustup to add it"
        say "adding the Rust component $component"
        rustup component add "$component"
    fi
done

target=wasm32-unknown-unknown
if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then
    has rustup || die "the Rust target $target is missing, and there is no rustup to add it"
    say "adding the Rust target $target"
    rustup target add "$target"
fi
