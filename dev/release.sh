#!/usr/bin/env bash
# Makes target/release/sealift, a static program, and looks that it is what is promised. With `both` also
# target/release/sealift-ARCH, the agent for machines of the other architecture, where it can be compiled.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=compile.sh
. "$(dirname "${BASH_SOURCE[0]}")/compile.sh"

readonly most_bytes=$((25 * 1000 * 1000))

say() { printf 'release: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# An interpreter in the headers is a dynamic linker; NEEDED names a library.
check_static() { # FILE
  if readelf --program-headers --dynamic "$1" | grep -qE 'INTERP|\(NEEDED\)'; then
    die "$1 is not static: $(file -b "$1" 2>/dev/null || readelf --dynamic "$1" | grep NEEDED)"
  fi
}

# A C library too old for packed relocations makes a program that ends before it begins.
check_runs() { # FILE
  "$1" --version >/dev/null || die "$1 does not run: compile it where glibc is 2.36 or newer"
}

check_size() { # FILE
  local bytes
  bytes=$(stat -c %s "$1")
  [ "$bytes" -lt "$most_bytes" ] || die "$1 has $bytes bytes, allowed are $most_bytes"
}

# One provider of cryptography, which is ring.
check_cryptography() {
  local found
  found=$(cargo tree --manifest-path "$root/Cargo.toml" --locked --offline --edges normal --prefix none |
    grep -E '^(openssl|openssl-sys|native-tls|aws-lc-rs|aws-lc-sys) ' || true)
  [ -z "$found" ] || die "this must not be in the program: $found"
}

place() { # FILE NAME
  mkdir -p "$root/target/release"
  cmp -s "$1" "$root/target/release/$2" && return
  # A program that runs is replaced by rename, never written to.
  install -m 755 "$1" "$root/target/release/.$2.new"
  mv -T "$root/target/release/.$2.new" "$root/target/release/$2"
}

build_other() {
  local arch=$1 name=$2 other=$1-unknown-linux-gnu linker=$1-linux-gnu-gcc libraries variable
  libraries=$(rustc --print target-libdir --target "$other")
  if ! compgen -G "$libraries/libstd-*.rlib" >/dev/null || ! command -v "$linker" >/dev/null; then
    say "no agent for $name machines: needs Rust's library for $other (rustup target add $other) and $linker (apt-get install gcc-${arch/_/-}-linux-gnu)"
    return
  fi
  variable=$(tr a-z- A-Z_ <<<"CARGO_TARGET_${other}_LINKER")
  (cd "$root" && env "$variable=$linker" "CC_${other//-/_}=$linker" "CARGO_TARGET_DIR=$target_dir" "RUSTFLAGS=$static_flags" \
    cargo build --release --locked --target "$other" --bin sealift)
  check_static "$target_dir/$other/release/sealift"
  check_size "$target_dir/$other/release/sealift"
  place "$target_dir/$other/release/sealift" "sealift-$name"
}

main() {
  compile_program
  check_static "$program"
  check_runs "$program"
  check_size "$program"
  check_cryptography
  place "$program" sealift
  case ${1:-}:$(uname -m) in
    both:x86_64) build_other aarch64 arm64 ;;
    both:aarch64) build_other x86_64 amd64 ;;
  esac
}

main "$@"
