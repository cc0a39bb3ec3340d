//! Writes tar archives, honest and hostile ones.

use std::io::Write as _;

use tar::{Builder, EntryType, Header};

/// One entry, as plain as can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) modified: i64,
    pub(super) attribute: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(String),
    HardLink(String),
    Fifo,
    Character(u32, u32),
}

impl Member {
    pub(super) fn new(path: &str, kind: Kind) -> Self {
        let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
        Self { path: path.into(), kind, mode, owner: (0, 0), modified: 1_700_000_000, attribute: None }
    }

    pub(super) fn file(path: &str, content: &[u8]) -> Self {
        Self::new(path, Kind::File(content.to_vec()))
    }
}

/// Returns the archive of `members`, in their order, whatever their paths are.
pub(super) fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for member in members {
        append(&mut builder, member);
    }
    builder.into_inner().unwrap()
}

fn append(builder: &mut Builder<Vec<u8>>, member: &Member) {
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    if let Some(attribute) = &member.attribute {
        records.push(("SCHILY.xattr.user.sealift".into(), attribute.as_bytes().to_vec()));
    }
    if member.path.len() > 100 {
        records.push(("path".into(), member.path.as_bytes().to_vec()));
    }
    if member.modified < 0 {
        records.push(("mtime".into(), member.modified.to_string().into_bytes()));
    }
    builder
        .append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), value.as_slice())))
        .unwrap();

    let mut header = Header::new_ustar();
    // Straight into the field: the crate's own setters refuse hostile paths.
    put(&mut header.as_old_mut().name, &member.path);
    header.set_mode(member.mode);
    header.set_uid(member.owner.0.into());
    header.set_gid(member.owner.1.into());
    header.set_mtime(u64::try_from(member.modified).unwrap_or(0));
    let mut content: &[u8] = &[];
    match &member.kind {
        Kind::Directory => header.set_entry_type(EntryType::Directory),
        Kind::File(bytes) => {
            header.set_entry_type(EntryType::Regular);
            content = bytes;
        }
        Kind::Symlink(target) => {
            header.set_entry_type(EntryType::Symlink);
            put(&mut header.as_old_mut().linkname, target);
        }
        Kind::HardLink(target) => {
            header.set_entry_type(EntryType::Link);
            put(&mut header.as_old_mut().linkname, target);
        }
        Kind::Fifo => header.set_entry_type(EntryType::Fifo),
        Kind::Character(major, minor) => {
            header.set_entry_type(EntryType::Char);
            header.set_device_major(*major).unwrap();
            header.set_device_minor(*minor).unwrap();
        }
    }
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn put(mut field: &mut [u8], text: &str) {
    let length = text.len().min(field.len());
    field.write_all(&text.as_bytes()[..length]).unwrap();
}
