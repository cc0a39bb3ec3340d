#!/usr/bin/env bash
# What gives Docker the interface that kubelet speaks.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

# No program has this name, so all of it is done at every run.
if ! command -v cri-docker >/dev/null; then
  cp ../etc/cri-docker.service ../etc/cri-docker.socket /etc/systemd/system/
  tar -xzf ../cri/cri-dockerd.tgz -C /usr/bin --strip-components=1
  start_service cri-docker
fi
systemctl restart cri-docker
check_service cri-docker
logger INFO "cri-dockerd is there"
