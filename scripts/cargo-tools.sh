#!/usr/bin/env bash
# Usage: cargo-tools.sh DIRECTORY WORKER_BUILD_VERSION WASM_BINDGEN_VERSION
#
# Sees to it that DIRECTORY holds worker-build-VERSION and wasm-bindgen-VERSION, each of just that version. One that this
# machine has on its PATH is copied; otherwise it is built. DIRECTORY lies outside the checkout: the next clone finds both.
set -euo pipefail

directory=$1 worker_build=$2 wasm_bindgen=$3

say() { printf '==> %s\n' "$*" >&2; }
# Whether the binary $1 is of version $2: one says "0.8.7", the other "wasm-bindgen 0.2.129".
is() { [ "$("$1" --version 2>/dev/null | awk 'NR == 1 { print $NF }')" = "$2" ]; }
ready() { is "$directory/worker-build-$worker_build" "$worker_build" && is "$directory/wasm-bindgen-$wasm_bindgen" "$wasm_bindgen"; }

ready && exit
mkdir -p "$directory"

# Two checkouts at once build them once. Where there is no flock both build, which is slower and as safe: see the rename.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$directory/.lock"
    flock --nonblock 9 || { say "another checkout is building the tools: waiting for it"; flock 9; }
    ready && exit
fi

work=$(mktemp -d "$directory/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# install BINARY VERSION CRATE [option of cargo install…]
install() {
    local binary=$1 version=$2 crate=$3 found
    shift 3
    is "$directory/$binary-$version" "$version" && return
    found=$(command -v "$binary" || true)
    mkdir -p "$work/bin"
    if [ -n "$found" ] && is "$found" "$version"; then
        say "taking $binary $version from this machine"
        cp -L "$found" "$work/bin/$binary"
    else
        say "building $crate $version: about a minute, once per machine (kept in $directory)"
        # Unoptimised they are built three times as fast, and cost the Worker's build next to nothing. One target
        # directory for the two, since they have dependencies in common.
        env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTFLAGS \
            CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install --locked --root "$work" --target-dir "$work/target" --bin "$binary" "$@" "$crate@$version" 9>&- || {
            say "building $crate failed; on Linux it needs a C compiler, pkg-config and the headers of OpenSSL" \
                "(Debian: build-essential pkg-config libssl-dev)"
            exit 1
        }
    fi
    # Whole or not at all: what was cut short never bears the final name.
    mv -f "$work/bin/$binary" "$directory/$binary-$version"
}

# Its default feature is TLS for a server that only its test runner starts.
install wasm-bindgen "$wasm_bindgen" wasm-bindgen-cli --no-default-features
install worker-build "$worker_build" worker-build
