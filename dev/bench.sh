#!/usr/bin/env bash
# Measures and writes docs/benchmarks.md: `dev/bench.sh`, or one part of it with that part's own flags, which `--help` tells:
# `dev/bench.sh --only launch|lifecycle|plan|engine [--repetitions N]...`. Launches are measured beside the same work done by hand, and
# what that needs is installed and built first. Wants a computer that does nothing else.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=compile.sh
. "$(dirname "${BASH_SOURCE[0]}")/compile.sh"

# Images are built once for all clones.
SEALIFT_HOME=${SEALIFT_HOME:-$(cache_root)/home}
export SEALIFT_HOME

# The bench profile is the release profile; cargo wants no flag for it.
bench() { # NAME ARGUMENT...
  local name=$1
  shift
  (cd "$root" && CARGO_TARGET_DIR=$target_dir RUSTFLAGS=$static_flags \
    cargo bench --locked --target "$triple" --bench "$name" -- "$@")
}

# On machines, with the images and the program of this tree.
bench_machines() { # NAME ARGUMENT...
  local name=$1 engine
  shift
  "$root/dev/images.sh" kubernetes flannel
  engine=$("$root/dev/docker.sh")
  [ -z "$engine" ] || export "${engine?}"
  bench "$name" --sealift "$target_dir/release/sealift" "$@"
}

usage() {
  echo 'usage: dev/bench.sh [--only launch|lifecycle|plan|engine [FLAG...]]' >&2
  exit 2
}

main() {
  local only=all
  if [ "${1:-}" = --only ] && [ $# -gt 1 ]; then
    only=$2
    shift 2
  elif [ $# -gt 0 ]; then
    usage
  fi
  take_dependencies
  case $only in
    all)
      bench thousands
      bench_machines launch
      bench_machines lifecycle
      ;;
    launch | lifecycle) bench_machines "$only" "$@" ;;
    plan | engine) bench thousands --only "$only" "$@" ;;
    *) usage ;;
  esac
}

main "$@"
