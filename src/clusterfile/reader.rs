//! Fields of a document, read one by one: every wrong one is told, and what nobody asked for is not known.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::str::FromStr;

use serde_json::Value;

use super::ledger::{Finding, Ledger};
use super::node::{Content, Entry, Node};
use super::place::{Located, Place};
use crate::{suggest, yaml};

/// How exactly values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// A number is a number and a text is a text.
    Exact,
    /// As the family's tools take it: numbers in quotes are numbers, too.
    Lenient,
}

/// A value that may be read, with the path to it.
#[derive(Clone)]
pub(super) struct Field<'a> {
    ledger: &'a Ledger,
    node: Rc<Node>,
    /// Where its name stands, if it has one.
    name: Option<Place>,
    path: String,
    manner: Manner,
}

impl<'a> Field<'a> {
    /// Begins with a whole document.
    pub(super) fn document(ledger: &'a Ledger, node: Rc<Node>, manner: Manner) -> Self {
        Self { ledger, node, name: None, path: String::new(), manner }
    }

    /// Where the value stands.
    pub(super) fn place(&self) -> Place {
        self.node.place
    }

    /// The ledger that findings go to.
    pub(super) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// Tells whether it is a text, a number or a truth value.
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.node.content, Content::Plain(_) | Content::Quoted(_))
    }

    /// Begins a finding about it.
    pub(super) fn finding(&self, message: impl Display) -> Finding {
        // A list or mapping is shown by its name: it may be long, and begins somewhere below.
        let place = self.name.filter(|_| !self.is_scalar()).unwrap_or(self.node.place);
        Finding::at(place, format!("`{}` {message}", self.path))
    }

    /// Takes down that it should be something else.
    fn expected(&self, what: &str, remedy: &str) {
        if matches!(self.node.content, Content::Wrong) {
            return;
        }
        let seen = match &self.node.content {
            Content::Plain(text) | Content::Quoted(text) if text.len() <= 40 && !text.contains('\n') => {
                format!("{} `{text}`", self.node.kind())
            }
            _ => self.node.kind().to_owned(),
        };
        self.ledger.error(self.finding(format!("must be {what}, and this is {seen}")).remedy(remedy));
    }

    /// Reads a text. A number or truth value counts as one where it is read back as it was written.
    pub(super) fn text(&self) -> Option<Located<String>> {
        let text = match &self.node.content {
            Content::Quoted(text) => text.clone(),
            Content::Plain(text) => match plain_text(text) {
                Ok(text) => text,
                Err(read_as) => {
                    let message = format!("is a text, and without quotes YAML reads `{text}` as {read_as}");
                    self.ledger.error(self.finding(message).remedy(format!("put it in quotes: \"{text}\"")));
                    return None;
                }
            },
            Content::Wrong => return None,
            Content::List(_) => {
                self.expected("a text", "write one value, without `-` or brackets");
                return None;
            }
            Content::Map(_) => {
                self.expected("a text", "write one value; a text with `: ` in it stands in quotes");
                return None;
            }
        };
        Some(Located::new(text, self.node.place))
    }

    /// Reads a text that nothing tells of.
    pub(super) fn secret(&self) -> Option<String> {
        let problem = match &self.node.content {
            Content::Wrong => return None,
            Content::Quoted(text) => return Some(text.clone()),
            Content::Plain(text) => match plain_text(text) {
                Ok(text) => return Some(text),
                Err(_) => "is a text, and without quotes YAML reads its value as something else",
            },
            Content::List(_) | Content::Map(_) => {
                let finding = self.finding("must be a text");
                self.ledger.error(finding.remedy("write `env:NAME`, `file:PATH` or `prompt`"));
                return None;
            }
        };
        self.ledger.error(self.finding(problem).remedy("put the value in quotes"));
        None
    }

    /// Reads a text that may not be empty.
    pub(super) fn word(&self) -> Option<Located<String>> {
        let text = self.text()?;
        if text.value.trim().is_empty() {
            self.ledger.error(self.finding("is empty").remedy("write a value, or leave the field out"));
            return None;
        }
        Some(text)
    }

    /// Reads a text as something else; `what` is the noun for it, `example` how it is written.
    pub(super) fn parsed<T: FromStr>(&self, what: &str, example: &str) -> Option<Located<T>> {
        let text = self.word()?;
        let Ok(value) = text.value.trim().parse() else {
            let message = format!("must be {what}, not `{}`", text.value);
            self.ledger.error(self.finding(message).remedy(format!("write it as {example}")));
            return None;
        };
        Some(Located::new(value, text.place))
    }

    /// Reads one of some words, each with what it means.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<Located<T>> {
        let text = self.word()?;
        let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) else {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("cannot be `{}`", text.value);
            self.ledger.error(self.finding(message).suggest(&text.value, &known));
            return None;
        };
        Some(Located::new(*value, text.place))
    }

    /// Reads a whole number; `what` is the noun for it.
    pub(super) fn number<T: TryFrom<u64>>(
        &self,
        what: &str,
        range: RangeInclusive<u64>,
    ) -> Option<Located<T>> {
        let wanted = || format!("{what} from {} to {}", range.start(), range.end());
        let number = match &self.node.content {
            Content::Plain(text) => yaml::plain_scalar(text).as_u64(),
            Content::Quoted(text) if self.manner == Manner::Lenient => text.trim().parse().ok(),
            Content::Quoted(text) if text.trim().parse::<u64>().is_ok() => {
                self.expected(&wanted(), &format!("write it without quotes: {}", text.trim()));
                return None;
            }
            _ => None,
        };
        let number =
            number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let whole = matches!(&self.node.content, Content::Plain(text) | Content::Quoted(text)
                if text.trim().parse::<i128>().is_ok());
            let remedy = if whole { "choose one in that range" } else { "write a whole number" };
            self.expected(&wanted(), remedy);
        }
        number.map(|number| Located::new(number, self.node.place))
    }

    /// Reads a truth value.
    pub(super) fn truth(&self) -> Option<Located<bool>> {
        let truth = match &self.node.content {
            Content::Plain(text) => yaml::plain_scalar(text).as_bool(),
            Content::Quoted(text) if self.manner == Manner::Lenient => text.trim().parse().ok(),
            _ => None,
        };
        if truth.is_none() {
            self.expected("true or false", "write true or false, without quotes");
        }
        truth.map(|truth| Located::new(truth, self.node.place))
    }

    /// Reads a list; what is nothing in it is told.
    pub(super) fn items(&self) -> Vec<Self> {
        let Content::List(items) = &self.node.content else {
            self.expected("a list", "begin each of its values with `- `, in lines of their own");
            return vec![];
        };
        let mut fields = vec![];
        for (index, item) in items.iter().enumerate() {
            let field = self.child(format!("{}[{index}]", self.path), None, item);
            if item.is_null() {
                self.ledger
                    .error(field.finding("is empty").remedy("write a value after `-`, or take the line out"));
            } else {
                fields.push(field);
            }
        }
        fields
    }

    /// Tells whether it is a list without items.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.node.content, Content::List(items) if items.is_empty())
    }

    /// Tells whether it is a mapping without fields.
    pub(super) fn is_empty_mapping(&self) -> bool {
        matches!(&self.node.content, Content::Map(entries) if entries.is_empty())
    }

    /// Reads a list of texts that are not empty.
    pub(super) fn words(&self) -> Vec<Located<String>> {
        self.items().iter().filter_map(Self::word).collect()
    }

    /// Reads a mapping whose names are the author's own.
    pub(super) fn pairs(&self) -> Vec<(Located<String>, Self)> {
        let Content::Map(entries) = &self.node.content else {
            self.expected("a mapping", "write `name: value` in lines of their own");
            return vec![];
        };
        let pair = |entry: &Entry| {
            let field = self.child(format!("{}.{}", self.path, entry.key), Some(entry.place), &entry.value);
            (Located::new(entry.key.clone(), entry.place), field)
        };
        entries.iter().map(pair).collect()
    }

    /// Reads a mapping whose names are known.
    pub(super) fn fields(&self) -> Option<Fields<'a>> {
        if !matches!(self.node.content, Content::Map(_)) {
            self.expected("a mapping", "write its fields as `name: value`, indented below it");
            return None;
        }
        Some(Fields { of: self.clone(), asked: RefCell::default(), missing: RefCell::default() })
    }

    fn child(&self, path: String, name: Option<Place>, node: &Rc<Node>) -> Self {
        Self { ledger: self.ledger, node: node.clone(), name, path, manner: self.manner }
    }
}

/// A mapping whose names are known: those that are asked for.
pub(super) struct Fields<'a> {
    of: Field<'a>,
    asked: RefCell<Vec<&'static str>>,
    /// What is not there and has to be: told at the end, when it is known whether its name was only misspelt.
    missing: RefCell<Vec<(&'static str, Finding)>>,
}

impl<'a> Fields<'a> {
    /// Returns a field; one without a value is as good as none.
    pub(super) fn get(&self, name: &'static str) -> Option<Field<'a>> {
        if !self.asked.borrow().contains(&name) {
            self.asked.borrow_mut().push(name);
        }
        let entry = self.of.node.entry(name)?;
        let path = if self.of.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.of.path) };
        let nothing = match &entry.value.content {
            // The family's tools write fields that are not set as empty texts.
            Content::Quoted(text) if self.of.manner == Manner::Lenient => text.is_empty(),
            _ => entry.value.is_null(),
        };
        (!nothing).then(|| self.of.child(path, Some(entry.place), &entry.value))
    }

    /// Returns a field that has to be there; `why` says what it is for.
    pub(super) fn need(&self, name: &'static str, why: &str) -> Option<Field<'a>> {
        let field = self.get(name);
        if field.is_none() {
            let path =
                if self.of.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.of.path) };
            let finding = Finding::at(self.head(), format!("`{path}` is missing"));
            let finding = finding.remedy(format!("write `{name}:` with {why}"));
            self.missing.borrow_mut().push((name, finding));
        }
        field
    }

    /// The mapping itself.
    pub(super) fn whole(&self) -> &Field<'a> {
        &self.of
    }

    /// Where it begins: its first name.
    pub(super) fn head(&self) -> Place {
        match &self.of.node.content {
            Content::Map(entries) => entries.first().map_or(self.of.node.place, |entry| entry.place),
            _ => self.of.node.place,
        }
    }

    /// Ends the reading: every name that nobody asked for is told.
    pub(super) fn finish(&self) {
        self.finish_with(|_| None);
    }

    /// Ends the reading; `hint` may say what to write in place of a name that nobody asked for.
    pub(super) fn finish_with(&self, hint: impl Fn(&str) -> Option<&'static str>) {
        let Content::Map(entries) = &self.of.node.content else { return };
        let asked = self.asked.borrow();
        let mut missing = self.missing.take();
        for entry in entries.iter().filter(|entry| !asked.contains(&entry.key.as_str())) {
            let place =
                if self.of.path.is_empty() { String::new() } else { format!(" in `{}`", self.of.path) };
            let finding = Finding::at(entry.place, format!("unknown field `{}`{place}", entry.key));
            self.of.ledger.error(match hint(&entry.key) {
                Some(hint) => finding.remedy(hint),
                None => finding.suggest(&entry.key, &asked),
            });
            // What is only misspelt, or called otherwise in another dialect, is not missing as well.
            let near = suggest::near(&entry.key, asked.iter().copied());
            let hint = hint(&entry.key).unwrap_or_default();
            missing.retain(|(name, _)| !near.contains(name) && !hint.contains(&format!("`{name}:`")));
        }
        for (_, finding) in missing {
            self.of.ledger.error(finding);
        }
    }
}

/// Returns the text of a value without quotes, or what YAML reads it as in place of that.
fn plain_text(text: &str) -> Result<String, String> {
    match yaml::plain_scalar(text) {
        Value::String(text) => Ok(text),
        Value::Null => Ok(String::new()),
        Value::Bool(value) if value.to_string() == text => Ok(text.to_owned()),
        Value::Bool(value) => Err(format!("the truth value {value}")),
        Value::Number(number) if number.to_string() == text => Ok(text.to_owned()),
        other => Err(format!("the number {other}")),
    }
}
