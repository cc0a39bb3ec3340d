#!/usr/bin/env bash
# Stops the cluster's registry and takes off what init-registry.sh put there. Arguments: data directory, configuration directory.
cd "$(dirname "$0")" || exit 1
# shellcheck source-path=SCRIPTDIR
. ./common.sh

config=${2:-${registryConfig:-/etc/registry}}

require_root
if ! remembered registry.files /etc/systemd/system/registry.service; then
  note "no registry of this image is on this machine"
  exit 0
fi
stop_service registry
# The data is a link; what it leads to belongs to the rootfs.
take_off registry.files
remove_empty "$config"
systemctl daemon-reload
forget
