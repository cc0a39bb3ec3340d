//! Bytes to text: what is too large, not text at all, or not UTF-8 is told before anything is parsed.

use super::ledger::{Finding, Ledger};
use super::place::{Place, Text};

/// A larger file is no Clusterfile: 5,000 machines with labels of their own take 1 MB.
const MOST_BYTES: usize = 4 << 20;

/// Reads the bytes of one file; what could not be read is told by [`tell`] once the ledger is open.
pub(super) fn decode(name: &str, bytes: &[u8]) -> (Text, Option<Trouble>) {
    let text = |text: String| Text { name: name.to_owned(), text };
    if bytes.len() > MOST_BYTES {
        return (text(String::new()), Some(Trouble::TooLarge(bytes.len())));
    }
    if let Some(kind) = kind_of(bytes) {
        return (text(String::new()), Some(Trouble::Other(kind)));
    }
    match std::str::from_utf8(bytes) {
        Ok(valid) => {
            let valid = valid.strip_prefix('\u{feff}').unwrap_or(valid);
            let control = valid.find(is_no_text);
            (text(valid.to_owned()), control.map(Trouble::Control))
        }
        Err(error) => {
            let at = error.valid_up_to();
            let shown = String::from_utf8_lossy(bytes).into_owned();
            (text(shown), Some(Trouble::NotUtf8 { at, byte: bytes[at] }))
        }
    }
}

/// Why a file is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It has so many bytes.
    TooLarge(usize),
    /// It is something else, by its first bytes.
    Other(&'static str),
    /// A character at this byte is in no text.
    Control(usize),
    /// The byte at this place is not UTF-8.
    NotUtf8 {
        /// Where.
        at: usize,
        /// Which.
        byte: u8,
    },
}

/// Takes down why a file is no text.
pub(super) fn tell(ledger: &Ledger, text: usize, trouble: Trouble) {
    let place = |at| Place { text, start: at, end: at };
    ledger.error(match trouble {
        Trouble::TooLarge(bytes) => Finding::at(
            place(0),
            format!("the file has {} MiB, and a Clusterfile at most {}", bytes >> 20, MOST_BYTES >> 20),
        )
        .remedy("look whether this is the right file; large data belongs into an image"),
        Trouble::Other(kind) => Finding::at(place(0), format!("this is {kind}, no Clusterfile"))
            .remedy("a Clusterfile is YAML in UTF-8"),
        Trouble::Control(at) => {
            let character = ledger.text(text).text[at..].chars().next().unwrap_or_default();
            Finding::at(place(at), format!("the character U+{:04X} stands in no text", u32::from(character)))
                .remedy("look whether this is the right file; in double quotes such a character is written as \\xNN")
        }
        Trouble::NotUtf8 { at, byte } => {
            Finding::at(place(at), format!("the byte 0x{byte:02X} is not UTF-8"))
                .remedy("save the file as UTF-8")
        }
    });
}

/// Tells files that are often taken for others by how they begin.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 11] = [
        (b"\x1f\x8b", "a gzip archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x7fELF", "a program"),
        (b"\xff\xfe", "text in UTF-16"),
        (b"\xfe\xff", "text in UTF-16"),
        (b"-----BEGIN", "a key or certificate"),
        (b"#!", "a script"),
        (b"<!DOCTYPE", "a page of HTML"),
        (b"<html", "a page of HTML"),
        (b"<?xml", "XML"),
    ];
    let known = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| *kind);
    let archive = || bytes.get(257..262).is_some_and(|magic| magic == b"ustar").then_some("a tar archive");
    known.or_else(archive).or_else(|| is_rubbish(bytes).then_some("binary data"))
}

/// Tells whether more than a tenth of the first bytes are in no text of any encoding.
fn is_rubbish(bytes: &[u8]) -> bool {
    let first = &bytes[..bytes.len().min(4096)];
    let strange = |byte: &u8| *byte < 9 || (14..32).contains(byte) || *byte == 127;
    first.iter().filter(|byte| strange(byte)).count() * 10 > first.len()
}

fn is_no_text(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}')
}
