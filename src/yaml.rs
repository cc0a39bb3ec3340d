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
    fn strings_that_look_like_something_else_are_quoted() {
        let value = json!({"a": "no", "b": "0644", "c": "12:30:45", "d": "1e3"});
        assert_eq!(documents("x", &to_string(&value).unwrap()).unwrap(), [value]);
    }
}
