#!/usr/bin/env bash
# Takes off what init.sh put on a machine and sets back what it changed. Argument: containerd's data directory.
# Pods are gone and volumes unmounted before; where they are not, this says so and deletes nothing.
cd "$(dirname "$0")" || exit 1
# shellcheck source-path=SCRIPTDIR
. ./common.sh
# shellcheck source-path=SCRIPTDIR
. ./kernel.sh
# shellcheck source-path=SCRIPTDIR
. ./network.sh

cri_data=${1:-${criData:-/var/lib/containerd}}
# What kubelet, the runtime and the plugins write.
readonly trees=(/var/lib/kubelet /var/lib/cni /run/containerd /var/log/pods /var/log/containers)

stop_everything() {
  stop_service kubelet
  if remembered init.files /etc/systemd/system/containerd.service; then
    stop_service containerd
    stop_shims
  fi
}

# Shims outlive containerd, and hold the mounts of their containers.
stop_shims() {
  local pid
  for pid in $(pgrep -f "^$bin_dir/containerd-shim-runc-v2 " || true); do
    kill "$pid" 2>/dev/null || true
  done
}

remove_data() {
  local mode tree
  if remembered data "$cri_data"; then
    remove_tree "$cri_data"
    if mode=$(cat "$state/data.before" 2>/dev/null); then install -d -m "$mode" "$cri_data"; fi
  fi
  for tree in "${trees[@]}"; do remove_tree "$tree"; done
}

remove_files() {
  take_off init.cni
  take_off init.files
  remove_empty /opt/cni/bin /opt/cni /etc/cni/net.d /etc/cni /etc/containerd /opt/containerd/bin /opt/containerd/lib /opt/containerd \
    /etc/systemd/system/kubelet.service.d /usr/libexec/kubernetes/kubelet-plugins/volume/exec \
    /usr/libexec/kubernetes/kubelet-plugins/volume /usr/libexec/kubernetes/kubelet-plugins /usr/libexec/kubernetes \
    /etc/kubernetes/manifests /etc/kubernetes/pki/etcd /etc/kubernetes/pki /etc/kubernetes /var/lib/etcd /usr/lib/modules
  systemctl daemon-reload
}

require_root
[ -d "$state" ] || {
  note "nothing of this image is on this machine"
  exit 0
}
stop_everything
refuse_mounts_below "$cri_data" "${trees[@]}"
remove_data
remove_network
remove_files
restore_keys
swap_on
unload_modules
rm -f "$state/data" "$state/data.before"
forget
note "this machine is as it was"
