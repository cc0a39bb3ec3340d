#!/usr/bin/env bash
# Starts the registry that serves the cluster's images. Arguments: its data directory, its configuration directory.
# The tool has written etc/registry_htpasswd beside the rendered configuration before.
cd "$(dirname "$0")" || exit 1
# shellcheck source-path=SCRIPTDIR
. ./common.sh

data=${1:-${registryData:-/var/lib/registry}}
config=${2:-${registryConfig:-/etc/registry}}

# The data stays where the image was unpacked, and a name that does not change leads there.
link_data() {
  mkdir -p "$rootfs/registry" "${data%/*}"
  if [ -d "$data" ] && [ ! -L "$data" ]; then
    rmdir "$data" 2>/dev/null || fail "$data exists and is not empty: move it away"
  fi
  keep_aside registry.files "$data"
  ln -sfn "$rootfs/registry" "$data"
}

install_registry() {
  changed=no
  put_program registry.files "$rootfs/cri/registry" "$bin_dir/registry"
  put registry.files 600 "$rootfs/etc/registry_htpasswd" "$config/registry_htpasswd"
  put registry.files 644 "$rootfs/etc/registry_config.yml" "$config/registry_config.yml"
  put registry.files 644 "$rootfs/etc/registry.service" /etc/systemd/system/registry.service
}

require_root
link_data
install_registry
start_service registry "$changed"
note "the registry serves $data"
