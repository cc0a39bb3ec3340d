#!/usr/bin/env bash
# Before kubelet, at every start: swap, modules, kernel settings.
swapoff -a
for module in ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh br_netfilter nf_conntrack; do modprobe -- $module; done
cat >/etc/sysctl.d/k8s.conf <<'EOF'
net.bridge.bridge-nf-call-ip6tables = 1
net.bridge.bridge-nf-call-iptables = 1
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
net.ipv4.conf.all.rp_filter = 0
EOF
sysctl --system
iptables -P FORWARD ACCEPT
exit 0
