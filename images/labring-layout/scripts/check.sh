#!/usr/bin/env bash
# Whether the machine is free. Argument: the data directory of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

cp -au ../opt/lsof "$BIN_DIR"
for port in {10249..10259} {5050..5054}; do
  if lsof -i :"$port" >/dev/null; then error "port $port is occupied"; fi
done
if command -v docker >/dev/null || [ -S /var/run/docker.sock ]; then error "Docker is installed on this machine"; fi
if [ -f "${1:-/var/lib/registry}" ]; then error "$1 is a file"; fi
if ! command -v apparmor_parser >/dev/null; then
  sed -i 's/disable_apparmor = .*/disable_apparmor = true/' ../etc/config.toml
fi
logger INFO "check is over"
