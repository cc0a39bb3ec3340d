#!/usr/bin/env bash
# Builds the cluster images and the machine image with this tree's sealift: `dev/images.sh [kubernetes] [flannel] [hello] [greeting]`.
# They go to SEALIFT_HOME, which is ~/.sealift unless it is set. Installs and starts what that needs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/dev/setup.sh"
PATH=$PATH:$HOME/.cargo/bin
engine=$("$root/dev/docker.sh")
[ -z "$engine" ] || export "${engine?}"
"$root/images/machine/build.sh"
"$root/dev/release.sh"
"$root/images/build.sh" --sealift "$root/target/release/sealift" "$@"
