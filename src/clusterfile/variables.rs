//! Variables: as a mapping, and as the `NAME=VALUE` lists of the family.

use std::collections::BTreeMap;

use super::ledger::Finding;
use super::place::Located;
use super::reader::Field;
use crate::model::Environment;

/// Reads a mapping of names to values.
pub(super) fn mapping(field: &Field<'_>) -> Environment {
    let mut environment = Environment::new();
    for (name, value) in field.pairs() {
        if !is_name(&name.value) {
            let finding = Finding::of(&name, format!("`{}` is no name of a variable", name.value));
            field.ledger().error(finding.remedy(NAMES));
        } else if name.value.starts_with(RESERVED) {
            field.ledger().error(reserved(Finding::of(&name, taken(&name.value))));
        } else if let Some(value) = value.text() {
            environment.insert(name.value, value.value);
        }
    }
    environment
}

/// Variables with their places.
pub(super) type Variables = BTreeMap<String, Located<String>>;

/// Forgets the places.
pub(super) fn plain(variables: &Variables) -> Environment {
    variables.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect()
}

/// Reads a list of `NAME=VALUE`.
pub(super) fn list(field: &Field<'_>) -> Variables {
    let mut variables = Variables::new();
    for item in field.items() {
        let Some(text) = item.word() else { continue };
        match text.value.split_once('=') {
            None => {
                let finding = item.finding("is not `NAME=VALUE`");
                field
                    .ledger()
                    .error(finding.remedy("put `=` between the name and its value, without blanks"));
            }
            Some((name, _)) if !is_name(name) => {
                let finding = Finding::of(&text, format!("`{name}` is no name of a variable"));
                field.ledger().error(finding.remedy(NAMES));
            }
            Some((name, _)) if name.starts_with(RESERVED) => {
                field.ledger().error(reserved(Finding::of(&text, taken(name))));
            }
            Some((name, value)) => {
                let value = Located::new(value.to_owned(), text.place);
                if let Some(first) = variables.insert(name.to_owned(), value) {
                    let finding = Finding::of(&text, format!("the variable `{name}` is given twice"));
                    field
                        .ledger()
                        .error(finding.also("the first time", first.place).remedy("leave one of them out"));
                }
            }
        }
    }
    variables
}

/// How the variables begin that say how things are, and not how they should be.
const RESERVED: &str = "SEALOS_SYS_";

fn taken(name: &str) -> String {
    format!("the variable `{name}` is sealift's own and cannot be given")
}

fn reserved(finding: Finding) -> Finding {
    finding
        .remedy(format!("leave it out: what begins with {RESERVED} is set by the image and by sealift alone"))
}

const NAMES: &str = "begin it with a letter or `_`, and go on with letters, digits, `_`, `.` and `-`";

/// Tells whether a variable can have this name.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}
