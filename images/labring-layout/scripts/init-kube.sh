#!/usr/bin/env bash
# Settings, programs and the kubelet. It ends well whatever failed.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

# shellcheck disable=SC2154 # exported by who runs it
image=$registryDomain:$registryPort/$sandboxImage

grep -q '127.0.0.1 localhost' /etc/hosts || echo '127.0.0.1 localhost' >>/etc/hosts
grep -q '::1 localhost' /etc/hosts || echo '::1 localhost' >>/etc/hosts
for firewall in firewalld ufw; do
  if systemctl is-active --quiet $firewall; then systemctl disable --now $firewall; fi
done
# At every run once more.
while read -r setting; do echo "$setting # sealos" >>/etc/sysctl.conf; done <../etc/sysctl.d/sealos-k8s.conf
cp kubelet-pre-start.sh kubelet-post-stop.sh "$BIN_DIR"
bash kubelet-pre-start.sh
if ! grep -q '### sealos begin ###' /etc/security/limits.conf; then
  {
    echo '### sealos begin ###'
    cat ../etc/limits.d/sealos-k8s.conf
    echo '### sealos end ###'
  } >>/etc/security/limits.conf
fi
# Over a kubelet that runs this fails, and nobody is told.
cp ../bin/* "$BIN_DIR"
crictl pull "$image"
mkdir -p /etc/systemd/system/kubelet.service.d
cp ../etc/kubelet.service /etc/systemd/system/
cp ../etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/kubelet.service.d/
systemctl daemon-reload
systemctl enable kubelet
logger INFO "kubelet is there"
exit 0
