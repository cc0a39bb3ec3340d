# shellcheck shell=bash
# Sourced by the parts.sh of images: gets programs from their releases or compiles them, into the cache, and lays them out.
#
# A part is a group of programs that are made together. Its recipe is four functions of which the first is needed:
#   NAME_inputs ARCH            prints what the part is made from, one word per line: files and texts
#   NAME_release DIR ARCH       downloads it, checked against the checksums published beside it
#   NAME_compile DIR ARCH       compiles it
# Both ways fill DIR with the same files.

lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../dev/cache.sh
. "$lib/../dev/cache.sh"

say() { printf 'parts: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

require_arch() {
  case ${1:-} in
    amd64 | arm64) ;;
    *) die "usage: parts.sh amd64|arm64" ;;
  esac
}

native_arch() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# ---- from releases

# Whether a URL answers. Asked once for each host, because a network that swallows packets costs the whole timeout.
declare -A reachable_hosts=()
reachable() { # URL
  local host
  host=$(cut -d/ -f3 <<<"$1")
  if [ -z "${reachable_hosts[$host]:-}" ]; then
    if curl -fsIL --max-time 3 -o /dev/null "$1" 2>/dev/null; then
      reachable_hosts[$host]=yes
    else
      reachable_hosts[$host]=no
    fi
  fi
  [ "${reachable_hosts[$host]}" = yes ]
}

# Downloads URL to FILE and compares it with the checksum published at CHECKSUMS, which holds either the bare sum or lines
# of sums and names.
download() { # FILE URL CHECKSUMS
  local file=$1 url=$2 sums expected actual
  sums=$(curl -fsSL --retry 3 --max-time 60 "$3")
  expected=$(awk -v name="${url##*/}" 'length($1) == 64 && (NF == 1 || $2 == name || $2 == "*" name) { print $1; exit }' <<<"$sums")
  [ -n "$expected" ] || die "$3 has no checksum for ${url##*/}"
  curl -fsSL --retry 3 --max-time 1800 -o "$file" "$url"
  actual=$(sha256sum "$file" | cut -d' ' -f1)
  [ "$actual" = "$expected" ] || die "$url: its SHA-256 is $actual, published is $expected"
}

# Downloads a tar.gz and extracts the members named, without their directories, into DIR.
download_members() { # DIR URL CHECKSUMS MEMBER...
  local dir=$1 url=$2 sums=$3 member
  shift 3
  download "$dir/.archive" "$url" "$sums"
  mkdir "$dir/.members"
  tar -xzf "$dir/.archive" -C "$dir/.members" --no-same-owner
  for member in "$@"; do install -m 755 "$dir/.members/$member" "$dir/${member##*/}"; done
  rm -rf "$dir/.archive" "$dir/.members"
}

# ---- from source

# Compiles Go packages of the module in MODULE without cgo: any architecture from any.
go_static() { # DIR ARCH MODULE LDFLAGS PACKAGE...
  local dir=$1 arch=$2 module=$3 ldflags=$4
  shift 4
  go_build "$dir" "$arch" 0 "$module" "netgo,osusergo" "$ldflags" "$@"
}

# Compiles Go packages that contain C, linked statically: needs a C compiler for the architecture.
go_static_c() { # DIR ARCH MODULE TAGS LDFLAGS PACKAGE...
  local dir=$1 arch=$2 module=$3 tags=$4 ldflags=$5
  shift 5
  local -x CC
  CC=$(c_compiler "$arch")
  go_build "$dir" "$arch" 1 "$module" "$tags" "$ldflags -linkmode external -extldflags -static" "$@"
}

go_build() { # DIR ARCH CGO MODULE TAGS LDFLAGS PACKAGE...
  local dir=$1 arch=$2 cgo=$3 module=$4 tags=$5 ldflags=$6
  shift 6
  command -v go >/dev/null || die "Go is missing: dev/setup.sh go"
  # Two at a time: linkers of programs this size take a gigabyte each.
  (cd "$module" &&
    GOOS=linux GOARCH=$arch CGO_ENABLED=$cgo GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off GOTOOLCHAIN=auto \
      go build -p 2 -trimpath -tags "$tags" -ldflags "-s -w -buildid= $ldflags" -o "$dir/" "$@")
}

c_compiler() { # ARCH
  local compiler
  case $1 in
    amd64) compiler=x86_64-linux-gnu-gcc ;;
    arm64) compiler=aarch64-linux-gnu-gcc ;;
  esac
  command -v "$compiler" && return
  die "no C compiler for $1: dpkg --add-architecture $1 && apt-get update && apt-get install gcc-${compiler%-gcc} libc6-dev:$1 libseccomp-dev:$1"
}

# A module in go/NAME of the image, whose tools.go lists the packages.
# shellcheck disable=SC2154 # `here` is where the sourcing script is
module_inputs() { # NAME [TEXT]
  printf '%s\n' "$here/go/$1/go.mod" "$here/go/$1/go.sum" "$here/go/$1/tools.go" "${2:-}"
}
compile_module() { # DIR ARCH NAME LDFLAGS
  local packages
  mapfile -t packages < <(sed -n 's/^.*_ "\(.*\)"$/\1/p' "$here/go/$3/tools.go")
  go_static "$1" "$2" "$here/go/$3" "$4" "${packages[@]}"
}

# ---- the cache and the tree

# Makes a part if the cache has none, and leaves the path of its entry in $part.
make_part() { # NAME ARCH
  local name=$1 arch=$2 inputs
  mapfile -t inputs < <("${name//-/_}_inputs" "$arch")
  part=$(cache_path "parts/$name" "$(cache_key "$arch" "${inputs[@]}")")
  cache_fill "$part" fill_part "$name" "$arch"
}

# SEALIFT_PARTS=release or =compile takes the choice away from the network.
fill_part() { # DIR NAME ARCH
  local dir=$1 recipe=${2//-/_} arch=$3 way=${SEALIFT_PARTS:-}
  if ! declare -F "${recipe}_release" >/dev/null; then
    way=compile
  elif [ -z "$way" ]; then
    if reachable "$("${recipe}_probe")"; then way=release; else way=compile; fi
  fi
  case $way in
    release) say "$2 ($arch): downloading the release" ;;
    compile) say "$2 ($arch): compiling" ;;
    *) die "SEALIFT_PARTS is release or compile, not $way" ;;
  esac
  "${recipe}_$way" "$dir" "$arch"
}

# Puts what is at SOURCE at TARGET, by hard links where the cache is on the same file system.
place() { # SOURCE TARGET
  mkdir -p "${2%/*}"
  cp -al "$1" "$2" 2>/dev/null || { rm -rf "$2" && cp -a "$1" "$2"; }
}

# Packs DIRECTORY of TREE as FILE.
pack() { # TREE DIRECTORY FILE
  tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --hard-dereference -C "$1" "$2" | gzip -1n >"$3"
}

# Lays parts out as TREE, all at once: `lay_out TREE WORDS FUNCTION` calls FUNCTION with a new directory, unless TREE was
# made from the same WORDS.
lay_out() { # TREE MADE_FROM FUNCTION
  local tree=$1 made_from=$2 function=$3
  [ "$(cat "$tree/.made-from" 2>/dev/null)" = "$made_from" ] && return
  mkdir -p "${tree%/*}"
  exec 8>"${tree%/*}/.lock"
  flock 8
  rm -rf "$tree".new
  mkdir "$tree.new"
  "$function" "$tree.new"
  printf '%s\n' "$made_from" >"$tree.new/.made-from"
  rm -rf "$tree"
  mv "$tree.new" "$tree"
  exec 8>&-
}
