//! Where machines keep what the images of a cluster bring: the operator's documents may name files there.

use std::path::{Path, PathBuf};

/// Returns the directory on a machine with all that a cluster's images bring.
pub fn data(cluster: &str) -> PathBuf {
    Path::new("/var/lib/sealift/data").join(cluster)
}

/// Returns the directory with the files of the rootfs image and of all that is laid over it.
pub fn rootfs(cluster: &str) -> PathBuf {
    data(cluster).join("rootfs")
}
