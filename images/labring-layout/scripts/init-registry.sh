#!/usr/bin/env bash
# The registry. Arguments: its data directory, its configuration directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

config=$2
mkdir -p "$config"
cp ../etc/registry.service /etc/systemd/system/
cp -au ../cri/registry "$BIN_DIR"
cp ../etc/registry_config.yml "$config"
cp ../etc/registry_htpasswd "$config"
selinux_off
# The tool has made a link of the data directory.
[ -L "$1" ] || logger WARN "$1 is no link into the image"
start_service registry
check_service registry
logger INFO "the registry is there"
