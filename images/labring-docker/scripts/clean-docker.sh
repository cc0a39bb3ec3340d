#!/usr/bin/env bash
# Removes Docker and its data, whatever is mounted there. Argument: its data directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

stop_service docker
rm -f /etc/docker/daemon.json
rm -rf "${1:-/var/lib/docker}"
for program in containerd containerd-shim-runc-v2 ctr docker docker-proxy dockerd runc; do rm -f "/usr/bin/$program"; done
logger INFO "Docker is gone"
