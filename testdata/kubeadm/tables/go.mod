module sealift/testdata/kubeadm/tables

go 1.26
