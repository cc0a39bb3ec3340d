#!/usr/bin/env bash
# Removes the container runtime. Argument: its data directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

bash clean-containerd.sh "$1"
