#!/usr/bin/env bash
# Measures launches beside the same work done by hand, and writes docs/benchmarks.md: `dev/bench.sh [--repetitions N]
# [--machines 1+1,1+2]`. Installs and builds what is missing first. Wants a computer that does nothing else.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=compile.sh
. "$(dirname "${BASH_SOURCE[0]}")/compile.sh"

# Images are built once for all clones.
SEALIFT_HOME=${SEALIFT_HOME:-$(cache_root)/home}
export SEALIFT_HOME

main() {
  local engine
  "$root/dev/images.sh" kubernetes flannel
  engine=$("$root/dev/docker.sh")
  [ -z "$engine" ] || export "${engine?}"
  take_dependencies
  # The bench profile is the release profile; cargo wants no flag for it.
  (cd "$root" && CARGO_TARGET_DIR=$target_dir RUSTFLAGS=$static_flags \
    cargo bench --locked --target "$triple" --bench launch -- --sealift "$target_dir/release/sealift" "$@")
}

main "$@"
