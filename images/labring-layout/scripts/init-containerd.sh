#!/usr/bin/env bash
# containerd. Arguments: domain and port of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR
. ./common.sh

mkdir -p /opt/containerd /opt/cni/bin "/etc/containerd/certs.d/$1:$2"
tar -xzf ../cri/libseccomp.tar.gz -C /opt/containerd
echo /opt/containerd/lib >/etc/ld.so.conf.d/containerd.conf
ldconfig
cp ../etc/containerd.service /etc/systemd/system/
tar -xzf ../cri/cri-containerd.tar.gz -C "$BIN_DIR" --strip-components=2 usr/bin
tar -xzf ../cri/cri-containerd.tar.gz -C / opt/cni/bin
if command -v crun_ >/dev/null && crun_ --version >/dev/null; then cp "$(command -v crun_)" "$BIN_DIR/runc"; fi
cp ../etc/config.toml /etc/containerd/config.toml
cp ../etc/hosts.toml "/etc/containerd/certs.d/$1:$2/hosts.toml"
start_service containerd
check_service containerd
logger INFO "containerd is there"
