//! Cluster images: the store, the build, archives and the contract with the cluster.
