#!/usr/bin/env bash
# Before kubelet, in a container: what is its own is set, and nothing of its host.
sysctl --load /etc/sysctl.conf
exit 0
