//! What the loader promises for whatever it is given.

use sealift::clusterfile::{Overrides, Source, convert, load};
use sealift::error::{Class, Problem};

const NAME: &str = "Clusterfile";

/// Holds the loader to it.
pub(crate) fn hold(text: &[u8]) -> Result<(), String> {
    let lines = String::from_utf8_lossy(text).split('\n').count();
    match load(&[source(text)], &Overrides::default()) {
        Err(problems) => {
            let wrong = problems.list().iter().find(|problem| !is_located(problem, lines));
            wrong.map_or(Ok(()), |problem| {
                Err(format!("a problem has no place in {lines} lines: {problem:?}"))
            })
        }
        Ok(declared) => {
            // What is understood can be written down, and what is written down is understood.
            let native =
                convert(&declared).map_err(|problem| format!("it cannot be converted: {problem:?}"))?;
            let again = load(&[source(native.as_bytes())], &Overrides::default());
            again.map(drop).map_err(|problems| format!("its native form is not read: {problems}\n{native}"))
        }
    }
}

fn source(text: &[u8]) -> Source {
    Source { name: NAME.to_owned(), text: text.to_vec() }
}

/// `Clusterfile:LINE:COLUMN: what is wrong`, with a line that is there; of a template's result nobody knows how many there are.
fn is_located(problem: &Problem, lines: usize) -> bool {
    let mut parts = problem.message.splitn(4, ':');
    let (name, lines) = match parts.next().and_then(|name| name.strip_prefix(NAME)) {
        Some("") => (true, lines),
        Some(" (rendered)") => (true, usize::MAX),
        _ => (false, 0),
    };
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<usize>().ok());
    let line = number(parts.next()).is_some_and(|line| (1..=lines).contains(&line));
    let column = number(parts.next()).is_some_and(|column| column > 0);
    problem.class == Class::Config && name && line && column && parts.next().is_some()
}
