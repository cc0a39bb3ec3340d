# shellcheck shell=bash
# Sourced: the one way in which this project is compiled, and a head start for a clean clone.
#
# Everything is compiled for a named target: static, and in a directory apart from build scripts, so that tests and
# program share their dependencies.
#
#   compile build --bin sealift      # cargo build with the project's flags
#   $program                         # where the program is then
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
readonly static_flags='-C target-feature=+crt-static'

compile() { # COMMAND [ARGUMENT...]
  take_dependencies
  cargo_static "$@"
  keep_dependencies
}

cargo_static() { # COMMAND [ARGUMENT...]
  local command=$1
  shift
  (cd "$root" && CARGO_TARGET_DIR=$target_dir RUSTFLAGS=$static_flags \
    cargo "$command" --release --locked --target "$triple" "$@")
}

# ---- dependencies, kept by what they are made from

dependencies_entry() {
  cache_path cargo/dependencies "$(cache_key "$static_flags" "$(rustc -vV)" "$root/Cargo.toml" "$root/Cargo.lock")"
}

# Cargo checks every dependency against its own notes, so those of another state of the tree do no harm: what fits is used.
take_dependencies() {
  local entry
  [ -e "$target_dir/$triple/release" ] && return
  entry=$(dependencies_entry)
  if [ ! -d "$entry" ]; then entry=$(newest_dependencies); fi
  [ -n "$entry" ] || return 0
  mkdir -p "$target_dir"
  rm -rf "$target_dir"/.taken.*
  if cp -a "$entry" "$target_dir/.taken.$$" 2>/dev/null; then
    [ -e "$target_dir/release" ] || mv -T "$target_dir/.taken.$$/release" "$target_dir/release"
    mkdir -p "$target_dir/$triple"
    mv -T "$target_dir/.taken.$$/$triple/release" "$target_dir/$triple/release"
  fi
  rm -rf "$target_dir/.taken.$$"
}

newest_dependencies() {
  find "$(cache_root)/cargo" -maxdepth 1 -name 'dependencies-*' -type d ! -name '*.tmp.*' -printf '%T@ %p\n' 2>/dev/null |
    sort -rn | sed -n '1s/^[^ ]* //p'
}

keep_dependencies() {
  local entry
  entry=$(dependencies_entry)
  [ -d "$entry" ] && return
  cache_fill "$entry" copy_dependencies
  # The time of an entry tells which is the newest; a few old ones serve branches.
  touch "$entry"
  find "$(cache_root)/cargo" -maxdepth 1 -name 'dependencies-*' -type d -printf '%T@ %p\n' |
    sort -rn | sed -n '4,$s/^[^ ]* //p' | xargs -r -d '\n' rm -rf
}

# Copies what was compiled, without what belongs to this project: a stranger's clone has sources of its own.
copy_dependencies() { # DIR
  local dir=$1 directory
  mkdir -p "$dir/$triple"
  cp -a "$target_dir/release" "$dir/release"
  cp -a "$target_dir/$triple/release" "$dir/$triple/release"
  for directory in "$dir/release" "$dir/$triple/release"; do
    rm -rf "$directory"/{.cargo-lock,.cargo-build-lock,.cargo-artifact-lock,incremental,examples}
    find "$directory" -maxdepth 1 -type f -delete
    find "$directory" -mindepth 2 -maxdepth 2 \( -name 'sealift*' -o -name 'libsealift*' \) -exec rm -rf {} +
    # Test programs. What else may be executed there are libraries.
    find "$directory/deps" -maxdepth 1 -type f -perm -100 ! -name '*.so' -delete
  done
}
