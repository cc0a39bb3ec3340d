#!/usr/bin/env bash
# Compiles flannel and its CNI plugin and lays them out: `parts.sh amd64|arm64` fills parts/ARCH. Neither is published with
# checksums, so there is no other way.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

readonly flannel=v0.28.4

# Its UDP backend is C.
flannel_ldflags() { echo "-X github.com/flannel-io/flannel/pkg/version.Version=$flannel"; }
flannel_inputs() { printf '%s\n' "$here/go/flannel/go.mod" "$here/go/flannel/go.sum" "$(flannel_ldflags)"; }
flannel_compile() { # DIR ARCH
  go_static_c "$1" "$2" "$here/go/flannel" netgo,osusergo "$(flannel_ldflags)" github.com/flannel-io/flannel
  mv "$1/flannel" "$1/flanneld"
}

cni_plugin_inputs() { printf '%s\n' "$here/go/cni-plugin/go.mod" "$here/go/cni-plugin/go.sum"; }
cni_plugin_compile() { # DIR ARCH
  go_static "$1" "$2" "$here/go/cni-plugin" "" github.com/containernetworking/plugins/plugins/meta/flannel
}

lay() { # TREE
  place "$daemon/flanneld" "$1/flanneld"
  place "$plugin/flannel" "$1/flannel"
}

main() {
  local arch=${1:-} daemon plugin
  require_arch "$arch"
  make_part cni-plugin "$arch"
  plugin=$part
  make_part flannel "$arch"
  daemon=$part
  lay_out "$here/parts/$arch" "${daemon##*/} ${plugin##*/}" lay
}

main "$@"
