#!/usr/bin/env bash
# Everything that comes after the container runtime.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

bash init-shim.sh
bash init-kube.sh
