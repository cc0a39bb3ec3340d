#!/usr/bin/env bash
# Shows a real cluster: one control plane and two workers as containers, a pod network, and an application that answers
# through its Service from another machine. Installs and builds what is missing. Called again, it goes on with what is there.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${SEALIFT_HOME:-$HOME/.sealift}
sealift=$root/target/release/sealift
readonly root home sealift name=demo

began=$SECONDS

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Prints a command as a person would type it, and runs it.
show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

arch() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

prepare() {
  local engine
  title "what it takes: a Docker Engine, the machine image, sealift, the cluster images"
  "$root/dev/images.sh"
  # The engine that dev/images.sh found or started is the one to go on with.
  engine=$("$root/dev/docker.sh")
  [ -z "$engine" ] || export "${engine?}"
}

launch() {
  title "the cluster"
  show sealift run kubernetes:v1.36.3 flannel:v0.28.4 hello:v1 \
    --provider container --masters 1 --nodes 2 --name "$name" --yes
}

look() {
  title "what is there now"
  show kubectl get nodes -o wide
  show kubectl get pods -A -o wide
}

# The name of the container that is the machine at an address.
container_at() { # ADDRESS
  docker ps --quiet --filter "label=io.sealift.cluster=$name" |
    xargs docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}} {{slice .Name 1}}' |
    awk -v address="$1" '$1 == address { print $2 }'
}

# A machine that runs no pod of the application, so that whatever answers there came over the network; a worker if it can be.
machine_without_pod() {
  local with_pod
  with_pod=$(kubectl get pods -l app=hello -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}')
  {
    kubectl get nodes -l '!node-role.kubernetes.io/control-plane' -o name
    kubectl get nodes -l node-role.kubernetes.io/control-plane -o name
  } | sed 's,^node/,,' | grep -vxF "$with_pod" | head -n 1
}

ask_the_service() {
  local service node address machine
  title "an application, asked from a machine that does not run it"
  show kubectl rollout status deployment/hello --timeout=180s
  show kubectl get pods -l app=hello -o wide
  service=$(kubectl get service hello -o jsonpath='{.spec.clusterIP}')
  node=$(machine_without_pod)
  address=$(kubectl get node "$node" -o jsonpath='{.status.addresses[?(@.type=="InternalIP")].address}')
  machine=$(container_at "$address")
  [ -n "$machine" ] || { echo "demo: no machine of the cluster has the address $address of node $node" >&2; exit 1; }
  show docker exec "$machine" curl --silent --show-error --fail --retry 5 --retry-connrefused --max-time 10 "http://$service"
}

farewell() {
  title "done in $((SECONDS - began)) s; what to type next"
  cat <<END

  export PATH=$root/target/release:$root/images/kubernetes/parts/$(arch)/bin:\$PATH
  export KUBECONFIG=$home/clusters/$name/kubeconfig${DOCKER_HOST:+
  export DOCKER_HOST=$DOCKER_HOST}
  kubectl get pods -A                      # look around
  sealift delete --name $name              # remove the cluster and its machines
END
}

main() {
  prepare
  PATH=${sealift%/*}:$root/images/kubernetes/parts/$(arch)/bin:$PATH
  launch
  export KUBECONFIG=$home/clusters/$name/kubeconfig
  look
  ask_the_service
  farewell
}

main "$@"
