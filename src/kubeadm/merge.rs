//! How one layer of configuration is laid over another.

use serde_json::Value;

/// Lays `over` on `under`: maps key by key, everything else replaced. A `null` leaves what is below.
pub(super) fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (_, Value::Null) => {}
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                match under.get_mut(&key) {
                    Some(present) => merge_field(&key, present, value),
                    None if value.is_null() => {}
                    None => {
                        under.insert(key, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

/// Lists whose entries have names are merged by name; SANs are united; other lists are replaced.
fn merge_field(key: &str, under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Array(under), Value::Array(over)) if key == "certSANs" => {
            for entry in over {
                if !under.contains(&entry) {
                    under.push(entry);
                }
            }
        }
        (Value::Array(under), Value::Array(over)) if all_named(under) && all_named(&over) => {
            for entry in over {
                match under.iter_mut().find(|present| present["name"] == entry["name"]) {
                    Some(present) => *present = entry,
                    None => under.push(entry),
                }
            }
        }
        (under, over) => merge(under, over),
    }
}

fn all_named(list: &[Value]) -> bool {
    list.iter().all(|entry| entry.get("name").is_some_and(Value::is_string))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layers_are_laid_over_each_other() {
        for (under, over, want) in [
            (json!({"a": 1, "b": {"c": 2}}), json!({"b": {"d": 3}}), json!({"a": 1, "b": {"c": 2, "d": 3}})),
            (json!({"a": 1}), json!({"a": null}), json!({"a": 1})),
            (json!({"a": true}), json!({"a": false}), json!({"a": false})),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"certSANs": ["x"]}), json!({"certSANs": ["y", "x"]}), json!({"certSANs": ["x", "y"]})),
            (
                json!({"extraArgs": [{"name": "v", "value": "1"}, {"name": "w", "value": "1"}]}),
                json!({"extraArgs": [{"name": "v", "value": "2"}]}),
                json!({"extraArgs": [{"name": "v", "value": "2"}, {"name": "w", "value": "1"}]}),
            ),
        ] {
            let mut merged = under.clone();
            merge(&mut merged, over.clone());
            assert_eq!(merged, want, "{under} and {over}");
        }
    }
}
