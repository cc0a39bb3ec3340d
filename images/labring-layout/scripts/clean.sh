#!/usr/bin/env bash
# Undoes init.sh.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

bash clean-kube.sh
bash clean-shim.sh
