#!/usr/bin/env bash
# Stops the cluster's registry and takes off what init-registry.sh put there. Arguments: data directory, configuration directory.
cd "$(dirname "$0")" || exit 1
# shellcheck source-path=SCRIPTDIR
. ./common.sh

config=${2:-${registryConfig:-/etc/registry}}

require_root
if [ -f "$state/registry.files" ]; then
  stop_service registry
  # The data is a link; what it leads to belongs to the rootfs.
  take_off registry.files
  systemctl daemon-reload
fi
remove_empty "$config"
forget
note "no registry of this image is on this machine"
