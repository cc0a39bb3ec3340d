#!/usr/bin/env bash
# The registry, as a container. Arguments: its port, the directory with its content, its domain.
set -e
cd "$(dirname "$0")"

port=${1:-5000} content=${2:-/var/lib/registry} domain=${3:-sea.hub}
name=sealer-registry
rootfs=$(dirname "$PWD")

bind() { printf 'type=bind,src=%s,dst=%s,options=rbind:%s' "$1" "$2" "$3"; }

remove() {
  if ! ctr --namespace sealer containers info $name >/dev/null 2>&1; then return; fi
  ctr --namespace sealer containers label $name containerd.io/restart.status=stopped
  ctr --namespace sealer tasks kill --signal SIGKILL $name || true
  ctr --namespace sealer tasks delete --force $name || true
  ctr --namespace sealer containers delete $name
}

mkdir -p "$content"
remove
arguments=(
  --detach --net-host --log-uri file:///var/log/sealer-registry.log
  --label containerd.io/restart.status=running --label containerd.io/restart.policy=always
  --mount "$(bind "$rootfs/certs" /certs ro)" --mount "$(bind "$content" /var/lib/registry rw)"
  --env "REGISTRY_HTTP_TLS_CERTIFICATE=/certs/$domain.crt" --env "REGISTRY_HTTP_TLS_KEY=/certs/$domain.key"
)
if [ -f "$rootfs/etc/registry_config.yml" ]; then
  sed -i "s/5000/$port/g" "$rootfs/etc/registry_config.yml"
  arguments+=(--mount "$(bind "$rootfs/etc/registry_config.yml" /etc/docker/registry/config.yml ro)")
fi
if [ -f "$rootfs/etc/registry_htpasswd" ]; then
  arguments+=(
    --mount "$(bind "$rootfs/etc/registry_htpasswd" /htpasswd ro)"
    --env REGISTRY_AUTH=htpasswd --env REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd --env "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm"
  )
fi
ctr --namespace sealer run "${arguments[@]}" registry:2.7.1 $name
