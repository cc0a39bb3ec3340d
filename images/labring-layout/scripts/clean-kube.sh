#!/usr/bin/env bash
# Removes kubelet and what belongs to it, whatever is mounted there.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

stop_service kubelet
rm -rf /etc/systemd/system/kubelet.service.d
for program in ../bin/*; do rm -f "$BIN_DIR/${program##*/}"; done
rm -f "$BIN_DIR/kubelet-pre-start.sh" "$BIN_DIR/kubelet-post-stop.sh"
sed -i '/ # sealos$/d' /etc/sysctl.conf
sed -i '/### sealos begin ###/,/### sealos end ###/d' /etc/security/limits.conf
rm -rf /var/lib/kubelet
logger INFO "kubelet is gone"
