//! Clusterfiles of every dialect to one `Declared`: all that is wrong with all of them at once, each at its place.

mod begin;
mod bytes;
mod config;
mod convert;
mod dialect;
mod discretion;
mod documents;
mod draft;
mod family;
mod hooks;
mod hosts;
mod ledger;
mod login;
mod merge;
mod native;
mod node;
mod overrides;
mod place;
mod plugins;
mod reader;
mod registry;
mod rendering;
mod subnets;
mod syntax;
mod syntax_error;
mod validate;
mod variables;
mod wishes;

#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use begin::begin;
pub use convert::convert;
pub use native::schema;

use crate::error::{Class, Problem, Problems};
use crate::model::{Declared, Environment, PlacedConfig};
use bytes::Trouble;
use dialect::{Beside, Dialect, Kind};
use documents::Document;
use draft::DraftMachines;
use ledger::{Finding, Ledger};
use node::Node;
use overrides::Aim;
use place::{Place, Text};
use reader::Field;
use syntax::Wholeness;

/// One file, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, or `-` for standard input; messages call it so.
    pub name: String,
    /// Its bytes.
    pub text: Vec<u8>,
}

/// What the command line says over the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--set path=value`: fields of the cluster, such as `spec.network.vip`.
    pub set: Vec<(String, String)>,
    /// `-e NAME=VALUE`: variables for all images and machines.
    pub environment: Environment,
}

/// Reads the files of one cluster.
///
/// A later file is laid over an earlier one, field by field; lists are replaced. The error tells everything that is
/// wrong with any of the files; class `config`.
pub fn load(sources: &[Source], overrides: &Overrides) -> Result<Declared, Problems> {
    let (ledger, states) = open(sources, overrides);
    let found = documents_of(&ledger, states);
    let beside = documents::read(&ledger, found.beside);
    let declared =
        one_cluster(&ledger, found.clusters, found.wholeness, beside.count).map(|(dialect, node)| {
            let node = overrides::apply(&ledger, sources.len(), overrides, Aim::Cluster, node);
            let mut draft = dialect.read(&Field::document(&ledger, node, dialect.manner()));
            draft.rest.environment.extend(overrides.environment.clone());
            hooks::join(&mut draft.rest.hooks, beside.hooks);
            if let DraftMachines::Given(machines) = &mut draft.machines {
                plugins::lay(&ledger, beside.wishes, machines);
            }
            validate::check(&ledger, &draft);
            let places = draft.images.iter().map(|image| (image.value.clone(), ledger.position(image.place)));
            let image_places = places.collect();
            let registry = draft.registry.take().map(|registry| {
                let place = ledger.position(registry.place);
                registry.into_declared(place)
            });
            let networks = draft.places_of_networks(|place| ledger.position(place));
            let (configs, documents) = (beside.configs, beside.kept);
            Declared { image_places, registry, configs, documents, ..draft.into_declared(networks) }
        });
    let report = ledger.report();
    Problems::check(report.problems)?;
    match declared {
        Some(declared) => {
            Ok(Declared { warnings: report.warnings, not_acted_on: report.not_acted_on, ..declared })
        }
        None => {
            Err(Problem::new(Class::Config, "there is no file to read").remedy("name one with -f").into())
        }
    }
}

/// Reads the Configs that an image brings, in a file called `name`; documents of other kinds are no business of it.
///
/// The error tells everything that is wrong with them; class `config`.
pub fn configs(name: &str, text: &[u8]) -> Result<Vec<PlacedConfig>, Problems> {
    let (text, trouble) = bytes::decode(name, text);
    let ledger = Ledger::new(vec![text]);
    if let Some(trouble) = trouble {
        bytes::tell(&ledger, 0, trouble);
    }
    let mut found = Found { clusters: vec![], beside: vec![], wholeness: Wholeness::Whole };
    if !ledger.has_errors() {
        found.read(&ledger, 0);
    }
    found.beside.retain(|document| matches!(document.beside, Beside::Config(_)));
    let read = documents::read(&ledger, found.beside);
    Problems::check(ledger.report().problems)?;
    Ok(read.configs)
}

/// What is known of a file before it is parsed.
enum State {
    /// It is text.
    Readable,
    /// It is text that a template made.
    Rendered,
    /// It is no text.
    Trouble(Trouble),
    /// It is a template that could not be rendered.
    Failed(Problem),
}

/// Opens the files: bytes become texts, templates are rendered.
fn open(sources: &[Source], overrides: &Overrides) -> (Ledger, Vec<State>) {
    let decoded: Vec<_> = sources.iter().map(|source| bytes::decode(&source.name, &source.text)).collect();
    let is_template =
        |(text, trouble): &(Text, Option<Trouble>)| trouble.is_none() && rendering::is_template(&text.text);
    let templates = decoded.iter().any(is_template);
    let (mut texts, mut states): (Vec<_>, Vec<_>) = decoded
        .into_iter()
        .map(|(text, trouble)| (text, trouble.map_or(State::Readable, State::Trouble)))
        .unzip();
    texts.extend(overrides::texts(overrides));
    let mut ledger = Ledger::new(texts);
    if templates {
        let values = rendering::values(&ledger, sources.len(), overrides);
        for (text, state) in states.iter_mut().enumerate() {
            if !matches!(state, State::Readable) || !rendering::is_template(&ledger.text(text).text) {
                continue;
            }
            match rendering::render(ledger.text(text), &values) {
                Ok(rendered) => {
                    ledger.replace(text, rendered);
                    *state = State::Rendered;
                }
                Err(problem) => *state = State::Failed(problem),
            }
        }
    } else {
        overrides::no_template(&ledger, sources.len(), overrides);
    }
    (ledger, states)
}

/// What stands in all files.
struct Found {
    clusters: Vec<(Dialect, Rc<Node>)>,
    beside: Vec<Document>,
    wholeness: Wholeness,
}

fn documents_of(ledger: &Ledger, states: Vec<State>) -> Found {
    let mut found = Found { clusters: vec![], beside: vec![], wholeness: Wholeness::Whole };
    for (text, state) in states.into_iter().enumerate() {
        let readable = match state {
            State::Readable => true,
            State::Rendered => !rendering::tell_missing(ledger, text),
            State::Trouble(trouble) => {
                bytes::tell(ledger, text, trouble);
                false
            }
            State::Failed(problem) => {
                ledger.foreign(problem);
                false
            }
        };
        if readable {
            found.read(ledger, text);
        } else {
            found.wholeness = Wholeness::Broken;
        }
    }
    found
}

impl Found {
    fn read(&mut self, ledger: &Ledger, text: usize) {
        let (documents, wholeness) = syntax::documents(ledger, text);
        if wholeness == Wholeness::Broken {
            self.wholeness = wholeness;
        }
        for node in documents {
            match dialect::classify(ledger, &node) {
                Some(Kind::Cluster(dialect)) => self.clusters.push((dialect, node)),
                Some(Kind::Beside(beside)) => self.beside.push(Document { beside, node }),
                None => self.wholeness = Wholeness::Broken,
            }
        }
    }
}

/// Makes one description of the cluster out of those of several files.
fn one_cluster(
    ledger: &Ledger,
    clusters: Vec<(Dialect, Rc<Node>)>,
    wholeness: Wholeness,
    documents: usize,
) -> Option<(Dialect, Rc<Node>)> {
    let mut clusters = clusters.into_iter();
    let Some((dialect, mut whole)) = clusters.next() else {
        if wholeness == Wholeness::Whole && ledger.texts() > 0 {
            let nothing = documents == 0;
            let message =
                if nothing { "there is no document here" } else { "nothing here is of kind Cluster" };
            let finding = Finding::at(Place { text: 0, start: 0, end: 0 }, message);
            ledger.error(finding.remedy(dialect::BEGINNING));
        }
        return None;
    };
    let mut seen: Vec<(usize, Place)> = vec![(whole.place.text, kind_place(&whole))];
    for (other, over) in clusters {
        let place = kind_place(&over);
        if let Some((_, first)) = seen.iter().find(|(text, _)| *text == over.place.text) {
            let finding =
                Finding::at(place, "a second Cluster stands in this file").also("the first one", *first);
            ledger.error(finding.remedy("keep each cluster in a file of its own"));
        } else if other != dialect {
            let message = "this Cluster is of another apiVersion than the one it is laid over";
            let finding = Finding::at(version_place(&over), message).also("that one", version_place(&whole));
            ledger.error(finding.remedy("bring both to one form: sealift convert -f FILE"));
        } else if let Some((one, two)) = different_names(&whole, &over) {
            let finding =
                Finding::at(place, format!("this Cluster is called `{two}` and is laid over `{one}`"));
            let finding = finding.also("that one", kind_place(&whole));
            ledger.error(
                finding
                    .remedy("give the files of one cluster in one command, and those of another in another"),
            );
        } else {
            whole = merge::lay(&whole, &over);
        }
        seen.push((over.place.text, place));
    }
    Some((dialect, whole))
}

fn kind_place(document: &Node) -> Place {
    document.entry("kind").map_or(document.place, |entry| entry.value.place)
}

fn version_place(document: &Node) -> Place {
    document.entry("apiVersion").map_or(document.place, |entry| entry.value.place)
}

fn different_names(under: &Node, over: &Node) -> Option<(String, String)> {
    let name = |node: &Node| Some(node.entry("metadata")?.value.text_of("name")?.to_owned());
    let (one, two) = (name(under)?, name(over)?);
    (one != two).then_some((one, two))
}
