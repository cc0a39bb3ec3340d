//! `save`: images of the store as one OCI archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Class, Context, Result};
use crate::image::document::{Descriptor, Index, LAYOUT, MANIFEST, Platform, REF_NAME};
use crate::image::store::{Image, Store};
use crate::model::Digest;

/// Writes images as an OCI archive, whole or not at all.
pub fn save(store: &Store, images: &[Image], path: &Path) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory).problem_with(Class::Config, failed)?;
    save_to(store, images, file.as_file_mut())?;
    let place = || -> io::Result<File> {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        Ok(file.persist(path)?)
    };
    place().map(|_| ()).problem_with(Class::Config, failed)
}

/// Writes images as an OCI archive to a stream; every blob is compared with its digest on the way.
pub fn save_to(store: &Store, images: &[Image], out: impl Write) -> Result<()> {
    let _hold = store.hold()?;
    let mut blobs: BTreeMap<Digest, u64> = BTreeMap::new();
    let mut entries = Vec::new();
    for image in images {
        let (manifest, _) = store.documents(&image.manifest)?;
        let size = store.document_bytes(&image.manifest)?.len() as u64;
        blobs.insert(image.manifest.clone(), size);
        blobs.extend(
            manifest.layers.iter().chain([&manifest.config]).map(|blob| (blob.digest.clone(), blob.size)),
        );
        let media_type = manifest.media_type.as_deref().unwrap_or(MANIFEST);
        let mut entry = Descriptor::new(media_type, image.manifest.clone(), size);
        entry.platform = Some(Platform::linux(image.arch));
        entry.annotations.insert(REF_NAME.to_owned(), image.name.clone());
        entries.push(entry);
    }
    let index =
        serde_json::to_vec(&Index::of(entries)).problem(Class::Internal, "cannot write the index as JSON")?;
    let mut tar = tar::Builder::new(BufWriter::new(out));
    let mut write = || -> Result<()> {
        append(&mut tar, "oci-layout", LAYOUT.len() as u64, LAYOUT.as_bytes())?;
        append(&mut tar, "index.json", index.len() as u64, index.as_slice())?;
        for (digest, size) in &blobs {
            append(&mut tar, &format!("blobs/sha256/{}", digest.hex()), *size, store.read_blob(digest)?)?;
        }
        Ok(())
    };
    write()?;
    let finish = || tar.into_inner()?.flush();
    finish().problem(Class::Config, "cannot write the archive")
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, size: u64, content: impl io::Read) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(0);
    tar.append_data(&mut header, path, content).problem(Class::Config, "cannot write the archive")
}
