#!/usr/bin/env bash
# Before kubelet, at every start: modules, kernel settings, swap, SELinux.
for module in bridge ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh br_netfilter nf_conntrack nf_conntrack_ipv4; do
  modprobe -- $module 2>/dev/null
done
sysctl --system
swapoff --all
if command -v setenforce >/dev/null; then setenforce 0; fi
exit 0
