//! The templates in an image's tree, rendered beside where they stand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::Environment;
use crate::{fsx, template};

/// What the name of a template ends in.
const SUFFIX: &str = "tmpl";

/// Renders every `*.tmpl` below these folders of `root` to the name without the suffix, with the template's mode.
///
/// The template stays, so that rendering again with other variables gives other files. What is wrong with all of
/// them is told at once, and a file is replaced whole or not at all.
pub fn render_tree(root: &Path, folders: &[&str], data: &Environment) -> Result<Vec<PathBuf>, Problems> {
    let mut rendered = Vec::new();
    let mut problems = Vec::new();
    for folder in folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir()) {
        for entry in WalkDir::new(&folder).sort_by_file_name() {
            let one = entry
                .problem_with(Class::Machine, || format!("cannot look through {}", folder.display()))
                .and_then(|entry| match is_template(entry.path()) && entry.file_type().is_file() {
                    true => render(root, entry.path(), data).map(Some),
                    false => Ok(None),
                });
            match one {
                Ok(path) => rendered.extend(path),
                Err(problem) => problems.push(problem),
            }
        }
    }
    Problems::check(problems)?;
    Ok(rendered)
}

fn is_template(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == SUFFIX)
}

fn render(root: &Path, path: &Path, data: &Environment) -> Result<PathBuf, Problem> {
    let target = path.with_extension("");
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let text = template::render(&name, &fsx::read_text(path)?, data)?;
    let mode = fs::metadata(path).problem_with(Class::Machine, || format!("cannot look at {name}"))?.permissions().mode();
    fsx::write_atomically(&target, text, mode & 0o777)?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_below_the_folders_are_rendered_and_all_problems_told() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/a/config.toml.tmpl", "port = {{ .port }}\n");
        write("charts/b.yaml.tmpl", "{{ .port }}");
        let data = Environment::from([("port".to_owned(), "5000".to_owned())]);
        let rendered = render_tree(root.path(), &["etc", "scripts"], &data).unwrap();
        assert_eq!(rendered, [root.path().join("etc/a/config.toml")]);
        assert_eq!(fs::read_to_string(&rendered[0]).unwrap(), "port = 5000\n");
        assert!(!root.path().join("charts/b.yaml").exists());

        write("etc/bad.tmpl", "{{ nosuch }}");
        write("scripts/worse.tmpl", "{{ if }}");
        let problems = render_tree(root.path(), &["etc", "scripts"], &data).unwrap_err();
        assert_eq!(problems.list().len(), 2, "{problems}");
    }
}
