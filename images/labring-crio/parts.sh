#!/usr/bin/env bash
# Lays out CRI-O as labring's images carry it, one archive with all that it needs: `parts.sh amd64|arm64` fills parts/ARCH. runc
# and the plugins of pod networks are those of images/kubernetes, which has to have its parts; conmon is Debian's, as it is no Go
# module; the rest is compiled.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

readonly kubernetes=$here/../kubernetes/parts crio=1.34.0
readonly crio_tags=containers_image_ostree_stub,containers_image_openpgp,exclude_graphdriver_btrfs,netgo,osusergo

crio_inputs() {
  module_inputs crio "$crio $crio_tags"
  declare -f crio_compile
}
# The holder of namespaces is C, in the same module.
crio_compile() { # DIR ARCH
  local source compiler
  go_build "$1" "$2" 0 "$here/go/crio" "$crio_tags" "-X github.com/cri-o/cri-o/internal/version.Version=$crio" \
    github.com/cri-o/cri-o/cmd/crio
  source=$(cd "$here/go/crio" && GOFLAGS=-mod=readonly go list -m -f '{{.Dir}}' github.com/cri-o/cri-o)
  compiler=$(c_compiler "$2")
  "$compiler" -std=c99 -Os -Wall -static -s -Wl,--build-id=none -o "$1/pinns" "$source"/pinns/src/*.c
}

# With its own libraries, and the loader for them, as a machine need not have GLib.
conmon_inputs() { declare -f conmon_compile; }
conmon_compile() { # DIR ARCH
  local root=$1/root library
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: dev/setup.sh machine"
  mkdir "$root"
  mmdebstrap --quiet --variant=extract --architectures="$2" --include=conmon bookworm - | tar -x -C "$root" --exclude='./dev/*'
  mv "$root/usr/bin/conmon" "$1/conmon"
  while read -r library; do cp -L "$(find "$root"/{usr/,}lib/*-linux-gnu -name "$library" -print -quit)" "$1/"; done <<'END'
libglib-2.0.so.0
libpcre2-8.so.0
libsystemd.so.0
liblzma.so.5
libzstd.so.1
liblz4.so.1
libcap.so.2
libgcrypt.so.20
libgpg-error.so.0
libc.so.6
END
  cp -L "$root"/lib*/ld-linux*.so.* "$1/loader"
  rm -r "$root"
}

archive_inputs() { # ARCH
  printf '%s\n' "${crio_part##*/}" "${conmon##*/}" "$here"/cri-o/*
  cat "$kubernetes/$1/.made-from"
  declare -f archive_compile pack
}
archive_compile() { # DIR ARCH
  local tree=$1/tree name
  for name in crio pinns; do place "$crio_part/$name" "$tree/cri-o/bin/$name"; done
  place "$kubernetes/$2/cri/runc" "$tree/cri-o/bin/crio-runc"
  install -m 755 "$here/cri-o/conmon" "$tree/cri-o/bin/conmon"
  place "$conmon" "$tree/cri-o/conmon"
  place "$kubernetes/$2/cni" "$tree/cri-o/cni-plugins"
  mkdir "$tree/cri-o/contrib"
  for name in crio.service 10-crio.conf policy.json; do install -m 644 "$here/cri-o/$name" "$tree/cri-o/contrib/$name"; done
  pack "$tree" cri-o "$1/cri-o.tar.gz"
  rm -r "$tree"
}

lay() { # TREE
  place "$archive/cri-o.tar.gz" "$1/cri/cri-o.tar.gz"
}

main() {
  arch=${1:-}
  require_arch "$arch"
  make_part crio "$arch"
  crio_part=$part
  make_part conmon "$arch"
  conmon=$part
  make_part archive "$arch"
  archive=$part
  lay_out "$here/parts/$arch" "${archive##*/}" lay
}

main "$@"
