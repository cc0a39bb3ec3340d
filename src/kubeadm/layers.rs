//! Documents by kind, as layers are laid over each other; all in the API that one kubeadm reads.

use serde_json::Value;

use super::api::{KubeadmApi, convert};
use super::arguments;
use super::check::{Against, check};
use super::merge::merge;
use super::origin::Origin;
use super::tree::Tree;
use crate::error::{Class, Problem};
use crate::model::ComponentDocument;
use crate::suggest;
use crate::yaml;

/// The kinds that are kubeadm's own.
pub(super) const KUBEADM_KINDS: [&str; 3] =
    ["InitConfiguration", "ClusterConfiguration", "JoinConfiguration"];

/// The kinds of other components, each with the only API version there is of it.
const COMPONENT_KINDS: [(&str, &str); 2] = [
    ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1"),
    ("KubeProxyConfiguration", "kubeproxy.config.k8s.io/v1alpha1"),
];

/// Returns the API version that a kind is written in for a kubeadm that reads `api`.
pub(super) fn api_of(kind: &str, api: KubeadmApi) -> &'static str {
    COMPONENT_KINDS.iter().find(|(known, _)| *known == kind).map_or(api.name(), |(_, name)| name)
}

/// Documents by kind.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    api: KubeadmApi,
    documents: Vec<(String, Tree)>,
}

/// A document as somebody wrote it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Its kind.
    pub(super) kind: String,
    /// Its `apiVersion`.
    pub(super) api: String,
    /// What stands in it; extra arguments as a map.
    pub(super) tree: Tree,
}

impl Layers {
    /// Begins with nothing, for a kubeadm that reads this API.
    pub(super) fn new(api: KubeadmApi) -> Self {
        Self { api, documents: vec![] }
    }

    /// Lays a document over what is there of its kind; one of another API is converted.
    pub(super) fn lay(&mut self, kind: &str, mut tree: Tree, from: KubeadmApi) {
        arguments::to_maps(&mut tree);
        for (kind, tree) in convert(kind, tree, from, self.api) {
            match self.documents.iter_mut().find(|(present, _)| *present == kind) {
                Some((_, under)) => merge(under, tree),
                None => self.documents.push((kind, tree)),
            }
        }
    }

    /// Lays a written document over.
    pub(super) fn lay_written(&mut self, written: &Written) {
        let from = KubeadmApi::of(&written.api).unwrap_or(self.api);
        self.lay(&written.kind, written.tree.clone(), from);
    }

    /// Puts a computed value in its place.
    pub(super) fn set(&mut self, kind: &str, path: &[&str], value: &Value, why: &'static str) {
        let value = Tree::of(value, &Origin::Computed(why));
        self.document_mut(kind).set(path, value);
    }

    /// Lays a computed value over what is there.
    pub(super) fn add(&mut self, kind: &str, path: &[&str], value: &Value, why: &'static str) {
        let mut over = Tree::map(Origin::Computed(why));
        over.set(path, Tree::of(value, &Origin::Computed(why)));
        merge(self.document_mut(kind), over);
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, kind: &str, path: &[&str]) {
        self.document_mut(kind).take(path);
    }

    /// Gives a value another place; it stays whose it was.
    pub(super) fn rename(&mut self, kind: &str, from: &[&str], to: &[&str]) {
        let document = self.document_mut(kind);
        if let Some(value) = document.take(from) {
            document.set(to, value);
        }
    }

    /// Returns a value.
    pub(super) fn get(&self, kind: &str, path: &[&str]) -> Option<&Tree> {
        self.document(kind)?.get(path)
    }

    /// Returns all documents with their kinds.
    pub(super) fn documents_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tree)> {
        self.documents.iter_mut().map(|(kind, tree)| (kind.as_str(), tree))
    }

    fn document_mut(&mut self, kind: &str) -> &mut Tree {
        let known = self.documents.iter().position(|(present, _)| present == kind);
        let place = known.unwrap_or_else(|| {
            self.documents.push((kind.to_owned(), Tree::map(Origin::BuiltIn)));
            self.documents.len() - 1
        });
        &mut self.documents[place].1
    }

    /// Returns the document of this kind.
    pub(super) fn document(&self, kind: &str) -> Option<&Tree> {
        self.documents.iter().find(|(present, _)| present == kind).map(|(_, tree)| tree)
    }
}

/// Reads an image's `etc/kubeadm.yml`. What is set to nothing there is not set.
pub(super) fn of_image(text: &str) -> Result<Vec<Written>, Vec<Problem>> {
    let documents = yaml::documents(&Origin::Image.to_string(), text).map_err(|problem| vec![problem])?;
    let mut written: Vec<Written> = vec![];
    let mut problems = vec![];
    for document in documents {
        let word = |key| document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api, kind) = (word("apiVersion"), word("kind"));
        if written.iter().any(|other| other.kind == kind) {
            problems.push(
                Problem::new(Class::Config, format!("{}: a second {kind} stands here", Origin::Image))
                    .remedy("write what belongs together in one document"),
            );
            continue;
        }
        let mut tree = Tree::of(&document, &Origin::Image);
        for frame in ["apiVersion", "kind"] {
            tree.take(&[frame]);
        }
        tree.prune();
        match read(api, kind, tree) {
            Ok(one) => written.push(one),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(written) } else { Err(problems) }
}

/// Reads the documents of a Clusterfile.
pub(super) fn of_clusterfile(documents: &[ComponentDocument]) -> Result<Vec<Written>, Vec<Problem>> {
    let mut written = vec![];
    let mut problems = vec![];
    for document in documents {
        let origin = |pointer: &str| {
            let place = document.places.of(pointer).map(str::to_owned);
            Origin::Clusterfile(place.unwrap_or_else(|| format!("the Clusterfile's {}", document.kind)))
        };
        let tree = Tree::read(&document.content, &origin);
        match read(document.api_version.clone(), document.kind.clone(), tree) {
            Ok(one) => written.push(one),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(written) } else { Err(problems) }
}

/// Checks a document as it was written, whatever version it is for.
fn read(api: String, kind: String, mut tree: Tree) -> Result<Written, Vec<Problem>> {
    is_known(&api, &kind, &tree.origin).map_err(|problem| vec![problem])?;
    let mut problems = check(&tree, Against { api: &api, kind: &kind, minor: None });
    problems.extend(arguments::nameless(&tree));
    if !problems.is_empty() {
        return Err(problems);
    }
    arguments::to_maps(&mut tree);
    Ok(Written { kind, api, tree })
}

fn is_known(api: &str, kind: &str, origin: &Origin) -> Result<(), Problem> {
    let known = match COMPONENT_KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) => *name == api,
        None if KUBEADM_KINDS.contains(&kind) => KubeadmApi::of(api).is_some(),
        None => {
            let kinds = KUBEADM_KINDS.into_iter().chain(COMPONENT_KINDS.map(|(kind, _)| kind));
            let kinds: Vec<&str> = kinds.collect();
            let hint = suggest::did_you_mean(kind, kinds.iter().copied());
            let hint = hint.unwrap_or_else(|| format!("the kinds are {}", kinds.join(", ")));
            let message = format!("{origin}: `{kind}` is not a kind that kubeadm reads");
            return Err(Problem::new(Class::Config, message).remedy(hint));
        }
    };
    if known {
        return Ok(());
    }
    let message = format!("{origin}: `{api}` is no apiVersion of {kind}");
    let wanted = match COMPONENT_KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) => format!("write {name}"),
        None => "write kubeadm.k8s.io/v1beta1, v1beta2, v1beta3 or v1beta4".to_owned(),
    };
    Err(Problem::new(Class::Config, message).remedy(wanted))
}
