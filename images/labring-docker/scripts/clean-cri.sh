#!/usr/bin/env bash
# Removes the container runtime. Arguments: the data directories of Docker and of cri-dockerd.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

bash clean-cri-dockerd.sh "$2"
bash clean-docker.sh "$1"
