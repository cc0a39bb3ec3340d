#!/usr/bin/env bash
# Lays out what an image of labring's layout is made of: `parts.sh amd64|arm64` fills parts/ARCH. Kubernetes and the runtime are
# those of images/kubernetes, which has to have its parts; the shim is compiled.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

readonly kubernetes=$here/../kubernetes/parts

shim_inputs() { printf '%s\n' "$here"/go/*; }
shim_compile() { # DIR ARCH
  go_static "$1" "$2" "$here/go" "" .
  mv "$1/labring-layout" "$1/image-cri-shim"
}

# The runtime as one archive, with the plugins of pod networks in it.
runtime_inputs() { # ARCH
  cat "$kubernetes/$1/.made-from"
  declare -f runtime_compile
}
runtime_compile() { # DIR ARCH
  local tree=$kubernetes/$2
  tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --hard-dereference -C "$tree" \
    --transform='s|^cri|usr/bin|;s|^cni|opt/cni/bin|' --exclude=cri/registry cri cni | gzip -1n >"$1/cri-containerd.tar.gz"
  # runc carries the library itself, so there is nothing in it but the place.
  mkdir "$1/lib"
  tar -cz --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -f "$1/libseccomp.tar.gz" lib
  rmdir "$1/lib"
}

lay() { # TREE
  local name
  for name in kubeadm kubelet kubectl crictl; do place "$kubernetes/$arch/bin/$name" "$1/bin/$name"; done
  place "$kubernetes/$arch/cri/registry" "$1/cri/registry"
  place "$shim/image-cri-shim" "$1/cri/image-cri-shim"
  for name in cri-containerd libseccomp; do place "$runtime/$name.tar.gz" "$1/cri/$name.tar.gz"; done
}

main() {
  arch=${1:-}
  require_arch "$arch"
  make_part shim "$arch"
  shim=$part
  make_part runtime "$arch"
  runtime=$part
  lay_out "$here/parts/$arch" "$(printf '%s\n' "${shim##*/}" "${runtime##*/}")" lay
}

main "$@"
