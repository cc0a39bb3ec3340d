#!/usr/bin/env bash
# Builds the cluster images of this directory: `build.sh [--sealift BIN] [--arch amd64|arm64] [kubernetes] [flannel] [hello] [greeting]`.
# The tests' own, `labring-layout`, `labring-docker`, `labring-crio`, `cni-plugins` and `sealer-layout`, are built when named.
# What was built from the same inputs, and is still in sealift's store, is not built again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=parts-lib.sh
. "$here/parts-lib.sh"

sealift=sealift
arch=$(native_arch)
images=()

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --sealift) sealift=$2; shift 2 ;;
      --arch) arch=$2; shift 2 ;;
      kubernetes | flannel | hello | greeting | labring-layout | labring-docker | labring-crio | cni-plugins | sealer-layout) images+=("$1"); shift ;;
      *) die "usage: build.sh [--sealift BIN] [--arch amd64|arm64] [kubernetes] [flannel] [hello] [greeting] [labring-layout] [labring-docker] [labring-crio] [cni-plugins] [sealer-layout]" ;;
    esac
  done
  require_arch "$arch"
  command -v "$sealift" >/dev/null || die "$sealift is not a program: cargo build --release, then --sealift target/release/sealift"
  [ ${#images[@]} -gt 0 ] || images=(kubernetes flannel hello greeting)
}

# Keys of what this run has looked at, by name: an image is made from those it stands on, too.
declare -A keys=()

# Where it is noted from what an image was last built, and what came of it.
stamp() { # NAME
  printf '%s/built/%s-%s\n' "$(cache_root)" "${1//[\/:]/_}" "$arch"
}

build() { # NAME CONTEXT KUBEFILE KEY
  local name=$1 context=$2 kubefile=$3 key=$4 stamp
  stamp=$(stamp "$name")
  keys[$name]=$key
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key $(digest "$name")" ]; then return; fi
  say "building $name ($arch)"
  run_build "$name" "$context" "$kubefile"
  mkdir -p "${stamp%/*}"
  printf '%s %s\n' "$key" "$(digest "$name")" >"$stamp"
}

# The digest of an image in the store, nothing if it is not there.
digest() { # NAME
  "$sealift" --output json inspect "$1" 2>/dev/null | jq -r .manifest || true
}

# Offline: what goes into the cluster's registry is what was built here, never a namesake from elsewhere.
run_build() { # NAME CONTEXT KUBEFILE
  local platform=()
  local extension=()
  if [ "$arch" != "$(native_arch)" ]; then platform=(--platform "linux/$arch"); fi
  # What sealer's own builder would write of the applications in an image.
  if [ -e "$2/extension.json" ] && [ "$3" = "$2/Kubefile" ]; then
    extension=(--annotation "sealer.image.extension=$(<"$2/extension.json")")
  fi
  "$sealift" build --offline "${platform[@]}" "${extension[@]}" -t "$1" -f "$3" "$2"
}

# A container image: CONTEXT/containers/NAME/Kubefile and what parts.sh laid out.
container() { # CONTEXT NAME IMAGE [BASE]
  local kubefile=$1/containers/$2/Kubefile base=${4:-}
  build "$3" "$1" "$kubefile" "$(cache_key "$arch" "$kubefile" "$1/parts/$arch/.made-from" "${base:+${keys[$base]}}")"
}

# A cluster image: CONTEXT/Kubefile and all files of CONTEXT that git keeps or would keep.
cluster() { # CONTEXT IMAGE CONTAINER-IMAGE...
  local context=$1 image=$2 name inputs=()
  shift 2
  for name in "$@"; do inputs+=("${keys[$name]}"); done
  mapfile -d '' -O "${#inputs[@]}" -t inputs < <(find "$context" -type f -not -path "$context/parts/*" -not -path "$context/go/*" -print0 | sort -z)
  build "$image" "$context" "$context/Kubefile" "$(cache_key "$arch" "${inputs[@]}" "$context/parts/$arch/.made-from")"
}

readonly net_root=sealift/net-root:bookworm

# What kube-proxy and flannel stand on; Kubernetes' parts hold it.
build_net_root() {
  [ -n "${keys[$net_root]:-}" ] && return
  "$here/kubernetes/parts.sh" "$arch"
  container "$here/kubernetes" net-root "$net_root"
}

readonly kubernetes=v1.36.3

# The container images of a cluster, in `members`.
build_members() {
  local context=$here/kubernetes name version=$kubernetes registry=registry.k8s.io
  members=("$registry/coredns/coredns:v1.14.2" "$registry/etcd:3.6.8-0" "$registry/pause:3.10.2")
  build_net_root
  container "$context" coredns "${members[0]}"
  container "$context" etcd "${members[1]}"
  container "$context" pause "${members[2]}"
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    container "$context" "$name" "$registry/$name:$version" "$net_root"
    members+=("$registry/$name:$version")
  done
}

build_kubernetes() {
  local members=()
  build_members
  cluster "$here/kubernetes" "kubernetes:$kubernetes" "${members[@]}"
}

# The same Kubernetes, laid out as labring's images are.
build_labring-layout() {
  local members=()
  build_members
  "$here/labring-layout/parts.sh" "$arch"
  cluster "$here/labring-layout" "labring-layout:$kubernetes" "${members[@]}"
}

# The same with another container runtime, on top of it. What it stands on is in its key.
build_labring-docker() { build_on_layout labring-docker; }
build_labring-crio() { build_on_layout labring-crio; }
build_on_layout() { # NAME
  build_labring-layout
  "$here/$1/parts.sh" "$arch"
  cluster "$here/$1" "$1:$kubernetes" "labring-layout:$kubernetes"
}

# What runtimes other than containerd do not bring.
build_cni-plugins() {
  local context=$here/kubernetes kubefile=$here/cni-plugins/Kubefile
  "$context/parts.sh" "$arch"
  build cni-plugins:v1 "$context" "$kubefile" "$(cache_key "$arch" "$kubefile" "$context/parts/$arch/.made-from")"
}

# And laid out as sealer's are: its registry is a container, whose image is a file in it.
build_sealer-layout() {
  local members=() context=$here/sealer-layout registry=docker.io/library/registry:2.7.1
  build_members
  "$context/parts.sh" "$arch"
  container "$context" registry "$registry"
  mkdir -p "$context/parts/$arch/images"
  "$sealift" save --to "$context/parts/$arch/images/registry.tar" "$registry"
  cluster "$context" "sealer-layout:$kubernetes" "$registry" "${members[@]}"
}

build_flannel() {
  local context=$here/flannel version=v0.28.4
  local members=("ghcr.io/flannel-io/flannel:$version" docker.io/sealift/flannel-cni-plugin:v0.9.1)
  build_net_root
  "$context/parts.sh" "$arch"
  container "$context" flannel "${members[0]}" "$net_root"
  container "$context" flannel-cni-plugin "${members[1]}" "$net_root"
  cluster "$context" "flannel:$version" "${members[@]}"
}

build_hello() {
  local context=$here/hello
  "$context/parts.sh" "$arch"
  container "$context" hello docker.io/sealift/hello:v1
  cluster "$context" hello:v1 docker.io/sealift/hello:v1
}

build_greeting() {
  local context=$here/greeting server=docker.io/sealift/hello:v1
  "$here/hello/parts.sh" "$arch"
  container "$here/hello" hello "$server"
  "$context/parts.sh" "$arch"
  cluster "$context" greeting:v1 "$server"
}

main() {
  local image
  parse "$@"
  for image in "${images[@]}"; do "build_$image"; done
}

main "$@"
