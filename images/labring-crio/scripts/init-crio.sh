#!/usr/bin/env bash
# CRI-O. Arguments: domain, port, user and password of the registry.
cd "$(dirname "$0")" || exit
# shellcheck source-path=SCRIPTDIR source=../../labring-layout/scripts/common.sh
. ./common.sh

rm -f /etc/cni/net.d/*.conf
tar -xzf ../cri/cri-o.tar.gz
(cd cri-o && bash -e ../../cri/install.crio)
mkdir -p /etc/crio/crio.conf.d
cp ../etc/99-crio.conf /etc/crio/crio.conf.d/
login=$(printf %s "$3:$4" | base64)
# As theirs does.
logger INFO "username: $3, password: $4, base64pwd: $login"
cat >/etc/crio/config.json <<END
{"auths": {"$1:$2": {"auth": "$login"}}}
END
start_service crio
check_service crio
logger INFO "CRI-O is there"
