//! A tree on this machine made ready: Configs change its files, and `etc/config.toml.tmpl` gives `etc/config.toml` beside it.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::configs::{self, Change, FOLDERS, File, Tree};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::{Environment, PlacedConfig};

/// The folder whose files are programs.
const SCRIPTS: &str = "scripts/";

/// What a program may be: read and run by all.
const PROGRAM_MODE: u32 = 0o755;

/// What a file may be that there was not.
const FILE_MODE: u32 = 0o644;

/// Changes the files of the tree at `root` as `configs` say and renders its templates, and returns the paths of the files
/// that it made or changed.
///
/// What is rendered has the mode of its template, what is changed keeps its own, and in `scripts` it is 0755. Templates stay.
/// Every file is replaced in one step, and nothing is written before all is known: a tree with problems, all of which
/// are returned, stays as it was. Nothing outside of the tree is read or written, whatever links there are in it.
pub fn render_tree(
    root: &Path,
    configs: &[PlacedConfig],
    environment: &Environment,
) -> Result<Vec<PathBuf>, Problems> {
    let home =
        root.canonicalize().problem_with(Class::Config, || format!("{} is not there", root.display()))?;
    let tree = read(&home, configs)?;
    let changes = configs::outcome(&tree, configs, environment)?;
    let mut problems = Vec::new();
    for change in &changes {
        problems.extend(carry_out(&home, change).err());
    }
    Problems::check(problems)?;
    let made = changes.iter().filter(|change| change.after.is_some());
    Ok(made.map(|change| root.join(&change.path)).collect())
}

/// Reads what matters of the tree: the names of all files that may be templates or be made by one, and the texts that are
/// rendered or changed.
fn read(home: &Path, configs: &[PlacedConfig]) -> Result<Tree, Problems> {
    let mut problems = Vec::new();
    let mut names: BTreeSet<String> =
        FOLDERS.iter().flat_map(|folder| files(home, folder, &mut problems)).collect();
    let named: BTreeSet<&str> = configs.iter().map(|placed| placed.config.path.as_str()).collect();
    let is_there = |path: &&&str| home.join(path).symlink_metadata().is_ok_and(|found| !found.is_dir());
    names.extend(named.iter().filter(is_there).map(|path| (*path).to_owned()));
    let is_chart = |folder: &str| names.contains(&format!("{folder}/Chart.yaml"));
    let mut tree = Tree::new();
    for name in &names {
        let file = if named.contains(name.as_str()) || configs::target(name, is_chart).is_some() {
            match text(home, name) {
                Ok(text) => File::Text(text),
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            }
        } else {
            File::Other("not read")
        };
        tree.insert(name.clone(), file);
    }
    Problems::check(problems)?;
    Ok(tree)
}

/// Returns the files below a folder by their paths from the tree's root on; a folder that is not there has none.
fn files(home: &Path, folder: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let folder = home.join(folder);
    if !folder.exists() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in WalkDir::new(&folder) {
        match entry.problem_with(Class::Config, || format!("{} cannot be looked through", folder.display())) {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let name = entry.path().strip_prefix(home).ok().and_then(Path::to_str);
                found.extend(name.map(str::to_owned));
            }
            Err(problem) => problems.push(problem),
        }
    }
    found
}

/// Reads a file of the tree; a link is followed as long as it stays in there.
fn text(home: &Path, name: &str) -> Result<String> {
    let source =
        home.join(name).canonicalize().problem_with(Class::Config, || format!("{name} leads nowhere"))?;
    if !source.starts_with(home) {
        return Err(leads_out(name));
    }
    fs::read_to_string(&source).problem_with(Class::Config, || format!("{name} cannot be read"))
}

fn leads_out(name: &str) -> Problem {
    Problem::new(Class::Config, format!("{name} leads out of the image"))
        .remedy("replace the symbolic link with the file itself")
}

fn carry_out(home: &Path, change: &Change) -> Result<()> {
    let path = home.join(&change.path);
    let folder = folder(home, &change.path)?;
    let written = || format!("{} cannot be written", path.display());
    let Some(text) = &change.after else {
        return fs::remove_file(&path).problem_with(Class::Machine, written);
    };
    let attempt = || -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(&folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(permissions(home, change))?;
        file.persist(&path)?;
        Ok(())
    };
    attempt().problem_with(Class::Machine, written)
}

/// Makes sure of the folder that a file goes to, and that it is in the tree.
fn folder(home: &Path, name: &str) -> Result<PathBuf> {
    let path = home.join(name);
    let folder = path.parent().unwrap_or(home);
    let there = folder.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(home);
    if !there.canonicalize().is_ok_and(|there| there.starts_with(home)) {
        return Err(leads_out(name));
    }
    fs::create_dir_all(folder)
        .problem_with(Class::Machine, || format!("{} cannot be made", folder.display()))?;
    Ok(folder.to_owned())
}

/// Returns the mode of a file: in `scripts` that of programs, else that of its template, or what it was.
fn permissions(home: &Path, change: &Change) -> Permissions {
    if change.path.starts_with(SCRIPTS) {
        return Permissions::from_mode(PROGRAM_MODE);
    }
    let from = home.join(change.template.as_ref().unwrap_or(&change.path));
    let before = fs::metadata(from).ok().filter(fs::Metadata::is_file).map(|before| before.permissions());
    before.unwrap_or(Permissions::from_mode(FILE_MODE))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use crate::model::{Config, Strategy};

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

    fn data() -> Environment {
        Environment::from([("NAME".to_owned(), "seal".to_owned())])
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn templates_give_files_beside_them() {
        let root = tree(&[
            ("etc/a.conf.tmpl", "name={{ .NAME }}\n", 0o640),
            ("etc/deep/er/b.tmpl", "{{ .NAME | upper }}", 0o644),
            ("etc/plain.conf", "{{ .NAME }}", 0o644),
            ("scripts/init.sh.tmpl", "#!/bin/sh\necho {{ .NAME }}\n", 0o644),
            ("charts/x/Chart.yaml", "name: x", 0o644),
            ("charts/x/templates/a.yaml.tmpl", "{{ .NAME }}", 0o644),
            ("charts/x.values.yaml.tmpl", "name: {{ .NAME }}", 0o644),
        ]);
        let made = render_tree(root.path(), &[], &data()).unwrap();
        let names: Vec<_> =
            made.iter().map(|path| path.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["charts/x.values.yaml", "etc/a.conf", "etc/deep/er/b", "scripts/init.sh"]);
        assert_eq!(fs::read_to_string(&made[0]).unwrap(), "name: seal");
        assert_eq!(fs::read_to_string(&made[1]).unwrap(), "name=seal\n");
        assert_eq!(fs::read_to_string(&made[2]).unwrap(), "SEAL");
        assert_eq!((mode(&made[1]), mode(&made[2]), mode(&made[3])), (0o640, 0o644, 0o755));
        assert!(root.path().join("etc/a.conf.tmpl").exists(), "the template stays");
        assert_eq!(fs::read_to_string(root.path().join("etc/plain.conf")).unwrap(), "{{ .NAME }}");
        assert!(!root.path().join("charts/x/templates/a.yaml").exists());
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
        let refused = || {
            let problems = render_tree(root.path(), &[], &data()).unwrap_err();
            problems.list().iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
        };
        assert_eq!(refused(), ["etc/d.tmpl cannot be read"]);
        fs::write(root.path().join("etc/d.tmpl"), "d").unwrap();
        fs::write(root.path().join("etc/d"), "is there already").unwrap();
        assert_eq!(
            refused(),
            [
                "etc/a.tmpl:2:4: there is no function `nosuch`",
                "etc/d.tmpl makes etc/d, and the image has that file as well",
                "manifests/c.yaml.tmpl:1:7: if lacks a value",
            ]
        );
        assert!(!root.path().join("etc/b").exists());
    }

    fn config(path: &str, strategy: Strategy, data: &str) -> PlacedConfig {
        Config { name: path.to_owned(), ..Config::plain(path, strategy, data) }.placed()
    }

    #[test]
    fn configs_change_files_before_templates_are_rendered_and_what_those_make_after() {
        let root = tree(&[
            ("etc/a.yaml.tmpl", "name: {{ .NAME }}\n", 0o600),
            ("etc/b.conf", "b\n", 0o600),
            ("etc/gone", "", 0o644),
            ("etc/c.tmpl", "old", 0o644),
        ]);
        let configs = [
            config("etc/a.yaml", Strategy::Merge, "more: 1"),
            config("etc/b.conf", Strategy::Append, "added\n"),
            config("etc/gone", Strategy::Delete, ""),
            config("etc/c.tmpl", Strategy::Overwrite, "new {{ .NAME }}"),
            config("opt/deep/new", Strategy::Overwrite, "n"),
            config("scripts/new.sh", Strategy::Overwrite, "#!/bin/sh"),
        ];
        render_tree(root.path(), &configs, &data()).unwrap();
        let read = |name: &str| fs::read_to_string(root.path().join(name)).unwrap();
        assert_eq!(read("etc/a.yaml"), "name: seal\nmore: 1\n");
        assert_eq!(read("etc/b.conf"), "b\nadded\n");
        assert_eq!((read("etc/c"), read("opt/deep/new")), ("new seal".to_owned(), "n".to_owned()));
        assert!(!root.path().join("etc/gone").exists());
        let modes = ["etc/a.yaml", "etc/b.conf", "opt/deep/new", "scripts/new.sh"];
        assert_eq!(modes.map(|name| mode(&root.path().join(name))), [0o600, 0o600, 0o644, 0o755]);
    }

    #[test]
    fn a_file_shared_with_a_layer_is_replaced_and_not_written_into() {
        let root = tree(&[("etc/a.conf", "a", 0o644)]);
        let layer = tree(&[]);
        fs::hard_link(root.path().join("etc/a.conf"), layer.path().join("a.conf")).unwrap();
        let append = config("etc/a.conf", Strategy::Append, "b");
        render_tree(root.path(), &[append], &data()).unwrap();
        assert_eq!(fs::read_to_string(layer.path().join("a.conf")).unwrap(), "a");
    }

    #[test]
    fn links_within_the_tree_are_followed() {
        let root = tree(&[("etc/real.tmpl", "{{ .NAME }}!", 0o644)]);
        symlink("real.tmpl", root.path().join("etc/within.tmpl")).unwrap();
        render_tree(root.path(), &[], &data()).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("etc/within")).unwrap(), "seal!");
    }

    #[test]
    fn no_config_writes_out_of_the_tree() {
        let root = tree(&[("etc/x", "", 0o644)]);
        let outside = tree(&[("victim", "untouched", 0o644)]);
        symlink(outside.path(), root.path().join("opt")).unwrap();
        symlink(outside.path().join("victim"), root.path().join("etc/a")).unwrap();
        for config in [
            config("opt/deep/new", Strategy::Overwrite, "n"),
            config("opt/victim", Strategy::Append, "n"),
            config("opt/victim", Strategy::Delete, ""),
            config("etc/a", Strategy::Append, "n"),
        ] {
            let problems = render_tree(root.path(), &[config], &data()).unwrap_err();
            assert!(problems.list()[0].message.contains("leads out of the image"), "{problems}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(outside.path().join("victim")).unwrap(), "untouched");
    }

    #[test]
    fn what_leads_out_of_the_tree_is_refused() {
        let root = tree(&[("etc/x", "", 0o644)]);
        let outside = tree(&[("secret.tmpl", "the operator's", 0o644)]);
        symlink(outside.path().join("secret.tmpl"), root.path().join("etc/a.tmpl")).unwrap();
        symlink(outside.path(), root.path().join("manifests")).unwrap();
        symlink("nowhere", root.path().join("etc/b.tmpl")).unwrap();
        let problems = render_tree(root.path(), &[], &data()).unwrap_err();
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
        let problems = render_tree(root.path(), &[], &data()).unwrap_err();
        assert_eq!(problems.list().len(), 1);
        assert!(problems.list()[0].message.ends_with("etc/a cannot be written"));
        assert_eq!(fs::read_to_string(root.path().join("etc/b")).unwrap(), "y");
    }
}
