# shellcheck shell=bash
# shellcheck disable=SC2154 # common.sh is sourced before
# Sourced: takes away what kubelet, kube-proxy and pod networks leave in the kernel's network, which no reset does.

# Interfaces of the usual pod networks and of kube-proxy.
readonly node_links='^(cni0|flannel\.[0-9]+|flannel-v6\.[0-9]+|kube-ipvs0|nodelocaldns|vxlan(-v6)?\.calico|cali[0-9a-f]+|veth[0-9a-f]{8})$'

# Which tables of the packet filter were there before kubelet's.
remember_tables() {
  if [ -e "$state/tables.before" ] || ! command -v nft >/dev/null; then return 0; fi
  mkdir -p "$state"
  nft list tables >"$state/tables.part" 2>/dev/null || true
  mv "$state/tables.part" "$state/tables.before"
}

remove_network() {
  remove_nft_tables
  remove_chains iptables
  remove_chains ip6tables
  remove_empty_tables iptables ip
  remove_empty_tables ip6tables ip6
  rm -f "$state/tables.before"
  remove_links
  rm -rf /run/flannel
}

remove_links() {
  local link
  for link in /sys/class/net/*; do
    link=${link##*/}
    if [[ $link =~ $node_links ]]; then ip link delete "$link" 2>/dev/null || true; fi
  done
}

remove_nft_tables() {
  local family table
  command -v nft >/dev/null || return 0
  while read -r _ family table; do
    case $table in
      kube-proxy | flannel-ipv4 | flannel-ipv6 | cni_hostport | cni_plugins_masquerade) nft delete table "$family" "$table" ;;
    esac
  done < <(nft list tables 2>/dev/null)
}

# Chains are named by who made them; a rule that mentions one goes with it, all others stay.
remove_chains() { # iptables|ip6tables
  local table rules ours='KUBE-|CNI-|FLANNEL-'
  command -v "$1-save" >/dev/null || return 0
  for table in raw mangle nat filter; do
    rules=$("$1-save" -t "$table" 2>/dev/null) || continue
    grep -qE "$ours" <<<"$rules" || continue
    delete_chains "$1" "$table" "$rules" "$ours"
  done
}

delete_chains() { # COMMAND TABLE RULES PATTERN
  local command=$1 table=$2 rules=$3 pattern=$4
  {
    echo "*$table"
    # First the rules that lead there, then the chains, emptied, then away with them.
    sed -nE "/^-A ($pattern)/d; /$pattern/s/^-A /-D /p" <<<"$rules"
    sed -nE "s/^:(($pattern)[^ ]*) .*/-F \1/p" <<<"$rules"
    sed -nE "s/^:(($pattern)[^ ]*) .*/-X \1/p" <<<"$rules"
    echo COMMIT
  } | "$command-restore" --noflush 2>/dev/null || note "$command: some rules of Kubernetes stay in table $table"
}

# iptables' own tables, where there were none before and nobody has put a rule, a chain or a policy in since.
remove_empty_tables() { # COMMAND FAMILY
  local table rules
  [ -f "$state/tables.before" ] || return 0
  for table in raw mangle nat filter; do
    if remembered tables.before "table $2 $table" || ! nft list table "$2" "$table" >/dev/null 2>&1; then continue; fi
    rules=$("$1-save" -t "$table" 2>/dev/null) || continue
    if grep -qE '^-A|^:[^ ]+ (-|DROP)' <<<"$rules"; then continue; fi
    nft delete table "$2" "$table"
  done
}
