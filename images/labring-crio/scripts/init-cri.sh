#!/usr/bin/env bash
# Makes the container runtime. Arguments: domain, port, user and password of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

bash init-crio.sh "$1" "$2" "$3" "$4" || error "there is no CRI-O"
