#!/usr/bin/env bash
# Makes the container runtime. Arguments: domain and port of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

bash init-containerd.sh "$1" "$2"
