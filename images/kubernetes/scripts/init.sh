#!/usr/bin/env bash
# Makes a machine ready for kubeadm: container runtime, CNI plugins, kernel settings, kubelet's unit and the programs.
# Argument: containerd's data directory. May be run again at any time, also after it was killed.
cd "$(dirname "$0")" || exit 1
# shellcheck source-path=SCRIPTDIR
. ./common.sh
# shellcheck source-path=SCRIPTDIR
. ./kernel.sh
# shellcheck source-path=SCRIPTDIR
. ./network.sh

cri_data=${1:-${criData:-/var/lib/containerd}}
: "${registryDomain:?not exported}" "${registryPort:?}" "${sandboxImage:?}"

prepare_kernel() {
  put_settings
  load_modules
  remember_tables
  set_keys
  swap_off
}

install_cni_plugins() {
  local plugin
  claim_directory init.files /etc/cni/net.d
  claim_directory init.files /opt/cni/bin
  mkdir -p /etc/cni/net.d /opt/cni/bin
  for plugin in "$rootfs"/cni/*; do put_program init.cni "$plugin" "/opt/cni/bin/${plugin##*/}"; done
}

install_runtime() {
  local program certs=/etc/containerd/certs.d
  if ! remembered data "$cri_data"; then
    if [ -d "$cri_data" ]; then remember data.before "$(stat -c '%a' "$cri_data")"; fi
    remember data "$cri_data"
  fi
  changed=no
  for program in containerd containerd-shim-runc-v2 ctr runc; do
    put_program init.files "$rootfs/cri/$program" "$bin_dir/$program"
  done
  claim_directory init.files /etc/containerd
  put init.files 644 "$rootfs/etc/config.toml" /etc/containerd/config.toml
  # Both hold the registry's password.
  put init.files 600 "$rootfs/etc/hosts.toml" "$certs/$registryDomain:$registryPort/hosts.toml"
  put init.files 600 "$rootfs/etc/hosts-default.toml" "$certs/_default/hosts.toml"
  put init.files 644 "$rootfs/etc/crictl.yaml" /etc/crictl.yaml
  put init.files 644 "$rootfs/etc/containerd.service" /etc/systemd/system/containerd.service
  start_service containerd "$changed"
}

install_programs() {
  local program
  for program in "$rootfs"/bin/*; do put_program init.files "$program" "$bin_dir/${program##*/}"; done
}

# kubelet starts no pod without the pause image, so a registry that does not answer is found here and not there.
pull_pause() {
  local image=registry.k8s.io/$sandboxImage attempt output
  if crictl inspecti "$image" >/dev/null 2>&1; then return; fi
  for attempt in 1 2 3 4 5; do
    if output=$(crictl pull "$image" 2>&1); then return; fi
    sleep "$attempt"
  done
  fail "cannot pull $image through $registryDomain:$registryPort:"$'\n'"$output"
}

# kubelet is started by kubeadm, once there is something to start it with.
install_kubelet() {
  put init.files 644 "$rootfs/etc/kubelet.service" /etc/systemd/system/kubelet.service
  put init.files 644 "$rootfs/etc/10-kubeadm.conf" /etc/systemd/system/kubelet.service.d/10-kubeadm.conf
  systemctl enable --quiet kubelet
}

require_root
prepare_kernel
install_cni_plugins
install_runtime
install_programs
pull_pause
install_kubelet
note "ready for kubeadm"
