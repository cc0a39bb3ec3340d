//! Go's `printf`: its verbs, flags, widths and precisions, and what it prints for wrong ones.

use super::failure::{Failure, Outcome};
use super::limits::{check_depth, check_text};
use super::print::{NIL, not_finite, plain, quote, quote_character, scientific, shortest, with_exponent};
use super::value::Value;

/// The widest field and the longest precision; Go's limit as well.
const WIDEST: usize = 1_000_000;

/// What stands between the `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
struct Directive {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Prints `values` by `format`.
pub(super) fn sprintf(format: &str, values: &[Value]) -> Outcome<String> {
    let mut output = String::new();
    let mut values = values.iter();
    let mut rest = format;
    while let Some(index) = rest.find('%') {
        output.push_str(&rest[..index]);
        rest = &rest[index + 1..];
        let mut directive = Directive::default();
        rest = flags(rest, &mut directive);
        rest = width(rest, &mut directive, &mut values, &mut output)?;
        rest = precision(rest, &mut directive, &mut values, &mut output)?;
        let Some(verb) = rest.chars().next() else {
            output.push_str("%!(NOVERB)");
            break;
        };
        rest = &rest[verb.len_utf8()..];
        match verb {
            '%' => output.push('%'),
            '[' => return Err(Failure::new("numbered arguments as in `%[1]d` are not supported")),
            _ => match values.next() {
                Some(value) => write(&mut output, value, verb, directive, 0)?,
                None => output.push_str(&complaint(verb, "MISSING")),
            },
        }
        check_text(output.len())?;
    }
    output.push_str(rest);
    write_extra(&mut output, values.as_slice())?;
    check_text(output.len())?;
    Ok(output)
}

/// Go tells of arguments that no verb took.
fn write_extra(output: &mut String, values: &[Value]) -> Outcome<()> {
    if values.is_empty() {
        return Ok(());
    }
    let extra = values
        .iter()
        .map(|value| match value {
            Value::Nil => Ok(NIL.to_owned()),
            _ => plain(value).map(|text| format!("{}={text}", value.type_name())),
        })
        .collect::<Outcome<Vec<_>>>()?;
    output.push_str("%!(EXTRA ");
    output.push_str(&extra.join(", "));
    output.push(')');
    Ok(())
}

/// What Go prints where a verb finds nothing, or nothing that it can print.
fn complaint(verb: char, what: &str) -> String {
    format!("%!{verb}({what})")
}

fn flags<'a>(mut rest: &'a str, directive: &mut Directive) -> &'a str {
    while let Some(flag) = rest.bytes().next() {
        match flag {
            b'-' => directive.minus = true,
            b'+' => directive.plus = true,
            b'#' => directive.sharp = true,
            b' ' => directive.space = true,
            b'0' => directive.zero = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    rest
}

/// Takes digits, which may be none; more than Go's limit is none as well.
fn digits(rest: &str) -> (Option<usize>, &str) {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    (rest[..length].parse().ok().filter(|number| *number <= WIDEST), &rest[length..])
}

fn star(values: &mut std::slice::Iter<Value>) -> Option<i64> {
    match values.next() {
        Some(Value::Int(number) | Value::Int64(number)) if number.unsigned_abs() <= WIDEST as u64 => {
            Some(*number)
        }
        _ => None,
    }
}

fn width<'a>(
    rest: &'a str,
    directive: &mut Directive,
    values: &mut std::slice::Iter<Value>,
    output: &mut String,
) -> Outcome<&'a str> {
    let Some(after) = rest.strip_prefix('*') else {
        let (width, rest) = digits(rest);
        directive.width = width;
        return Ok(rest);
    };
    match star(values) {
        Some(number) => {
            directive.minus |= number < 0;
            directive.width = Some(number.unsigned_abs() as usize);
        }
        None => output.push_str("%!(BADWIDTH)"),
    }
    check_text(output.len())?;
    Ok(after)
}

fn precision<'a>(
    rest: &'a str,
    directive: &mut Directive,
    values: &mut std::slice::Iter<Value>,
    output: &mut String,
) -> Outcome<&'a str> {
    let Some(rest) = rest.strip_prefix('.') else { return Ok(rest) };
    let Some(after) = rest.strip_prefix('*') else {
        let (precision, rest) = digits(rest);
        directive.precision = Some(precision.unwrap_or(0));
        return Ok(rest);
    };
    match star(values).and_then(|number| usize::try_from(number).ok()) {
        Some(number) => directive.precision = Some(number),
        None => output.push_str("%!(BADPREC)"),
    }
    check_text(output.len())?;
    Ok(after)
}

fn write(output: &mut String, value: &Value, verb: char, directive: Directive, depth: usize) -> Outcome<()> {
    check_depth(depth)?;
    // `%+v` asks for the names of fields, which nothing has here, not for a sign.
    let directive = Directive { plus: directive.plus && verb != 'v', ..directive };
    if verb == 'T' {
        output.push_str(&padded(&value.type_name(), directive));
        return Ok(());
    }
    let text = match value {
        Value::Nil if verb == 'v' => Some(padded(NIL, directive)),
        Value::Nil => {
            output.push_str(&complaint(verb, NIL));
            return Ok(());
        }
        Value::Bool(truth) => matches!(verb, 't' | 'v').then(|| padded(&truth.to_string(), directive)),
        Value::Int(number) | Value::Int64(number) => integer(*number, verb, directive),
        Value::Float(number) => float(*number, verb, directive),
        Value::Text(text) => string(text, verb, directive),
        Value::Version(version) => string(&version.to_string(), verb, directive),
        Value::List(list) => {
            let (open, between, close) = if directive.sharp && verb == 'v' {
                (format!("{}{{", value.type_name()), ", ", "}")
            } else {
                ("[".to_owned(), " ", "]")
            };
            output.push_str(&open);
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    output.push_str(between);
                }
                write_member(output, item, verb, directive, depth)?;
            }
            output.push_str(close);
            return check_text(output.len());
        }
        Value::Dict(dict) => {
            let (open, between, close) = if directive.sharp && verb == 'v' {
                (format!("{}{{", value.type_name()), ", ", "}")
            } else {
                ("map[".to_owned(), " ", "]")
            };
            output.push_str(&open);
            for (index, (key, item)) in dict.entries().into_iter().enumerate() {
                if index > 0 {
                    output.push_str(between);
                }
                write(output, &Value::Text(key), verb, directive, depth + 1)?;
                output.push(':');
                write_member(output, &item, verb, directive, depth)?;
            }
            output.push_str(close);
            return check_text(output.len());
        }
    };
    match text {
        Some(text) => output.push_str(&text),
        None => output.push_str(&complaint(verb, &format!("{}={}", value.type_name(), plain(value)?))),
    }
    check_text(output.len())
}

fn write_member(
    output: &mut String,
    item: &Value,
    verb: char,
    directive: Directive,
    depth: usize,
) -> Outcome<()> {
    if item.is_nil() && verb == 'v' && directive.sharp {
        output.push_str("interface {}(nil)");
        return Ok(());
    }
    write(output, item, verb, directive, depth + 1)
}

/// Fills a text up to the width.
fn padded(text: &str, directive: Directive) -> String {
    let missing = directive.width.unwrap_or(0).saturating_sub(text.chars().count());
    let fill = " ".repeat(missing);
    if directive.minus { format!("{text}{fill}") } else { format!("{fill}{text}") }
}

/// Fills a number up to the width; zeros go between its sign and its digits.
fn padded_number(sign: &str, digits: &str, directive: Directive) -> String {
    let length = sign.chars().count() + digits.chars().count();
    let missing = directive.width.unwrap_or(0).saturating_sub(length);
    if directive.zero && !directive.minus {
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    padded(&format!("{sign}{digits}"), directive)
}

fn sign(negative: bool, directive: Directive) -> &'static str {
    match (negative, directive.plus, directive.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}

fn integer(number: i64, verb: char, directive: Directive) -> Option<String> {
    let magnitude = number.unsigned_abs();
    let (prefix, mut digits) = match verb {
        'd' | 'v' => ("", magnitude.to_string()),
        'b' => (if directive.sharp { "0b" } else { "" }, format!("{magnitude:b}")),
        'o' => (if directive.sharp { "0" } else { "" }, format!("{magnitude:o}")),
        'O' => ("0o", format!("{magnitude:o}")),
        'x' => (if directive.sharp { "0x" } else { "" }, format!("{magnitude:x}")),
        'X' => (if directive.sharp { "0X" } else { "" }, format!("{magnitude:X}")),
        'c' | 'q' | 'U' => return Some(padded(&character(number, verb), directive)),
        _ => return None,
    };
    let mut directive = directive;
    if let Some(precision) = directive.precision {
        directive.zero = false;
        digits =
            if precision == 0 && magnitude == 0 { String::new() } else { format!("{digits:0>precision$}") };
    }
    let sign = format!("{}{prefix}", sign(number < 0, directive));
    Some(padded_number(&sign, &digits, directive))
}

fn character(number: i64, verb: char) -> String {
    let character =
        u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    match verb {
        'c' => character.to_string(),
        'q' => quote_character(character),
        _ => format!("U+{number:04X}"),
    }
}

fn float(number: f64, verb: char, directive: Directive) -> Option<String> {
    if !matches!(verb, 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F') {
        return None;
    }
    let sign = sign(number.is_sign_negative() && !number.is_nan(), directive);
    if let Some(word) = not_finite(number) {
        let plain = Directive { zero: false, ..directive };
        let word = if directive.plus { word } else { word.trim_start_matches('-') };
        let word = if number.is_sign_negative() {
            word.trim_start_matches('-')
        } else {
            word.trim_start_matches('+')
        };
        let sign = if number.is_nan() || number.is_sign_negative() { sign } else { "+" };
        return Some(padded_number(sign, word, plain));
    }
    let magnitude = number.abs();
    let digits = match verb {
        'f' | 'F' => format!("{magnitude:.*}", directive.precision.unwrap_or(6)),
        'e' | 'E' => {
            let (digits, exponent) =
                scientific(&format!("{magnitude:.*e}", directive.precision.unwrap_or(6)));
            with_exponent(&digits, exponent)
        }
        _ => match directive.precision {
            None => shortest(magnitude),
            Some(precision) => general(magnitude, precision.max(1)),
        },
    };
    let digits = if verb.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
    Some(padded_number(sign, &digits, directive))
}

/// `%g` with a number of digits: an exponent only where it is shorter, and no zeros at the end.
fn general(magnitude: f64, precision: usize) -> String {
    let (digits, exponent) = scientific(&format!("{magnitude:.*e}", precision - 1));
    let trimmed = |text: &str| {
        let zeros: &[char] = if text.contains('.') { &['0'] } else { &[] };
        text.trim_end_matches(zeros).trim_end_matches('.').to_owned()
    };
    let precision = i32::try_from(precision).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= precision {
        return with_exponent(&trimmed(&digits), exponent);
    }
    let decimals = usize::try_from(precision - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{magnitude:.decimals$}"))
}

fn string(text: &str, verb: char, directive: Directive) -> Option<String> {
    let text: String = match directive.precision {
        Some(precision) if !matches!(verb, 'x' | 'X') => text.chars().take(precision).collect(),
        _ => text.to_owned(),
    };
    let printed = match verb {
        'v' if directive.sharp => quote(&text),
        's' | 'v' => text,
        'q' if directive.sharp && !text.contains(['`', '\n', '\r']) => format!("`{text}`"),
        'q' => quote(&text),
        'x' | 'X' => hexadecimal(text.as_bytes(), verb, directive),
        _ => return None,
    };
    Some(padded(&printed, directive))
}

fn hexadecimal(bytes: &[u8], verb: char, directive: Directive) -> String {
    let bytes = directive.precision.map_or(bytes, |precision| &bytes[..precision.min(bytes.len())]);
    let prefix = if directive.sharp { if verb == 'x' { "0x" } else { "0X" } } else { "" };
    let byte = |byte: &u8| if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
    let digits: Vec<String> = bytes.iter().map(byte).collect();
    if digits.is_empty() {
        String::new()
    } else if directive.space {
        digits.iter().map(|digits| format!("{prefix}{digits}")).collect::<Vec<_>>().join(" ")
    } else {
        format!("{prefix}{}", digits.concat())
    }
}
