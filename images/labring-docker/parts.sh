#!/usr/bin/env bash
# Lays out Docker as labring's images carry it: `parts.sh amd64|arm64` fills parts/ARCH. What runs containers is that of
# images/kubernetes, which has to have its parts; the rest is compiled.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

readonly kubernetes=$here/../kubernetes/parts docker=28.5.2 cri_dockerd=0.4.0

dockerd_ldflags() { echo "-X github.com/docker/docker/dockerversion.Version=$docker"; }
dockerd_inputs() { module_inputs dockerd "$(dockerd_ldflags)"; }
dockerd_compile() { compile_module "$1" "$2" dockerd "$(dockerd_ldflags)"; }

docker_cli_ldflags() { echo "-X github.com/docker/cli/cli/version.Version=$docker"; }
docker_cli_inputs() { module_inputs docker-cli "$(docker_cli_ldflags)"; }
docker_cli_compile() { compile_module "$1" "$2" docker-cli "$(docker_cli_ldflags)"; }

cri_dockerd_ldflags() { echo "-X github.com/Mirantis/cri-dockerd/cmd/version.Version=$cri_dockerd"; }
cri_dockerd_inputs() { module_inputs cri-dockerd "$(cri_dockerd_ldflags)"; }
cri_dockerd_compile() { compile_module "$1" "$2" cri-dockerd "$(cri_dockerd_ldflags)"; }

archives_inputs() { # ARCH
  printf '%s\n' "${dockerd##*/}" "${docker_cli##*/}" "${adapter##*/}"
  cat "$kubernetes/$1/.made-from"
  declare -f archives_compile pack
}
archives_compile() { # DIR ARCH
  local tree=$1/tree name
  for name in containerd containerd-shim-runc-v2 ctr runc; do place "$kubernetes/$2/cri/$name" "$tree/docker/$name"; done
  for name in dockerd docker-proxy; do place "$dockerd/$name" "$tree/docker/$name"; done
  place "$docker_cli/docker" "$tree/docker/docker"
  place "$adapter/cri-dockerd" "$tree/cri-dockerd/cri-dockerd"
  pack "$tree" docker "$1/docker.tgz"
  pack "$tree" cri-dockerd "$1/cri-dockerd.tgz"
  rm -r "$tree"
}

lay() { # TREE
  local name
  for name in docker cri-dockerd; do place "$archives/$name.tgz" "$1/cri/$name.tgz"; done
}

main() {
  arch=${1:-}
  require_arch "$arch"
  make_part dockerd "$arch"
  dockerd=$part
  make_part docker-cli "$arch"
  docker_cli=$part
  make_part cri-dockerd "$arch"
  adapter=$part
  make_part archives "$arch"
  archives=$part
  lay_out "$here/parts/$arch" "${archives##*/}" lay
}

main "$@"
