#!/usr/bin/env bash
# One of the long parts of the tests: `dev/test-all.sh PART`. The tests of a part are those in a module `part_PART` that
# are marked `#[ignore = "PART=..."]`. At the end a row for the table in docs/tests.md.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=compile.sh
. "$(dirname "${BASH_SOURCE[0]}")/compile.sh"
# shellcheck source-path=SCRIPTDIR source=tally.sh
. "$root/dev/tally.sh"

readonly parts=(kubeadm kill ha images runtimes hostile arm64 scale distribution fuzz)

SEALIFT_HOME=${SEALIFT_HOME:-$(cache_root)/home}
export SEALIFT_HOME

usage() {
  printf 'usage: make test-all PART=%s\n' "$(IFS='|'; echo "${parts[*]}")" >&2
  exit 2
}

# Readers, the planner and renderings need none.
needs_machines() { # PART
  [[ $1 != fuzz && $1 != kubeadm ]]
}

prepare() { # PART
  if ! needs_machines "$1"; then
    "$root/dev/setup.sh" rust go
    return
  fi
  "$root/dev/setup.sh" rust go docker machine test
  "$root/dev/docker.sh"
  "$root/images/machine/build.sh"
  "$root/dev/release.sh"
  "$root/images/build.sh" --sealift "$root/target/release/sealift"
}

# Both architectures' parts and images from their sources, whatever the network offers.
images_from_source() {
  local arch
  for arch in amd64 arm64; do
    SEALIFT_PARTS=compile "$root/images/build.sh" --arch "$arch" --sealift "$root/target/release/sealift"
  done
}

run_part() { # PART
  compile_tests --no-fail-fast --tests -- --ignored --test-threads=1 "part_$1::"
}

row() { # PART
  printf '| %s | %s | %d passed, %d failed | %s |\n' "$1" "$(git -C "$root" describe --always --dirty)" "$passed" "$failed" "$(date -u +%F)"
}

main() {
  local part=${1:-} engine
  [[ -n $part && " ${parts[*]} " == *" $part "* ]] || usage
  stage "preparation" prepare "$part"
  [ "$stage_status" = 0 ] || { tally || exit 1; }
  if needs_machines "$part"; then
    engine=$("$root/dev/docker.sh")
    [ -z "$engine" ] || export "${engine?}"
  fi
  if [ "$part" = images ]; then stage "images from source" images_from_source; fi
  if [ "$part" = fuzz ]; then stage "led by coverage" "$root/dev/fuzz.sh" 300; fi
  stage "part $part" run_part "$part"
  if [ "$((passed + failed))" = 0 ]; then
    echo "test-all: PART=$part has no tests yet" >&2
    exit 1
  fi
  row "$part"
  tally
}

main "$@"
