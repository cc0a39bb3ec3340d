#!/usr/bin/env bash
# Compiles the demo's server and lays it out: `parts.sh amd64|arm64` fills parts/ARCH.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

hello_inputs() { printf '%s\n' "$here/go/go.mod" "$here/go/main.go"; }
hello_compile() { go_static "$1" "$2" "$here/go" "" .; }

lay() { place "$part/hello" "$1/hello"; }

main() {
  local arch=${1:-}
  require_arch "$arch"
  make_part hello "$arch"
  lay_out "$here/parts/$arch" "${part##*/}" lay
}

main "$@"
