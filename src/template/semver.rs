//! Semantic versions and constraints by the rules of Go's Masterminds library, which sprig uses.
//!
//! The rules differ from Cargo's: a version may lack its minor and patch numbers and may begin with `v`; a space or
//! a comma means "and", `||` means "or"; and a prerelease only matches a comparison that has one itself.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::failure::{Failure, Outcome};
use super::value::Value;

/// A version, kept with the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
    original: String,
}

impl FromStr for Version {
    type Err = Failure;

    fn from_str(text: &str) -> Outcome<Self> {
        let wrong = || {
            Failure::new(format!("`{text}` is not a version"))
                .remedy("a version is written like v1.31.2 or 1.31.2-rc.1")
        };
        let partial = Partial::parse(text).filter(|partial| partial.wild.is_none()).ok_or_else(wrong)?;
        Ok(Self {
            numbers: partial.numbers,
            prerelease: partial.prerelease,
            metadata: partial.metadata,
            original: text.to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Version {
    /// Returns what a template reads with `.Major` and its like.
    pub(super) fn field(&self, name: &str) -> Outcome<Value> {
        let number = |index: usize| Value::Int64(i64::try_from(self.numbers[index]).unwrap_or(i64::MAX));
        Ok(match name {
            "Major" => number(0),
            "Minor" => number(1),
            "Patch" => number(2),
            "Prerelease" => Value::text(self.prerelease.as_str()),
            "Metadata" => Value::text(self.metadata.as_str()),
            "Original" => Value::text(self.original.as_str()),
            "String" => Value::text(self.to_string()),
            _ => {
                return Err(Failure::new(format!("a version has no `.{name}`"))
                    .remedy("it has .Major, .Minor, .Patch, .Prerelease, .Metadata and .Original"));
            }
        })
    }

    /// Compares by precedence, for which metadata do not count.
    fn precedence(&self, other: &Self) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }

    fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }
}

/// Compares prereleases: none is the highest, numbers are lower than words.
fn compare_prereleases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => left.cmp(right),
            },
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// A version as it may stand in a constraint: with numbers missing, or `x`, `X` or `*` for them.
#[derive(Debug, Clone)]
struct Partial {
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
    /// The first number that is a wildcard.
    wild: Option<usize>,
    /// How many numbers are written, wildcards not counted.
    written: usize,
}

impl Partial {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, metadata) = text.split_once('+').map_or((text, None), |(text, after)| (text, Some(after)));
        let (core, prerelease) =
            text.split_once('-').map_or((text, None), |(core, after)| (core, Some(after)));
        let pieces: Vec<&str> = core.split('.').collect();
        if pieces.len() > 3 {
            return None;
        }
        let mut partial = Self {
            numbers: [0; 3],
            prerelease: String::new(),
            metadata: String::new(),
            wild: None,
            written: 0,
        };
        for (index, piece) in pieces.iter().enumerate() {
            if matches!(*piece, "x" | "X" | "*") {
                partial.wild.get_or_insert(index);
                continue;
            }
            if piece.is_empty() || !piece.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            let number = piece.parse().ok()?;
            if partial.wild.is_none() {
                partial.numbers[index] = number;
                partial.written = index + 1;
            }
        }
        partial.prerelease = identifiers(prerelease, Zeros::Refused)?;
        partial.metadata = identifiers(metadata, Zeros::Allowed)?;
        Some(partial)
    }

    fn version(&self) -> Version {
        Version {
            numbers: self.numbers,
            prerelease: self.prerelease.clone(),
            metadata: self.metadata.clone(),
            original: String::new(),
        }
    }

    /// Returns the first number that is not fixed by what is written: 3 when all are.
    fn open(&self) -> usize {
        self.wild.unwrap_or(self.written)
    }

    /// Returns the least version above all that share the first `count` numbers, or `None` when that is all.
    fn next_after(&self, count: usize) -> Option<[u64; 3]> {
        let index = count.checked_sub(1)?;
        let mut numbers = [0; 3];
        numbers[..index].copy_from_slice(&self.numbers[..index]);
        numbers[index] = self.numbers[index].saturating_add(1);
        Some(numbers)
    }
}

/// Whether a number among identifiers may begin with a zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zeros {
    Allowed,
    Refused,
}

fn identifiers(text: Option<&str>, zeros: Zeros) -> Option<String> {
    let Some(text) = text else { return Some(String::new()) };
    let fine = |identifier: &str| {
        let number = identifier.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = number && identifier.len() > 1 && identifier.starts_with('0');
        !identifier.is_empty()
            && identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !(leading_zero && zeros == Zeros::Refused)
    };
    text.split('.').all(fine).then(|| text.to_owned())
}

/// A constraint: at least one of the groups has to hold, with all of its comparisons.
#[derive(Debug)]
pub(super) struct Constraint(Vec<Vec<Comparison>>);

#[derive(Debug)]
struct Comparison {
    operator: Operator,
    with: Partial,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// `=` or nothing: with a wildcard or a number missing it means what `~` does.
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// `~`
    Tilde,
    /// `^`
    Caret,
}

/// The operators as they are written, longer ones first.
const OPERATORS: [(&str, Operator); 12] = [
    ("=>", Operator::GreaterOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=<", Operator::LessOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("~>", Operator::Tilde),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::Equal),
];

impl FromStr for Constraint {
    type Err = Failure;

    fn from_str(text: &str) -> Outcome<Self> {
        let groups: Option<Vec<_>> = text.split("||").map(group).collect();
        groups.map(Self).ok_or_else(|| {
            Failure::new(format!("`{text}` is not a version constraint")).remedy(
                "write it like `^1.27.0`, `~1.30`, `>=1.25.0 <1.32.0` or `1.30 - 1.32`; `||` means \"or\"",
            )
        })
    }
}

/// Reads comparisons with spaces or commas between them, and hyphen ranges.
fn group(text: &str) -> Option<Vec<Comparison>> {
    let mut words = text.split([' ', '\t', '\n', ',']).filter(|word| !word.is_empty()).peekable();
    let mut comparisons = Vec::new();
    while let Some(word) = words.next() {
        let (mut operator, mut version) = operator(word);
        if version.is_empty() {
            version = words.next()?;
        }
        let with = Partial::parse(version)?;
        if words.peek() == Some(&"-") {
            words.next();
            comparisons
                .push(Comparison { operator: Operator::LessOrEqual, with: Partial::parse(words.next()?)? });
            operator = Operator::GreaterOrEqual;
        }
        comparisons.push(Comparison { operator, with });
    }
    (!comparisons.is_empty()).then_some(comparisons)
}

fn operator(word: &str) -> (Operator, &str) {
    OPERATORS
        .iter()
        .find_map(|(sign, operator)| word.strip_prefix(sign).map(|rest| (*operator, rest)))
        .unwrap_or((Operator::Equal, word))
}

impl Constraint {
    /// Tells whether `version` is one of those that are meant.
    pub(super) fn admits(&self, version: &Version) -> bool {
        self.0.iter().any(|group| group.iter().all(|comparison| comparison.holds(version)))
    }
}

impl Comparison {
    fn holds(&self, version: &Version) -> bool {
        let with = self.with.version();
        let order = version.precedence(&with);
        let below = |limit: Option<[u64; 3]>| limit.is_none_or(|limit| version.numbers < limit);
        let open = self.with.open();
        let at_least = order != Ordering::Less;
        let names_one_version = self.operator == Operator::NotEqual && open == 3;
        if version.is_prerelease() && !with.is_prerelease() && !names_one_version {
            return false;
        }
        match self.operator {
            Operator::Equal if open < 3 => at_least && below(self.with.next_after(open)),
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual if open < 3 => !(at_least && below(self.with.next_after(open))),
            Operator::NotEqual => order != Ordering::Equal,
            // `>1.2` means above all of 1.2, `>1.2.0` only above that one version.
            Operator::Greater if open < 3 => !below(self.with.next_after(open)) && open > 0,
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => at_least,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual if open < 3 => below(self.with.next_after(open)),
            Operator::LessOrEqual => order != Ordering::Greater,
            // The library has this exception: `~0.0.0` admits every release.
            Operator::Tilde if open == 3 && with.numbers == [0; 3] => at_least,
            Operator::Tilde => at_least && below(self.with.next_after(open.min(2))),
            Operator::Caret => at_least && below(self.with.next_after(self.caret_count(open))),
        }
    }

    /// Returns how many numbers `^` holds fast: up to the first that is not zero.
    fn caret_count(&self, open: usize) -> usize {
        let first = self.with.numbers.iter().position(|number| *number != 0).map_or(3, |index| index + 1);
        first.min(open)
    }
}
