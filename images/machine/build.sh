#!/usr/bin/env bash
# Builds the Docker image sealift/machine:bookworm: Debian with systemd and OpenSSH, that stands for a machine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../dev/cache.sh
. "$here/../../dev/cache.sh"

readonly name=sealift/machine:bookworm
# Modification times in the image; any fixed date serves.
export SOURCE_DATE_EPOCH=1767225600

# What a plain server has, and what kubeadm asks of it. No container runtime: the cluster image brings one.
readonly packages=(
  systemd systemd-sysv dbus openssh-server sudo
  iproute2 iptables nftables ipset ebtables conntrack ethtool socat kmod
  ca-certificates curl procps util-linux
)

# These want hardware, a console or the right to change the host.
readonly masked=(
  systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service
  systemd-modules-load.service kmod-static-nodes.service systemd-remount-fs.service systemd-firstboot.service
  systemd-machine-id-commit.service systemd-random-seed.service systemd-update-utmp.service systemd-binfmt.service
  sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount
  dev-hugepages.mount proc-sys-fs-binfmt_misc.automount
  console-getty.service getty.target getty-static.service getty@.service serial-getty@.service
  apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
)

# Runs in the new root before it is packed.
customize() { # ROOT
  local root=$1 unit
  install -m 755 "$here/entrypoint" "$root/usr/local/sbin/machine-entrypoint"
  for unit in "${masked[@]}"; do ln -sfn /dev/null "$root/etc/systemd/system/$unit"; done
  install -d -m 755 "$root/etc/ssh/sshd_config.d"
  printf '%s\n' 'PermitRootLogin prohibit-password' 'PasswordAuthentication no' 'UseDNS no' \
    >"$root/etc/ssh/sshd_config.d/machine.conf"
  # The host's limits are not a container's to set.
  rm -f "$root"/usr/lib/sysctl.d/50-pid-max.conf "$root"/etc/ssh/ssh_host_*
  : >"$root/etc/machine-id"
  rm -f "$root/etc/hostname" "$root/var/lib/dbus/machine-id"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/* "$root"/var/log/*
  mkdir -p "$root/var/log/journal"
}

make_root() { # DIRECTORY
  mmdebstrap --quiet --variant=minbase --include="$(IFS=, && echo "${packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --customize-hook="'$here/build.sh' --customize \"\$1\"" \
    bookworm "$1/root.tar"
}

built_key() {
  docker image inspect --format '{{index .Config.Labels "io.sealift.key"}}' "$name" 2>/dev/null || true
}

main() {
  local key entry
  key=$(cache_key "$here/build.sh" "$here/entrypoint")
  [ "$(built_key)" = "$key" ] && return
  command -v mmdebstrap >/dev/null || "$here/../../dev/setup.sh" machine
  entry=$(cache_path machine/bookworm "$key")
  cache_fill "$entry" make_root
  docker import \
    --change 'ENTRYPOINT ["/usr/local/sbin/machine-entrypoint"]' \
    --change 'EXPOSE 22' \
    --change "LABEL io.sealift.key=$key" \
    "$entry/root.tar" "$name" >/dev/null
  echo "machine: built $name"
}

if [ "${1:-}" = --customize ]; then customize "$2"; else main; fi
