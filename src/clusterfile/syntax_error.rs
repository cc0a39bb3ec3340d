//! What is not YAML, said so that the author finds it: the parser's kinds of errors in our words.

use serde_saphyr::granit_parser::ErrorKind;

use super::ledger::Finding;
use super::place::Place;

const SPACES: &str = "indent with spaces";
const BALANCE: &str = "close what is opened; a text with brackets or braces in it stands in quotes";
const ALIGN: &str =
    "let the fields of one mapping begin in the same column, and put a space after each colon";

/// How long a field's name may be, in bytes.
const LONGEST_NAME: usize = 1024;

/// Tells of an error of the parser.
pub(super) fn finding(source: &str, text: usize, kind: &ErrorKind, at: usize) -> Finding {
    // An error at the end of the text is shown at its last character.
    let at = source.floor_char_boundary(if at >= source.len() { source.trim_end().len() } else { at });
    let place = |start: usize, length: usize| Place { text, start, end: start + length };
    if let Some(tab) = tab_near(source, at) {
        return Finding::at(place(tab, 1), "a tab stands where YAML wants spaces").remedy(SPACES);
    }
    let (begin, line) = line_at(source, at);
    if let Some(template) = line.find("{{") {
        let message = "this looks like a template, and only files of apps.sealos.io/v1beta1 are rendered";
        let remedy = "write the value itself, or give it with --set spec.FIELD=VALUE";
        return Finding::at(place(begin + template, 2), message).remedy(remedy);
    }
    match kind {
        ErrorKind::MappingValueNotAllowed if at - begin > LONGEST_NAME => {
            Finding::at(place(begin, 1), format!("a field's name is longer than {LONGEST_NAME} characters"))
                .remedy("look whether a line break is missing")
        }
        ErrorKind::MappingValueNotAllowed if !source[begin..at].contains(':') => {
            match line_without_colon(source, begin) {
                Some((start, length)) => {
                    Finding::at(place(start, length), "this line has no colon with a blank after it")
                        .remedy("write `name: value`")
                }
                None => said(place(at, 0), kind),
            }
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation
            if line.trim_start().starts_with("- ") =>
        {
            let dash = begin + line.len() - line.trim_start().len();
            Finding::at(place(dash, 1), "an item with `-` stands among fields")
                .remedy("put a list below the field that it belongs to")
        }
        _ => said(place(at, 0), kind),
    }
}

fn said(place: Place, kind: &ErrorKind) -> Finding {
    let (message, remedy) = words(kind);
    Finding::at(place, message).remedy(remedy)
}

/// Returns where the line of a byte begins, and the line.
fn line_at(source: &str, at: usize) -> (usize, &str) {
    let begin = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (begin, source[begin..].lines().next().unwrap_or_default())
}

/// The line with something in it before the one that begins at `begin`, where it lacks a colon.
fn line_without_colon(source: &str, begin: usize) -> Option<(usize, usize)> {
    let above = source[..begin].trim_end();
    let (begin, line) = line_at(source, above.len());
    let name = line.trim_start();
    let lacks = !name.starts_with(['-', '#']) && !name.contains(": ") && !name.ends_with(':');
    lacks.then_some((begin + line.len() - name.len(), name.len()))
}

/// The place of a tab in the indentation of the line, or of the next one where the error is at the line's end.
fn tab_near(source: &str, at: usize) -> Option<usize> {
    let (begin, line) = line_at(source, at);
    let tab_in = |begin: usize| {
        let line = source.get(begin..)?.lines().next()?;
        let indentation = &line[..line.len() - line.trim_start().len()];
        indentation.find('\t').map(|tab| begin + tab)
    };
    let at_end = source[at..begin + line.len()].trim().is_empty();
    tab_in(begin).or_else(|| at_end.then(|| tab_in(begin + line.len() + 1)).flatten())
}

fn words(kind: &ErrorKind) -> (String, &'static str) {
    let said = |message: &str, remedy: &'static str| (message.to_owned(), remedy);
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => said("a tab stands where YAML wants spaces", SPACES),
        ErrorKind::UnclosedFlowCollection { open } => (format!("`{open}` is never closed"), BALANCE),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), BALANCE)
        }
        ErrorKind::MisplacedFlowCollectionEnd => said("this closes what nothing opened", BALANCE),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::UnexpectedEofFlowMapping => {
            said("a comma or `}` is missing in what `{` opened", BALANCE)
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::UnexpectedEofFlowSequence => {
            said("a comma or `]` is missing in what `[` opened", BALANCE)
        }
        ErrorKind::UnclosedQuotedScalar => said("a quotation mark is never closed", "close it"),
        ErrorKind::DocumentIndicatorInQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            said("a quotation mark is not closed before this line", "close it")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => said(
            "something follows the closing quotation mark",
            "put the whole value in quotes; a quotation mark inside of single quotes is written twice",
        ),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => said(
            "this backslash begins no escape that YAML knows",
            "use single quotes, in which a backslash is only a backslash",
        ),
        ErrorKind::MappingValueNotAllowed => said(
            "a second `: ` stands in one line, or a field begins in the wrong column",
            "quote a value that has `: ` in it; let the fields of one mapping begin in the same column",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed => said("this line fits into nothing that is open above it", ALIGN),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => said(
            "a field's name is not followed by a colon",
            "write `name: value`, with a space after the colon",
        ),
        ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::BlockEntryInFlowCollection => said(
            "an item with `-` cannot stand here",
            "put a list below its field, each `- ` in the same column, and nothing else among them",
        ),
        ErrorKind::InvalidColonPlacement => {
            said("a field begins here, within brackets that are not closed", BALANCE)
        }
        ErrorKind::ExpectedDocumentStart => said(
            "something follows the end of the document",
            "begin another document with a line `---`; look whether this is YAML",
        ),
        ErrorKind::UnexpectedCharacter { character: '`' } => {
            said("a value cannot begin with a backtick", "put it in quotes")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("a value cannot begin with `{}`", character.escape_default()), "put it in quotes")
        }
        ErrorKind::RecursionLimitExceeded => {
            said("lists and mappings stand in each other more than 60 deep", "no Clusterfile needs that")
        }
        ErrorKind::InvalidBlockScalarIndent => {
            said("a line of this block of text is indented less than its first one", ALIGN)
        }
        ErrorKind::UnknownAnchor => {
            said("this alias has no anchor above it", "define `&name` above the first `*name`")
        }
        ErrorKind::UnsupportedYamlMajorVersion => said("only YAML 1.x is read", "leave the directive out"),
        other => (format!("this is not YAML: {other}"), ALIGN),
    }
}
