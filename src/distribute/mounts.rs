//! The mounts of this machine, as `/proc/self/mountinfo` tells them (proc(5)).

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx;

const TABLE: &str = "/proc/self/mountinfo";

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number of it.
    pub id: u64,
    /// The number of the mount it lies on.
    pub parent: u64,
    /// The kernel's number of the device.
    pub device: String,
    /// Which directory of the file system is shown.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// The type of its file system, such as `tmpfs`.
    pub kind: String,
    /// What is mounted: a device, an address or a mere name.
    pub source: String,
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} from {})", self.point.display(), self.kind, self.source)
    }
}

/// Returns what is mounted at `path` and below it, in an order in which it can be unmounted: what lies on
/// another mount comes before it, and what was mounted last comes first.
///
/// Symbolic links in `path` are resolved, as the table has none. A missing `path` has no mounts.
pub fn mounts_below(path: &Path) -> Result<Vec<Mount>> {
    let resolved = match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        other => other.problem_with(Class::Machine, || format!("cannot resolve {}", path.display()))?,
    };
    Ok(below(&all_mounts()?, &resolved))
}

/// Whether a mount shows what would be seen there without it: a directory that is bound to itself, as runtimes do.
pub fn is_of_itself(mount: &Mount, all: &[Mount]) -> bool {
    all.iter().filter(|parent| parent.id == mount.parent && parent.device == mount.device).any(|parent| {
        let within = mount.point.strip_prefix(&parent.point);
        within.is_ok_and(|within| parent.root.join(within) == mount.root)
    })
}

/// Returns all mounts, in the kernel's order.
pub fn all_mounts() -> Result<Vec<Mount>> {
    parse(&fsx::read(Path::new(TABLE))?)
}

/// Reads the table. A line that cannot be understood is a problem: whoever deletes must know of every mount.
pub fn parse(table: &[u8]) -> Result<Vec<Mount>> {
    let lines = table.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            parse_line(line).ok_or_else(|| {
                Problem::new(Class::Machine, "cannot understand the list of mounts")
                    .saw(String::from_utf8_lossy(line))
            })
        })
        .collect()
}

/// Fields: id, parent, device, root, mount point, options, optional fields up to `-`, type, source, options.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let separator = 6 + fields.get(6..)?.iter().position(|field| *field == b"-")?;
    Some(Mount {
        id: number(fields.first()?)?,
        parent: number(fields.get(1)?)?,
        device: text(fields.get(2)?),
        root: PathBuf::from(OsString::from_vec(unescape(fields.get(3)?))),
        point: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
        kind: text(fields.get(separator + 1)?),
        source: text(fields.get(separator + 2)?),
    })
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(field)).into_owned()
}

/// Replaces `\ooo`, three octal digits, by the byte they mean; the kernel writes blanks, tabs, newlines, `#` and
/// backslashes so.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if first == b'\\' => {
                ((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), after)
            }
            _ => (first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// Picks the mounts at and below `path` and orders them for unmounting.
fn below(all: &[Mount], path: &Path) -> Vec<Mount> {
    let parents: HashMap<u64, u64> = all.iter().map(|mount| (mount.id, mount.parent)).collect();
    let mut picked: Vec<(usize, usize, &Mount)> = all
        .iter()
        .enumerate()
        .filter(|(_, mount)| mount.point.starts_with(path))
        .map(|(position, mount)| (height(mount.id, &parents), position, mount))
        .collect();
    picked.sort_by_key(|(height, position, _)| (std::cmp::Reverse(*height), std::cmp::Reverse(*position)));
    picked.into_iter().map(|(_, _, mount)| mount.clone()).collect()
}

/// Counts the mounts a mount lies on.
fn height(id: u64, parents: &HashMap<u64, u64>) -> usize {
    let mut height = 0;
    let mut current = id;
    // The bound holds even if the table, read while it changed, has a circle.
    while let Some(parent) = parents.get(&current).filter(|parent| **parent != current)
        && height < parents.len()
    {
        current = *parent;
        height += 1;
    }
    height
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /var/lib/kubelet/pods/a/volumes/one rw shared:2 master:1 - tmpfs tmpfs rw,size=10k
31 22 0:26 / /var/lib/kubelet rw - xfs /dev/vdb rw
32 31 0:27 / /var/lib/kubelet/pods/with\\040blank\\134and\\011tab rw - nfs4 10.0.0.9:/a\\040b rw
33 32 0:28 / /var/lib/kubelet/pods/with\\040blank\\134and\\011tab rw - tmpfs tmpfs rw
34 22 0:29 / /var/lib/kubelet-other rw - tmpfs tmpfs rw
";

    #[test]
    fn the_table_reads_as_the_manual_says() {
        let mounts = parse(EXAMPLE).unwrap();
        assert_eq!(mounts.len(), 6);
        assert_eq!(mounts[1].kind, "tmpfs");
        assert_eq!(mounts[3].point, Path::new("/var/lib/kubelet/pods/with blank\\and\ttab"));
        assert_eq!(mounts[3].source, "10.0.0.9:/a b");
        assert_eq!((mounts[3].id, mounts[3].parent), (32, 31));
    }

    #[test]
    fn mounts_come_in_an_order_for_unmounting() {
        let mounts = below(&parse(EXAMPLE).unwrap(), Path::new("/var/lib/kubelet"));
        assert_eq!(mounts.iter().map(|mount| mount.id).collect::<Vec<_>>(), [33, 32, 31, 30]);
    }

    #[test]
    fn a_line_that_is_not_understood_stops_everything() {
        for line in
            ["22", "22 1 254:0 / / rw,relatime shared:1 ext4 /dev/vda rw", "x 1 254:0 / / rw - ext4 a rw"]
        {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn escapes_are_octal_and_only_that() {
        for (escaped, plain) in [
            ("a\\040b", "a b"),
            ("\\134040", "\\040"),
            ("\\043", "#"),
            ("\\04", "\\04"),
            ("\\", "\\"),
            ("\\999", "\\999"),
            ("\\377", "\u{fffd}"),
        ] {
            assert_eq!(text(escaped.as_bytes()), plain, "{escaped}");
        }
    }

    #[test]
    fn this_machine_has_a_root() {
        assert!(all_mounts().unwrap().iter().any(|mount| mount.point == Path::new("/")));
    }

    #[test]
    fn a_directory_bound_to_itself_is_no_disk() {
        let all = parse(
            b"\
40 22 254:0 /volumes/machine /var rw - ext4 /dev/vda rw
41 40 254:0 /volumes/machine/lib/crio/overlay /var/lib/crio/overlay rw - ext4 /dev/vda rw
42 40 254:0 /home/somebody /var/lib/crio/disk rw - ext4 /dev/vda rw
43 40 254:16 / /var/lib/crio/other rw - ext4 /dev/vdb rw
",
        )
        .unwrap();
        let of_themselves: Vec<u64> =
            all.iter().filter(|mount| is_of_itself(mount, &all)).map(|mount| mount.id).collect();
        assert_eq!(of_themselves, [41]);
    }
}
