//! Files of sealos that are templates: rendered with the values of `--set` before they are read.

use std::rc::Rc;

use super::Overrides;
use super::ledger::{Finding, Ledger};
use super::node::{Content, Node};
use super::overrides::{self, Aim};
use super::place::{Place, Text};
use crate::error::Problem;
use crate::template;

/// What Go's templates write for a value that nobody gave.
const NO_VALUE: &str = "<no value>";

/// What to do about a problem of a template.
const VALUES: &str = "give a value with --set NAME=VALUE, and use it as {{ .Values.NAME }}";

/// Tells whether a file is a template: it is one of sealos, and has the syntax of one.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{")
        && text.lines().any(|line| {
            line.strip_prefix("apiVersion:").is_some_and(|version| {
                version.trim().trim_matches(['"', '\'']).starts_with("apps.sealos.io/")
            })
        })
}

/// Reads the values that the command line has for templates; what is wrong with them goes to `ledger`.
pub(super) fn values(ledger: &Ledger, first: usize, overrides: &Overrides) -> serde_json::Value {
    let nothing = Place { text: 0, start: 0, end: 0 };
    let empty = Node::new(nothing, Content::Map(vec![]));
    let tree: Rc<Node> = overrides::apply(ledger, first, overrides, Aim::Template, empty);
    tree.to_json()
}

/// Renders a file. Places of later findings are those in the rendered text, which the new name says.
pub(super) fn render(text: &Text, values: &serde_json::Value) -> Result<Text, Problem> {
    let rendered = template::render_values(&text.name, &text.text, values).map_err(|mut problem| {
        // An image's templates have their values from elsewhere.
        problem.remedies.retain(|remedy| !remedy.contains("--env"));
        if problem.remedies.is_empty() { problem.remedy(VALUES) } else { problem }
    })?;
    let name = format!("{} (rendered)", text.name);
    Ok(Text { name, text: rendered })
}

/// Takes down values that a rendered text lacks.
pub(super) fn tell_missing(ledger: &Ledger, text: usize) -> bool {
    let missing = ledger.text(text).text.match_indices(NO_VALUE);
    let places: Vec<Place> =
        missing.map(|(start, found)| Place { text, start, end: start + found.len() }).collect();
    for place in &places {
        ledger.error(Finding::at(*place, "the template has no value here").remedy(VALUES));
    }
    !places.is_empty()
}
