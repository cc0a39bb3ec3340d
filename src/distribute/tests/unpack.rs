//! Unpacking: like the model, and deaf to hostile archives.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::child;
use super::model::{Tree, layer, member};
use super::tarball::{Kind, Member, tar_of};
use crate::distribute::unpack::unpack_layer;
use crate::error::{Class, Problem};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_layer_becomes_its_tree((members, tree) in layer()) {
        let place = tempfile::tempdir().unwrap();
        let unpacked = unpack_layer(tar_of(&members).as_slice(), place.path()).unwrap();
        prop_assert_eq!(Tree::on_disk(place.path()).comparable(), tree.comparable());
        let mut implied = tree.implied.clone();
        implied.sort();
        prop_assert_eq!(unpacked.implied, implied);
        prop_assert_eq!(unpacked.entries, members.len() as u64);
    }

    #[test]
    fn what_the_model_refuses_is_refused((mut members, mut tree) in layer(), last in member()) {
        let good = tree.add(&last);
        members.push(last);
        let place = tempfile::tempdir().unwrap();
        let result = unpack_layer(tar_of(&members).as_slice(), place.path());
        prop_assert_eq!(result.is_ok(), good, "{:?}", result);
    }
}

/// Unpacks below a directory that has a neighbour, and checks that the neighbourhood is as before.
fn refusal(members: &[Member]) -> Problem {
    let place = tempfile::tempdir().unwrap();
    let (layer, outside) = (place.path().join("layer"), place.path().join("outside"));
    fs::create_dir(&layer).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "untouched").unwrap();
    let before = Tree::on_disk(&outside).comparable();
    let problem = unpack_layer(tar_of(members).as_slice(), &layer).unwrap_err();
    assert_eq!(Tree::on_disk(&outside).comparable(), before, "{problem}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "{problem}");
    problem
}

#[test]
fn hostile_archives_touch_nothing_outside() {
    let to = |target: &str| Kind::Symlink(target.into());
    let deep = "d/".repeat(300) + "file";
    let long = "n".repeat(5000);
    for (members, why) in [
        (vec![Member::file("../outside/new", b"x")], "upwards"),
        (vec![Member::file("a/../../outside/new", b"x")], "upwards"),
        (vec![Member::new("..", Kind::Directory)], "upwards"),
        (vec![Member::file("/outside/new", b"x")], "absolute"),
        (vec![Member::new("up", to("../outside")), Member::file("up/new", b"x")], "symbolic link"),
        (vec![Member::new("up", to("/tmp")), Member::new("up/new", Kind::Directory)], "symbolic link"),
        (vec![Member::new("up", to("../outside/secret")), Member::file("up/x", b"x")], "symbolic link"),
        (
            vec![
                Member::new("up", to("../outside")),
                Member::new("link", Kind::HardLink("up/secret".into())),
            ],
            "symbolic link",
        ),
        (vec![Member::new("link", Kind::HardLink("../outside/secret".into()))], "upwards"),
        (vec![Member::new("link", Kind::HardLink("/etc/passwd".into()))], "absolute"),
        (vec![Member::new("link", Kind::HardLink("missing".into()))], "not in this layer"),
        (vec![Member::new("a", Kind::Directory), Member::new("l", Kind::HardLink("a".into()))], "directory"),
        (vec![Member::file("a", b""), Member::new("a", Kind::HardLink("a".into()))], "itself"),
        (vec![Member::new("", Kind::HardLink("a".into()))], "root"),
        (vec![Member::file("a", b"x"), Member::file("a/b", b"x")], "no directory"),
        (vec![Member::file(&deep, b"x")], "deeper than 256"),
        (vec![Member::file(&long, b"x")], "name too long"),
        (vec![Member::file("a/.wh...", b"")], "whiteout of nothing"),
        (vec![Member::file(".wh..", b"")], "whiteout of nothing"),
        (vec![Member::file(".wh.", b"")], "whiteout of nothing"),
        (vec![Member::file(".wh.a/b", b"")], "below a whiteout"),
        (vec![Member::new(".wh.a", Kind::Directory)], "cannot be a directory"),
        (vec![Member::new("link", to(""))], "nowhere"),
    ] {
        let problem = refusal(&members);
        let text = problem.to_string().to_lowercase();
        assert!(text.contains(why), "{why}: {problem}");
        assert!(text.len() < 600, "{problem}");
        assert_eq!(problem.class, Class::Config, "{problem}");
    }
}

#[test]
fn a_symbolic_link_is_replaced_and_not_written_through() {
    let place = tempfile::tempdir().unwrap();
    let outside = place.path().join("outside");
    fs::write(&outside, "untouched").unwrap();
    let layer = place.path().join("layer");
    fs::create_dir(&layer).unwrap();
    let members = [
        Member::new("a", Kind::Symlink("../outside".into())),
        Member::file("a", b"new"),
        Member::new("d", Kind::Symlink("..".into())),
        Member::new("d", Kind::Directory),
    ];
    unpack_layer(tar_of(&members).as_slice(), &layer).unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"untouched");
    assert_eq!(fs::read(layer.join("a")).unwrap(), b"new");
    assert!(layer.join("d").symlink_metadata().unwrap().is_dir());
}

#[test]
fn an_archive_that_ends_early_is_a_problem() {
    let tar = tar_of(&[Member::file("a", &[1; 2000]), Member::file("b", &[2; 2000])]);
    for end in [100, 700, 512 + 2048 + 100, 512 + 2048 + 512 + 1999] {
        let place = tempfile::tempdir().unwrap();
        let problem = unpack_layer(&tar[..end], place.path()).unwrap_err();
        assert_eq!(problem.class, Class::Config, "{end}: {problem}");
    }
}

#[test]
fn directories_of_old_archives_and_odd_spellings_are_understood() {
    let place = tempfile::tempdir().unwrap();
    let mut old = Member::file("./a//b/", b"");
    old.mode = 0o750;
    unpack_layer(tar_of(&[old, Member::file("./a/./b/c", b"x")]).as_slice(), place.path()).unwrap();
    assert!(place.path().join("a/b").is_dir());
    assert!(place.path().join("a/b/c").is_file());
}

#[test]
fn file_capabilities_and_setuid_survive_the_change_of_owner() {
    if !child::is_root() {
        return;
    }
    // cap_net_raw+ep, version 2, as `setcap` writes it; no byte of it is a newline.
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_pax_extensions([
            ("SCHILY.xattr.security.capability", &capability[..]),
            ("SCHILY.xattr.security.selinux", b"system_u:object_r:bin_t:s0"),
            ("mtime", b"1700000000.25"),
        ])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("ping").unwrap();
    header.set_mode(0o4755);
    header.set_uid(1000);
    header.set_gid(1000);
    header.set_mtime(1);
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, &[][..]).unwrap();
    let place = tempfile::tempdir().unwrap();
    unpack_layer(builder.into_inner().unwrap().as_slice(), place.path()).unwrap();

    let file = fs::File::open(place.path().join("ping")).unwrap();
    let metadata = crate::distribute::metadata::Metadata::of_file(std::os::fd::AsFd::as_fd(&file)).unwrap();
    assert_eq!((metadata.mode, metadata.uid, metadata.gid), (0o4755, 1000, 1000));
    assert_eq!(metadata.modified, (1_700_000_000, 250_000_000));
    assert_eq!(metadata.attributes, [(c"security.capability".to_owned(), capability.to_vec())]);
}

#[test]
fn device_nodes_are_made() {
    if !child::is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    unpack_layer(tar_of(&[Member::new("null", Kind::Character(1, 3))]).as_slice(), place.path()).unwrap();
    let tree = Tree::on_disk(place.path());
    assert_eq!(tree.items[Path::new("null")].kind, Kind::Character(1, 3));
}

#[test]
fn without_the_right_to_make_device_nodes_they_are_a_problem() {
    if let Some(directory) = child::directory() {
        let tar = tar_of(&[Member::new("null", Kind::Character(1, 3))]);
        let problem = unpack_layer(tar.as_slice(), &directory).unwrap_err();
        assert!(problem.to_string().contains("`null`"), "{problem}");
        assert_eq!(problem.class, Class::Machine);
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
    } else if child::is_root() {
        let place = tempfile::tempdir().unwrap();
        let test = "distribute::tests::unpack::without_the_right_to_make_device_nodes_they_are_a_problem";
        child::run(&["setpriv", "--bounding-set", "-mknod", "--inh-caps", "-mknod"], test, place.path());
    }
}

#[test]
fn implied_directories_are_told() {
    let place = tempfile::tempdir().unwrap();
    let members = [Member::file("a/b/c", b""), Member::new("a", Kind::Directory)];
    let unpacked = unpack_layer(tar_of(&members).as_slice(), place.path()).unwrap();
    assert_eq!(unpacked.implied, [PathBuf::new(), PathBuf::from("a/b")]);
}
