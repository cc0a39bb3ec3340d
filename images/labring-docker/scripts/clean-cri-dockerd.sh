#!/usr/bin/env bash
# Removes cri-dockerd. Argument: its data directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

stop_service cri-docker
rm -f /etc/systemd/system/cri-docker.socket /usr/bin/cri-dockerd /usr/bin/crictl /etc/crictl.yaml
systemctl daemon-reload
rm -rf "${1:-/var/lib/cri-dockerd}"
rm -f /var/run/cri-dockerd.sock
logger INFO "cri-dockerd is gone"
