//! What is made of a Config's data before it meets the file: `value | toJson | toBase64 | toSecret`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::error::{Class, Problem, Result};
use crate::model::{Config, Process};
use crate::yaml;

/// Data after its processing.
pub(super) enum Processed {
    /// It is a text.
    Text(String),
    /// It is the values of a Secret, each in base64.
    Secret(Map<String, Value>),
}

/// Processes the data of a Config.
pub(super) fn process(config: &Config) -> Result<Processed> {
    let mut data = Data::Whole(config.data.clone());
    for step in &config.process {
        data = match step {
            Process::Value => Data::Values(values(&data.into_text()?)?),
            Process::ToJson => data.each(to_json)?,
            Process::ToBase64 => data.each(|text| Ok(BASE64.encode(text)))?,
            Process::ToSecret => {
                let encoded = config.process.contains(&Process::ToBase64);
                return secret(data, encoded).map(Processed::Secret);
            }
        };
    }
    data.into_text().map(Processed::Text)
}

/// Data on its way: the whole of it, or each of its values for itself.
enum Data {
    Whole(String),
    Values(Vec<(String, String)>),
}

impl Data {
    fn each(self, change: impl Fn(&str) -> Result<String>) -> Result<Self> {
        Ok(match self {
            Self::Whole(text) => Self::Whole(change(&text)?),
            Self::Values(values) => Self::Values(
                values.into_iter().map(|(key, value)| Ok((key, change(&value)?))).collect::<Result<_>>()?,
            ),
        })
    }

    fn into_text(self) -> Result<String> {
        match self {
            Self::Whole(text) => Ok(text),
            Self::Values(values) => {
                let map: Map<String, Value> =
                    values.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
                yaml::to_string(&map)
            }
        }
    }
}

/// Takes a mapping apart: a text stays as it is, anything else is told as YAML.
fn values(text: &str) -> Result<Vec<(String, String)>> {
    let told = |value: Value| match value {
        Value::String(text) => Ok(text),
        other => yaml::to_string(&other),
    };
    mapping(text)?.into_iter().map(|(key, value)| Ok((key, told(value)?))).collect()
}

fn mapping(text: &str) -> Result<Map<String, Value>> {
    match yaml::documents("the data", text)?.as_mut_slice() {
        [Value::Object(entries)] => Ok(std::mem::take(entries)),
        _ => Err(Problem::new(Class::Config, "the data is no mapping of names to values").remedy(
            "write `name: value` in lines of their own, or take `value` and `toSecret` out of `process`",
        )),
    }
}

fn to_json(text: &str) -> Result<String> {
    match yaml::documents("the data", text)?.as_slice() {
        [] => Ok("null".to_owned()),
        [document] => Ok(document.to_string()),
        _ => Err(Problem::new(Class::Config, "the data has several documents, and JSON is one")),
    }
}

/// A Secret holds base64; what is encoded already is not encoded again.
fn secret(data: Data, encoded: bool) -> Result<Map<String, Value>> {
    let pairs = match data {
        Data::Values(values) => values,
        Data::Whole(text) => values(&text)?,
    };
    let value = |text: String| Value::String(if encoded { text } else { BASE64.encode(text) });
    Ok(pairs.into_iter().map(|(key, text)| (key, value(text))).collect())
}

/// Returns a new Secret of this name with these values.
pub(super) fn new_secret(name: &str, values: &Map<String, Value>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "Opaque",
        "data": values,
    })
}
