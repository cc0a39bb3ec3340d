//! What the tests of this room share: contexts, stores, and what a layer holds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::build::BuildOptions;
use super::collect::{EngineSource, RegistrySource, Sources};
use super::kubefile::Arguments;
use super::{Store, layer};
use crate::model::Arch;
use crate::model::LayerInfo as Layer;

/// Makes an empty store, and the directory it lives as long as.
pub(crate) fn home() -> (TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    (home, store)
}

/// Makes a directory with files of these paths and texts.
pub(crate) fn context(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    directory
}

/// Options for a build that asks neither engine nor registry.
pub(crate) fn options(context: &Path, name: &str) -> BuildOptions {
    BuildOptions {
        name: name.parse().unwrap(),
        context: context.to_owned(),
        file: None,
        arguments: Arguments { arch: Arch::Amd64, build_args: BTreeMap::new() },
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        environment: BTreeMap::new(),
        epoch: 0,
        sources: Sources { engine: EngineSource::Unused, registries: RegistrySource::Unused },
    }
}

/// Reads all files of a layer.
pub(crate) fn files(store: &Store, layer: &Layer) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    layer::walk(store.read_blob(&layer.digest).unwrap(), layer.compression, |path, entry| {
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            std::io::Read::read_to_end(entry, &mut content)?;
            files.insert(path.to_owned(), content);
        }
        Ok(())
    })
    .unwrap();
    files
}

/// Writes a tar file.
pub(crate) fn write_tar(path: &Path, members: &[(String, Vec<u8>)]) {
    let mut tar = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.finish().unwrap();
}

/// Makes the members of a `docker save` archive with one image of one layer, as an old engine writes it.
pub(crate) fn docker_archive(name: &str, text: &str) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, "file", text.as_bytes()).unwrap();
    let layer = tar.into_inner().unwrap();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "docker_version": "20.10",
        "config": {"Cmd": ["/pause"], "Entrypoint": null, "Labels": null},
        "rootfs": {"type": "layers", "diff_ids": [crate::model::Digest::of(&layer)]},
    });
    let manifest = serde_json::json!([{"Config": "c.json", "RepoTags": [name], "Layers": ["l/layer.tar"]}]);
    vec![
        ("l/layer.tar".to_owned(), layer),
        ("c.json".to_owned(), config.to_string().into_bytes()),
        ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
    ]
}
