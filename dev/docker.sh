#!/usr/bin/env bash
# Makes sure that a Docker Engine answers, and prints `DOCKER_HOST=...` when it is not the one docker would ask by itself.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=cache.sh
. "$here/cache.sh"

say() { printf 'docker: %s\n' "$*" >&2; }

answers() { # [ADDRESS]
  DOCKER_HOST=${1:-${DOCKER_HOST:-}} timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

need_root() {
  [ "$(id -u)" = 0 ] && return
  say "no Docker Engine answers, and starting one needs root: run this as root, or start Docker and add yourself to its group"
  exit 1
}

start_under_systemd() {
  say "starting docker.service"
  systemctl start docker.service
}

# Where no init runs, dockerd is started by hand, in a session of its own so that it outlives this shell.
start_by_hand() { # DIRECTORY for log and pidfile
  local dir=$1 pid
  if pid=$(cat "$dir/dockerd.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    say "dockerd runs as $pid and does not answer yet"
    return
  fi
  rm -f "$dir/dockerd.pid"
  say "starting dockerd, log in $dir/dockerd.log"
  setsid dockerd --host unix:///var/run/docker.sock --pidfile "$dir/dockerd.pid" \
    >>"$dir/dockerd.log" 2>&1 </dev/null 9>&- &
}

wait_for_answer() {
  local _
  for _ in $(seq 60); do
    answers unix:///var/run/docker.sock && return
    sleep 0.5
  done
  say "dockerd does not answer after 30 s; the end of its log:"
  tail -n 20 "$1/dockerd.log" >&2 || true
  exit 1
}

# Machines keep their container storage on overlayfs, which cannot stand on a slower driver's copies.
warn_about_driver() {
  local driver
  driver=$(docker info --format '{{.Driver}}')
  case $driver in
    overlay2 | overlayfs | btrfs | zfs) ;;
    *) say "storage driver is $driver, which is slow: put /var/lib/docker on ext4 or xfs" ;;
  esac
}

# All machines' root users share this limit, and each machine takes some sixty; runtimes that get none come up without their API.
readonly inotify=/proc/sys/fs/inotify/max_user_instances wanted_inotify=1024

make_room() {
  if [ "$(cat $inotify)" -ge $wanted_inotify ] || [ ! -w $inotify ]; then return 0; fi
  say "raising fs.inotify.max_user_instances to $wanted_inotify"
  echo $wanted_inotify >$inotify || say "it cannot be raised: seven machines and more need it"
}

main() {
  local dir
  make_room
  answers && return
  need_root
  dir=$(cache_root)/docker
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock 9
  if ! answers unix:///var/run/docker.sock; then
    command -v dockerd >/dev/null || "$here/setup.sh" docker 9>&-
    if [ -d /run/systemd/system ]; then start_under_systemd; else start_by_hand "$dir"; fi
    wait_for_answer "$dir"
  fi
  unset_or_print
  warn_about_driver
}

# A DOCKER_HOST that does not answer is what the caller's docker would still ask.
unset_or_print() {
  [ -n "${DOCKER_HOST:-}" ] || return 0
  export DOCKER_HOST=unix:///var/run/docker.sock
  printf 'DOCKER_HOST=%s\n' "$DOCKER_HOST"
}

main
