#!/usr/bin/env bash
# Whether the machine is free. Argument: the data directory of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

if command -v containerd >/dev/null && ! command -v docker >/dev/null; then error "containerd is installed on this machine"; fi
if ! command -v lsof >/dev/null; then cp -au ../opt/lsof "$BIN_DIR"; fi
for port in {10249..10259} {5050..5054}; do
  if lsof -i :"$port" >/dev/null; then error "port $port is occupied"; fi
done
if [ -f "${1:-/var/lib/registry}" ]; then error "$1 is a file"; fi
logger INFO "check is over"
