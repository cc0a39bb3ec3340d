#!/usr/bin/env bash
# Records a real launch on containers as docs/images/run.svg, and removes the cluster again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root name=recording columns=110 rows=36

# What is seen: the two commands, as a person would type them.
scene() {
  type_and_run sealift run kubernetes:v1.36.3 flannel:v0.28.4 \
    --provider container --masters 1 --nodes 2 --name "$name" --yes
  echo
  type_and_run kubectl get nodes
}

type_and_run() {
  printf '\033[1;32m$\033[0m %s\n' "$*"
  "$@"
}

arch() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

remove_cluster() {
  if [ -e "${SEALIFT_HOME:-$HOME/.sealift}/clusters/$name" ]; then sealift delete --name "$name" --yes; fi
}

main() {
  local engine
  "$root/dev/setup.sh" record
  "$root/dev/images.sh"
  engine=$("$root/dev/docker.sh")
  [ -z "$engine" ] || export "${engine?}"
  PATH=$root/target/release:$root/images/kubernetes/parts/$(arch)/bin:$PATH
  export KUBECONFIG=${SEALIFT_HOME:-$HOME/.sealift}/clusters/$name/kubeconfig
  remove_cluster
  trap remove_cluster EXIT
  mkdir -p "$root/docs/images"
  "$root/dev/terminal_svg.py" "$root/docs/images/run.svg.new" "$columns" "$rows" "$root/dev/record.sh" scene
  mv "$root/docs/images/run.svg.new" "$root/docs/images/run.svg"
}

if [ "${1:-}" = scene ]; then scene; else main; fi
