//! Renders the templates of a file tree in place: `etc/config.toml.tmpl` gives `etc/config.toml` beside it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::template;

/// The folders of an image whose templates are rendered; charts are not among them, helm renders those.
pub const FOLDERS: [&str; 3] = ["etc", "scripts", "manifests"];

/// The folder whose files are programs.
const SCRIPTS: &str = "scripts";

/// What a program may be: read and run by all.
const PROGRAM_MODE: u32 = 0o755;

const SUFFIX: &str = "tmpl";

/// A rendering that is not on the disk yet.
struct Rendering {
    path: PathBuf,
    text: String,
    permissions: Permissions,
}

/// Renders every `*.tmpl` in `folders` below `root`, and returns the paths of the files it made.
///
/// A folder that is not there has no templates. A file's mode is that of its template, in `scripts` it is 0755. The
/// templates stay, so a tree can be rendered again with other variables. Every file is replaced in one step, and
/// nothing is written before all templates are rendered: a tree with problems, all of which are returned, stays as
/// it was.
pub fn render_tree(
    root: &Path,
    folders: &[&str],
    data: &BTreeMap<String, String>,
) -> Result<Vec<PathBuf>, Problems> {
    let mut problems = Vec::new();
    let mut renderings = Vec::new();
    for folder in folders {
        for path in templates(root, folder, &mut problems) {
            match render(root, folder, &path, data) {
                Ok(rendering) => renderings.push(rendering),
                Err(problem) => problems.push(problem),
            }
        }
    }
    Problems::check(problems)?;
    let mut problems = Vec::new();
    for rendering in &renderings {
        problems.extend(write(rendering).err());
    }
    Problems::check(problems)?;
    Ok(renderings.into_iter().map(|rendering| rendering.path).collect())
}

/// Finds the templates of a folder, in the order of their names.
fn templates(root: &Path, folder: &str, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let folder = root.join(folder);
    if !folder.exists() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in WalkDir::new(&folder).sort_by_file_name() {
        match entry.problem_with(Class::Config, || format!("{} cannot be looked through", folder.display())) {
            Ok(entry) if is_template(entry.path()) && !entry.file_type().is_dir() => {
                found.push(entry.into_path());
            }
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
    }
    found
}

fn is_template(path: &Path) -> bool {
    path.extension() == Some(OsStr::new(SUFFIX))
}

fn render(root: &Path, folder: &str, path: &Path, data: &BTreeMap<String, String>) -> Result<Rendering> {
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let source = path.canonicalize().problem_with(Class::Config, || format!("{name} leads nowhere"))?;
    let home =
        root.canonicalize().problem_with(Class::Config, || format!("{} is not there", root.display()))?;
    if !source.starts_with(&home) {
        return Err(Problem::new(Class::Config, format!("{name} leads out of the image"))
            .remedy("replace the symbolic link with the file itself"));
    }
    let unreadable = || format!("{name} cannot be read");
    let text = fs::read_to_string(&source).problem_with(Class::Config, unreadable)?;
    let permissions = fs::metadata(&source).problem_with(Class::Config, unreadable)?.permissions();
    let permissions = if folder == SCRIPTS { Permissions::from_mode(PROGRAM_MODE) } else { permissions };
    let text = template::render(&name, &text, data)?;
    Ok(Rendering { path: path.with_extension(""), text, permissions })
}

/// Replaces the file in one step; what reads it sees the old one or the new one.
fn write(rendering: &Rendering) -> Result<()> {
    let folder = rendering.path.parent().unwrap_or(Path::new("."));
    let attempt = || -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(rendering.text.as_bytes())?;
        file.as_file().set_permissions(rendering.permissions.clone())?;
        file.persist(&rendering.path)?;
        Ok(())
    };
    attempt().problem_with(Class::Machine, || format!("{} cannot be written", rendering.path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(files: &[(&str, &str, u32)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text, mode) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
        }
        root
    }

    fn data() -> BTreeMap<String, String> {
        BTreeMap::from([("NAME".to_owned(), "seal".to_owned())])
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn templates_give_files_beside_them() {
        let root = tree(&[
            ("etc/a.conf.tmpl", "name={{ .NAME }}\n", 0o640),
            ("etc/a.conf", "old and longer\n", 0o600),
            ("etc/deep/er/b.tmpl", "{{ .NAME | upper }}", 0o644),
            ("etc/plain.conf", "{{ .NAME }}", 0o644),
            ("scripts/init.sh.tmpl", "#!/bin/sh\necho {{ .NAME }}\n", 0o644),
            ("charts/x/values.yaml.tmpl", "{{ .NAME }}", 0o644),
        ]);
        let made = render_tree(root.path(), &FOLDERS, &data()).unwrap();
        let names: Vec<_> =
            made.iter().map(|path| path.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["etc/a.conf", "etc/deep/er/b", "scripts/init.sh"]);
        assert_eq!(fs::read_to_string(&made[0]).unwrap(), "name=seal\n");
        assert_eq!(fs::read_to_string(&made[1]).unwrap(), "SEAL");
        assert_eq!((mode(&made[0]), mode(&made[1]), mode(&made[2])), (0o640, 0o644, 0o755));
        assert!(root.path().join("etc/a.conf.tmpl").exists(), "the template stays");
        assert_eq!(fs::read_to_string(root.path().join("etc/plain.conf")).unwrap(), "{{ .NAME }}");
        assert!(!root.path().join("charts/x/values.yaml").exists());
        assert_eq!(fs::read_dir(root.path().join("etc")).unwrap().count(), 4, "nothing else is left behind");
    }

    #[test]
    fn all_problems_come_at_once_and_nothing_is_written() {
        let root = tree(&[
            ("etc/a.tmpl", "fine\n{{ nosuch }}", 0o644),
            ("etc/b.tmpl", "{{ .NAME }}", 0o644),
            ("manifests/c.yaml.tmpl", "{{ if }}", 0o644),
        ]);
        fs::write(root.path().join("etc/d.tmpl"), b"\xff").unwrap();
        let problems = render_tree(root.path(), &FOLDERS, &data()).unwrap_err();
        let messages: Vec<_> = problems.list().iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "etc/a.tmpl:2:4: there is no function `nosuch`",
                "etc/d.tmpl cannot be read",
                "manifests/c.yaml.tmpl:1:7: if lacks a value",
            ]
        );
        assert!(!root.path().join("etc/b").exists());
    }

    #[test]
    fn links_are_replaced_and_never_written_through() {
        let root = tree(&[("etc/a.tmpl", "{{ .NAME }}", 0o644), ("etc/real.tmpl", "{{ .NAME }}!", 0o644)]);
        let outside = tree(&[("victim", "untouched", 0o644)]);
        symlink(outside.path().join("victim"), root.path().join("etc/a")).unwrap();
        symlink("real.tmpl", root.path().join("etc/within.tmpl")).unwrap();
        render_tree(root.path(), &FOLDERS, &data()).unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("victim")).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(root.path().join("etc/a")).unwrap(), "seal");
        assert_eq!(fs::read_to_string(root.path().join("etc/within")).unwrap(), "seal!");
    }

    #[test]
    fn what_leads_out_of_the_tree_is_refused() {
        let root = tree(&[("etc/x", "", 0o644)]);
        let outside = tree(&[("secret.tmpl", "the operator's", 0o644)]);
        symlink(outside.path().join("secret.tmpl"), root.path().join("etc/a.tmpl")).unwrap();
        symlink(outside.path(), root.path().join("manifests")).unwrap();
        symlink("nowhere", root.path().join("etc/b.tmpl")).unwrap();
        let problems = render_tree(root.path(), &FOLDERS, &data()).unwrap_err();
        let messages: Vec<_> = problems.list().iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "etc/a.tmpl leads out of the image",
                "etc/b.tmpl leads nowhere",
                "manifests/secret.tmpl leads out of the image",
            ]
        );
        assert!(!outside.path().join("secret").exists());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let root =
            tree(&[("etc/a.tmpl", "x", 0o644), ("etc/a/in-the-way", "", 0o644), ("etc/b.tmpl", "y", 0o644)]);
        let problems = render_tree(root.path(), &FOLDERS, &data()).unwrap_err();
        assert_eq!(problems.list().len(), 1);
        assert!(problems.list()[0].message.ends_with("etc/a cannot be written"));
        assert_eq!(fs::read_to_string(root.path().join("etc/b")).unwrap(), "y");
    }
}
