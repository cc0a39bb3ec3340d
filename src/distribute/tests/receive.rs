//! Receiving: digests, cut connections, killed processes, two at a time.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::channel;

use super::child;
use super::model::Tree;
use super::tarball::{Kind, Member, tar_of};
use crate::distribute::receive::{Received, receive_layer};
use crate::distribute::store::LayerStore;
use crate::error::Class;
use crate::model::Digest;
use crate::model::{Compression, LayerOrder};

/// Bytes that do not compress, the same on every run.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        let next = Digest::of(&bytes[bytes.len().saturating_sub(64)..]).hex();
        bytes.extend(hex::decode(next).unwrap());
    }
    bytes.truncate(length);
    bytes
}

fn tar(size: usize) -> Vec<u8> {
    let noise = noise(size);
    let (first, second) = noise.split_at(size / 3);
    tar_of(&[
        Member::new("bin", Kind::Directory),
        Member::file("bin/kubelet", first),
        Member::new("bin/link", Kind::Symlink("kubelet".into())),
        Member::file("registry/blob", second),
        Member::file(".wh.old", b""),
    ])
}

fn pack(tar: &[u8], compression: Compression) -> (Vec<u8>, LayerOrder) {
    let packed = match compression {
        Compression::None => tar.to_vec(),
        Compression::Gzip => {
            // Two members, as parallel compressors write them.
            let (first, second) = tar.split_at(tar.len() / 2);
            [first, second].map(gzip).concat()
        }
        Compression::Zstd => {
            let (first, second) = tar.split_at(tar.len() / 2);
            [first, second].map(|part| zstd::encode_all(part, 1).unwrap()).concat()
        }
    };
    let order = LayerOrder {
        digest: Digest::of(&packed),
        diff_id: Digest::of(tar),
        size: packed.len() as u64,
        compression,
    };
    (packed, order)
}

fn gzip(part: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(part).unwrap();
    encoder.finish().unwrap()
}

fn store() -> (tempfile::TempDir, LayerStore) {
    let place = tempfile::tempdir().unwrap();
    let store = LayerStore::open(&place.path().join("layers")).unwrap();
    (place, store)
}

/// Nothing is left of an attempt but locks and what the next one goes on from.
fn assert_nothing_in_place(store: &LayerStore, layer: &LayerOrder) {
    assert!(!store.have(&layer.diff_id));
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(remains(store, "staging"), 0);
}

fn remains(store: &LayerStore, suffix: &str) -> usize {
    let names = fs::read_dir(store.incoming()).unwrap();
    names.filter(|name| name.as_ref().unwrap().file_name().to_str().unwrap().ends_with(suffix)).count()
}

const FORMS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

/// Fails like a lost connection, or merely ends.
struct Cut<'a> {
    rest: &'a [u8],
    fails: bool,
}

impl Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.rest.read(buffer)? {
            0 if self.fails => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            count => Ok(count),
        }
    }
}

#[test]
fn a_layer_arrives_in_every_form_and_no_more_is_read() {
    for compression in FORMS {
        let tar = tar(300_000);
        let (packed, order) = pack(&tar, compression);
        let (_place, store) = store();
        let id = order.diff_id.clone();
        assert_eq!(store.missing(&[id.clone(), id.clone()]), std::slice::from_ref(&id));
        let input = [&packed[..], b"the next message"].concat();
        let mut input = input.as_slice();
        let received = receive_layer(input.by_ref(), 0, &order, &store).unwrap();
        assert_eq!(received, Received::Unpacked { entries: 5, bytes: 300_000 });
        assert_eq!(input, b"the next message", "{compression:?}");
        assert!(store.have(&order.diff_id));
        assert_eq!(store.list().unwrap(), [id]);
        assert_eq!(fs::read(store.tree(&order.diff_id).join("bin/link")).unwrap(), noise(300_000)[..100_000]);
        assert_eq!(receive_layer(input.by_ref(), 0, &order, &store).unwrap(), Received::AlreadyHere);
        assert_eq!(input, b"the next message", "{compression:?}");
        assert_eq!((remains(&store, "partial"), remains(&store, "flushed")), (0, 0));
    }
}

#[test]
fn wherever_it_is_cut_it_goes_on_to_the_same_tree() {
    let tar = tar(2_500_000);
    for compression in FORMS {
        let (packed, order) = pack(&tar, compression);
        let (_whole_place, whole) = store();
        receive_layer(packed.as_slice(), 0, &order, &whole).unwrap();
        let expected = Tree::on_disk(&whole.tree(&order.diff_id)).comparable();
        let last = packed.len() - 1;
        for (index, end) in [0, 1, 511, 70_000, 262_144, 1_250_001, 2_499_000, last].into_iter().enumerate() {
            let (_place, store) = store();
            let cut = Cut { rest: &packed[..end], fails: index % 2 == 0 };
            let problem = receive_layer(cut, 0, &order, &store).unwrap_err();
            assert_eq!(problem.class, Class::Connection, "{problem}");
            assert_nothing_in_place(&store, &order);
            assert_eq!(store.partial(&order), end as u64, "{compression:?}");
            // A second cut, a little later, then the rest.
            let later = (end + 1000).min(last);
            let cut = Cut { rest: &packed[end..later], fails: true };
            receive_layer(cut, end as u64, &order, &store).unwrap_err();
            let from = store.partial(&order);
            assert_eq!(from, later as u64);
            receive_layer(&packed[later..], from, &order, &store).unwrap();
            assert_eq!(Tree::on_disk(&store.tree(&order.diff_id)).comparable(), expected);
            assert_eq!((remains(&store, "partial"), remains(&store, "flushed")), (0, 0));
        }
    }
}

#[test]
fn a_killed_receiver_is_followed_up() {
    if let Some(directory) = child::directory() {
        let (_, order) = pack(&tar(4_000_000), Compression::Zstd);
        let store = LayerStore::open(&directory).unwrap();
        receive_layer(io::stdin(), 0, &order, &store).unwrap();
        return;
    }
    let (packed, order) = pack(&tar(4_000_000), Compression::Zstd);
    let (_place, store) = store();
    let test = "distribute::tests::receive::a_killed_receiver_is_followed_up";
    let mut command = child::command(&["env"], test, store.root());
    let mut receiver = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    // What a pipe has taken beyond its own 64 KiB has been read.
    receiver.stdin.as_mut().unwrap().write_all(&packed[..3_000_000]).unwrap();
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    assert_eq!(remains(&store, "staging"), 1, "it could not clean up");
    let from = store.partial(&order);
    assert!((2_000_000..=3_000_000).contains(&from), "{from}");
    receive_layer(&packed[from as usize..], from, &order, &store).unwrap();
    assert_eq!(
        fs::read(store.tree(&order.diff_id).join("bin/kubelet")).unwrap(),
        noise(4_000_000)[..1_333_333]
    );
    assert_eq!((remains(&store, "staging"), remains(&store, "partial")), (0, 0));
}

#[test]
fn a_flipped_bit_anywhere_is_a_corrupt_layer() {
    let tar = tar(1_500_000);
    for compression in FORMS {
        let (packed, order) = pack(&tar, compression);
        for position in [0, 5, 300, 512, 40_000, packed.len() / 2 + 3, packed.len() - 1] {
            let mut bytes = packed.clone();
            bytes[position] ^= 0x10;
            let (_place, store) = store();
            let problem = receive_layer(bytes.as_slice(), 0, &order, &store).unwrap_err();
            assert!(problem.message.starts_with("corrupt layer"), "{compression:?} {position}: {problem}");
            assert_eq!(problem.class, Class::Machine, "{compression:?} {position}: {problem}");
            assert_nothing_in_place(&store, &order);
            assert_eq!(store.partial(&order), 0, "the next attempt starts anew");
            receive_layer(packed.as_slice(), 0, &order, &store).unwrap();
        }
    }
}

#[test]
fn a_corrupt_layer_tells_what_was_expected_and_what_came() {
    let (packed, order) = pack(&tar(1000), Compression::Gzip);
    let (_place, store) = store();
    let other = Digest::of("other");
    let wrong_digest = LayerOrder { digest: other.clone(), ..order.clone() };
    let wrong_diff_id = LayerOrder { diff_id: other.clone(), ..order.clone() };
    for (wrong, came) in [(wrong_digest, &order.digest), (wrong_diff_id, &order.diff_id)] {
        let problem = receive_layer(packed.as_slice(), 0, &wrong, &store).unwrap_err();
        assert!(problem.message.starts_with("corrupt layer"), "{problem}");
        let seen = problem.seen.join(" ");
        assert!(seen.contains(&other.to_string()) && seen.contains(&came.to_string()), "{problem}");
        assert_nothing_in_place(&store, &wrong);
    }
}

#[test]
fn a_stream_longer_than_its_layer_is_corrupt() {
    let tar = tar(1000);
    let packed = [gzip(&tar), b"tail".to_vec()].concat();
    let order = LayerOrder {
        digest: Digest::of(&packed),
        diff_id: Digest::of(&tar),
        size: packed.len() as u64,
        compression: Compression::Gzip,
    };
    let (_place, store) = store();
    let problem = receive_layer(packed.as_slice(), 0, &order, &store).unwrap_err();
    assert!(problem.message.starts_with("corrupt layer"), "{problem}");
}

#[test]
fn a_hostile_layer_leaves_nothing() {
    let tar = tar_of(&[
        Member::file("good", b"x"),
        Member::file("../../../bad", b"x"),
        Member::file("z", &[1; 5000]),
    ]);
    let (packed, order) = pack(&tar, Compression::Zstd);
    let (place, store) = store();
    let problem = receive_layer(packed.as_slice(), 0, &order, &store).unwrap_err();
    assert_eq!(problem.class, Class::Config);
    assert!(problem.to_string().contains(&order.diff_id.to_string()), "{problem}");
    assert_nothing_in_place(&store, &order);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn bytes_that_were_left_out_must_be_here() {
    let (packed, order) = pack(&tar(1_500_000), Compression::None);
    let (_place, store) = store();
    let problem = receive_layer(&packed[1000..], 1000, &order, &store).unwrap_err();
    assert!(problem.message.contains("not here"), "{problem}");
    assert_nothing_in_place(&store, &order);
}

#[test]
fn the_second_of_two_waits_and_finds_it_done() {
    let (packed, order) = pack(&tar(100_000), Compression::Gzip);
    let (_place, store) = store();
    let (mut writer, reader) = pipe();
    let (started, is_started) = channel();
    std::thread::scope(|scope| {
        let first = scope
            .spawn(|| receive_layer(Announcing { inner: reader, started: Some(started) }, 0, &order, &store));
        is_started.recv().unwrap();
        assert!(store.try_lock(&order.diff_id).unwrap().is_none());
        let second = scope.spawn(|| receive_layer(Unread, 0, &order, &store));
        writer.write_all(&packed).unwrap();
        assert!(matches!(first.join().unwrap().unwrap(), Received::Unpacked { .. }));
        assert_eq!(second.join().unwrap().unwrap(), Received::AlreadyHere);
    });
}

fn pipe() -> (io::PipeWriter, io::PipeReader) {
    let (reader, writer) = io::pipe().unwrap();
    (writer, reader)
}

/// Tells when it is read for the first time, which is after the lock was taken.
struct Announcing<R> {
    inner: R,
    started: Option<std::sync::mpsc::Sender<()>>,
}

impl<R: Read> Read for Announcing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(started) = self.started.take() {
            started.send(()).unwrap();
        }
        self.inner.read(buffer)
    }
}

struct Unread;

impl Read for Unread {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("nobody needs these bytes");
    }
}

#[test]
fn the_store_is_closed_to_others() {
    let (_place, store) = store();
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
    assert_eq!(mode(store.root()), 0o700);
}
