//! Looks for secrets wherever something of a cluster is told, logged or kept.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use walkdir::WalkDir;

use crate::kubernetes::kubectl;
use crate::machines::Machine;
use crate::operator::Operator;

/// Prints what a machine logs, and what is kept there of sealift's own; not the image's files, which are for those who run its
/// programs, nor layers.
const LOGS: &str = r#"
journalctl --no-pager -o verbose
places=(/var/log)
for own in /run/sealift /var/lib/sealift; do [ ! -e $own ] || places+=($own); done
find "${places[@]}" -type f \
  ! -path '/var/log/journal/*' ! -path '/var/lib/sealift/data/*' ! -path '/var/lib/sealift/layers/*' \
  -printf '\n== %p\n' -exec cat {} +
"#;

/// Texts by where they were found.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<String, String>);

impl Places {
    /// Adds a text.
    pub(crate) fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.insert(place.into(), text.into());
    }

    /// Adds all that is kept with an operator, the images apart.
    pub(crate) fn add_home(&mut self, operator: &Operator) {
        let home = operator.home();
        for file in WalkDir::new(&home).into_iter().map(Result::unwrap) {
            if file.file_type().is_file() {
                let text = fs::read(file.path()).unwrap();
                let name = file.path().strip_prefix(&home).unwrap().display().to_string();
                self.add(name, String::from_utf8_lossy(&text));
            }
        }
    }

    /// Adds what a machine logs and keeps.
    pub(crate) fn add_machine(&mut self, machine: Machine<'_>) {
        self.add(format!("logs of {}", machine.hostname()), machine.sh(LOGS));
    }

    /// Adds every object of the cluster; of Secrets what is in them.
    pub(crate) fn add_objects(&mut self, control_plane: Machine<'_>) {
        let kinds = kubectl(control_plane, "api-resources --verbs=list -o name").replace('\n', ",");
        let found = kubectl(control_plane, &format!("get {kinds} -A --ignore-not-found -o json"));
        let found: Value = serde_json::from_str(&found).unwrap();
        for object in found["items"].as_array().unwrap() {
            let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
            let name =
                ["/kind", "/metadata/namespace", "/metadata/name"].map(text).join("/").replace("//", "/");
            let data = object["data"].as_object().filter(|_| object["kind"] == "Secret");
            let values = data.into_iter().flat_map(|data| data.values().filter_map(Value::as_str));
            let values: Vec<String> = values
                .map(|value| String::from_utf8_lossy(&STANDARD.decode(value).unwrap()).into_owned())
                .collect();
            self.add(name, format!("{object}\n{}", values.join("\n")));
        }
    }

    /// Returns a text.
    #[track_caller]
    pub(crate) fn text(&self, place: &str) -> &str {
        self.0.get(place).unwrap_or_else(|| panic!("nothing was looked for in {place}"))
    }

    /// Returns the places that a secret is in, as it is or encoded.
    pub(crate) fn holding(&self, secret: &str) -> Vec<&str> {
        let encoded = STANDARD.encode(secret);
        let encoded = encoded.trim_end_matches('=');
        // The last letters stand for what follows as well.
        let encoded = &encoded[..encoded.len() - 2];
        let has = |text: &str| text.contains(secret) || text.contains(encoded);
        self.0.iter().filter(|(_, text)| has(text)).map(|(place, _)| place.as_str()).collect()
    }
}
