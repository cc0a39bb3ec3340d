#!/usr/bin/env bash
# Removes containerd and its data, whatever is mounted there. Argument: its data directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

stop_service containerd
pkill -f "$BIN_DIR/containerd-shim-runc-v2" 2>/dev/null
rm -rf "${1:-/var/lib/containerd}" /etc/containerd /run/containerd /opt/containerd /etc/ld.so.conf.d/containerd.conf
ldconfig
tar -tzf ../cri/cri-containerd.tar.gz | sed -n 's|^usr/bin/||p' | while read -r program; do
  if [ -n "$program" ]; then rm -f "$BIN_DIR/$program"; fi
done
logger INFO "containerd is gone"
