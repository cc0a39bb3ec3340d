//! Encodings and checksums: base64, base32, JSON, YAML, TOML, SHA and Adler-32.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use data_encoding::BASE32;
use sha2::{Digest as _, Sha256, Sha512};

use super::Room;
use crate::template::failure::{Failure, Outcome};
use crate::template::json::{self, Style};
use crate::template::value::Value;
use crate::template::{toml, yaml};

pub(super) fn add(room: &mut Room) {
    room.add("b64enc", |text: Rc<str>| BASE64.encode(text.as_bytes()));
    room.add("b64dec", |text: Rc<str>| decoded("base64", BASE64.decode(line_breaks_removed(&text))));
    room.add("b32enc", |text: Rc<str>| BASE32.encode(text.as_bytes()));
    room.add("b32dec", |text: Rc<str>| {
        decoded("base32", BASE32.decode(line_breaks_removed(&text).as_bytes()))
    });
    room.add("sha1sum", |text: Rc<str>| hex::encode(sha1::Sha1::digest(text.as_bytes())));
    room.add("sha256sum", |text: Rc<str>| hex::encode(Sha256::digest(text.as_bytes())));
    room.add("sha512sum", |text: Rc<str>| hex::encode(Sha512::digest(text.as_bytes())));
    room.add("adler32sum", |text: Rc<str>| adler32(text.as_bytes()).to_string());
    room.add_as(&["toJson", "mustToJson"], |value: Value| json::encode(&value, Style::Compact));
    room.add_as(&["toPrettyJson", "mustToPrettyJson"], |value: Value| json::encode(&value, Style::Pretty));
    room.add_as(&["toRawJson", "mustToRawJson"], |value: Value| json::encode(&value, Style::Raw));
    room.add_as(&["fromJson", "mustFromJson"], |text: Rc<str>| json::decode(&text));
    room.add("fromJsonArray", |text: Rc<str>| json::decode(&text).and_then(|value| only_list("JSON", value)));
    room.add("toYaml", |value: Value| yaml::encode(&value));
    room.add("toToml", |value: Value| toml::encode(&value));
    room.add("fromYaml", |text: Rc<str>| yaml::decode(&text));
    room.add("fromYamlArray", |text: Rc<str>| yaml::decode(&text).and_then(|value| only_list("YAML", value)));
}

/// Go's decoders pass over line breaks.
fn line_breaks_removed(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

/// sprig prints a decoder's error in place of the text; nobody wants that in a file.
fn decoded<E: std::fmt::Display>(encoding: &str, bytes: Result<Vec<u8>, E>) -> Outcome<String> {
    let bytes = bytes.map_err(|_| Failure::new(format!("the text is not {encoding}")).in_argument(0))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("the {encoding} text does not hold UTF-8 text")))
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

fn only_list(encoding: &str, value: Value) -> Outcome<Value> {
    match value {
        Value::List(_) => Ok(value),
        other => {
            Err(Failure::new(format!("the {encoding} is {}, not a list", other.description())).in_argument(0))
        }
    }
}
