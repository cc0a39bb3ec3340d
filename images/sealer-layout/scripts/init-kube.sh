#!/usr/bin/env bash
# Programs, kernel settings and the kubelet.
cd "$(dirname "$0")" || exit

for firewall in firewalld ufw; do
  if systemctl is-active --quiet $firewall; then systemctl disable --now $firewall; fi
done
cp ../bin/* /usr/bin
cp kubelet-pre-start.sh /usr/bin
mkdir -p /etc/systemd/system/kubelet.service.d /var/lib/kubelet
cp ../etc/kubelet.service /etc/systemd/system/
cp ../etc/10-kubeadm.conf /etc/systemd/system/kubelet.service.d/
/usr/bin/kubelet-pre-start.sh
systemctl daemon-reload && systemctl enable kubelet
