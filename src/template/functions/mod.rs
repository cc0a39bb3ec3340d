//! The functions a template may call: Go's own, sprig's, and those sealos adds to them.
//!
//! Each file defines the functions of one field with typed closures; the types say what a call must give.

mod builtin;
mod compare;
mod dicts;
mod encoding;
mod environment;
mod lists;
mod network;
mod numbers;
mod paths;
mod patterns;
mod reflection;
mod refused;
mod signature;
mod strings;
mod urls;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::failure::{Failure, Outcome};
use super::value::Value;
pub(super) use environment::expand;
use signature::{Body, Shape};

/// A function by the name that templates call it.
pub(super) struct Function {
    /// Its name.
    pub(super) name: &'static str,
    shapes: Vec<Shape>,
    body: Box<dyn Fn(Vec<Value>) -> Outcome<Value> + Send + Sync>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The value at which a function stops evaluating its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShortCircuit {
    OnTrue,
    OnFalse,
}

/// What a function asks of the variables that the template is rendered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// The value of the variable that it names.
    Variable,
    /// The values of the variables that its text mentions.
    Expansion,
}

impl Function {
    /// Calls the function; what is piped into it is the last of the `values`.
    pub(super) fn call(&self, values: Vec<Value>) -> Outcome<Value> {
        self.check_count(values.len())?;
        (self.body)(values)
            .map_err(|failure| Failure { message: format!("{}: {}", self.name, failure.message), ..failure })
    }

    /// Tells whether, and how, the function evaluates only some of its arguments.
    pub(super) fn short_circuit(&self) -> Option<ShortCircuit> {
        match self.name {
            "and" => Some(ShortCircuit::OnFalse),
            "or" => Some(ShortCircuit::OnTrue),
            _ => None,
        }
    }

    /// Tells whether, and what, the function asks of the template's variables; what it returns itself is its text.
    pub(super) fn asks(&self) -> Option<Asks> {
        match self.name {
            "env" => Some(Asks::Variable),
            "expandenv" => Some(Asks::Expansion),
            _ => None,
        }
    }

    fn check_count(&self, given: usize) -> Outcome<()> {
        let fixed = self.shapes.iter().filter(|shape| matches!(shape, Shape::One(_))).count();
        let more = fixed < self.shapes.len();
        if given == fixed || (more && given > fixed) {
            return Ok(());
        }
        let least = if more { "at least " } else { "" };
        let arguments = if fixed == 1 { "argument" } else { "arguments" };
        Err(Failure::new(format!("`{}` takes {least}{fixed} {arguments}, and {given} are given", self.name))
            .remedy(format!("write it as `{}`", self.usage())))
    }

    /// Returns the call with the kinds of its arguments.
    fn usage(&self) -> String {
        let word = |shape: &Shape| match shape {
            Shape::One(kind) => format!(" {kind}"),
            Shape::Rest(kind) => format!(" {kind}…"),
        };
        self.name.to_owned() + &self.shapes.iter().map(word).collect::<String>()
    }
}

/// All functions by name.
pub(super) struct Room(BTreeMap<&'static str, Function>);

impl Room {
    /// Adds a function; its closure's types are its signature.
    fn add<Marker, B: Body<Marker>>(&mut self, name: &'static str, body: B) {
        self.add_as(&[name], body);
    }

    /// Adds a function under several names.
    fn add_as<Marker, B: Body<Marker>>(&mut self, names: &[&'static str], body: B) {
        let body = Arc::new(body);
        for name in names {
            let body = Arc::clone(&body);
            let function =
                Function { name, shapes: B::shapes(), body: Box::new(move |values| body.call(values)) };
            self.0.insert(name, function);
        }
    }
}

static FUNCTIONS: LazyLock<Room> = LazyLock::new(|| {
    let mut room = Room(BTreeMap::new());
    builtin::add(&mut room);
    compare::add(&mut room);
    dicts::add(&mut room);
    encoding::add(&mut room);
    environment::add(&mut room);
    lists::add(&mut room);
    network::add(&mut room);
    numbers::add(&mut room);
    paths::add(&mut room);
    patterns::add(&mut room);
    reflection::add(&mut room);
    strings::add(&mut room);
    urls::add(&mut room);
    words::add(&mut room);
    room
});

/// The words of Go's templates that are no functions.
const KEYWORDS: [&str; 10] =
    ["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"];

/// Finds a function by the name in a template.
pub(super) fn find(name: &str) -> Outcome<&'static Function> {
    if let Some(function) = FUNCTIONS.0.get(name) {
        return Ok(function);
    }
    if KEYWORDS.contains(&name) {
        return Err(Failure::new(format!("`{name}` begins an action, and is no function"))
            .remedy(format!("write it first in an action of its own: `{{{{ {name} … }}}}`")));
    }
    if let Some(why) = refused::why(name) {
        return Err(Failure::new(format!("`{name}` is not available in an image's templates: {why}"))
            .remedy(
                "give the value as a variable of the image or with `--env`, and use it as `{{ .NAME }}`",
            ));
    }
    let failure = Failure::new(format!("there is no function `{name}`"));
    Err(match nearest(name, FUNCTIONS.0.keys().copied()) {
        Some(known) => failure.remedy(format!("did you mean `{known}`?")),
        None => failure.remedy(format!("a variable is written with a dot before it: `{{{{ .{name} }}}}`")),
    })
}

/// Returns the names of all functions.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.0.keys().copied()
}

/// Returns the known name that is most like `name`, when one is near enough to have been meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + name.chars().count() / 4;
    known
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Counts the letters to change, add or take away, as Levenshtein has it.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..right.len() {
            let changed = diagonal + usize::from(letter != right[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_function_brings_the_one_that_was_meant() {
        for (name, meant) in [("qoute", "quote"), ("defualt", "default"), ("semvercompare", "semverCompare")]
        {
            assert_eq!(find(name).unwrap_err().remedy.unwrap(), format!("did you mean `{meant}`?"));
        }
        assert!(find("REGISTRY_DOMAIN").unwrap_err().remedy.unwrap().contains("{{ .REGISTRY_DOMAIN }}"));
    }

    #[test]
    fn what_reads_the_operators_machine_says_why_it_is_not_there() {
        assert!(find("getHostByName").unwrap_err().message.contains("network"));
        assert!(find("now").unwrap_err().message.contains("the same"));
    }

    #[test]
    fn a_wrong_count_shows_how_the_function_is_written() {
        let failure = find("trunc").unwrap().call(vec![]).unwrap_err();
        assert_eq!(failure.message, "`trunc` takes 2 arguments, and 0 are given");
        assert_eq!(failure.remedy.unwrap(), "write it as `trunc number text`");
    }
}
