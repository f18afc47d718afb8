#!/usr/bin/env bash
# Usage: cargo-tools.sh DIRECTORY CRATE@VERSION…
#
# Installs the binary of each crate in DIRECTORY as BINARY-VERSION, in exactly that version. A binary of that version in
# PATH is copied. Otherwise the binary is built. DIRECTORY is outside the checkout, so that other clones can use it.
set -euo pipefail

directory=$1
shift
crates=("$@")

say() { printf '==> %s\n' "$*" >&2; }
# Prints the binary name of the crate $1: the crate's name without "-cli".
binary() { printf '%s\n' "${1%-cli}"; }
# Checks whether the binary $1 has version $2. Outputs differ: "0.20.2", "wasm-bindgen 0.2.129". cargo-cyclonedx
# prints its version only with its subcommand: `cargo-cyclonedx cyclonedx --version`.
has_version() {
    local name=${1##*/}
    name=${name%-"$2"}
    [ "$({ "$1" --version || "$1" "${name#cargo-}" --version; } 2>/dev/null | awk 'NR == 1 { print $NF }')" = "$2" ]
}
# Checks whether DIRECTORY has all binaries.
has_all_tools() {
    local crate
    for crate in "${crates[@]}"; do
        has_version "$directory/$(binary "${crate%@*}")-${crate#*@}" "${crate#*@}" || return 1
    done
}

has_all_tools && exit
mkdir -p "$directory"

# Concurrent checkouts build the tools once. Without flock both build, which is slower but safe because of the rename.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$directory/.lock"
    flock --nonblock 9 || { say "another checkout is building the tools: waiting for it"; flock 9; }
    has_all_tools && exit
fi

work=$(mktemp -d "$directory/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# install CRATE VERSION [option of cargo install…]
install() {
    local crate=$1 version=$2 binary found
    binary=$(binary "$crate")
    shift 2
    has_version "$directory/$binary-$version" "$version" && return
    found=$(command -v "$binary" || true)
    mkdir -p "$work/bin"
    if [ -n "$found" ] && has_version "$found" "$version"; then
        say "taking $binary $version from this machine"
        cp -L "$found" "$work/bin/$binary"
    else
        say "building $crate $version: about a minute, once per machine (kept in $directory)"
        # Unoptimized builds are three times as fast, and the tools are fast enough. All crates share one target
        # directory, since they have common dependencies.
        env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTFLAGS \
            CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install --locked --root "$work" --target-dir "$work/target" --bin "$binary" "$@" "$crate@$version" 9>&- || {
            say "building $crate failed; it needs a C compiler (Debian: build-essential)"
            exit 1
        }
    fi
    # The final name appears only after a complete installation.
    mv -f "$work/bin/$binary" "$directory/$binary-$version"
}

for crate in "${crates[@]}"; do
    case ${crate%@*} in
    # The default feature adds TLS for a server that only its test runner starts.
    wasm-bindgen-cli) install "${crate%@*}" "${crate#*@}" --no-default-features ;;
    *) install "${crate%@*}" "${crate#*@}" ;;
    esac
done
