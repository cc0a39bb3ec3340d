#!/usr/bin/env bash
# A cluster made by hand, as fast as a shell script can: what `sealift run` is measured against.
#
#   by-hand.sh ARTEFACTS LAUNCH SSH-KEY CONTROL-PLANE [WORKER...]
#
# ARTEFACTS holds what goes to every machine (runtime/, control-plane/ and worker/ are trees to lay over /, images/ are
# archives for containerd), LAUNCH what is made for these machines (init.yml, join-ADDRESS.yml, known_hosts). It does the
# same work as the images: containerd, CNI plugins, kubelet, kubeadm, the pod network; and ends when every node and every
# pod of the system is Ready. One connection a machine, everything that can be side by side is, a machine gets only what
# it uses, and nothing is copied twice: archives stream straight into containerd.
#
# Prints a line for each stage: `stage`, title, machine, begin and end in seconds since 1970, with tabs between.
set -euo pipefail
export LC_ALL=C

readonly artefacts=$1 launch=$2 key=$3 control_plane=$4
readonly workers=("${@:5}")
readonly machines=("$control_plane" "${workers[@]}")
readonly containerd=/run/containerd/containerd.sock api_name=apiserver.cluster.local
readonly kubectl='kubectl --kubeconfig=/etc/kubernetes/admin.conf'

sockets=$(mktemp -d /tmp/by-hand.XXXXXX)
readonly sockets

# The connections are processes of their own, which outlive this script unless they are told.
close_connections() {
  local machine
  for machine in "${machines[@]}"; do on "$machine" -O exit 2>/dev/null || true; done
  rm -rf "$sockets"
}
trap close_connections EXIT
trap 'exit 1' INT TERM

on() { # MACHINE [OPTION...] COMMAND
  ssh -i "$key" -o IdentitiesOnly=yes -o UserKnownHostsFile="$launch/known_hosts" -o StrictHostKeyChecking=yes \
    -o ControlPath="$sockets/%h" -o BatchMode=yes -o LogLevel=ERROR -l root "$@"
}

stage() { # TITLE MACHINE COMMAND [ARGUMENT...]
  local title=$1 machine=$2 begin=$EPOCHREALTIME
  shift 2
  "$@" "$machine"
  printf 'stage\t%s\t%s\t%s\t%s\n' "$title" "$machine" "$begin" "$EPOCHREALTIME"
}

# Waits for all, and fails if one of them did.
all_of() { # PID...
  local pid
  for pid in "$@"; do wait "$pid"; done
}

# ---- every machine

connect() { on "$1" -o ControlMaster=yes -fN; }

lay_over() { # TREE MACHINE COMMAND
  tar -C "$artefacts/$1" --owner=root --group=root -cf - . | on "$2" "tar --no-overwrite-dir -C / -xf - && $3"
}

send_runtime() {
  lay_over runtime "$1" "systemctl daemon-reload && systemctl enable --quiet --now containerd"
}

send_programs() { # ROLE MACHINE
  lay_over "$1" "$2" "printf '%s %s\n' $control_plane $api_name >>/etc/hosts &&
    { sysctl --quiet --load /etc/sysctl.d/90-kubernetes-network.conf || true; } 2>/dev/null &&
    systemctl daemon-reload && systemctl enable --quiet kubelet"
}

import() { # ARCHIVE MACHINE
  on "$2" "ctr --address $containerd --namespace k8s.io images import - >/dev/null" <"$artefacts/images/$1.tar"
}

prepare() { # ROLE MACHINE
  local role=$1 machine=$2 runtime programs archive imports=()
  stage "connect" "$machine" connect
  stage "send and start containerd" "$machine" send_runtime &
  runtime=$!
  stage "send kubeadm, kubelet and CNI plugins" "$machine" send_programs "$role" &
  programs=$!
  wait "$runtime"
  for archive in $(archives_of "$role"); do
    stage "send and import images" "$machine" import "$archive" &
    imports+=($!)
  done
  all_of "$programs" "${imports[@]}"
}

# CoreDNS may be started anywhere; what only control planes run goes nowhere else.
archives_of() { # ROLE
  echo every-machine
  if [ "$1" = control-plane ]; then echo control-plane; fi
}

# ---- the cluster

# Says what workers trust: the digest of the CA's public key.
init() {
  on "$1" "cat >/root/kubeadm.yml && kubeadm init --config=/root/kubeadm.yml --ignore-preflight-errors=SystemVerification \
    --skip-token-print >/dev/null && openssl x509 -in /etc/kubernetes/pki/ca.crt -noout -pubkey |
    openssl pkey -pubin -outform der | sha256sum | cut -c1-64" <"$launch/init.yml" >"$sockets/authority"
}

join() {
  sed "s/sha256:AUTHORITY/sha256:$(<"$sockets/authority")/" "$launch/join-$1.yml" |
    on "$1" "cat >/root/kubeadm.yml && kubeadm join --config=/root/kubeadm.yml --ignore-preflight-errors=SystemVerification >/dev/null"
}

apply_pod_network() {
  on "$1" "$kubectl apply -f - >/dev/null" <"$artefacts/kube-flannel.yaml"
}

# kube-proxy on every machine says that every machine is a node.
await_ready() {
  local wait="$kubectl wait --timeout=300s"
  on "$1" "$wait --namespace=kube-system daemonset/kube-proxy --for=jsonpath='{.status.numberReady}'=${#machines[@]} &&
    $wait node --all --for=condition=Ready && $wait --namespace=kube-system pod --all --for=condition=Ready" >/dev/null
}

main() {
  local machine prepared=() joined=() index
  prepare control-plane "$control_plane" &
  prepared=($!)
  for machine in "${workers[@]}"; do
    prepare worker "$machine" &
    prepared+=($!)
  done
  wait "${prepared[0]}"
  stage "kubeadm init" "$control_plane" init
  stage "apply the pod network" "$control_plane" apply_pod_network &
  joined=($!)
  for index in "${!workers[@]}"; do
    wait "${prepared[index + 1]}"
    stage "kubeadm join" "${workers[index]}" join &
    joined+=($!)
  done
  all_of "${joined[@]}"
  stage "wait until everything is Ready" "$control_plane" await_ready
}

main
