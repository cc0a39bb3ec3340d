#!/usr/bin/env bash
# Removes CRI-O and its data, whatever is mounted there. Argument: its data directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

stop_service crio
tar -xzf ../cri/cri-o.tar.gz
(cd cri-o && xargs rm -f <../../cri/crio.files)
rm -rf "${1:-/var/lib/crio}" /usr/local/lib/crio-conmon
logger INFO "CRI-O is gone"
