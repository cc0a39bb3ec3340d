//! Clusterfiles of every dialect to one `Declared`: all that is wrong with all of them at once, each at its place.

mod bytes;
mod dialect;
mod discretion;
mod draft;
mod hosts;
mod ledger;
mod login;
mod native;
mod node;
mod overrides;
mod place;
mod reader;
mod syntax;
mod syntax_error;
mod validate;
mod variables;
mod wishes;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use crate::error::{Problem, Problems};
use crate::model::{Declared, Environment};
use dialect::{Dialect, Kind};
use ledger::{Finding, Ledger};
use node::Node;
use place::Place;
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
    let (mut texts, troubles): (Vec<_>, Vec<_>) =
        sources.iter().map(|source| bytes::decode(&source.name, &source.text)).unzip();
    texts.extend(overrides::texts(overrides));
    let ledger = Ledger::new(texts);
    let mut wholeness = Wholeness::Whole;
    let mut clusters: Vec<(Dialect, Rc<Node>)> = vec![];
    for (text, trouble) in troubles.into_iter().enumerate() {
        if let Some(trouble) = trouble {
            bytes::tell(&ledger, text, trouble);
            wholeness = Wholeness::Broken;
            continue;
        }
        let (documents, whole) = syntax::documents(&ledger, text);
        if whole == Wholeness::Broken {
            wholeness = whole;
        }
        for document in documents {
            match dialect::classify(&ledger, &document) {
                Some(Kind::Cluster(dialect)) => clusters.push((dialect, document)),
                None => wholeness = Wholeness::Broken,
            }
        }
    }
    let cluster = one_cluster(&ledger, clusters, wholeness);
    let declared = cluster.map(|(dialect, node)| {
        let node = overrides::apply(&ledger, sources.len(), overrides, node);
        let mut draft = dialect.read(&Field::document(&ledger, node, dialect.manner()));
        draft.environment.extend(overrides.environment.clone());
        validate::check(&ledger, &draft);
        draft.into_declared()
    });
    let report = ledger.report();
    Problems::check(report.problems)?;
    match declared {
        Some(declared) => {
            Ok(Declared { warnings: report.warnings, not_acted_on: report.not_acted_on, ..declared })
        }
        None => {
            Err(Problem::new(crate::error::Class::Internal, "the files were read and describe nothing")
                .into())
        }
    }
}

/// Finds the one document that describes the cluster.
fn one_cluster(
    ledger: &Ledger,
    clusters: Vec<(Dialect, Rc<Node>)>,
    wholeness: Wholeness,
) -> Option<(Dialect, Rc<Node>)> {
    let mut clusters = clusters.into_iter();
    let first = clusters.next();
    if first.is_none() && wholeness == Wholeness::Whole {
        let names: Vec<&str> = (0..ledger.texts()).map(|text| ledger.text(text).name.as_str()).collect();
        let finding = Finding::at(Place { text: 0, start: 0, end: 0 }, "no document of kind Cluster is here");
        ledger.error(
            finding.remedy(format!(
                "looked into {}; begin one with `apiVersion: sealift.io/v1`",
                names.join(", ")
            )),
        );
    }
    for (_, second) in clusters {
        ledger.error(Finding::at(second.place, "a second cluster stands here"));
    }
    first
}
