#!/usr/bin/env bash
# Makes Docker and what kubelet needs beside it.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

iptables -P FORWARD ACCEPT
bash init-docker.sh || error "there is no Docker"
bash init-cri-dockerd.sh || error "there is no cri-dockerd"
