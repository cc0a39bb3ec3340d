#!/usr/bin/env bash
# Removes the registry. Arguments: its data directory, which is a link, and its configuration directory.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

stop_service registry
rm -f "$BIN_DIR/registry"
rm -rf "$1" "$2"
logger INFO "the registry is gone"
