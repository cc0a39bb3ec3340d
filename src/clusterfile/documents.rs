//! Documents beside the one that describes the cluster: they are read and kept, each value with its place.

use std::rc::Rc;

use super::config;
use super::dialect::{Beside, Dialect};
use super::hooks;
use super::ledger::{Finding, Ledger};
use super::merge;
use super::node::{Content, Node};
use super::place::Place;
use super::plugins::{self, NodeWish, Plugin};
use super::reader::{Field, Fields, Manner};
use super::variables;
use crate::model::{DeclaredDocument, DeclaredHook, PlacedConfig, Places};

/// A document with what it is.
pub(super) struct Document {
    /// What it is.
    pub(super) beside: Beside,
    /// What stands in it.
    pub(super) node: Rc<Node>,
}

impl Document {
    /// What tells it from others of its kind; components have one document each.
    fn identity(&self) -> (String, Option<String>) {
        let kind = self.node.text_of("kind").unwrap_or_default().to_owned();
        let name = match self.beside {
            Beside::Component | Beside::KubeadmConfig => None,
            _ => self.node.entry("metadata").and_then(|entry| entry.value.text_of("name")).map(str::to_owned),
        };
        (kind, name)
    }

    fn version(&self) -> Option<&str> {
        self.node.text_of("apiVersion")
    }

    fn kind_place(&self) -> Place {
        self.node.entry("kind").map_or(self.node.place, |entry| entry.value.place)
    }
}

/// What stands beside a cluster.
#[derive(Default)]
pub(super) struct Found {
    /// Documents as they were written.
    pub(super) kept: Vec<DeclaredDocument>,
    /// How files of images are changed, in order.
    pub(super) configs: Vec<PlacedConfig>,
    /// What plugins run.
    pub(super) hooks: Vec<DeclaredHook>,
    /// What plugins want of Nodes.
    pub(super) wishes: Vec<NodeWish>,
    /// How many there are in all.
    pub(super) count: usize,
}

/// Reads all documents; one of a later file is laid over one of an earlier file.
pub(super) fn read(ledger: &Ledger, documents: Vec<Document>) -> Found {
    let kept = lay(ledger, documents);
    let mut found = Found { count: kept.len(), ..Found::default() };
    for document in &kept {
        match document.beside {
            Beside::Config(dialect) => found.configs.extend(config(ledger, document, dialect)),
            Beside::Plugin => plugin(ledger, document, &mut found),
            _ => found.kept.push(one(ledger, document)),
        }
    }
    // sealer runs them in the order of their names.
    found.hooks.sort_by(|one, other| one.hook.name.cmp(&other.hook.name));
    found
}

/// Brings the documents of all files together.
fn lay(ledger: &Ledger, documents: Vec<Document>) -> Vec<Document> {
    let mut kept: Vec<Document> = vec![];
    for document in documents {
        let identity = document.identity();
        match kept.iter_mut().find(|other| other.identity() == identity) {
            Some(other) if other.node.place.text == document.node.place.text => {
                let (kind, name) = identity;
                let called = name.map(|name| format!(" `{name}`")).unwrap_or_default();
                let finding =
                    Finding::at(document.kind_place(), format!("a second {kind}{called} stands here"));
                let finding = finding.also("the first one", other.kind_place());
                ledger.error(finding.remedy("write what belongs together in one document"));
            }
            Some(other) if other.version() != document.version() => {
                let message = "this document is of another apiVersion than the one it is laid over";
                let finding = Finding::at(document.kind_place(), message);
                let finding = finding.also("that one", other.kind_place());
                ledger.error(finding.remedy("write both in the same version"));
            }
            Some(other) => other.node = merge::lay(&other.node, &document.node),
            None => kept.push(document),
        }
    }
    kept
}

fn config(ledger: &Ledger, document: &Document, dialect: Dialect) -> Option<PlacedConfig> {
    let field = Field::document(ledger, document.node.clone(), dialect.manner());
    let spec = field.fields().and_then(|top| match dialect {
        Dialect::Native => frame(&top),
        _ => frame_of_family(&top),
    })?;
    config::read(&spec, dialect, document.identity().1.unwrap_or_default())
}

fn plugin(ledger: &Ledger, document: &Document, found: &mut Found) {
    let field = Field::document(ledger, document.node.clone(), Manner::Lenient);
    let Some(spec) = field.fields().and_then(|top| frame_of_family(&top)) else { return };
    let (_, name) = document.identity();
    let place = ledger.position(document.node.place);
    let plugin = plugins::read(&spec, &hooks::name_of(&name.unwrap_or_default()), &place);
    spec.finish();
    match plugin {
        None => {}
        Some(Plugin::Hooks(hooks)) => found.hooks.extend(hooks),
        Some(Plugin::Wishes(wishes)) => found.wishes.extend(wishes),
        Some(Plugin::Needless) => {
            let finding = Finding::at(
                document.kind_place(),
                "this plugin has no effect: the end of a run is always that all is Ready",
            );
            ledger.warn(finding.remedy("leave it out"));
        }
        Some(Plugin::Kept(remedy)) => {
            let message = "this plugin is not acted on by this version";
            ledger.not_acted_on(Finding::at(document.kind_place(), message).remedy(remedy));
            found.kept.push(written(ledger, document));
        }
    }
}

fn one(ledger: &Ledger, document: &Document) -> DeclaredDocument {
    let field = Field::document(ledger, document.node.clone(), Manner::Lenient);
    if let Some(top) = field.fields() {
        check(document.beside, &top);
    }
    let (kind, _) = document.identity();
    if let Some(instead) = instead(document.beside) {
        let message = format!("documents of kind {kind} are not acted on by this version");
        ledger.not_acted_on(Finding::at(document.kind_place(), message).remedy(instead));
    }
    written(ledger, document)
}

fn written(ledger: &Ledger, document: &Document) -> DeclaredDocument {
    DeclaredDocument {
        place: ledger.position(document.node.place),
        api_version: document.node.text_of("apiVersion").unwrap_or_default().to_owned(),
        kind: document.identity().0,
        content: document.node.to_json(),
        places: places(ledger, &document.node),
    }
}

/// Returns where every value of a document stands: a field where its name does.
fn places(ledger: &Ledger, document: &Node) -> Places {
    let mut found = vec![(String::new(), ledger.position(document.place))];
    collect(ledger, document, "", &mut found);
    found.into_iter().collect()
}

fn collect(ledger: &Ledger, node: &Node, pointer: &str, found: &mut Vec<(String, String)>) {
    let mut add = |name: &str, place: Place, value: &Node| {
        let pointer = format!("{pointer}/{name}");
        found.push((pointer.clone(), ledger.position(place)));
        collect(ledger, value, &pointer, found);
    };
    match &node.content {
        Content::Map(entries) => {
            for entry in entries {
                add(&entry.key.replace('~', "~0").replace('/', "~1"), entry.place, &entry.value);
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                add(&index.to_string(), item.place, item);
            }
        }
        _ => {}
    }
}

/// What serves in place of a document that is not acted on.
fn instead(beside: Beside) -> Option<&'static str> {
    match beside {
        Beside::Config(_) | Beside::Component | Beside::Plugin => None,
        Beside::Application => Some("give `command` in the cluster's document, and leave this one out"),
        Beside::KubeadmConfig => {
            Some("write what is in it as kubeadm's own documents, such as `kind: ClusterConfiguration`")
        }
    }
}

fn check(beside: Beside, top: &Fields<'_>) {
    match beside {
        // What the first two may hold depends on the version of Kubernetes; the others are read apart.
        Beside::Component | Beside::KubeadmConfig | Beside::Config(_) | Beside::Plugin => {}
        Beside::Application => {
            if let Some(spec) = frame_of_family(top) {
                application(&spec);
            }
        }
    }
}

/// Reads what stands around a `spec` of ours.
fn frame<'a>(top: &Fields<'a>) -> Option<Fields<'a>> {
    frame_with(top, &[])
}

/// Reads it in a document of the family, whose tools write more there than people do.
fn frame_of_family<'a>(top: &Fields<'a>) -> Option<Fields<'a>> {
    let _ = top.get("status");
    frame_with(top, &super::family::WRITTEN)
}

/// Reads it, with these fields in `metadata` besides the name.
fn frame_with<'a>(top: &Fields<'a>, written: &[&'static str]) -> Option<Fields<'a>> {
    let _ = (top.get("apiVersion"), top.get("kind"));
    if let Some(metadata) = top.need("metadata", "`name:` below it").and_then(|field| field.fields()) {
        let _ = metadata.need("name", "a name").and_then(|field| field.word());
        for field in written {
            let _ = metadata.get(field);
        }
        metadata.finish();
    }
    let spec = top.need("spec", "what it does").and_then(|field| field.fields());
    top.finish();
    spec
}

fn application(spec: &Fields<'_>) {
    for name in ["cmds", "launchApps"] {
        let _ = spec.get(name).map(|field| field.words());
    }
    for field in spec.get("configs").map(|field| field.items()).unwrap_or_default() {
        let Some(config) = field.fields() else { continue };
        let _ = config.need("name", "an application's name").and_then(|field| field.word());
        let _ = config.get("env").map(|field| variables::list(&field));
        for field in config.get("files").map(|field| field.items()).unwrap_or_default() {
            let Some(file) = field.fields() else { continue };
            if let Some(path) = file.need("path", "a file of the application") {
                let _ = config::file_of_image(&path);
            }
            let strategies = [("merge", ()), ("overwrite", ())];
            let _ = file.get("strategy").and_then(|field| field.one_of(&strategies));
            let _ = file.get("data").and_then(|field| field.text());
            file.finish();
        }
        if let Some(launch) = config.get("launch").and_then(|field| field.fields()) {
            let _ = launch.get("cmds").map(|field| field.words());
            launch.finish();
        }
        config.finish();
    }
    spec.finish();
}
