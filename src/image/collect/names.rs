//! Which images a tree names: in lists, in manifests, and as archives to be brought whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Class, Problem, Problems};
use crate::image::ImageReference;
use crate::image::build::Tree;

/// The fields of a pod that hold containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// What has to be brought into an image's registry.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// The images by name, each with the place that names it first.
    pub(crate) images: BTreeMap<String, (ImageReference, String)>,
    /// Docker or OCI archives in the context, of which all images are wanted.
    pub(crate) archives: Vec<PathBuf>,
}

/// Reads all lists and manifests of a tree; what its registry has already is not wanted again.
pub(crate) fn wanted(tree: &Tree) -> Result<Wanted, Problems> {
    let mut wanted = Wanted::default();
    let mut problems = Vec::new();
    for (path, content) in &tree.lists {
        let text = String::from_utf8_lossy(content);
        if path.ends_with("images/skopeo/tar.txt") {
            wanted.archives = lines(&text).map(|(_, line)| archive_path(line)).collect();
            continue;
        }
        let in_list = path.starts_with("images") || path == Path::new("manifests/imageList");
        let found = if in_list { listed(&text) } else { in_manifest(path, &text) };
        for Mention { name, line, certain } in found {
            let place =
                line.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()));
            match name.parse::<ImageReference>() {
                Ok(reference) => {
                    wanted.images.entry(reference.to_string()).or_insert((reference, place));
                }
                Err(problem) if certain => {
                    problems.push(Problem { message: format!("{place}: {}", problem.message), ..problem });
                }
                // A field called `image` need not name one.
                Err(_) => {}
            }
        }
    }
    problems.extend(clashes(&wanted));
    Problems::check(problems)?;
    wanted.images.retain(|_, (reference, _)| !is_there(tree, reference));
    Ok(wanted)
}

/// A name found in a text.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    name: String,
    /// The line, where it is known.
    line: Option<usize>,
    /// Whether it can only be meant as an image.
    certain: bool,
}

/// Reads one name a line; `#` begins a remark.
fn listed(text: &str) -> Vec<Mention> {
    lines(text)
        .map(|(line, name)| Mention { name: name.to_owned(), line: Some(line), certain: true })
        .collect()
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| {
        // A name has no `#`, so a remark may follow it.
        (index + 1, line.split('#').next().unwrap_or_default().trim())
    });
    lines.filter(|(_, line)| !line.is_empty())
}

/// Reads a line of `tar.txt`: a path in the context, maybe with a transport before it and a name after it.
fn archive_path(line: &str) -> PathBuf {
    let path = ["docker-archive:", "oci-archive:"].iter().find_map(|transport| line.strip_prefix(transport));
    let path = path.unwrap_or(line);
    let path = path.split_once('@').map_or(path, |(path, _)| path);
    PathBuf::from(path.trim_start_matches("./").trim_start_matches('/'))
}

/// Finds the images of a manifest; templates, and what is no YAML, are read line by line.
fn in_manifest(path: &Path, text: &str) -> Vec<Mention> {
    let is_template = path.extension().is_some_and(|extension| extension == "tmpl");
    let documents: Option<Vec<Value>> =
        if is_template { None } else { serde_saphyr::from_multiple(text).ok() };
    match documents {
        Some(documents) => {
            let mut found = Vec::new();
            for document in &documents {
                images_in(document, Where::Elsewhere, &mut found);
            }
            found
        }
        None => image_lines(text),
    }
}

/// What a value is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    ContainerList,
    Container,
    Elsewhere,
}

fn images_in(value: &Value, place: Where, found: &mut Vec<Mention>) {
    match value {
        Value::Array(items) => {
            let inside = if place == Where::ContainerList { Where::Container } else { Where::Elsewhere };
            for item in items {
                images_in(item, inside, found);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(name) if key == "image" && !name.trim().is_empty() => found.push(Mention {
                        name: name.trim().to_owned(),
                        line: None,
                        certain: place == Where::Container && !has_variable(name),
                    }),
                    _ if CONTAINERS.contains(&key.as_str()) => images_in(value, Where::ContainerList, found),
                    _ => images_in(value, Where::Elsewhere, found),
                }
            }
        }
        _ => {}
    }
}

/// Finds lines such as `image: nginx` and `- image: "nginx"`; a value with a variable in it names nothing yet.
fn image_lines(text: &str) -> Vec<Mention> {
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim().trim_start_matches("- ").trim_start();
        let value = line.strip_prefix("image:")?.split(" #").next()?.trim();
        let name = value.trim_matches(['"', '\'']);
        let names_one = !name.is_empty() && !has_variable(name);
        names_one.then(|| Mention { name: name.to_owned(), line: Some(index + 1), certain: false })
    });
    lines.collect()
}

fn has_variable(name: &str) -> bool {
    name.contains("{{") || name.contains('$')
}

/// Tells whether the tree's registry has an image of that repository and tag, or digest.
fn is_there(tree: &Tree, reference: &ImageReference) -> bool {
    let repository = super::registry_tree::repository(reference.repository());
    let link = match (reference.tag(), reference.digest()) {
        (_, Some(digest)) => format!("_manifests/revisions/sha256/{}/link", digest.hex()),
        (tag, None) => format!("_manifests/tags/{}/current/link", tag.unwrap_or("latest")),
    };
    tree.registry.contains(&repository.join(link))
}

/// Finds images of different registries that would have one name in the cluster's, which has no hosts in its paths.
fn clashes(wanted: &Wanted) -> Vec<Problem> {
    let mut seen: BTreeMap<(&str, &str), (&str, &str)> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, (reference, place)) in &wanted.images {
        let Some(tag) = reference.tag() else { continue };
        match seen.get(&(reference.repository(), tag)) {
            Some((other, other_place)) if other.split('/').next() != name.split('/').next() => problems.push(
                Problem::new(
                    Class::Config,
                    format!(
                        "`{other}` and `{name}` would both be `{}:{tag}` in the cluster's registry",
                        reference.repository()
                    ),
                )
                .saw(format!("named in {other_place} and {place}"))
                .remedy("name one of them with another tag"),
            ),
            _ => {
                seen.insert((reference.repository(), tag), (name, place));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.lists.insert(PathBuf::from(path), text.as_bytes().to_vec());
        }
        tree
    }

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        wanted(&tree(files)).unwrap().images.into_keys().collect()
    }

    #[test]
    fn lists_have_one_name_a_line() {
        let text =
            "# images\n\nregistry.k8s.io/pause:3.9 # sandbox\n  nginx\ndocker.io/library/nginx:latest\n";
        assert_eq!(names(&[("images/shim/Default", text)]), ["nginx:latest", "registry.k8s.io/pause:3.9"]);
    }

    #[test]
    fn manifests_name_images_in_any_field_called_image() {
        let yaml = "kind: Pod\nspec:\n  containers:\n  - {name: a, image: \"quay.io/a:1\"}\n  initContainers:\n  - image: b\n\
                    ---\nkind: Other\nspec: {image: c/d:2}\n---\nkind: CRD\nproperties: {image: {type: string}, x: {image: \"A Word\"}}\n";
        assert_eq!(names(&[("manifests/a.yaml", yaml)]), ["b:latest", "c/d:2", "quay.io/a:1"]);
    }

    #[test]
    fn templates_are_read_line_by_line() {
        let text = "{{ if .x }}\n  - image: \"a/b:1\"\n    image: {{ .image }}\n    image: c:2 # remark\n   image: $(X)\n";
        assert_eq!(names(&[("manifests/x/a.yaml.tmpl", text)]), ["a/b:1", "c:2"]);
        assert_eq!(
            names(&[("manifests/broken.yaml", text)]),
            ["a/b:1", "c:2"],
            "what is no YAML is read so too"
        );
    }

    #[test]
    fn a_wrong_name_is_told_with_its_place() {
        let files = [
            ("images/shim/a", "ok\n\nNot A Name\n"),
            ("manifests/p.yaml", "spec: {containers: [{image: \"A B\"}]}"),
        ];
        let problems = wanted(&tree(&files)).unwrap_err();
        assert_eq!(problems.list().len(), 2, "{problems}");
        assert!(problems.list()[0].message.starts_with("images/shim/a:3:"), "{problems}");
    }

    #[test]
    fn one_name_in_the_clusters_registry_is_not_two_images() {
        let problems =
            wanted(&tree(&[("images/shim/a", "quay.io/x/y:1\nghcr.io/x/y:1\nghcr.io/x/y:2")])).unwrap_err();
        assert_eq!(problems.list().len(), 1, "{problems}");
    }

    #[test]
    fn what_the_registry_has_is_not_wanted() {
        let mut tree = tree(&[("images/shim/a", "registry.k8s.io/pause:3.9\nregistry.k8s.io/pause:3.10\n")]);
        let root = "registry/docker/registry/v2/repositories/pause/_manifests/tags/3.9/current/link";
        tree.registry.insert(PathBuf::from(root));
        let left: Vec<String> = wanted(&tree).unwrap().images.into_keys().collect();
        assert_eq!(left, ["registry.k8s.io/pause:3.10"]);
    }

    #[test]
    fn archives_are_paths_in_the_context() {
        let text = "docker-archive:./images/a.tar@x:1\n/images/b.tar\n";
        let wanted = wanted(&tree(&[("images/skopeo/tar.txt", text)])).unwrap();
        assert_eq!(wanted.archives, [PathBuf::from("images/a.tar"), PathBuf::from("images/b.tar")]);
    }
}
