#!/usr/bin/env bash
# The kubeadm of some releases, each compiled once from its Go module into the cache: `dev/kubeadm.sh v1.28.15 ...` prints a line
# `VERSION PATH` for each.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=cache.sh
. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"

# Where a release's own modules are replaced by its staging directories, they are taken from their modules.
go_mod() { # VERSION
  local dir module
  dir=$(go mod download -json "k8s.io/kubernetes@$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  printf 'module kubeadm\n\ngo 1.21\n\nrequire k8s.io/kubernetes %s\n\n' "$1"
  while read -r module; do
    printf 'replace %s => %s v0.%s\n' "$module" "$module" "${1#v1.}"
  done < <(sed -n 's#^\(replace \)\?[[:space:]]*\(k8s.io/[a-z-]*\) => \./staging/.*#\2#p' "$dir/go.mod" | sort -u)
  # Its older versions read the maps of older Go.
  printf 'replace github.com/modern-go/reflect2 => github.com/modern-go/reflect2 v1.0.2\n'
}

compile() { # VERSION PATH
  local work package=k8s.io/component-base/version minor=${1#v1.}
  work=$(mktemp -d)
  go_mod "$1" > "$work/go.mod"
  cat > "$work/main.go" <<'GO'
package main

import (
	"os"

	"k8s.io/kubernetes/cmd/kubeadm/app"
)

func main() {
	if app.Run() != nil {
		os.Exit(1)
	}
}
GO
  (cd "$work" && GOFLAGS=-mod=mod CGO_ENABLED=0 nice go build -trimpath -o kubeadm \
    -ldflags "-s -w -checklinkname=0 -X $package.gitVersion=$1 -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" .) >&2
  mkdir -p "$(dirname "$2")"
  mv "$work/kubeadm" "$2.$$"
  mv "$2.$$" "$2"
  rm -rf "$work"
}

for version in "$@"; do
  path=$(cache_root)/kubeadm/$version/kubeadm
  [ -x "$path" ] || compile "$version" "$path"
  printf '%s %s\n' "$version" "$path"
done
