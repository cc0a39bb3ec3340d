#!/usr/bin/env bash
# Gets or compiles everything that the Kubernetes image is made of and lays it out: `parts.sh amd64|arm64` fills parts/ARCH.
# `parts.sh ARCH PART` makes that one part alone and prints where it is.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../parts-lib.sh
. "$here/../parts-lib.sh"

readonly kubernetes=v1.36.3 containerd=v2.4.2 runc=v1.5.2 cni=v1.9.1 etcd=v3.6.8 coredns=v1.14.2
readonly registry=v3.1.2 crictl=v1.36.0 helm=v3.22.0

readonly github=https://github.com

# ---- Kubernetes

readonly kubernetes_programs=(
  kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy
)
kubernetes_ldflags() {
  local package=k8s.io/component-base/version minor=${kubernetes#v1.}
  echo "-X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
}
kubernetes_inputs() { module_inputs kubernetes "$(kubernetes_ldflags)"; }
kubernetes_probe() { echo "https://dl.k8s.io/release/$kubernetes/bin/linux/amd64/kubeadm.sha256"; }
kubernetes_release() { # DIR ARCH
  local program url
  for program in "${kubernetes_programs[@]}"; do
    url=https://dl.k8s.io/release/$kubernetes/bin/linux/$2/$program
    download "$1/$program" "$url" "$url.sha256"
    chmod 755 "$1/$program"
  done
}
kubernetes_compile() { compile_module "$1" "$2" kubernetes "$(kubernetes_ldflags)"; }

# ---- containerd

containerd_ldflags() { echo "-X github.com/containerd/containerd/v2/version.Version=$containerd"; }
containerd_inputs() { module_inputs containerd "$(containerd_ldflags)"; }
containerd_probe() { echo "$(containerd_url amd64).sha256sum"; }
containerd_url() {
  echo "$github/containerd/containerd/releases/download/$containerd/containerd-static-${containerd#v}-linux-$1.tar.gz"
}
containerd_release() {
  local url
  url=$(containerd_url "$2")
  download_members "$1" "$url" "$url.sha256sum" bin/containerd bin/containerd-shim-runc-v2 bin/ctr
}
containerd_compile() { compile_module "$1" "$2" containerd "$(containerd_ldflags)"; }

# ---- runc: a part of it is C, and seccomp filters need libseccomp

readonly runc_tags=seccomp,netgo,osusergo
runc_inputs() { module_inputs runc "$runc_tags"; }
runc_probe() { echo "$github/opencontainers/runc/releases/download/$runc/runc.sha256sum"; }
runc_release() {
  local url=$github/opencontainers/runc/releases/download/$runc
  download "$1/runc.$2" "$url/runc.$2" "$url/runc.sha256sum"
  mv "$1/runc.$2" "$1/runc"
  chmod 755 "$1/runc"
}
runc_compile() {
  go_static_c "$1" "$2" "$here/go/runc" "$runc_tags" "" github.com/opencontainers/runc
}

# ---- CNI plugins

readonly cni_programs=(
  bandwidth bridge firewall host-device host-local ipvlan loopback macvlan portmap ptp sbr static tuning vlan vrf
)
cni_ldflags() { echo "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=$cni"; }
cni_inputs() { module_inputs cni "$(cni_ldflags)"; }
cni_url() {
  echo "$github/containernetworking/plugins/releases/download/$cni/cni-plugins-linux-$1-$cni.tgz"
}
cni_probe() { echo "$(cni_url amd64).sha256"; }
cni_release() {
  local url
  url=$(cni_url "$2")
  download_members "$1" "$url" "$url.sha256" "${cni_programs[@]}"
}
cni_compile() { compile_module "$1" "$2" cni "$(cni_ldflags)"; }

# ---- etcd

etcd_inputs() { module_inputs etcd; }
etcd_probe() { echo "$github/etcd-io/etcd/releases/download/$etcd/SHA256SUMS"; }
etcd_release() {
  local url=$github/etcd-io/etcd/releases/download/$etcd
  download_members "$1" "$url/etcd-$etcd-linux-$2.tar.gz" "$url/SHA256SUMS" "etcd-$etcd-linux-$2/etcd"
}
etcd_compile() {
  compile_module "$1" "$2" etcd ""
  mv "$1/server" "$1/etcd"
}

# ---- CoreDNS

coredns_inputs() { module_inputs coredns; }
coredns_url() { echo "$github/coredns/coredns/releases/download/$coredns/coredns_${coredns#v}_linux_$1.tgz"; }
coredns_probe() { echo "$(coredns_url amd64).sha256"; }
coredns_release() {
  local url
  url=$(coredns_url "$2")
  download_members "$1" "$url" "$url.sha256" coredns
}
coredns_compile() { compile_module "$1" "$2" coredns ""; }

# ---- the registry

registry_ldflags() { echo "-X github.com/distribution/distribution/v3/version.version=$registry"; }
registry_inputs() { module_inputs registry "$(registry_ldflags)"; }
registry_url() {
  echo "$github/distribution/distribution/releases/download/$registry/registry_${registry#v}_linux_$1.tar.gz"
}
registry_probe() { echo "$(registry_url amd64).sha256"; }
registry_release() {
  local url
  url=$(registry_url "$2")
  download_members "$1" "$url" "$url.sha256" registry
}
registry_compile() { compile_module "$1" "$2" registry "$(registry_ldflags)"; }

# ---- crictl and helm

tools_ldflags() {
  local minor=${kubernetes#v1.}
  echo "-X sigs.k8s.io/cri-tools/pkg/version.Version=$crictl" \
    "-X helm.sh/helm/v3/internal/version.version=$helm -X helm.sh/helm/v3/internal/version.gitTreeState=clean" \
    "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=${minor%%.*}" \
    "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=${minor%%.*}"
}
tools_inputs() { module_inputs tools "$(tools_ldflags)"; }
tools_probe() { echo "https://get.helm.sh/helm-$helm-linux-amd64.tar.gz.sha256sum"; }
tools_release() {
  local url=$github/kubernetes-sigs/cri-tools/releases/download/$crictl/crictl-$crictl-linux-$2.tar.gz
  download_members "$1" "$url" "$url.sha256" crictl
  url=https://get.helm.sh/helm-$helm-linux-$2.tar.gz
  download_members "$1" "$url" "$url.sha256sum" "linux-$2/helm"
}
tools_compile() { compile_module "$1" "$2" tools "$(tools_ldflags)"; }

# ---- pause: its image is the only form it is published in

pause_inputs() { echo "$here/pause.c"; }
pause_compile() {
  local compiler
  compiler=$(c_compiler "$2")
  "$compiler" -Os -Wall -Wextra -Werror -static -s -Wl,--build-id=none -o "$1/pause" "$here/pause.c"
}

# ---- the small Debian root that kube-proxy and flannel stand on

# Packages are only unpacked, not configured: that works for every architecture, and leaves out all that is not a
# dependency. busybox gives a shell and cp to init containers.
readonly net_root_packages=iptables,nftables,conntrack,ipset,busybox-static,ca-certificates
readonly net_root_date=1767225600
net_root_inputs() {
  printf '%s\n' "$net_root_packages" "$net_root_date"
  declare -f net_root_compile net_root_slim net_root_alternatives | sha256sum
}
net_root_compile() { # DIR ARCH
  local dir=$1
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: dev/setup.sh machine"
  SOURCE_DATE_EPOCH=$net_root_date mmdebstrap --quiet --variant=extract --architectures="$2" \
    --include="$net_root_packages" bookworm - | tar -x -C "$dir" --no-same-owner --exclude='./dev/*'
  net_root_slim "$dir"
  net_root_alternatives "$dir"
  find "$dir" -exec touch --no-dereference --date="@$net_root_date" {} +
}
# What a package manager, people and other languages would need. Copyright notices stay.
net_root_slim() { # DIR
  local dir=$1
  find "$dir/usr/share/doc" -type f ! -name copyright -delete
  find "$dir/usr/share/doc" -depth -type d -empty -delete
  rm -rf "$dir"/usr/share/{man,locale,info,lintian,bug,bash-completion,perl5,debconf,initramfs-tools} \
    "$dir"/usr/lib/*/gconv "$dir"/usr/lib/*/perl* "$dir"/usr/lib/*/engines-3 "$dir"/usr/lib/*/ossl-modules \
    "$dir"/usr/lib/*/lib{ssl,crypto}.so.3 "$dir"/usr/bin/{perl*,openssl,c_rehash} "$dir"/usr/sbin/xtables-legacy-multi \
    "$dir"/usr/share/perl "$dir"/lib/systemd "$dir"/var/{lib,cache,log} \
    "$dir"/etc/{apt,dpkg,ssl/private,kernel,initramfs-tools,init.d,ca-certificates*,debconf.conf}
  # mmdebstrap leaves the names of the machine it ran on.
  rm -f "$dir"/etc/{hostname,hosts,resolv.conf,fstab}
}
net_root_alternatives() { # DIR
  local dir=$1 command
  # nft's backend: the legacy one sees none of the rules that the host's nft-based tools make, and modern kernels drop it.
  for command in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -sfn xtables-nft-multi "$dir/usr/sbin/$command"
  done
  mkdir -p "$dir/bin" "$dir/tmp" "$dir/run"
  for command in sh cp cat ls mkdir mv rm sleep ip; do ln -sfn busybox "$dir/bin/$command"; done
  chmod 1777 "$dir/tmp"
  # iptables' lock; mounted from the host in pods.
  ln -sfn ../run "$dir/var/run"
  cat "$dir"/usr/share/ca-certificates/mozilla/*.crt >"$dir/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$dir/usr/share/ca-certificates"
}

# ---- the layout

declare -A entry=()
# What needs a C compiler comes last: without one all else is there already.
readonly parts=(net-root kubernetes containerd cni etcd coredns registry tools pause runc)

lay() { # TREE
  local tree=$1 name
  for name in kubeadm kubelet kubectl; do place "${entry[kubernetes]}/$name" "$tree/bin/$name"; done
  for name in crictl helm; do place "${entry[tools]}/$name" "$tree/bin/$name"; done
  for name in containerd containerd-shim-runc-v2 ctr; do place "${entry[containerd]}/$name" "$tree/cri/$name"; done
  place "${entry[runc]}/runc" "$tree/cri/runc"
  place "${entry[registry]}/registry" "$tree/cri/registry"
  for name in "${cni_programs[@]}"; do place "${entry[cni]}/$name" "$tree/cni/$name"; done
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    place "${entry[kubernetes]}/$name" "$tree/containers/$name"
  done
  for name in etcd coredns pause; do place "${entry[$name]}/$name" "$tree/containers/$name"; done
  place "${entry[net-root]}" "$tree/net-root"
}

main() {
  local arch=${1:-} only=${2:-} name
  require_arch "$arch"
  if [ -n "$only" ]; then
    [[ " ${parts[*]} " == *" $only "* ]] || die "the parts are: ${parts[*]}"
    make_part "$only" "$arch"
    echo "$part"
    return
  fi
  for name in "${parts[@]}"; do
    make_part "$name" "$arch"
    entry[$name]=$part
  done
  lay_out "$here/parts/$arch" "$(printf '%s\n' "${entry[@]##*/}" | sort)" lay
}

main "$@"
