#!/usr/bin/env bash
# Removes the container runtime. Argument: its data directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

bash clean-crio.sh "$1"
