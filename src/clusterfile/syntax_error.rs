//! What is not YAML, said so that the author finds it: the parser's kinds of errors in our words.

use serde_saphyr::granit_parser::ErrorKind;

use super::ledger::Finding;
use super::place::Place;

const SPACES: &str = "indent with spaces";
const BALANCE: &str = "close what is opened; a text with brackets or braces in it stands in quotes";
const ALIGN: &str =
    "let the fields of one mapping begin in the same column, and put a space after each colon";

/// Tells of an error of the parser.
pub(super) fn finding(source: &str, text: usize, kind: &ErrorKind, at: usize) -> Finding {
    let (message, remedy) = words(kind);
    // An error at the end of the text is shown at its last character.
    let at = if at >= source.len() { source.trim_end().len() } else { at };
    let finding = Finding::at(Place { text, start: at, end: at }, message);
    match tab_before(source, at) {
        Some(tab) => {
            Finding::at(Place { text, start: tab, end: tab + 1 }, "a tab stands where YAML wants spaces")
                .remedy(SPACES)
        }
        None => finding.remedy(remedy),
    }
}

/// The place of a tab in the indentation of the line, where that is the cause.
fn tab_before(source: &str, at: usize) -> Option<usize> {
    let begin = source.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let indentation =
        source[begin..].find(|character: char| !character.is_whitespace() || character == '\n')?;
    source[begin..begin + indentation].find('\t').map(|tab| begin + tab)
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
        ErrorKind::DocumentIndicatorInQuotedScalar => {
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
