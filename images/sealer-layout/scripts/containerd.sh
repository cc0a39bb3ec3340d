#!/usr/bin/env bash
# The container runtime, and the images that are there before any registry. Arguments: where it keeps its data, and the
# domain and port of the registry; none of them need be given.
set -e
cd "$(dirname "$0")"

if ! command -v containerd >/dev/null; then tar -xzf ../cri/cri-containerd.tar.gz -C /; fi
mkdir -p "${1:-/var/lib/containerd}" /etc/containerd
cp ../etc/containerd.service /etc/systemd/system/
sed -i "s/sea.hub/${2:-sea.hub}/g; s/5000/${3:-5000}/g" ../etc/dump-config.toml
containerd --config ../etc/dump-config.toml config dump >/etc/containerd/config.toml
systemctl daemon-reload
systemctl enable containerd.service
systemctl restart containerd.service
for image in ../images/*; do
  if [ -f "$image" ]; then ctr --namespace sealer images import "$image"; fi
done
