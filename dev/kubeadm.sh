#!/usr/bin/env bash
# The kubeadm of releases, and a reader of the kubelet's and kube-proxy's documents with the types of each, compiled once into the cache
# from the releases' own Go modules: `dev/kubeadm.sh v1.28.15 ...` prints for each a line `VERSION DIR`; DIR has `kubeadm` and `decode`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=cache.sh
. "$root/dev/cache.sh"

PATH=$PATH:/usr/local/go/bin
readonly reader=$root/testdata/kubeadm/decode/main.go
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=mod -buildvcs=false"

# Where a release replaces its own modules by directories of its tree, they are taken from where they are published.
go_mod() { # VERSION
  local version=$1 dir module
  dir=$(cd / && GOFLAGS='' go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  printf 'module sealift.io/testdata/kubeadm/decode\n\ngo %s\n\n' "$(sed -n 's/^go //p' "$dir/go.mod")"
  printf 'require k8s.io/kubernetes %s\n\n' "$version"
  sed -n 's#^\(replace \)\?[[:space:]]*\(k8s.io/[a-z-]*\) => \./staging/.*#\2#p' "$dir/go.mod" | sort -u |
    while read -r module; do printf 'replace %s => %s v0.%s\n' "$module" "$module" "${version#v1.}"; done
  # The one that releases before 1.23 ask for reads maps as older Go has laid them out.
  printf 'replace github.com/modern-go/reflect2 => github.com/modern-go/reflect2 v1.0.2\n'
  # Where 1.19 looks for it nothing answers any more; this is where its author went.
  printf 'replace vbom.ml/util => github.com/fvbommel/util v0.0.0-20180919145318-efcd4e0f9787\n'
}

compile() { # DIR VERSION
  local dir=$1 version=$2 work package=k8s.io/component-base/version minor=${2#v1.}
  echo "kubeadm.sh: compiling kubeadm $version" >&2
  work=$dir/work
  mkdir "$work"
  go_mod "$version" >"$work/go.mod"
  cp "$reader" "$work"
  # Older releases reach into Go's own packages in ways that the linker of a newer Go has to be told of.
  (cd "$work" && go build -p 2 -trimpath -o "$dir/" \
    -ldflags "-s -w -checklinkname=0 -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" \
    k8s.io/kubernetes/cmd/kubeadm .) >&2
  rm -rf "$work"
}

for version in "$@"; do
  entry=$(cache_path "kubeadm/$version" "$(cache_key "$version" "${BASH_SOURCE[0]}" "$reader")")
  cache_fill "$entry" compile "$version"
  printf '%s %s\n' "$version" "$entry"
done
