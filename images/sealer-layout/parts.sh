#!/usr/bin/env bash
# Lays out what an image of sealer's layout is made of: `parts.sh amd64|arm64` fills parts/ARCH. All of it is of
# images/kubernetes, which has to have its parts; images/registry.tar is added by images/build.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

readonly kubernetes=$here/../kubernetes/parts

# The runtime as one archive, with the plugins of pod networks in it.
sealer_runtime_inputs() { # ARCH
  cat "$kubernetes/$1/.made-from"
  declare -f sealer_runtime_compile
}
sealer_runtime_compile() { # DIR ARCH
  tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --hard-dereference -C "$kubernetes/$2" \
    --transform='s|^cri|usr/bin|;s|^cni|opt/cni/bin|' --exclude=cri/registry cri cni | gzip -1n >"$1/cri-containerd.tar.gz"
}

lay() { # TREE
  local name
  for name in kubeadm kubelet kubectl crictl; do place "$kubernetes/$arch/bin/$name" "$1/bin/$name"; done
  place "$runtime/cri-containerd.tar.gz" "$1/cri/cri-containerd.tar.gz"
  place "$kubernetes/$arch/cri/registry" "$1/registry/registry"
}

main() {
  arch=${1:-}
  require_arch "$arch"
  make_part sealer-runtime "$arch"
  runtime=$part
  lay_out "$here/parts/$arch" "${runtime##*/}" lay
}

main "$@"
