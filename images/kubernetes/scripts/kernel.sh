# shellcheck shell=bash
# shellcheck disable=SC2154 # common.sh is sourced before
# Sourced: kernel modules, kernel settings and swap; how they are set, and how they get back to what they were.

# Keys that kubelet sets by itself on every machine: remembered here, restored with the rest.
readonly kubelet_keys="vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes"
# Keys that kube-proxy sets.
readonly proxy_keys="net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_tcp_timeout_close_wait"

load_modules() {
  local module
  while read -r module; do
    if [ -d "/sys/module/$module" ]; then continue; fi
    if modprobe --quiet "$module" 2>/dev/null; then
      remember modules.loaded "$module"
    else
      note "kernel module $module: not to be had, which is right where it is built in"
    fi
  done < <(sed '/^#/d; /^$/d' "$rootfs/etc/modules-load.conf")
}

# A module that something uses stays; that is not an error.
unload_modules() {
  local module
  [ -f "$state/modules.loaded" ] || return 0
  while read -r module; do
    modprobe --quiet --remove "$module" 2>/dev/null || true
  done < <(tac "$state/modules.loaded")
  rm -f "$state/modules.loaded"
}

key_path() { printf '/proc/sys/%s\n' "${1//.//}"; }

# In a container the network's settings are its own, all others are its host's.
key_is_ours() { # KEY
  case $1 in
    net.*) true ;;
    *) ! in_container ;;
  esac
}

remember_key() { # KEY
  local path
  path=$(key_path "$1")
  if [ ! -r "$path" ] || grep -q "^$1=" "$state/sysctl.before" 2>/dev/null; then return; fi
  remember sysctl.before "$1=$(<"$path")"
}

# Kernel settings as files for the next boot: what is a network's own, and what is the whole kernel's.
put_settings() {
  put init.files 644 "$rootfs/etc/modules-load.conf" /etc/modules-load.d/kubernetes.conf
  put init.files 644 "$rootfs/etc/sysctl-network.conf" /etc/sysctl.d/90-kubernetes-network.conf
  if in_container; then return; fi
  put init.files 644 "$rootfs/etc/sysctl-kernel.conf" /etc/sysctl.d/90-kubernetes-kernel.conf
}

set_keys() {
  local key value path
  for key in $kubelet_keys $proxy_keys; do
    if key_is_ours "$key"; then remember_key "$key"; fi
  done
  while IFS='=' read -r key value; do
    key=${key#-} key=${key// /} value=${value# }
    path=$(key_path "$key")
    if ! key_is_ours "$key"; then continue; fi
    if [ ! -e "$path" ]; then
      note "$key: this kernel does not have it"
      continue
    fi
    if [ "$(<"$path")" = "$value" ]; then continue; fi
    remember_key "$key"
    printf '%s\n' "$value" 2>/dev/null >"$path" || note "$key: cannot be set here, stays $(<"$path")"
  done < <(sed '/^#/d; /^$/d' "$rootfs/etc/sysctl-network.conf" "$rootfs/etc/sysctl-kernel.conf")
}

restore_keys() {
  local key value path
  [ -f "$state/sysctl.before" ] || return 0
  while IFS='=' read -r key value; do
    path=$(key_path "$key")
    if [ -w "$path" ] && [ "$(<"$path")" != "$value" ]; then
      printf '%s\n' "$value" 2>/dev/null >"$path" || note "$key: could not be set back to $value"
    fi
  done <"$state/sysctl.before"
  rm -f "$state/sysctl.before"
}

# kubelet does not start beside swap unless it is told to.
swap_off() {
  local area
  if in_container; then return; fi
  while read -r area _; do
    remember swap.before "$area"
    note "turning swap on $area off, kubelet does not run beside it"
    swapoff "$area" || fail "swapoff $area failed; free memory or set failSwapOn: false for kubelet"
  done < <(tail -n +2 /proc/swaps)
}

swap_on() {
  local area
  [ -f "$state/swap.before" ] || return 0
  while read -r area; do
    swapon "$area" 2>/dev/null || note "swap on $area could not be turned on again"
  done <"$state/swap.before"
  rm -f "$state/swap.before"
}
