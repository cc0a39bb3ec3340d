//! What is found while files are read: all of it is collected, told at its place and in the order of the files.

use std::cell::RefCell;

use super::place::{Located, Place, Text};
use crate::error::{Class, Problem};
use crate::redact::Redactions;
use crate::suggest;

/// So many problems are told; a file with more is of another kind than was thought.
const MOST_PROBLEMS: usize = 50;

/// Something to tell about a place.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    place: Place,
    message: String,
    also: Vec<(&'static str, Place)>,
    remedies: Vec<String>,
}

impl Finding {
    /// Says what is wrong at a place, in one sentence without a full stop.
    pub(super) fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), also: vec![], remedies: vec![] }
    }

    /// Says what is wrong with a value.
    pub(super) fn of<T>(value: &Located<T>, message: impl Into<String>) -> Self {
        Self::at(value.place, message)
    }

    /// Says what the author can do about it.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    /// Shows another place that has to do with it.
    pub(super) fn also(mut self, what: &'static str, place: Place) -> Self {
        self.also.push((what, place));
        self
    }

    /// Offers the known words that are near to `word`; when none is, says which there are.
    pub(super) fn suggest(self, word: &str, known: &[&str]) -> Self {
        let other_case = known.iter().find(|known| known.eq_ignore_ascii_case(word));
        let near = || suggest::did_you_mean(word, known.iter().copied());
        match other_case.map(|known| format!("did you mean `{known}`?")).or_else(near) {
            Some(hint) => self.remedy(hint),
            None => self.remedy(format!("known here: {}", listed(known))),
        }
    }

    /// Secrets are hidden in what is told, and not in where it stands: a password may be a word of a file's name.
    fn into_problem(self, texts: &[Text], redactions: &Redactions) -> Problem {
        let hidden = |text: &str| redactions.apply(text).into_owned();
        let text = &texts[self.place.text];
        let message = format!("{}: {}", text.position(self.place.start), hidden(&self.message));
        let mut problem = Problem::new(Class::Config, message).saw(hidden(&text.excerpt(self.place)));
        for (what, place) in &self.also {
            let text = &texts[place.text];
            let (what, excerpt) = (hidden(what), hidden(&text.excerpt(*place)));
            problem = problem.saw(format!("{what}, at {}:\n{excerpt}", text.position(place.start)));
        }
        self.remedies.iter().map(|remedy| hidden(remedy)).fold(problem, Problem::remedy)
    }
}

/// Writes a list of words as a sentence has it: `a`, `b` and `c`.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} and `{last}`", first.join(", "))
        }
    }
}

/// The texts that are read, and all that was found in them.
pub(super) struct Ledger {
    texts: Vec<Text>,
    found: RefCell<Found>,
    redactions: Redactions,
}

#[derive(Default)]
struct Found {
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    not_acted_on: Vec<Finding>,
    foreign: Vec<Problem>,
}

/// All that was found, as problems.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What makes the files unusable.
    pub(super) problems: Vec<Problem>,
    /// What is likely not meant.
    pub(super) warnings: Vec<Problem>,
    /// What this version does not do.
    pub(super) not_acted_on: Vec<Problem>,
}

impl Ledger {
    /// Opens the ledger of some texts.
    pub(super) fn new(texts: Vec<Text>) -> Self {
        Self { texts, found: RefCell::default(), redactions: Redactions::default() }
    }

    /// Puts another text in place of one, before anything is read from it.
    pub(super) fn replace(&mut self, text: usize, with: Text) {
        self.texts[text] = with;
    }

    /// Takes down a problem that another room has placed already.
    pub(super) fn foreign(&self, problem: Problem) {
        self.found.borrow_mut().foreign.push(problem);
    }

    /// Returns a text.
    pub(super) fn text(&self, text: usize) -> &Text {
        &self.texts[text]
    }

    /// Returns how many texts there are.
    pub(super) fn texts(&self) -> usize {
        self.texts.len()
    }

    /// Returns `name:line:column` of a place.
    pub(super) fn position(&self, place: Place) -> String {
        self.texts[place.text].position(place.start)
    }

    /// Takes down something that makes the files unusable.
    pub(super) fn error(&self, finding: Finding) {
        self.found.borrow_mut().problems.push(finding);
    }

    /// Takes down something that is likely not meant.
    pub(super) fn warn(&self, finding: Finding) {
        self.found.borrow_mut().warnings.push(finding);
    }

    /// Takes down something that was understood and is not acted on by this version.
    pub(super) fn not_acted_on(&self, finding: Finding) {
        self.found.borrow_mut().not_acted_on.push(finding);
    }

    /// Tells whether anything makes the files unusable so far.
    pub(super) fn has_errors(&self) -> bool {
        let found = self.found.borrow();
        !found.problems.is_empty() || !found.foreign.is_empty()
    }

    /// Hides a secret in all that is told.
    pub(super) fn hide(&self, secret: &secrecy::SecretString) {
        self.redactions.hide(secret);
    }

    /// Closes the ledger.
    pub(super) fn report(self) -> Report {
        let Self { texts, found, redactions } = self;
        let found = found.into_inner();
        let tell = |findings: Vec<Finding>| tell(findings, &texts, &redactions);
        let mut problems: Vec<Problem> =
            found.foreign.into_iter().map(|problem| redacted(problem, &redactions)).collect();
        problems.extend(tell(found.problems));
        Report { problems, warnings: tell(found.warnings), not_acted_on: tell(found.not_acted_on) }
    }
}

fn tell(mut findings: Vec<Finding>, texts: &[Text], redactions: &Redactions) -> Vec<Problem> {
    findings.sort_by_key(|finding| (finding.place.text, finding.place.start));
    if let Some(more) = findings.len().checked_sub(MOST_PROBLEMS).filter(|more| *more > 0) {
        let place = findings[MOST_PROBLEMS].place;
        findings.truncate(MOST_PROBLEMS);
        let finding = Finding::at(place, format!("from here on {more} more are found"));
        findings.push(finding.remedy("mend the first ones; they may be the cause of the others"));
    }
    findings.into_iter().map(|finding| finding.into_problem(texts, redactions)).collect()
}

fn redacted(problem: Problem, redactions: &Redactions) -> Problem {
    let hide = |texts: Vec<String>| texts.iter().map(|text| redactions.apply(text).into_owned()).collect();
    Problem {
        message: redactions.apply(&problem.message).into_owned(),
        seen: hide(problem.seen),
        remedies: hide(problem.remedies),
        ..problem
    }
}
