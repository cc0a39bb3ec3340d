#!/usr/bin/env bash
# Whether the machine is free. Argument: the data directory of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

if ! command -v lsof >/dev/null; then cp -au ../opt/lsof "$BIN_DIR"; fi
for port in {10249..10259} {5050..5054}; do
  if lsof -i :"$port" >/dev/null; then error "port $port is occupied"; fi
done
if command -v docker >/dev/null; then error "Docker is installed on this machine"; fi
if command -v crio >/dev/null; then error "CRI-O is installed on this machine"; fi
for file in /var/run/crio/crio.sock "${1:-/var/lib/registry}"; do
  if [ -f "$file" ]; then error "$file is a file"; fi
done
logger INFO "check is over"
