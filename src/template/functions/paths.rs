//! sprig's functions for paths, which are always those of Linux.

use std::rc::Rc;

use super::Room;

pub(super) fn add(room: &mut Room) {
    room.add_as(&["base", "osBase"], |path: Rc<str>| base(&path).to_owned());
    room.add_as(&["dir", "osDir"], |path: Rc<str>| {
        clean(&path[..path.rfind('/').map_or(0, |slash| slash + 1)])
    });
    room.add_as(&["clean", "osClean"], |path: Rc<str>| clean(&path));
    room.add_as(&["ext", "osExt"], |path: Rc<str>| extension(&path).to_owned());
    room.add_as(&["isAbs", "osIsAbs"], |path: Rc<str>| path.starts_with('/'));
}

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        path => path.rsplit('/').next().unwrap_or(path),
    }
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |dot| &name[dot..])
}

/// Resolves `.`, `..` and doubled slashes by the text alone.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            ".." if absolute => {}
            _ => names.push(name),
        }
    }
    match (absolute, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}
