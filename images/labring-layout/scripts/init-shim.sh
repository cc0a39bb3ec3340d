#!/usr/bin/env bash
# The shim between kubelet and the container runtime.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

cp ../etc/image-cri-shim.service /etc/systemd/system/
cp ../etc/image-cri-shim.yaml /etc/
cp ../cri/image-cri-shim "$BIN_DIR"
cp ../etc/crictl.yaml /etc/
start_service image-cri-shim
check_service image-cri-shim
