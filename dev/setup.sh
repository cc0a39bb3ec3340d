#!/usr/bin/env bash
# Installs what developing sealift needs and is missing, on Debian 12 or newer: `dev/setup.sh [rust] [go] [docker] [machine]
# [test] [vagrant] [lint] [record]`, the first four without arguments. Says in one line what it does, and nothing when there is nothing to do.
set -euo pipefail

readonly rust_least=1.95 go_least=1.26

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

at_least() { # VERSION LEAST
  [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

# ---- Debian packages

codename() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
}

installed() { # PACKAGE
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_updated=no
apt_update() {
  [ "$apt_updated" = yes ] && return
  # A source that does not answer must not be in the way of those that do.
  as_root apt-get -qq update || say "some package sources do not answer"
  apt_updated=yes
}

apt_install() { # [-t SUITE] PACKAGE...
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

packages() { # PACKAGE...
  local package missing=()
  for package in "$@"; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "install these, this is not Debian: ${missing[*]}"
  say "installing ${missing[*]}"
  apt_update
  apt_install "${missing[@]}"
}

# Makes a suite available for what asks for it by name, and for nothing else.
add_suite() { # SUITE
  local list=/etc/apt/sources.list.d/sealift-$1.list
  [ -e "$list" ] && return
  say "adding Debian's $1 to the package sources, for packages that are named"
  printf 'Package: *\nPin: release n=%s\nPin-Priority: 50\n' "$1" | as_root tee "/etc/apt/preferences.d/sealift-$1" >/dev/null
  echo "deb http://deb.debian.org/debian $1 main" | as_root tee "$list" >/dev/null
  apt_updated=no
  apt_update
}

common() {
  packages ca-certificates curl git jq make build-essential pkg-config
}

# ---- Rust

rust_version() {
  rustc --version 2>/dev/null | cut -d' ' -f2 || true
}

rust() {
  PATH=$PATH:$HOME/.cargo/bin
  at_least "$(rust_version)" "$rust_least" && return
  if command -v rustup >/dev/null && rust_by_rustup; then return; fi
  if curl -fsIL --max-time 5 -o /dev/null https://static.rust-lang.org/rustup/release-stable.toml 2>/dev/null; then
    rust_from_its_server
  else
    rust_from_debian
  fi
  at_least "$(rust_version)" "$rust_least" || die "rustc is $(rust_version), needed is $rust_least: see https://rustup.rs"
}

rust_by_rustup() {
  say "updating Rust's stable toolchain"
  rustup toolchain install stable --profile minimal --component clippy,rustfmt --no-self-update >/dev/null 2>&1 &&
    at_least "$(rust_version)" "$rust_least"
}

rust_from_its_server() {
  local dir url
  say "installing Rust by rustup into ~/.cargo and ~/.rustup"
  dir=$(mktemp -d)
  url=https://static.rust-lang.org/rustup/dist/$(uname -m)-unknown-linux-gnu/rustup-init
  curl -fsSL -o "$dir/rustup-init" "$url"
  echo "$(curl -fsSL "$url.sha256" | cut -d' ' -f1)  $dir/rustup-init" | sha256sum --check --quiet
  chmod +x "$dir/rustup-init"
  "$dir/rustup-init" -y --quiet --profile minimal --component clippy,rustfmt >/dev/null
  rm -r "$dir"
}

rust_from_debian() {
  local packages=(rustc cargo rustfmt rust-clippy)
  say "rustup's server cannot be reached: installing Debian's rustc, on Debian 12 with the C library of Debian 13"
  case $(codename) in
    bookworm) add_suite trixie && add_suite trixie-backports && apt_install_across "${packages[@]}" ;;
    trixie) add_suite trixie-backports && apt_install -t trixie-backports "${packages[@]}" ;;
    *) apt_install "${packages[@]}" ;;
  esac
}

# apt takes a package's dependencies from one suite; here some are in the next release and some in its backports.
apt_install_across() { # PACKAGE...
  local preferences
  preferences=$(mktemp)
  printf 'Package: *\nPin: release n=%s\nPin-Priority: 990\n\n' trixie trixie-backports >"$preferences"
  chmod 644 "$preferences"
  apt_install -o Dir::Etc::PreferencesParts=/dev/null -o "Dir::Etc::Preferences=$preferences" "$@"
  rm "$preferences"
}

# ---- Go: any since 1.21 fetches by itself, through the module proxy, the version that a go.mod asks for

go_version() {
  GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//' || true
}

go_tools() {
  # runc's seccomp filters, and flannel's C.
  packages build-essential libseccomp-dev
  at_least "$(go_version)" "$go_least" && return
  if ! at_least "$(go_version)" 1.21; then
    case $(codename) in
      bookworm) add_suite bookworm-backports && say "installing golang from bookworm-backports" && apt_install -t bookworm-backports golang-go ;;
      *) packages golang-go ;;
    esac
  fi
  GOTOOLCHAIN=go$go_least.0 go version >/dev/null 2>&1 ||
    die "Go $(go_version) cannot fetch Go $go_least through the module proxy ($(go env GOPROXY)): see https://go.dev/dl"
}

# ---- Docker, and what machine images are made with

docker_engine() {
  # The client from elsewhere serves as well; the engine's package is docker.io on Debian.
  command -v dockerd >/dev/null && return
  packages docker.io iptables
}

machine() {
  packages mmdebstrap openssh-client openssh-server iproute2
}

# ---- what tests and tools of this directory need beside that

# Login shells that are not POSIX, and what tests look at machines with.
test_programs() {
  packages openssh-client openssh-server sudo tcsh fish iproute2 util-linux procps
}

# Without libvirt and VirtualBox, which make machines: the Vagrantfile is only checked. Releases after Debian 12 may lack it.
vagrant_program() {
  packages ruby
  command -v vagrant >/dev/null && return
  apt_update
  if [ -n "$(apt-cache madison vagrant)" ]; then
    packages vagrant
  else
    say "there is no package vagrant here: vagrant/Vagrantfile is checked by ruby alone"
  fi
}

lint_programs() {
  packages shellcheck
}

recorder() {
  packages tmux python3
}

main() {
  local group
  [ $# -gt 0 ] || set -- rust go docker machine
  common
  for group in "$@"; do
    case $group in
      rust) rust ;;
      go) go_tools ;;
      docker) docker_engine ;;
      machine) machine ;;
      test) test_programs ;;
      vagrant) vagrant_program ;;
      lint) lint_programs ;;
      record) recorder ;;
      *) die "unknown group $group: rust, go, docker, machine, test, vagrant, lint or record" ;;
    esac
  done
}

main "$@"
