#!/usr/bin/env bash
# Removes the shim.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

stop_service image-cri-shim
rm -f "$BIN_DIR/image-cri-shim" /etc/image-cri-shim.yaml /etc/crictl.yaml /var/run/image-cri-shim.sock
rm -rf /var/lib/image-cri-shim
