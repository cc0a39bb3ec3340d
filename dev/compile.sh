# shellcheck shell=bash
# Sourced: the one way in which this project is compiled, and a head start for a clean clone.
#
# The program is compiled for a named target, static and small. Tests are compiled as cargo does by itself, with checks
# for overflows: optimising a dozen test programs takes longer than running them.
#
#   compile_program                  # where it is then: $program
#   compile_tests ARGUMENT...        # cargo test
#
# Compiled dependencies are kept in the cache and copied into a clone that has none. Two clones do not share one
# target directory: cargo tells a changed source by its file's time, and would take the one's program for the other's.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=cache.sh
. "$root/dev/cache.sh"

PATH=$PATH:$HOME/.cargo/bin
triple=$(uname -m)-unknown-linux-gnu
target_dir=$root/target
# shellcheck disable=SC2034 # for those who source this
program=$target_dir/$triple/release/sealift
readonly root triple target_dir
# A panic aborts, so nothing ever walks the tables by which a stack is unwound: a tenth of the program.
readonly static_flags='-C target-feature=+crt-static -C force-unwind-tables=no'

compile_program() {
  take_dependencies
  (cd "$root" && CARGO_TARGET_DIR=$target_dir RUSTFLAGS=$static_flags \
    cargo build --release --locked --target "$triple" --bin sealift)
  keep_dependencies program
}

compile_tests() { # ARGUMENT...
  take_dependencies
  (cd "$root" && CARGO_TARGET_DIR=$target_dir cargo test --locked "$@")
  keep_dependencies tests
}

# ---- dependencies, kept by what they are made from

# Where cargo puts what it compiles: for build scripts, for the program, for tests.
readonly directories=(release "$triple/release" debug)

dependencies_entry() { # program|tests
  cache_path "cargo/dependencies-$1" "$(cache_key "$static_flags" "$(rustc -vV)" "$root/Cargo.toml" "$root/Cargo.lock")"
}

# Cargo checks every dependency against its own notes, so those of another state of the tree do no harm: what fits is used.
take_dependencies() {
  local entry kind directory
  for kind in tests program; do
    entry=$(dependencies_entry "$kind")
    if [ ! -d "$entry" ]; then entry=$(newest_dependencies "$kind"); fi
    [ -n "$entry" ] || continue
    for directory in "${directories[@]}"; do take_directory "$entry" "$directory"; done
  done
}

# Copied beside its place first: a directory that was cut off in the middle of a copy would be taken for whole.
take_directory() { # ENTRY DIRECTORY
  local from=$1/$2 to=$target_dir/$2
  if [ -e "$to" ] || [ ! -d "$from" ]; then return 0; fi
  mkdir -p "${to%/*}"
  rm -rf "$to".taken.*
  if cp -a "$from" "$to.taken.$$" 2>/dev/null; then mv -T "$to.taken.$$" "$to"; fi
  rm -rf "$to.taken.$$"
}

newest_dependencies() { # program|tests
  [ -d "$(cache_root)/cargo" ] || return 0
  find "$(cache_root)/cargo" -maxdepth 1 -name "dependencies-$1-*" -type d ! -name '*.tmp.*' -printf '%T@ %p\n' |
    sort -rn | sed -n '1s/^[^ ]* //p'
}

keep_dependencies() { # program|tests
  local entry
  entry=$(dependencies_entry "$1")
  [ -d "$entry" ] && return
  kept=$1
  cache_fill "$entry" copy_dependencies
  # The time of an entry tells which is the newest; a few old ones serve branches.
  touch "$entry"
  find "$(cache_root)/cargo" -maxdepth 1 -name "dependencies-$1-*" -type d -printf '%T@ %p\n' |
    sort -rn | sed -n '3,$s/^[^ ]* //p' | xargs -r -d '\n' rm -rf
}

# Copies what was compiled, without what belongs to this project: a stranger's clone has sources of its own.
copy_dependencies() { # DIR
  local dir=$1 directory
  for directory in "${directories[@]}"; do
    if [ "$kept" = tests ] && [ "$directory" != debug ]; then continue; fi
    if [ "$kept" = program ] && [ "$directory" = debug ]; then continue; fi
    [ -d "$target_dir/$directory" ] || continue
    mkdir -p "$(dirname "$dir/$directory")"
    cp -aT "$target_dir/$directory" "$dir/$directory"
    without_our_own "$dir/$directory"
  done
}

without_our_own() { # DIRECTORY
  rm -rf "$1"/{.cargo-lock,.cargo-build-lock,.cargo-artifact-lock,incremental,examples}
  find "$1" -maxdepth 1 -type f -delete
  find "$1" -mindepth 2 -maxdepth 2 \( -name 'sealift*' -o -name 'libsealift*' \) -exec rm -rf {} +
  # Test programs. What else may be executed there are libraries.
  if [ -d "$1/deps" ]; then find "$1/deps" -maxdepth 1 -type f -perm -100 ! -name '*.so' -delete; fi
}
