//! The two forms of extra arguments: a list of names and values from v1beta4 on, a map before.

use serde_json::{Map, Value, json};

/// Brings every `extraArgs` and `kubeletExtraArgs` below `value` into the list form.
pub(super) fn to_lists(value: &mut Value) {
    each(value, &|arguments| {
        if let Value::Object(map) = arguments {
            *arguments = map.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        }
    });
}

/// Brings them into the map form. An argument given twice keeps its last value, as a map can hold one.
pub(super) fn to_maps(value: &mut Value) {
    each(value, &|arguments| {
        if let Value::Array(list) = arguments {
            let map: Map<String, Value> = list
                .iter()
                .filter_map(|entry| {
                    Some((entry.get("name")?.as_str()?.to_owned(), entry.get("value")?.clone()))
                })
                .collect();
            *arguments = Value::Object(map);
        }
    });
}

fn each(value: &mut Value, change: &impl Fn(&mut Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "extraArgs" || key == "kubeletExtraArgs" {
                    change(value);
                } else {
                    each(value, change);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| each(value, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_turn_into_each_other() {
        let map = json!({"apiServer": {"extraArgs": {"v": "2"}}, "nodeRegistration": {"kubeletExtraArgs": {"a": "b"}}});
        let list = json!({"apiServer": {"extraArgs": [{"name": "v", "value": "2"}]},
                          "nodeRegistration": {"kubeletExtraArgs": [{"name": "a", "value": "b"}]}});
        let mut value = map.clone();
        to_lists(&mut value);
        assert_eq!(value, list);
        to_maps(&mut value);
        assert_eq!(value, map);
    }
}
