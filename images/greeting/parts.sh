#!/usr/bin/env bash
# Lays out helm, as Kubernetes' own image has it: `parts.sh amd64|arm64` fills parts/ARCH.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

lay() { place "$tools/helm" "$1/helm"; }

main() {
  local arch=${1:-} tools
  require_arch "$arch"
  tools=$("$here/../kubernetes/parts.sh" "$arch" tools)
  lay_out "$here/parts/$arch" "${tools##*/}" lay
}

main "$@"
