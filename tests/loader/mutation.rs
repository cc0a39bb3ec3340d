//! What is done to a file: to its bytes, its lines, its depth, and with pieces of other files.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::corpus::Corpus;

/// No input gets longer than this.
const LONGEST: usize = 1 << 20;

/// Words and signs that mean something to YAML, to Go's templates, or to a Clusterfile.
const WORDS: [&str; 44] = [
    "\n---\n",
    "\n...\n",
    "- ",
    ": ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "|\n",
    ">-\n",
    "\t",
    "\r\n",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!binary ",
    "!x ",
    "%YAML 1.1\n",
    "~",
    "null",
    "yes",
    "0x7f",
    "1e400",
    "-9223372036854775809",
    ".inf",
    "2026-01-01",
    "{{ .a }}",
    "{{ range .x }}",
    "{{ end }}",
    "{{",
    "10.0.0.1-10.255.255.255",
    "fd00::1-fd00::ffff:ffff",
    "0.0.0.0/0",
    "env:X",
    "file:/dev/zero",
    "apiVersion: sealer.cloud/v2\n",
    "kind: Cluster\n",
    "\u{feff}",
    "\u{0}",
];

/// One change of a file. Places are parts of its length, so that they stay where they are when something else is made smaller.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    /// Another byte.
    Byte(Index, u8),
    /// A word more.
    Word(Index, Index),
    /// Bytes less.
    Cut(Index, u8),
    /// A line twice.
    Twice(Index),
    /// A line less.
    WithoutLine(Index),
    /// Two lines in each other's places.
    Swap(Index, Index),
    /// A line deeper, or less deep.
    Indent(Index, i8),
    /// Lines of another file.
    Graft(Index, Index, Index, u8),
    /// A piece of a line again and again.
    Repeat(Index, u8, u16),
    /// A value deep in brackets.
    Nest(Index, bool, u16),
    /// A value deep in indented maps.
    Ladder(Index, u8),
}

/// Any mutation; those that make much text are rare.
pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        6 => (place(), place()).prop_map(|(at, word)| Mutation::Word(at, word)),
        3 => (place(), any::<u8>()).prop_map(|(at, length)| Mutation::Cut(at, length)),
        3 => place().prop_map(Mutation::Twice),
        3 => place().prop_map(Mutation::WithoutLine),
        3 => (place(), place()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        4 => (place(), -8_i8..8).prop_map(|(at, by)| Mutation::Indent(at, by)),
        3 => (place(), place(), place(), any::<u8>())
            .prop_map(|(at, file, from, length)| Mutation::Graft(at, file, from, length)),
        1 => (place(), any::<u8>(), 0_u16..2000).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        1 => (place(), any::<bool>(), 0_u16..20_000).prop_map(|(at, maps, depth)| Mutation::Nest(at, maps, depth)),
        1 => (place(), any::<u8>()).prop_map(|(at, depth)| Mutation::Ladder(at, depth)),
    ]
}

/// Returns a file after the mutations.
pub(crate) fn mutated(corpus: &Corpus, file: usize, mutations: &[Mutation]) -> Vec<u8> {
    let mut text = corpus.files[file].clone();
    for mutation in mutations {
        mutate(&mut text, corpus, mutation);
        text.truncate(LONGEST);
    }
    text
}

fn mutate(text: &mut Vec<u8>, corpus: &Corpus, mutation: &Mutation) {
    match mutation {
        Mutation::Byte(place, byte) => {
            if !text.is_empty() {
                let place = place.index(text.len());
                text[place] = *byte;
            }
        }
        Mutation::Word(place, word) => insert(text, *place, WORDS[word.index(WORDS.len())].as_bytes()),
        Mutation::Cut(place, length) => {
            let begin = place.index(text.len() + 1);
            let end = (begin + usize::from(*length)).min(text.len());
            text.drain(begin..end);
        }
        Mutation::Repeat(place, length, times) => {
            let begin = place.index(text.len() + 1);
            let end = (begin + usize::from(*length)).min(text.len());
            let piece = text[begin..end].repeat(usize::from(*times));
            text.splice(end..end, piece);
        }
        Mutation::Nest(place, maps, depth) => {
            let (open, close) = if *maps { ("{a: ", "}") } else { ("[", "]") };
            let depth = usize::from(*depth);
            insert(text, *place, format!("{}x{}", open.repeat(depth), close.repeat(depth)).as_bytes());
        }
        _ => {
            let mut lines: Vec<Vec<u8>> =
                text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if !lines.is_empty() {
                mutate_lines(&mut lines, corpus, mutation);
            }
            *text = lines.concat();
        }
    }
}

/// There is at least one line.
fn mutate_lines(lines: &mut Vec<Vec<u8>>, corpus: &Corpus, mutation: &Mutation) {
    let count = lines.len();
    match mutation {
        Mutation::Twice(line) => {
            let line = line.index(count);
            lines.insert(line, lines[line].clone());
        }
        Mutation::WithoutLine(line) => drop(lines.remove(line.index(count))),
        Mutation::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
        Mutation::Indent(line, by) => {
            let line = &mut lines[line.index(count)];
            let blanks = usize::from(by.unsigned_abs());
            if *by > 0 {
                line.splice(0..0, vec![b' '; blanks]);
            } else {
                let there = line.iter().take_while(|byte| **byte == b' ').count();
                line.drain(..there.min(blanks));
            }
        }
        Mutation::Graft(line, file, from, length) => {
            let other = &corpus.files[file.index(corpus.files.len())];
            let other: Vec<Vec<u8>> =
                other.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let begin = from.index(other.len() + 1);
            let end = (begin + usize::from(*length)).min(other.len());
            let place = line.index(count);
            lines.splice(place..place, other[begin..end].to_vec());
        }
        Mutation::Ladder(line, depth) => {
            let place = line.index(count);
            let rungs =
                (0..usize::from(*depth)).map(|depth| format!("{}a:\n", " ".repeat(depth)).into_bytes());
            lines.splice(place..place, rungs);
        }
        _ => {}
    }
}

fn insert(text: &mut Vec<u8>, place: Index, piece: &[u8]) {
    let place = place.index(text.len() + 1);
    text.splice(place..place, piece.iter().copied());
}

#[test]
fn every_mutation_does_something_and_none_of_them_fails_on_nothing() {
    let corpus = Corpus { files: vec![b"a: 1\nb: 2\n".to_vec(), vec![]] };
    proptest!(|(mutation in mutation())| {
        for file in [0, 1] {
            prop_assert!(mutated(&corpus, file, std::slice::from_ref(&mutation)).len() <= LONGEST);
        }
    });
}
