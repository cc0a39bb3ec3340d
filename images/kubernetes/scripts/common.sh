# shellcheck shell=bash
# Sourced by the scripts of this image: where things are, and how to put files on a machine so that they can be taken off again.

set -euo pipefail

rootfs=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts
bin_dir=${BIN_DIR:-/usr/bin}
# What was done to this machine and how it was before; outside the rootfs, which an upgrade replaces.
state=/var/lib/sealift-kubernetes

note() { printf '%s: %s\n' "${0##*/}" "$*"; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

require_root() {
  [ "$(id -u)" = 0 ] || fail "must run as root"
}

in_container() {
  systemd-detect-virt --container --quiet 2>/dev/null
}

remember() { # LIST LINE: adds the line to a list of the state unless it is there
  mkdir -p "$state"
  grep -qxF -- "$2" "$state/$1" 2>/dev/null || printf '%s\n' "$2" >>"$state/$1"
}

remembered() { # LIST LINE
  grep -qxF -- "$2" "$state/$1" 2>/dev/null
}

# ---- files, in LISTS: what one script puts on the machine, its counterpart takes off

# Puts a file in place by rename, so that a running program is not in the way and a kill leaves the old or the new one.
# A file that was there before is kept aside, before the list says that the place is ours. Sets `changed` if it wrote.
put() { # LIST MODE SOURCE TARGET
  local list=$1 mode=$2 source=$3 target=$4
  [ -e "$source" ] || fail "the image lacks ${source#"$rootfs"/}"
  keep_aside "$list" "$target"
  if cmp -s "$source" "$target" && [ "$(stat -c %a "$target")" = "$mode" ]; then return; fi
  mkdir -p "${target%/*}"
  rm -f "$target.sealift-new"
  cp "$source" "$target.sealift-new"
  finish_put "$mode" "$target"
}

# The same for programs, which are large: a hard link where rootfs and target are on one file system.
put_program() { # LIST SOURCE TARGET
  local list=$1 source=$2 target=$3
  [ -e "$source" ] || fail "the image lacks ${source#"$rootfs"/}"
  keep_aside "$list" "$target"
  [ "$source" -ef "$target" ] && return
  if cmp -s "$source" "$target"; then return; fi
  mkdir -p "${target%/*}"
  rm -f "$target.sealift-new"
  ln "$source" "$target.sealift-new" 2>/dev/null || cp "$source" "$target.sealift-new"
  finish_put 755 "$target"
}

changed=no
finish_put() { # MODE TARGET
  chmod "$1" "$2.sealift-new"
  mv -f "$2.sealift-new" "$2"
  # A link carries the label of where it came from, which SELinux does not let services run.
  if command -v restorecon >/dev/null; then restorecon "$2" || true; fi
  # shellcheck disable=SC2034 # read by the scripts
  changed=yes
}

# A copy that exists is whole, and made before we wrote: it is never made again.
keep_aside() { # LIST TARGET
  local list=$1 target=$2
  remembered "$list" "$target" && return
  keep_copy "$target"
  remember "$list" "$target"
}

keep_copy() { # TARGET
  local target=$1 kept=$state/kept$1
  if [ ! -e "$target" ] && [ ! -L "$target" ]; then return; fi
  if [ -e "$kept" ] || [ -L "$kept" ]; then return; fi
  mkdir -p "${kept%/*}"
  rm -rf "$kept.part"
  cp -a "$target" "$kept.part"
  mv "$kept.part" "$kept"
  note "$target was there before and is kept in $state/kept"
}

# Takes off what a list names, last first, and puts back what was there before.
take_off() { # LIST
  local list=$1 target
  [ -f "$state/$list" ] || return 0
  while read -r target; do
    rm -rf "$target" "$target.sealift-new"
    if [ -e "$state/kept$target" ] || [ -L "$state/kept$target" ]; then
      mkdir -p "${target%/*}"
      cp -a "$state/kept$target" "$target"
    fi
  done < <(tac "$state/$list")
  # The copies stay until every list is gone: killed here, the next run must not remove what was put back.
  rm -f "$state/$list"
}

# Forgets the copies once nothing is left to undo.
forget() {
  if [ -d "$state" ] && [ -z "$(find "$state" -maxdepth 1 -type f)" ]; then rm -rf "$state"; fi
}

# Claims a directory that others' files would disturb: what was in it is kept aside, and it starts empty.
claim_directory() { # LIST DIRECTORY
  remembered "$1" "$2" && return
  if [ -d "$2" ] && [ -n "$(ls -A "$2")" ]; then keep_copy "$2"; fi
  rm -rf "$2"
  remember "$1" "$2"
}

# Removes directories that this image made, if nothing else is in them.
remove_empty() { # DIRECTORY...
  rmdir --ignore-fail-on-non-empty "$@" 2>/dev/null || true
}

# ---- mounts

# Mount points below a directory, the directory itself left out.
mounts_below() { # DIRECTORY
  local directory
  directory=$(readlink -f "$1") || return 0
  awk -v below="$directory/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo
}

# Volumes hold people's data: nothing is deleted as long as something is mounted below it.
refuse_mounts_below() { # DIRECTORY...
  local directory found=""
  for directory in "$@"; do
    [ -d "$directory" ] || continue
    found+=$(mounts_below "$directory")$'\n'
  done
  found=$(sed '/^$/d' <<<"$found")
  [ -z "$found" ] || fail "still mounted, nothing was deleted; unmount and run again:"$'\n'"$found"
}

# Empties a directory without leaving its file system, and removes it unless it is a mount point itself.
remove_tree() { # DIRECTORY
  [ -d "$1" ] || return 0
  refuse_mounts_below "$1"
  find "$1" -xdev -mindepth 1 -delete
  mountpoint -q "$1" || rmdir "$1"
}

# ---- services

stop_service() { # UNIT
  systemctl disable --now "$1" 2>/dev/null || true
  if systemctl is-active --quiet "$1"; then fail "$1 does not stop; see: journalctl -u $1"; fi
  systemctl reset-failed "$1" 2>/dev/null || true
}

# Starts a service, or restarts it if what it runs from has changed.
start_service() { # UNIT CHANGED
  # This reads changed unit files, too.
  systemctl enable --quiet "$1"
  if [ "$2" = yes ] || ! systemctl is-active --quiet "$1"; then
    systemctl restart "$1" || fail "$1 does not start:"$'\n'"$(journalctl --no-pager -n 20 -u "$1" 2>&1)"
  fi
}
