# shellcheck shell=bash
# Sourced by the scripts. There is no `set -e` on purpose, as there is none in the images that this one is laid out as: what
# fails is passed over, and the tool has to find it out.

export BIN_DIR=${BIN_DIR:-/usr/bin}

logger() { printf '%s %s\n' "$1" "$2"; }
error() {
  logger ERROR "$1"
  exit 1
}

start_service() { # NAME
  systemctl daemon-reload
  systemctl enable "$1"
  systemctl restart "$1"
}

check_service() { # NAME
  systemctl status "$1" --no-pager | grep Active | grep -q '(running)' || error "$1 does not run"
}

stop_service() { # NAME
  systemctl stop "$1" 2>/dev/null
  systemctl disable "$1" 2>/dev/null
  rm -f "/etc/systemd/system/$1.service"
  systemctl daemon-reload
}

selinux_off() {
  if command -v setenforce >/dev/null; then setenforce 0; fi
  if [ -f /etc/selinux/config ]; then sed -i 's/^SELINUX=enforcing/SELINUX=disabled/' /etc/selinux/config; fi
}
