#!/usr/bin/env bash
# Fuzzes the loader of Clusterfiles, led by coverage: `dev/fuzz.sh [SECONDS]`, 300 without an argument. It begins with the files
# of testdata/clusterfiles and what earlier runs have found worth keeping, and ends at the first input that breaks a promise,
# takes 10 s or 2 GiB; that input is then in target/fuzz/found.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=compile.sh
. "$(dirname "${BASH_SOURCE[0]}")/compile.sh"

# What cargo-fuzz asks of the compiler, less what only a nightly one can do: every edge counts, and there are no sanitizers.
readonly coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table'

readonly seeds=$root/testdata/clusterfiles
readonly build=$root/target/fuzz
readonly found=$build/found

# A named target keeps these flags from build scripts and macros.
compile() {
  (cd "$root" && CARGO_TARGET_DIR=$build RUSTFLAGS=$(tr '\n' ' ' <<<"$coverage") \
    cargo build --release --locked --manifest-path fuzz/Cargo.toml --target "$triple")
}

# The signs, and the names of fields in the seeds.
write_dictionary() { # FILE
  {
    cat "$root/fuzz/signs.dict"
    grep -rhoE '^ *(- )?[A-Za-z]+:' "$seeds/good" | sed -E 's/^[ -]*(.*)/"\1 "/' | sort -u
  } >"$1"
}

main() {
  local seconds=${1:-300} corpus dictionary
  compile
  corpus=$(cache_root)/fuzz/clusterfile
  dictionary=$build/clusterfile.dict
  mkdir -p "$corpus" "$found"
  write_dictionary "$dictionary"
  "$build/$triple/release/clusterfile" "$corpus" "$seeds" -dict="$dictionary" -artifact_prefix="$found/" \
    -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
}

main "$@"
