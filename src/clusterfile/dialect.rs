//! Which dialect a document is of, by its `apiVersion` and `kind`.

use super::draft::Draft;
use super::ledger::{Finding, Ledger};
use super::native;
use super::node::Node;
use super::place::Place;
use super::reader::{Field, Manner};

/// A dialect of Clusterfiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// sealift's own.
    Native,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It describes a cluster.
    Cluster(Dialect),
}

/// The apiVersions of documents that describe a cluster.
const CLUSTERS: [(&str, Dialect); 1] = [("sealift.io/v1", Dialect::Native)];

impl Dialect {
    /// Reads a document of this dialect.
    pub(super) fn read(self, document: &Field<'_>) -> Draft {
        match self {
            Self::Native => native::read(document),
        }
    }

    /// Returns how exactly its values are written.
    pub(super) fn manner(self) -> Manner {
        match self {
            Self::Native => Manner::Exact,
        }
    }
}

/// Tells what a document is; one that is nothing we know is told.
pub(super) fn classify(ledger: &Ledger, document: &Node) -> Option<Kind> {
    let begin = Place { end: document.place.start, ..document.place };
    let (Some(version), Some(kind)) = (document.text_of("apiVersion"), document.text_of("kind")) else {
        let missing = if document.text_of("apiVersion").is_none() { "apiVersion" } else { "kind" };
        let finding = Finding::at(begin, format!("this document has no `{missing}`"));
        ledger.error(
            finding.remedy("a Clusterfile begins with `apiVersion: sealift.io/v1` and `kind: Cluster`"),
        );
        return None;
    };
    let place = |key| document.entry(key).map_or(begin, |entry| entry.value.place);
    let Some((_, dialect)) = CLUSTERS.iter().find(|(known, _)| *known == version) else {
        let known: Vec<&str> = CLUSTERS.iter().map(|(version, _)| *version).collect();
        let finding = Finding::at(place("apiVersion"), format!("the apiVersion `{version}` is not known"));
        ledger.error(finding.suggest(version, &known));
        return None;
    };
    if kind != "Cluster" {
        let finding = Finding::at(place("kind"), format!("`{version}` has no kind `{kind}`"));
        ledger.error(finding.suggest(kind, &["Cluster"]));
        return None;
    }
    Some(Kind::Cluster(*dialect))
}
