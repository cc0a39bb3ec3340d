# shellcheck shell=bash
# Sourced: a cache outside the tree, keyed by the content of what its entries are made from.
#
#   key=$(cache_key v1.36.3 go.mod go.sum)          # text and files, in order
#   entry=$(cache_path parts/kubernetes "$key")     # where the entry is or will be
#   cache_fill "$entry" build_kubernetes amd64      # runs `build_kubernetes DIR amd64` unless the entry exists
#
# An entry that exists is whole: it is built in a directory beside and renamed. Two processes that want the same
# entry build it once, and what a killed one left is swept away by the next. Call cache_fill as a plain command:
# in a condition bash would ignore errors of what it runs.

# The directory that all caches of the developer's scripts live in.
cache_root() {
  printf '%s\n' "${SEALIFT_DEV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealift-dev}"
}

# The SHA-256 of the arguments: the content of those that are files, the text of the others.
cache_key() {
  local part
  for part in "$@"; do
    if [ -f "$part" ]; then
      printf 'file %s\n' "$(sha256sum <"$part")"
    else
      printf 'text %s\n' "$part"
    fi
  done | sha256sum | cut -c1-64
}

cache_path() { # NAME KEY
  printf '%s/%s-%s\n' "$(cache_root)" "$1" "$2"
}

cache_fill() { # ENTRY COMMAND [ARGUMENT...]; the command is given a directory to fill before its arguments
  local entry=$1 command=$2 lock
  shift 2
  [ -d "$entry" ] && return 0
  mkdir -p "${entry%/*}"
  exec {lock}>"$entry.lock"
  flock "$lock"
  if [ ! -d "$entry" ]; then
    rm -rf "$entry".tmp.*
    mkdir "$entry.tmp.$$"
    "$command" "$entry.tmp.$$" "$@"
    # A power cut must not leave a name that exists over data that does not.
    sync -f "$entry.tmp.$$"
    mv -T "$entry.tmp.$$" "$entry"
  fi
  exec {lock}>&-
}
