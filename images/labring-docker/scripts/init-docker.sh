#!/usr/bin/env bash
# Docker. One that is there already is only started anew.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

if ! command -v docker >/dev/null; then
  mkdir -p /etc/docker
  cp ../etc/docker.service /etc/systemd/system/
  tar -xzf ../cri/docker.tgz -C /usr/bin --strip-components=1
  start_service docker
  cp ../etc/daemon.json /etc/docker/
fi
systemctl daemon-reload
systemctl restart docker
check_service docker
logger INFO "Docker is there"
