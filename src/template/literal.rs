//! Go's literals: numbers in every base, character constants and the escapes of quoted strings.

use super::failure::{Failure, Outcome};
use super::lexer::Token;

/// Returns the part at the beginning of `text` that looks like a number.
pub(super) fn number_prefix(text: &str) -> &str {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.get(..2).unwrap_or("").to_ascii_lowercase();
    let (digits, exponents): (fn(char) -> bool, &[char]) = match lower.as_str() {
        "0x" => (|c| c.is_ascii_hexdigit(), &['p', 'P']),
        "0o" | "0b" => (|c| c.is_ascii_digit(), &[]),
        _ => (|c| c.is_ascii_digit(), &['e', 'E']),
    };
    let mut end = text.len() - unsigned.len();
    if matches!(lower.as_str(), "0x" | "0o" | "0b") {
        end += 2;
    }
    let mut chars = text[end..].chars().peekable();
    let mut point = false;
    while let Some(character) = chars.next() {
        if exponents.contains(&character) {
            end += 1;
            if let Some(sign) = chars.peek().filter(|next| matches!(next, '+' | '-')) {
                end += sign.len_utf8();
                chars.next();
            }
            end += chars.take_while(|next| next.is_ascii_digit() || *next == '_').count();
            break;
        }
        if character == '.' && !point {
            point = true;
        } else if !digits(character) && character != '_' {
            break;
        }
        end += 1;
    }
    &text[..end]
}

/// Reads a number as Go's `int` or, with a point or an exponent, as its `float64`.
pub(super) fn number(text: &str) -> Outcome<Token> {
    let wrong = || Failure::new(format!("`{text}` is not a number"));
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let plain = without_underscores(unsigned).ok_or_else(wrong)?;
    let lower = plain.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1
            && lower.starts_with('0')
            && lower.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            (8, &lower[1..])
        }
        _ => (10, lower.as_str()),
    };
    if base == 16 && digits.contains(['.', 'p']) {
        return Err(Failure::new(format!(
            "`{text}` is a hexadecimal floating-point number, which is not supported"
        )));
    }
    if base == 10 && digits.contains(['.', 'e']) {
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        if number.is_infinite() {
            return Err(Failure::new(format!("`{text}` is too large a number")));
        }
        return Ok(Token::Float(if negative { -number } else { number }));
    }
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(wrong());
    }
    i128::from_str_radix(digits, base)
        .ok()
        .map(|number| if negative { -number } else { number })
        .and_then(|number| i64::try_from(number).ok())
        .map(Token::Integer)
        .ok_or_else(|| Failure::new(format!("`{text}` does not fit into 64 bits")))
}

/// Takes the underscores out of a number; they may only stand between digits or after the base's prefix.
fn without_underscores(text: &str) -> Option<String> {
    if !text.contains('_') {
        return Some(text.to_owned());
    }
    let has_base = text.starts_with('0') && !text.contains(['.', 'e', 'E']) || text.starts_with("0x");
    let alone = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    let at_point = ["_.", "._", "_e", "e_", "_E", "E_"].iter().any(|pair| text.contains(pair));
    if alone
        || (at_point && !text.starts_with("0x"))
        || (!has_base && text.starts_with('0') && text.len() > 1)
    {
        return None;
    }
    Some(text.replace('_', ""))
}

/// Reads what is between the quotes of a string.
pub(super) fn unquote(text: &str) -> Outcome<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character == '\\' {
            let (escaped, after) = escape(rest, '"')?;
            rest = after;
            match escaped {
                Escaped::Byte(byte) => bytes.push(byte),
                Escaped::Character(character) => {
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        } else {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    String::from_utf8(bytes).map_err(|_| Failure::new("the string's escapes do not make UTF-8 text"))
}

/// Reads what is between the quotes of a character constant; its value is the code point.
pub(super) fn character(text: &str) -> Outcome<i64> {
    let wrong = || Failure::new(format!("`'{text}'` is not one character"));
    let first = text.chars().next().ok_or_else(wrong)?;
    let (value, rest) = if first == '\\' {
        let (escaped, rest) = escape(&text[1..], '\'')?;
        match escaped {
            Escaped::Byte(byte) => (i64::from(byte), rest),
            Escaped::Character(character) => (i64::from(u32::from(character)), rest),
        }
    } else {
        (i64::from(u32::from(first)), &text[first.len_utf8()..])
    };
    if rest.is_empty() { Ok(value) } else { Err(wrong()) }
}

/// What an escape stands for: octal and hexadecimal ones are bytes.
enum Escaped {
    Byte(u8),
    Character(char),
}

/// Reads an escape after its backslash, and returns what follows it.
fn escape(text: &str, quote: char) -> Outcome<(Escaped, &str)> {
    let first = text.chars().next().ok_or_else(|| Failure::new("a backslash ends the string"))?;
    let rest = &text[first.len_utf8()..];
    let plain = match first {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        _ if first == quote => quote,
        'x' => return digits(rest, 2, 16),
        'u' => return digits(rest, 4, 16),
        'U' => return digits(rest, 8, 16),
        '0'..='7' => return digits(text, 3, 8),
        _ => {
            return Err(Failure::new(format!("`\\{first}` is not an escape"))
                .remedy("write a backslash as `\\\\`, or use a raw string between backquotes"));
        }
    };
    Ok((Escaped::Character(plain), rest))
}

fn digits(text: &str, count: usize, base: u32) -> Outcome<(Escaped, &str)> {
    let wrong = || Failure::new(format!("an escape lacks its {count} digits, or they name no character"));
    let number = text
        .get(..count)
        .filter(|digits| digits.chars().all(|digit| digit.is_digit(base)))
        .and_then(|digits| u32::from_str_radix(digits, base).ok())
        .ok_or_else(wrong)?;
    let escaped = if count < 4 {
        Escaped::Byte(u8::try_from(number).map_err(|_| wrong())?)
    } else {
        Escaped::Character(char::from_u32(number).ok_or_else(wrong)?)
    };
    Ok((escaped, &text[count..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, want) in [
            ("0", Token::Integer(0)),
            ("-12", Token::Integer(-12)),
            ("+7", Token::Integer(7)),
            ("0x1F", Token::Integer(31)),
            ("0b101", Token::Integer(5)),
            ("0o17", Token::Integer(15)),
            ("017", Token::Integer(15)),
            ("1_000", Token::Integer(1000)),
            ("9223372036854775807", Token::Integer(i64::MAX)),
            ("-9223372036854775808", Token::Integer(i64::MIN)),
            ("1.5", Token::Float(1.5)),
            (".5", Token::Float(0.5)),
            ("1e3", Token::Float(1000.0)),
            ("-2.5e-3", Token::Float(-0.0025)),
        ] {
            assert_eq!(number_prefix(text), text);
            assert_eq!(number(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", "0x", "09", "0b2", "1__0", "1_", "9223372036854775808", "1e999", "e5", "0x1p4"]
        {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escapes_are_read_as_go_reads_them() {
        assert_eq!(unquote(r#"a\t\"\\\x41\101é\xc3\xa9"#).unwrap(), "a\t\"\\AAéé");
        assert_eq!(character(r"\n").unwrap(), 10);
        assert_eq!(character("é").unwrap(), 233);
        for text in [r"\q", r"\'", r"\xZZ", r"\xff", r"\ud800", r"\"] {
            assert!(unquote(text).is_err(), "{text}");
        }
        assert!(character("ab").is_err() && character("").is_err());
    }
}
