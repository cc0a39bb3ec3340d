#!/usr/bin/env bash
# All tests that a change has to pass, in stages: `dev/test.sh`. Installs and starts what they need; as root, because SSH
# servers, machines and network namespaces are real. The last line is `N passed, N failed`.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=compile.sh
. "$(dirname "${BASH_SOURCE[0]}")/compile.sh"
# shellcheck source-path=SCRIPTDIR source=tally.sh
. "$root/dev/tally.sh"

# Tests on machines that share this box's engine, processors and memory, and of programs that the images carry: one after
# the other, and last.
readonly alone=(etcd registry provider_container cluster)

# Images are built here once for all tests, and for every clone.
SEALIFT_HOME=${SEALIFT_HOME:-$(cache_root)/home}
export SEALIFT_HOME

# The program that machines are given: the one that a release carries.
export SEALIFT_PROGRAM=$root/target/release/sealift

# Every test program of tests/, so that none is forgotten.
test_programs() {
  local path
  for path in "$root"/tests/*.rs "$root"/tests/*/main.rs; do
    [ -e "$path" ] || continue
    path=${path#"$root"/tests/}
    path=${path%.rs}
    echo "${path%/main}"
  done | sort
}

runs_alone() { # NAME
  [[ " ${alone[*]} " == *" $1 "* ]]
}

prepare() {
  local engine
  "$root/dev/setup.sh" rust go docker machine test vagrant
  # Machines that a test before this one could not remove.
  engine=$("$root/dev/docker.sh")
  [ -z "$engine" ] || printf '%s\n' "$engine"
  "$root/images/machine/build.sh"
}

programs() {
  compile_tests --no-run
  "$root/dev/release.sh"
}

side_by_side() {
  local name arguments=()
  while read -r name; do
    if ! runs_alone "$name"; then arguments+=(--test "$name"); fi
  done < <(test_programs)
  compile_tests --no-fail-fast --lib "${arguments[@]}"
}

one_after_the_other() { # NAME
  compile_tests --no-fail-fast --test "$1" -- --test-threads=1
}

cluster_images() {
  "$root/images/build.sh" --sealift "$root/target/release/sealift"
}

# Without these nothing else can be tested.
needed() {
  stage "$@"
  [ "$stage_status" = 0 ] || { tally || exit 1; }
}

main() {
  local name
  cd "$root"
  needed "tools, engine and machine image" prepare
  use_engine
  needed "compiling" programs
  stage "unit, table, snapshot, property and SSH tests" side_by_side
  stage "cluster images" cluster_images
  while read -r name; do
    if runs_alone "$name"; then stage "real machines and programs: $name" one_after_the_other "$name"; fi
  done < <(test_programs)
  tally
}

# Stages run in subshells; what the engine is called is asked again, which takes no time once it runs.
use_engine() {
  local engine
  engine=$("$root/dev/docker.sh")
  [ -z "$engine" ] || export "${engine?}"
}

main "$@"
