#!/usr/bin/env bash
# Usage: wasm.sh [option of cargo build…]
#
# Builds for Wasm, so that the user and the folder do not change a byte. rustc writes source paths into the code, for
# the messages of panics. This script replaces each folder of this machine in them.
set -euo pipefail
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
rustc=${RUSTC:-rustc}
commit=$("$rustc" --version --verbose | sed -n 's/^commit-hash: //p')
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src

# The folder of a registry exists only after this. Its name depends on the registry, which can be a mirror.
cargo fetch --locked --quiet --target "$target"
remapped=("$PWD=" "$("$rustc" --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")
# The output folder, for sources that build scripts write.
[ -z "${CARGO_TARGET_DIR:-}" ] || remapped+=("$(mkdir -p "$CARGO_TARGET_DIR" && cd "$CARGO_TARGET_DIR" && pwd)=target")
for registry in "$sources"/*/; do
    remapped+=("${registry%/}=crates")
done

flags=
for each in "${remapped[@]}"; do
    flags="$flags'--remap-path-prefix=$each',"
done
# cargo appends these flags to those of .cargo/config.toml, unless the environment has any.
exec env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_RUSTFLAGS -u CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS \
    cargo build --locked --release --target "$target" --config "target.$target.rustflags=[$flags]" "$@"
