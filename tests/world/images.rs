//! Two small images, built once for all operators of a test program: one brings Kubernetes, one is an application.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sealift::image::Store;
use sealift::image::build::{BuildOptions, build};
use sealift::image::collect::{EngineSource, RegistrySource, Sources};
use sealift::image::kubefile::Arguments;
use sealift::model::Arch;

pub const KUBERNETES: &str = "kubernetes:v1.36.3";
pub const NETWORK: &str = "network:v1";

const KUBERNETES_FILE: &str = "\
FROM scratch
LABEL sealos.io.type=rootfs sealos.io.version=v1beta1 version=v1.36.3
ENV criData=/var/lib/containerd registryDomain=sealos.hub registryPort=5000
COPY bin bin
COPY scripts scripts
";

const NETWORK_FILE: &str = "\
FROM scratch
LABEL sealos.io.type=application
COPY manifests manifests
CMD [\"kubectl apply -f manifests/network.yaml\"]
";

/// Puts the images into the store of an operator's home.
pub fn lay(home: &Path) {
    static STORE: OnceLock<PathBuf> = OnceLock::new();
    let built = STORE.get_or_init(|| {
        // Another runtime's thread may be in one of its own.
        std::thread::spawn(built).join().unwrap()
    });
    std::os::unix::fs::symlink(built.join("images"), home.join("images")).unwrap();
}

/// Makes a directory that is in memory where the computer has one there.
pub fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn built() -> PathBuf {
    let home = directory().keep();
    let store = Store::open(&home).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, file, contents) in [
        (KUBERNETES, KUBERNETES_FILE, ["bin/kubeadm", "scripts/init.sh"].as_slice()),
        (NETWORK, NETWORK_FILE, ["manifests/network.yaml"].as_slice()),
    ] {
        let context = directory();
        fs::write(context.path().join("Kubefile"), file).unwrap();
        for path in contents {
            let path = context.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("# {}\n", path.file_name().unwrap().display())).unwrap();
        }
        let options = BuildOptions {
            name: name.parse().unwrap(),
            context: context.path().to_owned(),
            file: None,
            arguments: Arguments { arch: Arch::THIS, build_args: [].into() },
            labels: [].into(),
            annotations: [].into(),
            environment: [].into(),
            epoch: 0,
            sources: Sources { engine: EngineSource::Unused, registries: RegistrySource::Unused },
        };
        runtime.block_on(build(&store, options)).unwrap();
    }
    home
}

/// Copies a directory, if it is there.
pub fn copy(from: &Path, to: &Path) {
    if !from.exists() {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
