#!/usr/bin/env bash
# Looks whether a machine can become a node of the cluster; changes nothing. Argument: the registry's data directory.
cd "$(dirname "$0")" || exit 1
# shellcheck source-path=SCRIPTDIR
. ./common.sh

problems=0
problem() {
  printf 'check.sh: %s\n' "$*" >&2
  problems=$((problems + 1))
}

# Ports that something listens on, read from the kernel: ss and lsof may not be installed.
listening_ports() {
  awk '$4 == "0A" { split($2, address, ":"); print address[length(address)] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    while read -r hex; do printf '%d\n' "0x$hex"; done | sort -un
}

check_ports() {
  local taken port
  # What listens on a machine that this image was installed on is this image's own.
  if remembered init.files /etc/systemd/system/kubelet.service; then return; fi
  taken=$(listening_ports)
  for port in 2379 2380 6443 10248 10249 10250 10256 10257 10259; do
    if grep -qx "$port" <<<"$taken"; then
      problem "port $port is in use, Kubernetes needs it; see: ss -ltnp 'sport = :$port'"
    fi
  done
}

# Two runtimes on one machine fight over CNI, iptables and cgroups.
check_runtimes() {
  local service program
  for service in docker containerd crio cri-docker kubelet k3s k3s-agent rke2-server rke2-agent; do
    if remembered init.files "/etc/systemd/system/$service.service"; then continue; fi
    if systemctl is-active --quiet "$service" 2>/dev/null; then
      problem "$service.service runs on this machine; remove it first"
    fi
  done
  for program in dockerd containerd crio kubelet k3s; do
    if command -v "$program" >/dev/null && ! remembered init.files "$(command -v "$program")"; then
      problem "$(command -v "$program") is installed and not by this image; remove it first"
    fi
  done
  if [ -S /var/run/docker.sock ]; then problem "/var/run/docker.sock exists: a Docker Engine runs here"; fi
}

check_registry_data() { # DIRECTORY
  [ -e "$1" ] && [ ! -L "$1" ] || return 0
  if [ ! -d "$1" ] || [ -n "$(ls -A "$1")" ]; then
    problem "$1 exists and is not empty; the cluster's registry would hide it: move it away"
  fi
}

check_kernel() {
  if ! grep -qw overlay /proc/filesystems && ! modprobe overlay 2>/dev/null; then
    problem "the kernel has no overlayfs"
  fi
}

# Not ours to turn off, yet the usual reason why nodes do not see each other.
warn_about_firewalls() {
  local service
  for service in firewalld ufw; do
    if systemctl is-active --quiet "$service" 2>/dev/null; then
      note "warning: $service is active; nodes need 6443, 10250, 2379-2380 and the pod network's ports open between them"
    fi
  done
}

check_ports
check_runtimes
check_registry_data "${1:-${registryData:-/var/lib/registry}}"
check_kernel
warn_about_firewalls
[ "$problems" = 0 ] || fail "$problems problem(s) found"
