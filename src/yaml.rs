//! YAML as Kubernetes' own tools read it, and written so that they read it back alike.
//!
//! Those tools read YAML 1.1: `0644` is a number and `yes` a boolean. serde-saphyr does so with
//! `legacy_octal_numbers`, and quotes every string that such a reader would take for something else.

use serde_json::Value;

use crate::error::{Class, Context, Result};

/// Reads every document of a file; `name` is what problems call it. Empty documents are left out.
pub fn documents(name: &str, text: &str) -> Result<Vec<Value>> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .problem_with(Class::Config, || format!("{name} is not valid YAML"))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Returns what a scalar that stands without quotes is read as: a number, a truth value, nothing, or its text.
pub fn plain_scalar(text: &str) -> Value {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// Writes one document.
pub fn to_string(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_saphyr::to_string(value).problem(Class::Internal, "cannot write YAML")?;
    Ok(if text.ends_with('\n') { text } else { format!("{text}\n") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_read_as_kubernetes_reads_them() {
        let text = "mode: 0644\non: yes\nport: 10_000\nname: \"0644\"\n---\n---\nb: 1\n";
        assert_eq!(
            documents("x", text).unwrap(),
            [json!({"mode": 420, "on": true, "port": 10000, "name": "0644"}), json!({"b": 1})]
        );
    }

    #[test]
    fn one_scalar_is_read_like_a_document_of_it() {
        for (text, value) in [
            ("0644", json!(420)),
            ("yes", json!(true)),
            ("~", json!(null)),
            ("1.10", json!(1.1)),
            ("v1.10", json!("v1.10")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("a: b", json!("a: b")),
        ] {
            assert_eq!(plain_scalar(text), value, "{text}");
        }
    }

    #[test]
    fn strings_that_look_like_something_else_are_quoted() {
        let value = json!({"a": "no", "b": "0644", "c": "12:30:45", "d": "1e3"});
        assert_eq!(documents("x", &to_string(&value).unwrap()).unwrap(), [value]);
    }
}
