#!/usr/bin/env bash
# Removes what containerd.sh and init-registry.sh have made.
cd "$(dirname "$0")" || exit

name=sealer-registry
ctr --namespace sealer containers label $name containerd.io/restart.status=stopped
ctr --namespace sealer tasks kill --signal SIGKILL $name
ctr --namespace sealer tasks delete --force $name
ctr --namespace sealer containers delete $name
systemctl disable --now containerd
rm -f /etc/systemd/system/containerd.service
systemctl daemon-reload
tar -tzf ../cri/cri-containerd.tar.gz | sed -n 's|^usr/bin/||p' | while read -r program; do
  if [ -n "$program" ]; then rm -f "/usr/bin/$program"; fi
done
rm -f /usr/bin/crictl
rm -rf /etc/containerd /var/lib/containerd /opt/containerd /run/containerd /var/log/sealer-registry.log
