//! sprig's functions for the case of letters and for words and lines.

use std::rc::Rc;

use super::Room;
use crate::template::failure::{Failure, Outcome};
use crate::template::limits::check_text;

pub(super) fn add(room: &mut Room) {
    room.add("upper", |text: Rc<str>| text.chars().map(upper).collect::<String>());
    room.add("lower", |text: Rc<str>| text.chars().map(lower).collect::<String>());
    room.add("title", |text: Rc<str>| title(&text));
    room.add("untitle", |text: Rc<str>| untitle(&text));
    room.add("swapcase", |text: Rc<str>| text.chars().map(swap).collect::<String>());
    room.add("initials", |text: Rc<str>| initials(&text));
    room.add("snakecase", |text: Rc<str>| joined_lower(&text, '_'));
    room.add("kebabcase", |text: Rc<str>| joined_lower(&text, '-'));
    room.add("camelcase", |text: Rc<str>| camel(&text));
    room.add("wrap", |width: i64, text: Rc<str>| wrap(&text, width, "\n", LongWords::Kept));
    room.add("wrapWith", |width: i64, line_break: Rc<str>, text: Rc<str>| {
        wrap(&text, width, if line_break.is_empty() { "\n" } else { &line_break }, LongWords::Broken)
    });
}

/// Returns the letter in the other case, where that is one letter as well.
fn single(mut letters: impl Iterator<Item = char>, letter: char) -> char {
    match (letters.next(), letters.next()) {
        (Some(other), None) => other,
        _ => letter,
    }
}

fn to_upper(letter: char) -> char {
    single(letter.to_uppercase(), letter)
}

fn to_lower(letter: char) -> char {
    single(letter.to_lowercase(), letter)
}

fn swap(letter: char) -> char {
    if letter.is_uppercase() { to_lower(letter) } else { to_upper(letter) }
}

/// Puts the first letter of each word in upper case; signs of ASCII and white space end words.
fn title(text: &str) -> String {
    let is_separator =
        |c: char| if c.is_ascii() { !c.is_ascii_alphanumeric() && c != '_' } else { c.is_whitespace() };
    let mut before = ' ';
    text.chars()
        .map(|letter| {
            let first = is_separator(before);
            before = letter;
            if first { to_upper(letter) } else { letter }
        })
        .collect()
}

fn untitle(text: &str) -> String {
    let mut before = ' ';
    text.chars()
        .map(|letter| {
            let first = before.is_whitespace();
            before = letter;
            if first { to_lower(letter) } else { letter }
        })
        .collect()
}

fn initials(text: &str) -> String {
    text.split_whitespace().filter_map(|word| word.chars().next()).collect()
}

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

/// Writes `some_words` as `SomeWords`, as Go's xstrings does: connectors at the ends and doubled ones stay.
fn camel(text: &str) -> String {
    let first = text.trim_start_matches(is_connector);
    let leading = &text[..text.len() - first.len()];
    let mut letters = first.chars();
    // The library writes the last connector twice when there is nothing else.
    let Some(letter) = letters.next() else { return text.chars().chain(text.chars().next_back()).collect() };
    let mut output = leading.to_owned();
    let mut in_capitals = letter.is_uppercase();
    let mut before = to_upper(letter);
    for letter in letters {
        let mut letter = letter;
        if is_connector(before) {
            if is_connector(letter) {
                output.push(before);
            } else {
                in_capitals = letter.is_uppercase();
                letter = to_upper(letter);
            }
        } else {
            if in_capitals {
                in_capitals = letter.is_uppercase();
                letter = to_lower(letter);
            }
            output.push(before);
        }
        before = letter;
    }
    output.push(before);
    output
}

/// What a word is made of; a capital with the small letters behind it counts as capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Capitals,
    Letters,
    Connector,
    Punctuation,
    Other,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            _ if is_connector(character) => Self::Connector,
            _ if character.is_ascii_punctuation() && !"$+<=>^`|~".contains(character) => Self::Punctuation,
            _ if character.is_uppercase() => Self::Capitals,
            // Scripts without cases, as the Chinese one, have no words to tell apart.
            _ if character.is_alphabetic() && character < '\u{2e80}' => Self::Letters,
            _ if character.is_numeric() => Self::Number,
            _ => Self::Other,
        }
    }

    fn is_word(self) -> bool {
        matches!(self, Self::Letters | Self::Number)
    }

    fn separates(self) -> bool {
        matches!(self, Self::Connector | Self::Punctuation)
    }
}

/// Cuts a text where the kind of its characters changes; of `HTTPServer` the S begins the second word.
fn words(text: &str) -> Vec<(Kind, String)> {
    let mut words: Vec<(Kind, String)> = Vec::new();
    let mut small_letters = false;
    for character in text.chars() {
        let kind = Kind::of(character);
        match words.last_mut() {
            Some((Kind::Capitals, word)) if kind == Kind::Letters && !small_letters => {
                small_letters = true;
                let last = word.pop().unwrap_or_default();
                if word.is_empty() {
                    word.extend([last, character]);
                } else {
                    words.push((Kind::Capitals, format!("{last}{character}")));
                }
            }
            Some((Kind::Capitals, word)) if kind == Kind::Letters => word.push(character),
            Some((before, word)) if *before == kind && !(kind == Kind::Capitals && small_letters) => {
                word.push(character);
            }
            _ => {
                small_letters = false;
                words.push((kind, character.to_string()));
            }
        }
    }
    words
}

/// Writes `SomeWords` as `some_words`, as Go's xstrings does, with its rules for numbers.
fn joined_lower(text: &str, connector: char) -> String {
    let words = words(text);
    let kind = |index: usize| words.get(index).map(|(kind, _)| *kind);
    let mut output = String::with_capacity(text.len() + 8);
    let push = |output: &mut String, index: usize| {
        if let Some((kind, word)) = words.get(index) {
            match kind {
                Kind::Connector => output.extend(word.chars().map(|_| connector)),
                Kind::Capitals => output.extend(word.chars().map(to_lower)),
                _ => output.push_str(word),
            }
        }
    };
    let push_run = |output: &mut String, mut index: usize| {
        while kind(index).is_some_and(Kind::is_word) {
            push(output, index);
            index += 1;
        }
        if kind(index).is_some_and(|kind| !kind.separates()) {
            output.push(connector);
        }
        index
    };
    let mut index = 0;
    while index + 1 < words.len() {
        push(&mut output, index);
        let before = kind(index);
        index += 1;
        match before {
            Some(Kind::Number) => index = push_run(&mut output, index),
            Some(Kind::Connector | Kind::Punctuation) | None => {}
            Some(_) if kind(index) != Some(Kind::Number) => {
                if kind(index).is_some_and(|kind| !kind.separates()) {
                    output.push(connector);
                }
            }
            // A number belongs to the word before it, unless small letters follow: `http_2xx`, but `bld4_floor`.
            Some(_) if index + 1 == words.len() => {}
            Some(_) if kind(index + 1) == Some(Kind::Letters) => {
                output.push(connector);
                push(&mut output, index);
                index = push_run(&mut output, index + 1);
            }
            Some(_) => {
                push(&mut output, index);
                index += 1;
                if kind(index).is_some_and(|kind| !kind.separates()) {
                    output.push(connector);
                }
            }
        }
    }
    push(&mut output, index);
    output
}

/// What becomes of words that are longer than a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LongWords {
    Kept,
    Broken,
}

/// Breaks a text into lines of at most `width` bytes at its spaces, as Go's goutils does.
fn wrap(text: &str, width: i64, line_break: &str, long_words: LongWords) -> Outcome<String> {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    check_text(text.len().saturating_add((text.len() / width + 1).saturating_mul(line_break.len() + 1)))?;
    let bytes = text.as_bytes();
    let mut output = String::with_capacity(text.len());
    let mut begin = 0;
    let take = |from: usize, to: usize| {
        text.get(from..to)
            .ok_or_else(|| Failure::new("the line break goes through a character of several bytes"))
    };
    while text.len() - begin > width {
        if bytes[begin] == b' ' {
            begin += 1;
            continue;
        }
        let end = begin + width;
        let space = bytes[begin..=end].iter().rposition(|byte| *byte == b' ').map(|space| begin + space);
        let space = match (space, long_words) {
            (None, LongWords::Kept) => {
                bytes[end..].iter().position(|byte| *byte == b' ').map(|space| end + space)
            }
            _ => space,
        };
        match (space, long_words) {
            (Some(space), _) => {
                output.push_str(take(begin, space)?);
                begin = space + 1;
            }
            (None, LongWords::Broken) => {
                output.push_str(take(begin, end)?);
                begin = end;
            }
            (None, LongWords::Kept) => break,
        }
        output.push_str(line_break);
    }
    output.push_str(take(begin, text.len())?);
    Ok(output)
}

/// Go's `ToUpper` makes one character of one; where there is none it stays.
fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    if upper.len() == 1 { upper.next().unwrap_or(character) } else { character }
}

fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}
